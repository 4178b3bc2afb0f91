package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/ory/ladon"
	"github.com/ory/ladon/manager/memory"
)

func ladonEntry() entry {
	return entry{
		name: "ory/ladon", module: "github.com/ory/ladon", class: library,
		knows: knows{roles: false, projects: true, orgs: true, conditions: true},
		lists: "a loop", nodes: "none", make: func() contestant { return new(ladonWarden) },
	}
}

// ladonWarden has a policy for each of an account's roles and bindings: the account as its subject, the places as
// resources, the permissions as actions. Ladon's own manager in memory gives every policy of the world to every
// request; here it is indexed by subject, which is what the interface is for and what its SQL manager did. All
// names are plain strings, so that no regular expression runs.
type ladonWarden struct {
	warden  ladon.Ladon
	manager *bySubject
}

// bySubject finds the candidates of a request by its subject.
type bySubject struct {
	*memory.MemoryManager
	mu       sync.RWMutex
	policies map[string]ladon.Policies
}

func (m *bySubject) FindRequestCandidates(_ context.Context, r *ladon.Request) (ladon.Policies, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.policies[r.Subject], nil
}

func (m *bySubject) Create(_ context.Context, p ladon.Policy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, subject := range p.GetSubjects() {
		m.policies[subject] = append(m.policies[subject], p)
	}
	return nil
}

func (m *bySubject) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	subject, _, _ := strings.Cut(id, "/")
	is := func(p ladon.Policy) bool { return p.GetID() == id }
	if !slices.ContainsFunc(m.policies[subject], is) {
		return errors.New("ladon: there is no policy " + id)
	}
	m.policies[subject] = slices.DeleteFunc(slices.Clone(m.policies[subject]), is)
	return nil
}

func (c *ladonWarden) load(ctx context.Context, w *world) error {
	c.manager = &bySubject{MemoryManager: memory.NewMemoryManager(), policies: make(map[string]ladon.Policies, len(w.accounts))}
	c.warden = ladon.Ladon{Manager: c.manager}
	inOrg, inProject := make(map[string][]string), make(map[string][]string)
	for i := range w.permissions {
		p := &w.permissions[i]
		if p.conditional {
			continue
		}
		for _, role := range p.orgWide() {
			inOrg[role] = append(inOrg[role], p.name())
		}
		for _, role := range p.bound() {
			inProject[role] = append(inProject[role], p.name())
		}
	}
	everywhere := make(map[string][]string)
	for _, org := range w.orgs {
		everywhere[org] = []string{org + "/"}
		for _, project := range w.projects {
			everywhere[org] = append(everywhere[org], org+"/"+project)
		}
	}
	for i := range w.accounts {
		a := &w.accounts[i]
		subject := []string{a.id}
		for _, role := range a.roles {
			err := c.manager.Create(ctx, &ladon.DefaultPolicy{
				ID: a.id + "/" + role + "/", Subjects: subject, Effect: ladon.AllowAccess, Actions: inOrg[role], Resources: everywhere[a.org],
			})
			if err != nil {
				return err
			}
		}
		for _, b := range a.bindings {
			err := c.manager.Create(ctx, &ladon.DefaultPolicy{
				ID: a.id + "/" + b.role + "/" + b.project, Subjects: subject, Effect: ladon.AllowAccess,
				Actions: inProject[b.role], Resources: []string{a.org + "/" + b.project},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *ladonWarden) can(ctx context.Context, r *request) (bool, error) {
	err := c.warden.IsAllowed(ctx, &ladon.Request{Subject: r.account, Action: r.kind + ":" + r.action, Resource: r.org + "/" + r.project})
	if errors.Is(err, ladon.ErrRequestDenied) {
		return false, nil
	}
	return err == nil, err
}

func (c *ladonWarden) revoke(ctx context.Context, a *account, b binding) error {
	return c.manager.Delete(ctx, a.id+"/"+b.role+"/"+b.project)
}

func (c *ladonWarden) close() error { return nil }
