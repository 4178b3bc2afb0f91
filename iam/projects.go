package iam

import (
	"context"
	"fmt"

	"github.com/castellan-iam/castellan/policy"
)

// OpenProject opens a project to every account of the organisation, each with what its roles allow
// (E16). Projects are closed unless they were opened: only who is bound sees them. The actor must
// be able to give every role that can be bound.
func (a Actor) OpenProject(ctx context.Context, project policy.ProjectID) error {
	return a.putProject(ctx, Project{ID: project, Open: true}, ProjectOpened)
}

// CloseProject leaves a project to those who are bound to it. It takes who could open it.
func (a Actor) CloseProject(ctx context.Context, project policy.ProjectID) error {
	return a.putProject(ctx, Project{ID: project}, ProjectClosed)
}

func (a Actor) putProject(ctx context.Context, p Project, what EventType) error {
	need := a.rules().Permissions.BindProjects
	return a.write(ctx, need, a.project(need, p.ID), func(c *change) error {
		if err := checkID("Project", string(p.ID)); err != nil {
			return err
		}
		if err := c.mayOpen(p); err != nil {
			return err
		}
		wasChanged, err := c.tx.PutProject(c.ctx, p)
		if err != nil || !wasChanged {
			return err
		}
		return c.record(what, string(p.ID), changed("open", fmt.Sprint(!p.Open), fmt.Sprint(p.Open)))
	})
}

// mayOpen refuses the choice to who could not bind everybody instead: an open project gives each
// bindable role to all who hold it (SB-61). Otherwise who may bind in one project, and give no role,
// could open it to themselves.
func (c *change) mayOpen(p Project) error {
	for _, role := range c.system.Policy.Roles() {
		if !c.system.Policy.Bindable(role) || !role.UsableIn(c.org) {
			continue
		}
		if err := c.mayGive(policy.GrantRole(role, policy.AtProject(c.org, p.ID))); err != nil {
			return err
		}
	}
	return nil
}

// ForgetProject removes every binding, grant and choice of a project, and takes it out of the scopes of
// API keys, for a host that deletes it: call it in the same transaction, with WithStore.
func (a Actor) ForgetProject(ctx context.Context, project policy.ProjectID) error {
	need := a.rules().Permissions.ForgetProjects
	return a.write(ctx, need, a.project(need, project), func(c *change) error {
		if err := checkID("Project", string(project)); err != nil {
			return err
		}
		gone, err := c.tx.ForgetProject(c.ctx, project)
		if err != nil {
			return err
		}
		for _, b := range gone.Bindings {
			if err := c.record(ProjectUnbound, string(b.Account), boundTo("project", b, "")...); err != nil {
				return err
			}
		}
		for _, g := range gone.Grants {
			if err := c.record(GrantRevoked, string(g.Account), changed("grant", g.Grant.String(), "")); err != nil {
				return err
			}
		}
		if err := c.forgetInKeys(project); err != nil {
			return err
		}
		return c.record(ProjectForgotten, string(project))
	})
}

// Projects returns the projects for which a choice was made, sorted by id, to who may see the accounts.
func (a Actor) Projects(ctx context.Context) ([]Project, error) {
	if err := a.read(ctx, a.rules().Permissions.ListAccounts); err != nil {
		return nil, err
	}
	return a.svc.store.Projects(ctx, a.org)
}
