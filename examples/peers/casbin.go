package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

const (
	casbinModule = "github.com/casbin/casbin/v3"
	casbinLoop   = "a loop, with GetImplicitUsersForPermission as its own call"
	casbinIndex  = "GetUsers and HasLink of its role manager, with GetImplicitUsersForPermission as its own call"
)

func casbinEntries() []entry {
	known := knows{roles: true, projects: true, orgs: true}
	rich := known
	rich.conditions = true
	const nodes = "a watcher tells them; each loads everything again"
	return []entry{
		{name: stockName, module: casbinModule, class: library, knows: rich, lists: casbinLoop, nodes: nodes,
			make: func() contestant { return new(casbinModel) }},
		{name: "Casbin, lean model", module: casbinModule, class: library, knows: known, lists: casbinIndex, nodes: nodes,
			make: func() contestant { return new(casbinLean) }},
		{name: "Casbin, CachedEnforcer", module: casbinModule, class: library, knows: known, lists: casbinIndex, nodes: nodes,
			make: func() contestant { return &casbinLean{cached: true} }},
	}
}

// casbinModel is a stock Enforcer with the model and the rules that Castellan compiles: projects, owners, single
// resources, conditions and denies.
type casbinModel struct{ enforcer *casbin.Enforcer }

func (c *casbinModel) load(_ context.Context, w *world) error {
	m, err := model.NewModelFromString(castellan.Model())
	if err != nil {
		return err
	}
	if c.enforcer, err = casbin.NewEnforcer(m); err != nil {
		return err
	}
	c.enforcer.AddFunction("holds", policy.Holds(emqx.Conditions()...))
	doc, err := policy.ReadDocument("policy.csv", []byte(castellan.PolicyCSV()))
	if err != nil {
		return err
	}
	for _, row := range doc.Rows() {
		if _, err := c.enforcer.AddNamedPolicy(row.Section, row.Fields); row.Section == "p" && err != nil {
			return err
		}
	}
	return giveRoles(c.enforcer, w, "account:", "org/", "org/%s/project/%s")
}

// giveRoles adds a g line for each role and each binding, all at once.
func giveRoles(e casbin.IEnforcer, w *world, subject, org, project string) error {
	var lines [][]string
	for i := range w.accounts {
		a := &w.accounts[i]
		for _, role := range a.roles {
			lines = append(lines, []string{subject + a.id, role, org + a.org})
		}
		for _, b := range a.bindings {
			lines = append(lines, []string{subject + a.id, b.role, fmt.Sprintf(project, a.org, b.project)})
		}
	}
	_, err := e.AddGroupingPolicies(lines)
	return err
}

func (c *casbinModel) can(_ context.Context, r *request) (bool, error) {
	org, project := "org/"+r.org, ""
	if r.project != "" {
		project = org + "/project/" + r.project
	}
	return c.enforcer.Enforce("account:"+r.account, org, project, "", "", r.kind, r.action, map[string]string(nil))
}

// whoOfAll is Casbin's own call: it asks Enforce about every subject of a g line, whatever its organization. It hands
// on words alone, so that the attributes are one that holds takes for none.
func (c *casbinModel) whoOfAll(_ context.Context, ask *whoAsk) ([]string, error) {
	org := "org/" + ask.org
	all, err := c.enforcer.GetImplicitUsersForPermission(org, org+"/project/"+ask.project, "", "", ask.kind, ask.action, "")
	for i := range all {
		all[i] = strings.TrimPrefix(all[i], "account:")
	}
	return all, err
}

func (c *casbinModel) revoke(_ context.Context, a *account, b binding) error {
	removed, err := c.enforcer.DeleteRoleForUserInDomain("account:"+a.id, b.role, "org/"+a.org+"/project/"+b.project)
	if err == nil && !removed {
		err = errors.New("casbin: there is no such line")
	}
	return err
}

func (c *casbinModel) close() error { return nil }

