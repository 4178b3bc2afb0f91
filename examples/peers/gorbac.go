package main

import (
	"context"

	"github.com/mikespook/gorbac"
)

// gorbacRoles asks gorbac.AnyGranted. The permissions are made once: NewStdPermission allocates.
type gorbacRoles struct {
	roles       map[string][]string
	permissions map[actionKey]gorbac.Permission
	rbac        *gorbac.RBAC
}

func (c *gorbacRoles) load(_ context.Context, w *world) error {
	c.roles, c.rbac, c.permissions = rolesOf(w), gorbac.New(), make(map[actionKey]gorbac.Permission)
	byName := make(map[string]*gorbac.StdRole)
	for _, name := range w.roles {
		byName[name] = gorbac.NewStdRole(name)
	}
	for i := range w.permissions {
		p := &w.permissions[i]
		permission := gorbac.NewStdPermission(p.name())
		c.permissions[actionKey{p.kind, p.action}] = permission
		for _, role := range p.roles {
			if err := byName[role].Assign(permission); err != nil {
				return err
			}
		}
	}
	for _, role := range byName {
		if err := c.rbac.Add(role); err != nil {
			return err
		}
	}
	return nil
}

func (c *gorbacRoles) can(_ context.Context, r *request) (bool, error) {
	return gorbac.AnyGranted(c.rbac, c.roles[r.account], c.permissions[actionKey{r.kind, r.action}], nil), nil
}

func (c *gorbacRoles) close() error { return nil }
