package main

import (
	"context"
	"slices"
)

// byHandEntries are what one would write instead of a library.
func byHandEntries() []entry {
	known := knows{roles: true, projects: true, orgs: true}
	return []entry{
		{name: handName, class: hand, knows: known, lists: "a loop", nodes: "none", make: func() contestant { return new(twoMaps) }},
		{name: handStructName, class: hand, knows: known, lists: "a loop", nodes: "none", make: func() contestant { return new(structs) }},
	}
}

// actionKey and actionRow are the table of permissions: the bits of the roles that allow.
type actionKey struct{ kind, action string }

type actionRow struct{ org, project uint8 } // held in the organization, in the project

func tableOf(w *world) map[actionKey]actionRow {
	table := make(map[actionKey]actionRow)
	for i := range w.permissions {
		p := &w.permissions[i]
		if !p.conditional {
			table[actionKey{p.kind, p.action}] = actionRow{bitsOf(w, p.orgWide()), bitsOf(w, p.bound())}
		}
	}
	return table
}

func bitsOf(w *world, roles []string) (bits uint8) {
	for _, role := range roles {
		bits |= 1 << slices.Index(w.roles, role)
	}
	return bits
}

// placeKey is an account somewhere: in its organization, or in a project of it. The two have no id in common.
type placeKey struct{ account, place string }

// twoMaps is the lookup of two maps: who holds what where, and which roles may what. It has no lock, so that a
// revoke would need one; no reasons, no conditions, no storage.
type twoMaps struct {
	w     *world
	held  map[placeKey]uint8
	table map[actionKey]actionRow
}

func (c *twoMaps) load(_ context.Context, w *world) error {
	c.w, c.table, c.held = w, tableOf(w), make(map[placeKey]uint8)
	for i := range w.accounts {
		a := &w.accounts[i]
		c.held[placeKey{a.id, a.org}] |= bitsOf(w, a.roles)
		for _, b := range a.bindings {
			c.held[placeKey{a.id, b.project}] |= bitsOf(w, []string{b.role})
		}
	}
	return nil
}

func (c *twoMaps) can(_ context.Context, r *request) (bool, error) {
	inOrg := c.held[placeKey{r.account, r.org}]
	if inOrg == 0 {
		return false, nil
	}
	row := c.table[actionKey{r.kind, r.action}]
	return row.org&inOrg != 0 || r.project != "" && row.project&c.held[placeKey{r.account, r.project}] != 0, nil
}

func (c *twoMaps) revoke(_ context.Context, a *account, b binding) error {
	c.held[placeKey{a.id, b.project}] &^= bitsOf(c.w, []string{b.role})
	return nil
}

func (c *twoMaps) close() error { return nil }

// structs is the same with a struct for each account, which has a map of its projects.
type structs struct {
	w        *world
	accounts map[string]*handAccount
	table    map[actionKey]actionRow
}

type handAccount struct {
	org      string
	roles    uint8
	projects map[string]uint8
}

func (c *structs) load(_ context.Context, w *world) error {
	c.w, c.table, c.accounts = w, tableOf(w), make(map[string]*handAccount, len(w.accounts))
	for i := range w.accounts {
		a := &w.accounts[i]
		held := &handAccount{org: a.org, roles: bitsOf(w, a.roles)}
		if len(a.bindings) > 0 {
			held.projects = make(map[string]uint8, len(a.bindings))
		}
		for _, b := range a.bindings {
			held.projects[b.project] |= bitsOf(w, []string{b.role})
		}
		c.accounts[a.id] = held
	}
	return nil
}

func (c *structs) can(_ context.Context, r *request) (bool, error) {
	a := c.accounts[r.account]
	if a == nil || a.org != r.org {
		return false, nil
	}
	row, known := c.table[actionKey{r.kind, r.action}]
	return known && (row.org&a.roles != 0 || r.project != "" && row.project&a.projects[r.project] != 0), nil
}

func (c *structs) revoke(_ context.Context, a *account, b binding) error {
	c.accounts[a.id].projects[b.project] &^= bitsOf(c.w, []string{b.role})
	return nil
}

func (c *structs) close() error { return nil }
