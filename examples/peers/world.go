package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The shape of the world, which is that of policy/bench_test.go, drawn from the same seed.
const (
	fullOrgs  = 100
	quickOrgs = 4
	perOrg    = 1000 // accounts in each organization
	projects  = 50   // in each organization
)

// world is who holds what, in words that are no contestant's.
type world struct {
	orgs        []string
	projects    []string // of every organization: an id is a project's within its organization
	roles       []string
	permissions []permission
	accounts    []account
	bindings    int // of all accounts together
}

// account is somebody with roles in an organization, some of which are bound to projects.
type account struct {
	id, org  string
	roles    []string
	bindings []binding
}

// binding is a role in a project; the account holds the role in the organization too.
type binding struct{ role, project string }

// newWorld draws the accounts.
func newWorld(orgs int) (*world, error) {
	permissions, roles, err := readMatrix()
	if err != nil {
		return nil, err
	}
	w := &world{roles: roles, permissions: permissions}
	for i := range orgs {
		w.orgs = append(w.orgs, fmt.Sprintf("org-%03d", i))
	}
	for i := range projects {
		w.projects = append(w.projects, fmt.Sprintf("project-%03d", i))
	}
	random := rand.New(rand.NewPCG(1, 2))
	drawn := []string{"administrator", "project_admin", "project_user", "project_admin", "project_user", "accountant", "auditor"}
	for i := range orgs * perOrg {
		a := account{id: fmt.Sprintf("account-%06d", i), org: w.orgs[i/perOrg]}
		for range 1 + random.IntN(2) {
			role := drawn[random.IntN(len(drawn))]
			if !slices.Contains(a.roles, role) {
				a.roles = append(a.roles, role)
			}
			for range random.IntN(6) {
				if !isBindable(role) {
					break
				}
				b := binding{role, w.projects[random.IntN(projects)]}
				if !slices.Contains(a.bindings, b) {
					a.bindings = append(a.bindings, b)
				}
			}
		}
		w.bindings += len(a.bindings)
		w.accounts = append(w.accounts, a)
	}
	return w, nil
}

// members are the accounts of an organization.
func (w *world) members(org string) []account {
	i := slices.Index(w.orgs, org)
	if i < 0 {
		return nil
	}
	return w.accounts[i*perOrg : (i+1)*perOrg]
}

// may is the expected answer: what the matrix says of the account's roles and bindings.
func (a *account) may(p *permission, org, project string) bool {
	if org != a.org {
		return false
	}
	for _, role := range a.roles {
		if p.has(role) && (!p.inProjects || !isBindable(role) || slices.Contains(a.bindings, binding{role, project})) {
			return true
		}
	}
	return false
}

// mayAnywhere is the part of the answer that a library knows which has roles and nothing else.
func (a *account) mayAnywhere(p *permission) bool { return slices.ContainsFunc(a.roles, p.has) }