// leanModel says what this world needs and no more: the permission is one word that is compared first, there is no
// deny, so that the first rule that allows ends the search, and no function beside g.
const leanModel = `
[request_definition]
r = sub, org, project, perm

[policy_definition]
p = role, reach, perm

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.perm == p.perm && (g(r.sub, p.role, r.project) || p.reach == "org" && g(r.sub, p.role, r.org))
`

// casbinLean is the fastest model for this world that we know, with or without Casbin's own cache of answers. The
// reverse lists are put together from its RBAC API; they hold for this model, which has no conditions and no denies.
type casbinLean struct {
	cached   bool
	w        *world
	enforcer casbin.IEnforcer
}

func (c *casbinLean) load(_ context.Context, w *world) error {
	c.w = w
	m, err := model.NewModelFromString(leanModel)
	if err != nil {
		return err
	}
	if c.cached {
		c.enforcer, err = casbin.NewCachedEnforcer(m)
	} else {
		c.enforcer, err = casbin.NewEnforcer(m)
	}
	if err != nil {
		return err
	}
	var lines [][]string
	for i := range w.permissions {
		p := &w.permissions[i]
		if p.conditional {
			continue
		}
		for _, role := range p.orgWide() {
			lines = append(lines, []string{role, "org", p.name()})
		}
		for _, role := range p.bound() {
			lines = append(lines, []string{role, "project", p.name()})
		}
	}
	if _, err := c.enforcer.AddPolicies(lines); err != nil {
		return err
	}
	return giveRoles(c.enforcer, w, "", "", "%s/%s")
}

func (c *casbinLean) can(_ context.Context, r *request) (bool, error) {
	return c.enforcer.Enforce(r.account, r.org, place(r.org, r.project), r.kind+":"+r.action)
}

// place is the domain of a project, and nowhere for what lies in no project.
func place(org, project string) string {
	if project == "" {
		return ""
	}
	return org + "/" + project
}

func (c *casbinLean) which(_ context.Context, ask *whichAsk) ([]string, error) {
	rules, err := c.enforcer.GetFilteredPolicy(2, ask.kind+":"+ask.action)
	if err != nil {
		return nil, err
	}
	roles := c.enforcer.GetRoleManager()
	var bound []string
	for _, rule := range rules {
		if rule[1] == "project" {
			bound = append(bound, rule[0])
			continue
		}
		if held, err := roles.HasLink(ask.account, rule[0], ask.org); err != nil || held {
			return c.w.projects, err
		}
	}
	var all []string
	for _, project := range c.w.projects {
		in := place(ask.org, project)
		for _, role := range bound {
			held, err := roles.HasLink(ask.account, role, in)
			if err != nil {
				return nil, err
			}
			if held {
				all = append(all, project)
				break
			}
		}
	}
	return all, nil
}

func (c *casbinLean) who(_ context.Context, ask *whoAsk) ([]string, error) {
	rules, err := c.enforcer.GetFilteredPolicy(2, ask.kind+":"+ask.action)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, rule := range rules {
		in := place(ask.org, ask.project)
		if rule[1] == "org" {
			in = ask.org
		}
		users, err := c.enforcer.GetRoleManager().GetUsers(rule[0], in)
		if err != nil && !strings.Contains(err.Error(), "name does not exist") {
			return nil, err
		}
		all = append(all, users...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// whoOfAll is Casbin's own call, as for casbinModel. A CachedEnforcer passes by its cache there.
func (c *casbinLean) whoOfAll(_ context.Context, ask *whoAsk) ([]string, error) {
	return c.enforcer.GetImplicitUsersForPermission(ask.org, place(ask.org, ask.project), ask.kind+":"+ask.action)
}

func (c *casbinLean) revoke(_ context.Context, a *account, b binding) error {
	removed, err := c.enforcer.DeleteRoleForUserInDomain(a.id, b.role, place(a.org, b.project))
	if err == nil && !removed {
		err = errors.New("casbin: there is no such line")
	}
	return err
}

func (c *casbinLean) close() error { return nil }
