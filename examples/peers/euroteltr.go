package main

import (
	"context"

	euroteltr "github.com/euroteltr/rbac"
)

// euroteltrRoles asks AnyGrantedStr; its permissions have actions, as the matrix has.
type euroteltrRoles struct {
	roles map[string][]string
	rbac  *euroteltr.RBAC
}

func (c *euroteltrRoles) load(_ context.Context, w *world) error {
	c.roles, c.rbac = rolesOf(w), euroteltr.New(nil)
	for _, role := range w.roles {
		if _, err := c.rbac.RegisterRole(role, role); err != nil {
			return err
		}
	}
	actions := make(map[string][]euroteltr.Action)
	for i := range w.permissions {
		actions[w.permissions[i].kind] = append(actions[w.permissions[i].kind], euroteltr.Action(w.permissions[i].action))
	}
	for kind, all := range actions {
		if _, err := c.rbac.RegisterPermission(kind, kind, all...); err != nil {
			return err
		}
	}
	for i := range w.permissions {
		p := &w.permissions[i]
		for _, role := range p.roles {
			if err := c.rbac.Permit(role, c.rbac.GetPermission(p.kind), euroteltr.Action(p.action)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *euroteltrRoles) can(_ context.Context, r *request) (bool, error) {
	return c.rbac.AnyGrantedStr(c.roles[r.account], r.kind, euroteltr.Action(r.action)), nil
}

func (c *euroteltrRoles) close() error { return nil }
