package iam

import (
	"context"

	"github.com/castellan-iam/castellan/policy"
)

// Bind binds accounts to projects, each by one of its roles: all of the bindings or none. From the
// account's side they are one account's projects, from the project's side one project's accounts
// (E15). A role that is not for projects, a role that the account does not hold (E6), and a
// disabled account (E13) are refused. What is bound already stays bound.
func (a Actor) Bind(ctx context.Context, bindings ...Binding) error {
	return a.eachBinding(ctx, bindings, (*change).insertBinding)
}

// bind guards a binding that comes with another change, and stores it.
func (c *change) bind(b Binding) error {
	need := c.system.Rules.Permissions.BindProjects
	if err := c.may(c.holder, need, c.project(need, b.Project)); err != nil {
		return err
	}
	return c.insertBinding(b)
}

// mayBindNew refuses a binding of an account that is about to be made.
func (c *change) mayBindNew(account Account, b Binding) error {
	need := c.system.Rules.Permissions.BindProjects
	if err := c.may(c.holder, need, c.project(need, b.Project)); err != nil {
		return err
	}
	if err := c.checkBinding(b); err != nil {
		return err
	}
	return c.mayBind(account, b)
}

// mayBind refuses a binding of an account that the actor is not below.
func (c *change) mayBind(account Account, b Binding) error {
	if err := c.mayGive(policy.GrantRole(b.Role, policy.AtProject(c.org, b.Project))); err != nil {
		return err
	}
	switch {
	case account.Status == Disabled:
		return invalid("Account", "the account %q is disabled and cannot be bound", b.Account)
	case !account.HasRole(b.Role):
		return invalid("Role", "the account %q does not hold the role %q: give it the role first", b.Account, b.Role)
	}
	return nil
}

// insertBinding guards a binding to a project that the actor may bind to, and stores it.
func (c *change) insertBinding(b Binding) error {
	account, err := c.bindable(b)
	if err != nil {
		return err
	}
	if err := c.mayBind(account, b); err != nil {
		return err
	}
	return c.putBinding(b)
}

// putBinding stores a binding and its event.
func (c *change) putBinding(b Binding) error {
	added, err := c.tx.InsertBinding(c.ctx, b)
	if err != nil || !added {
		return err
	}
	return c.record(ProjectBound, string(b.Account), boundTo("", b, "project")...)
}

// Unbind takes bindings away: all of them or none. A binding that is not there is no error.
func (a Actor) Unbind(ctx context.Context, bindings ...Binding) error {
	return a.eachBinding(ctx, bindings, func(c *change, b Binding) error {
		if _, err := c.bindable(b); err != nil {
			return err
		}
		if err := c.mayGive(policy.GrantRole(b.Role, policy.AtProject(c.org, b.Project))); err != nil {
			return err
		}
		removed, err := c.tx.DeleteBinding(c.ctx, b)
		if err != nil || !removed {
			return err
		}
		return c.record(ProjectUnbound, string(b.Account), boundTo("project", b, "")...)
	})
}

// eachBinding guards each binding's project, and runs do for all of them in one transaction.
func (a Actor) eachBinding(ctx context.Context, bindings []Binding, do func(c *change, b Binding) error) error {
	need := a.rules().Permissions.BindProjects
	for _, b := range bindings {
		if err := a.may(a.sub.holder, need, a.project(need, b.Project)); err != nil {
			return a.refused(ctx, need, err)
		}
	}
	if len(bindings) == 0 {
		return a.member(ctx)
	}
	return a.write(ctx, need, a.project(need, bindings[0].Project), func(c *change) error {
		for _, b := range bindings {
			if err := a.may(c.holder, need, a.project(need, b.Project)); err != nil {
				return err
			}
			if err := do(c, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// project is the resource that a permission about a project is asked for.
func (a Actor) project(need policy.Permission, id policy.ProjectID) policy.Resource {
	return need.Kind().In(a.org, id).Named(string(id))
}

// bindable checks a binding on its own, and returns its account, when the actor is not below it.
func (c *change) bindable(b Binding) (Account, error) {
	if err := c.checkBinding(b); err != nil {
		return Account{}, err
	}
	return c.target(b.Account)
}

// checkBinding refuses what is no binding, whoever it is for.
func (c *change) checkBinding(b Binding) error {
	if err := checkID("Project", string(b.Project)); err != nil {
		return err
	}
	switch {
	case !c.system.Policy.HasRole(b.Role) || !b.Role.UsableIn(c.org):
		return invalid("Role", "unknown role %q", b.Role)
	case !c.system.Policy.Bindable(b.Role):
		return invalid("Role", "the role %q holds in the whole organisation and cannot be bound to a project", b.Role)
	}
	return nil
}

// boundTo describes a binding in an event, on the side that is not "".
func boundTo(before string, b Binding, after string) []FieldChange {
	side := func(on, value string) string {
		if on == "" {
			return ""
		}
		return value
	}
	return []FieldChange{
		changed("project", side(before, string(b.Project)), side(after, string(b.Project))),
		changed("role", side(before, string(b.Role)), side(after, string(b.Role))),
	}
}

// Bindings returns the projects that an account is bound to, sorted by project and role. Everybody
// may see their own.
func (a Actor) Bindings(ctx context.Context, account policy.AccountID) ([]Binding, error) {
	if err := a.readAbout(ctx, account); err != nil {
		return nil, err
	}
	if _, err := a.Account(ctx, account); err != nil {
		return nil, err
	}
	return a.svc.store.Bindings(ctx, a.org, account)
}

// ProjectBindings returns who is bound to a project, sorted by account and role: active accounts
// only (E13), and with a query those that it matches (E15).
func (a Actor) ProjectBindings(ctx context.Context, project policy.ProjectID, q AccountQuery) ([]Binding, error) {
	if err := a.read(ctx, a.rules().Permissions.ListAccounts); err != nil {
		return nil, err
	}
	return a.svc.store.ProjectBindings(ctx, a.org, project, q)
}
