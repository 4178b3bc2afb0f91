package iam

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Organization is a customer of the host: the boundary that no account, binding or grant crosses.
type Organization struct {
	ID      policy.OrgID
	Name    string
	Root    policy.AccountID // "" when the host keeps its organisation's owner elsewhere
	Created time.Time
	// SecondFactor is the organisation's own choice (L8): required, or as the system's Rules say.
	SecondFactor SecondFactorRule
	// Revision counts the changes of the organisation's accounts, roles, bindings and grants.
	Revision int64
}

// Status is where an account is in its life (L7). Only an active account may do anything.
type Status string

// The statuses of an account.
const (
	Pending  Status = "pending"  // created, and not yet activated
	Active   Status = "active"   // may do what its roles allow
	Disabled Status = "disabled" // keeps its data, and may do nothing (E13)
)

// Account is a person's place in one organisation.
type Account struct {
	ID     policy.AccountID
	Org    policy.OrgID
	Root   bool // the organisation's root account: exactly one, or none at all
	Status Status
	Roles  []policy.Role // sorted
	Email  Email         // "" when it has none

	// The profile (D4, E8). All of it is optional.
	Name     string
	Username string
	Phone    string
	Company  string
	Note     string

	// CreatedBy stands right above the account (D9): who created it, or that one's creator once it is
	// deleted. It is "" for the system, in whose place root stands.
	CreatedBy policy.AccountID
	Created   time.Time
	Activated time.Time // when it became active for the first time; zero if it never did (E9)
	Updated   time.Time
}

// HasRole reports whether the account holds the role in its organisation.
func (a Account) HasRole(role policy.Role) bool { return slices.Contains(a.Roles, role) }

// Binding lets an account use one of its roles in one project (E5).
type Binding struct {
	Account policy.AccountID
	Role    policy.Role
	Project policy.ProjectID
}

// GrantID identifies a grant.
type GrantID string

// Grant is a role or a single permission that an account was given beyond its roles and bindings:
// on the organisation, a project or one resource, for ever or for a while (D2).
type Grant struct {
	ID      GrantID
	Account policy.AccountID
	Grant   policy.Grant
	By      policy.AccountID // who gave it; "" for the system
	Created time.Time
}

// Project is what the library knows of a host's project: only a choice that was made for it.
type Project struct {
	ID policy.ProjectID
	// Open lets every account of the organisation use its roles in the project (E16).
	Open bool
}

// SubjectRecord is all that decides what an account may do, as one read of the store gives it.
type SubjectRecord struct {
	Account      policy.AccountID
	Org          policy.OrgID
	Root         bool
	Status       Status
	Email        Email
	Revision     int64 // of the organisation
	Roles        []policy.Role
	Bindings     []Binding
	Grants       []Grant
	OpenProjects []policy.ProjectID
}

// holder turns the record into something that a policy decides about.
func (r *SubjectRecord) holder(p *policy.Policy, now time.Time) *policy.Holder {
	grants := make([]policy.Grant, 0, len(r.Roles)+len(r.Bindings)+len(r.Grants))
	for _, role := range r.Roles {
		grants = append(grants, policy.GrantRole(role, policy.AtOrg(r.Org)))
	}
	for _, b := range r.Bindings {
		grants = append(grants, policy.GrantRole(b.Role, policy.AtProject(r.Org, b.Project)))
	}
	for _, g := range r.Grants {
		grants = append(grants, g.Grant)
	}
	return p.Holder(policy.HolderParams{
		ID:           r.Account,
		Org:          r.Org,
		Inactive:     r.Status != Active,
		Grants:       grants,
		OpenProjects: r.OpenProjects,
		Now:          now,
	})
}
