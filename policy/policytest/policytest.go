// Package policytest checks a policy against a world: a text file of accounts, roles, projects and
// grants, followed by requests and the answers that they must get. The library's own policies are
// held to such files, and so can be the policy of any host:
//
//	func TestWorld(t *testing.T) {
//		policytest.Run(t, myPolicy, policytest.Read(t, "testdata/my.world"))
//	}
//
// [Run] asks every request in every way that the library has, Casbin's included, and demands one answer.
//
// # The format
//
// A world is read line by line. Blank lines count for nothing, nor does what follows a # at the
// start of a word. A name stands below the line that declares it.
//
//	system emqx                              # which policy this is about; for the reader of the Fixture
//	now 2026-01-02T00:00:00Z                 # by which grants have ended; needed before any until
//
//	project acme/p1                          # organization/project
//	project acme/lab open                    # open to every account of acme
//
//	account ann acme project_admin,auditor   # id, organization, the roles it has in all of it
//	account bob acme - disabled              # - for no role
//	bind ann project_admin acme/p1           # a role in a project
//	grant bob ticket:view acme               # a permission (kind:action) or a role: in an organization,
//	grant bob deployment:view acme/p1        # in a project,
//	grant bob deployment:view acme deployment/d1 until 2026-06-01T00:00:00Z   # or on one resource
//
//	resource d1 deployment acme/p1 owner=ann plan=premium
//
//	ann deployment:stop d1         allowed
//	ann deployment.tls:manage d1   allowed by "p, project_admin, project, deployment.tls, manage, allow, always"
//	ann deployment:create in acme/p1  allowed through project_admin acme/p1
//	bob deployment:stop d1         inactive_account
//	"" deployment:view d1          no_subject
//
// A resource line is a name, a base kind, an organization or a project, then what the request
// carries beside: id= when the id is not the name, owner=, and any other name=value as an attribute.
//
// A request is an account, a permission, a resource and the [policy.Reason] that the decision must
// have, as its String prints it. The resource is a declared one, seen as the permission's kind —
// deployment.tls of d1 — or, behind the word in, just a place: "may I create one there?". Optional
// at its end are by, the rule that must have decided, and through, what the account must hold it by.
//
// Every name can be written as a Go string in double quotes, and has to be when it holds blanks,
// commas, slashes or odd bytes: account "ann,\nbob" "a/b" auditor. A word in quotes is never a keyword.
package policytest

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Fixture is a world and the requests that are made in it. Everything in it keeps the order of the file.
type Fixture struct {
	Name      string    // the name that was parsed, for messages
	System    string    // the system line; "" without one
	Now       time.Time // zero without a now line: nothing ends
	Projects  []Project
	Accounts  []Account
	Bindings  []Held // roles in projects: the bind lines
	Grants    []Held // the grant lines
	Resources []Resource
	Cases     []Case
}

// Project is a project of an organization.
type Project struct {
	Org  policy.OrgID
	ID   policy.ProjectID
	Open bool
	Line int
}

// Account is an account with the roles that it has in its whole organization.
type Account struct {
	ID       policy.AccountID
	Org      policy.OrgID
	Roles    []policy.Role
	Disabled bool
	Line     int
}

// Held is something that an account holds somewhere.
type Held struct {
	Account policy.AccountID
	Grant   policy.Grant
	Line    int
}

// Resource is a resource that requests name.
type Resource struct {
	Name     string
	Resource policy.Resource
	Line     int
}

// Case is a request and the answer that it must get.
type Case struct {
	Account  policy.AccountID // "" for nobody
	Action   policy.Action
	Resource policy.Resource
	Name     string // of the resource in the file; "" when the request names a place only
	Want     policy.Reason
	Rule     string       // the rule that decides, as [policy.Rule.String] writes it; "" for any
	Through  policy.Grant // what the account holds it by, but for its end; zero for any
	Line     int
}

// Allowed reports whether the request must be allowed.
func (c Case) Allowed() bool { return c.Want == policy.Allowed }

// Permission returns what is asked for.
func (c Case) Permission() policy.Permission {
	return policy.NewPermission(c.Resource.Kind, c.Action)
}

// String says the case in short.
func (c Case) String() string {
	return fmt.Sprintf("%q %s %q", c.Account, c.Permission(), c.Name)
}

// Read parses the file, and ends the test when that fails.
func Read(t testing.TB, path string) *Fixture {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Account returns a declared account, and false when there is none.
func (f *Fixture) Account(id policy.AccountID) (Account, bool) {
	i := slices.IndexFunc(f.Accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return Account{}, false
	}
	return f.Accounts[i], true
}

// HolderParams returns what the account holds in this world; zero for an account that is not declared.
func (f *Fixture) HolderParams(id policy.AccountID) policy.HolderParams {
	a, declared := f.Account(id)
	if !declared {
		return policy.HolderParams{}
	}
	params := policy.HolderParams{ID: id, Org: a.Org, Inactive: a.Disabled, Now: f.Now}
	for _, role := range a.Roles {
		params.Grants = append(params.Grants, policy.GrantRole(role, policy.AtOrg(a.Org)))
	}
	for _, list := range [][]Held{f.Bindings, f.Grants} {
		for _, h := range list {
			if h.Account == id {
				params.Grants = append(params.Grants, h.Grant)
			}
		}
	}
	for _, p := range f.Projects {
		if p.Open && p.Org == a.Org {
			params.OpenProjects = append(params.OpenProjects, p.ID)
		}
	}
	return params
}

// Holders returns a holder for each account.
func (f *Fixture) Holders(p *policy.Policy) map[policy.AccountID]*policy.Holder {
	holders := make(map[policy.AccountID]*policy.Holder, len(f.Accounts))
	for _, a := range f.Accounts {
		holders[a.ID] = p.Holder(f.HolderParams(a.ID))
	}
	return holders
}
