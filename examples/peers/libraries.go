package main

import (
	"context"
	"errors"
	"strings"

	euroteltr "github.com/euroteltr/rbac"
	"github.com/mikespook/gorbac"
	zpatrick "github.com/zpatrick/rbac"
)

// libraryEntries are the small libraries for roles. Two of them know roles and permissions, and no accounts: the
// host finds the account's roles in a map of its own, and the library is asked about them. They are asked whether
// one of the roles has the permission at all, and nothing about projects and organizations.
func libraryEntries() []entry {
	return []entry{
		{name: "gorbac", module: "github.com/mikespook/gorbac", class: part, knows: knows{roles: true},
			lists: "none", nodes: "none", make: func() contestant { return new(gorbacRoles) }},
		{name: "euroteltr/rbac", module: "github.com/euroteltr/rbac", class: part, knows: knows{roles: true},
			lists: "none", nodes: "none", make: func() contestant { return new(euroteltrRoles) }},
		{name: "zpatrick/rbac", module: "github.com/zpatrick/rbac", class: library, knows: knows{roles: true, projects: true, orgs: true},
			lists: "loop", nodes: "none", make: func() contestant { return new(zpatrickRoles) }},
	}
}

// rolesOf is the host's map of roles.
func rolesOf(w *world) map[string][]string {
	roles := make(map[string][]string, len(w.accounts))
	for i := range w.accounts {
		roles[w.accounts[i].id] = w.accounts[i].roles
	}
	return roles
}

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

// zpatrickRoles gives each account the roles of its places, each made once and shared: a permission there is a
// matcher of the action and one of the target. The account's map is the host's.
type zpatrickRoles struct {
	accounts map[string]zpatrick.Roles
	made     map[string]zpatrick.Role
	actions  map[string]zpatrick.Matcher // what a role may in a place
}

func (c *zpatrickRoles) load(_ context.Context, w *world) error {
	c.accounts, c.made, c.actions = make(map[string]zpatrick.Roles, len(w.accounts)), make(map[string]zpatrick.Role), make(map[string]zpatrick.Matcher)
	inOrg, inProject := make(map[string]map[string]bool), make(map[string]map[string]bool)
	for _, role := range w.roles {
		inOrg[role], inProject[role] = make(map[string]bool), make(map[string]bool)
	}
	for i := range w.permissions {
		p := &w.permissions[i]
		if p.conditional {
			continue
		}
		for _, role := range p.orgWide() {
			inOrg[role][p.name()] = true
		}
		for _, role := range p.bound() {
			inProject[role][p.name()] = true
		}
	}
	oneOf := func(names map[string]bool) zpatrick.Matcher {
		return func(name string) (bool, error) { return names[name], nil }
	}
	role := func(name, where string, actions, target zpatrick.Matcher) zpatrick.Role {
		id := name + "@" + where
		made, ok := c.made[id]
		if !ok {
			made = zpatrick.Role{RoleID: id, Permissions: zpatrick.Permissions{zpatrick.NewPermission(actions, target)}}
			c.made[id] = made
		}
		return made
	}
	for i := range w.accounts {
		a := &w.accounts[i]
		var roles zpatrick.Roles
		for _, name := range a.roles {
			prefix := a.org + "/"
			roles = append(roles, role(name, a.org, oneOf(inOrg[name]), func(target string) (bool, error) {
				return strings.HasPrefix(target, prefix), nil
			}))
		}
		for _, b := range a.bindings {
			where := a.org + "/" + b.project
			roles = append(roles, role(b.role, where, oneOf(inProject[b.role]), zpatrick.StringMatch(where)))
		}
		c.accounts[a.id] = roles
	}
	return nil
}

func (c *zpatrickRoles) can(_ context.Context, r *request) (bool, error) {
	return c.accounts[r.account].Can(r.kind+":"+r.action, r.org+"/"+r.project)
}

func (c *zpatrickRoles) revoke(_ context.Context, a *account, b binding) error {
	id := b.role + "@" + a.org + "/" + b.project
	var left zpatrick.Roles
	for _, role := range c.accounts[a.id] {
		if role.RoleID != id {
			left = append(left, role)
		}
	}
	if len(left) == len(c.accounts[a.id]) {
		return errors.New("zpatrick: the account has no such role")
	}
	c.accounts[a.id] = left
	return nil
}

func (c *zpatrickRoles) close() error { return nil }
