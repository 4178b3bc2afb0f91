package policytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Parse reads a world; name stands in its mistakes. The error is of type [policy.Mistakes] and
// names every line that is wrong. It knows no policy: see [Run] for what that one does not declare.
func Parse(name string, data []byte) (*Fixture, error) {
	p := parser{
		Fixture:   &Fixture{Name: name},
		orgs:      make(map[policy.OrgID]bool),
		resources: make(map[string]policy.Resource),
	}
	var wrong policy.Mistakes
	for i, text := range strings.Split(string(data), "\n") {
		p.number = i + 1
		if err := p.statement(text); err != nil {
			wrong = append(wrong, policy.Mistake{File: name, Line: p.number, Text: err.Error()})
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return p.Fixture, nil
}

type parser struct {
	*Fixture
	number    int
	orgs      map[policy.OrgID]bool
	resources map[string]policy.Resource
}

func (p *parser) statement(text string) error {
	all, err := words(text)
	if err != nil || len(all) == 0 {
		return err
	}
	keywords := map[word]func(*line) error{
		"system": p.system, "now": p.now, "project": p.project, "account": p.account,
		"bind": p.bind, "grant": p.grant, "resource": p.resource,
	}
	read, isKeyword := keywords[all[0]]
	if !isKeyword {
		return p.request(&line{rest: all})
	}
	return read(&line{rest: all[1:]})
}

func (p *parser) system(l *line) error {
	p.System = l.text("the name of the policy")
	return l.end()
}

func (p *parser) now(l *line) error {
	p.Now = l.time()
	return l.end()
}

func (p *parser) project(l *line) error {
	org, project := l.place("organization/project")
	open := l.optional("open")
	if err := l.end(); err != nil {
		return err
	}
	switch {
	case project == "":
		return fmt.Errorf("%s is no project: want organization/project", org)
	case p.hasProject(org, project):
		return fmt.Errorf("project %s/%s is declared twice", org, project)
	}
	p.orgs[org] = true
	p.Projects = append(p.Projects, Project{Org: org, ID: project, Open: open, Line: p.number})
	return nil
}

func (p *parser) hasProject(org policy.OrgID, id policy.ProjectID) bool {
	return slices.ContainsFunc(p.Projects, func(one Project) bool { return one.Org == org && one.ID == id })
}

func (p *parser) account(l *line) error {
	a := Account{ID: policy.AccountID(l.text("the account's id")), Org: policy.OrgID(l.text("its organization")), Line: p.number}
	for _, role := range l.word("its roles, joined by commas, or -").split(",") {
		if role != "-" {
			a.Roles = append(a.Roles, policy.Role(l.unquote(role, "a role")))
		}
	}
	a.Disabled = l.optional("disabled")
	if err := l.end(); err != nil {
		return err
	}
	if _, twice := p.Account(a.ID); twice {
		return fmt.Errorf("account %q is declared twice", a.ID)
	}
	p.orgs[a.Org] = true
	p.Accounts = append(p.Accounts, a)
	return nil
}

// holder returns the account at the start of a bind or grant line.
func (p *parser) holder(l *line) Account {
	id := policy.AccountID(l.text("an account"))
	a, declared := p.Account(id)
	if !declared {
		l.fail("account %q is not declared above", id)
	}
	return a
}

func (p *parser) bind(l *line) error {
	a := p.holder(l)
	role := policy.Role(l.text("a role"))
	at := p.grantPlace(l, a)
	expires := p.until(l)
	if err := l.end(); err != nil {
		return err
	}
	if at.Project == "" {
		return fmt.Errorf("bind wants a project: organization/project")
	}
	p.Bindings = append(p.Bindings, Held{a.ID, policy.GrantRole(role, at).Until(expires), p.number})
	return nil
}

func (p *parser) grant(l *line) error {
	a := p.holder(l)
	what := l.what()
	what.At = p.grantPlace(l, a)
	what.Expires = p.until(l)
	if err := l.end(); err != nil {
		return err
	}
	p.Grants = append(p.Grants, Held{a.ID, what, p.number})
	return nil
}

// grantPlace reads an organization, organization/project, or organization kind/id.
func (p *parser) grantPlace(l *line, a Account) policy.Place {
	org, project := l.place("an organization or organization/project")
	if l.err == nil && a.ID != "" && org != a.Org {
		l.fail("account %q belongs to %q: it holds nothing in %q", a.ID, a.Org, org)
	}
	p.checkPlace(l, org, project)
	if l.err == nil && project == "" && len(l.rest) > 0 && len(l.rest[0].split("/")) == 2 {
		parts := l.word("kind/id").split("/")
		kind := policy.Kind(l.unquote(parts[0], "a kind"))
		if kind != kind.Base() {
			l.fail("%s is a facet: a grant is on its base kind, %s", kind, kind.Base())
		}
		return policy.AtResource(org, kind, l.unquote(parts[1], "an id"))
	}
	return policy.Place{Org: org, Project: project}
}

func (p *parser) checkPlace(l *line, org policy.OrgID, project policy.ProjectID) {
	switch {
	case l.err != nil:
	case org != "" && !p.orgs[org]:
		l.fail("organization %q is unknown: want a project or an account of it above", org)
	case project != "" && !p.hasProject(org, project):
		l.fail("project %s/%s is not declared above", org, project)
	}
}

func (p *parser) until(l *line) (end time.Time) {
	if l.optional("until") {
		end = l.time()
		if p.Now.IsZero() {
			l.fail("until wants a now line above")
		}
	}
	return end
}

func (p *parser) resource(l *line) error {
	name := l.text("a name")
	r := policy.Resource{Kind: policy.Kind(l.text("a kind")), ID: name}
	r.Org, r.Project = l.place("an organization or organization/project")
	p.checkPlace(l, r.Org, r.Project)
	for l.err == nil && len(l.rest) > 0 {
		parts := l.word("").split("=")
		if len(parts) != 2 {
			return fmt.Errorf("%s: want id=, owner= or attribute=value", parts[0])
		}
		value := l.unquote(parts[1], "")
		switch attribute := l.unquote(parts[0], "an attribute"); attribute {
		case "id":
			r.ID = value
		case "owner":
			r.Owner = policy.AccountID(value)
		default:
			r = r.With(attribute, value)
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	if _, twice := p.resources[name]; twice {
		return fmt.Errorf("resource %q is declared twice", name)
	}
	if r.Kind != r.Kind.Base() {
		return fmt.Errorf("%s is a facet: want its base kind, %s; the request names the facet", r.Kind, r.Kind.Base())
	}
	p.resources[name] = r
	p.Resources = append(p.Resources, Resource{name, r, p.number})
	return nil
}

func (p *parser) request(l *line) error {
	c := Case{Account: policy.AccountID(l.text("")), Line: p.number}
	if _, declared := p.Account(c.Account); !declared && c.Account != "" {
		return fmt.Errorf("%q is neither a keyword nor an account that is declared above", c.Account)
	}
	permission := l.what()
	if l.err == nil && permission.Permission == "" {
		return fmt.Errorf("%q is no permission: want kind:action", permission.Role)
	}
	c.Action = permission.Permission.Action()
	kind := permission.Permission.Kind()
	if l.optional("in") {
		c.Resource.Org, c.Resource.Project = l.place("an organization or organization/project")
		p.checkPlace(l, c.Resource.Org, c.Resource.Project)
	} else {
		c.Name = l.text("a resource, or in and a place")
		declared, ok := p.resources[c.Name]
		switch {
		case !ok:
			l.fail("resource %q is not declared above", c.Name)
		case declared.Kind != kind.Base():
			l.fail("resource %q is of the kind %s: %s is no part of it", c.Name, declared.Kind, kind)
		}
		c.Resource = declared
	}
	c.Resource.Kind = kind
	reason := l.text("a reason, such as allowed or no_grant")
	var known bool
	if c.Want, known = policy.ParseReason(reason); !known {
		l.fail("%q is no reason: want allowed, no_grant, read_only, … as policy.Reason prints them", reason)
	}
	if l.optional("by") {
		c.Rule = l.text("a rule in quotes")
	}
	if l.optional("through") {
		a, _ := p.Account(c.Account)
		c.Through = l.what()
		c.Through.At = p.grantPlace(l, a)
	}
	if err := l.end(); err != nil {
		return err
	}
	p.Cases = append(p.Cases, c)
	return nil
}
