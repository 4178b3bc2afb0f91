package main

import (
	"context"
	"errors"
	"strings"

	zpatrick "github.com/zpatrick/rbac"
)

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
