package adminhttp

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func bindingRoutes() []route {
	return []route{
		operation("GET", "/accounts/{account}/bindings", "listAccountBindings", "List the projects that an account is bound to", listAccountBindings),
		operation("POST", "/accounts/{account}/bindings", "bindAccount", "Bind an account to projects: all of the bindings or none", bindAccount),
		operation("POST", "/accounts/{account}/bindings/remove", "unbindAccount", "Take bindings of an account away: all of them or none", unbindAccount),
		operation("GET", "/projects/{project}/bindings", "listProjectBindings", "List who is bound to a project: active accounts only", listProjectBindings),
		operation("POST", "/projects/{project}/bindings", "bindProject", "Bind accounts to a project: all of the bindings or none", bindProject),
		operation("POST", "/projects/{project}/bindings/remove", "unbindProject", "Take bindings to a project away: all of them or none", unbindProject),
		operation("GET", "/projects", "listProjects", "List the projects for which a choice was made", listProjects),
		operation("POST", "/projects/{project}/open", "openProject", "Open a project to every account, each with what its roles allow", openProject),
		operation("POST", "/projects/{project}/close", "closeProject", "Leave a project to those who are bound to it", closeProject),
	}
}

type binding struct {
	Account policy.AccountID `json:"account"`
	Role    policy.Role      `json:"role"`
	Project policy.ProjectID `json:"project"`
}

// projectBinding is a binding from the account's side (E15).
type projectBinding struct {
	Role    policy.Role      `json:"role"`
	Project policy.ProjectID `json:"project"`
}

// accountBinding is a binding from the project's side (E15).
type accountBinding struct {
	Account policy.AccountID `json:"account"`
	Role    policy.Role      `json:"role"`
}

type bindingList struct {
	Bindings []binding `json:"bindings"`
	Next     string    `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

type accountBindings struct {
	accountPath
	Body struct {
		Bindings []projectBinding `json:"bindings"`
	} `body:"application/json"`
}

type projectPath struct {
	Project policy.ProjectID `path:"project"`
}

type projectBindings struct {
	projectPath
	Body struct {
		Bindings []accountBinding `json:"bindings"`
	} `body:"application/json"`
}

type projectQuery struct {
	projectPath
	page
	Keyword string      `query:"keyword" max:"1024" doc:"Must occur in the account's address or profile, in letters of either case."`
	Role    policy.Role `query:"role" max:"255" doc:"Must be held by the account in the organization."`
}

type project struct {
	ID   policy.ProjectID `json:"id"`
	Open bool             `json:"open"`
}

type projectList struct {
	Projects []project `json:"projects"`
}

func showBinding(b iam.Binding) binding { return binding(b) }

func bindingsOf(account policy.AccountID, all []projectBinding) []iam.Binding {
	return list(all, func(b projectBinding) iam.Binding {
		return iam.Binding{Account: account, Role: b.Role, Project: b.Project}
	})
}

func (in projectBindings) all() []iam.Binding {
	return list(in.Body.Bindings, func(b accountBinding) iam.Binding {
		return iam.Binding{Account: b.Account, Role: b.Role, Project: in.Project}
	})
}

func listAccountBindings(c *call, in accountPath) (bindingList, error) {
	found, err := c.actor.Bindings(c.r.Context(), in.Account)
	return bindingList{Bindings: list(found, showBinding)}, err
}

func bindAccount(c *call, in accountBindings) (none, error) {
	return c.bind(iam.Actor.Bind, bindingsOf(in.Account, in.Body.Bindings))
}

func unbindAccount(c *call, in accountBindings) (none, error) {
	return c.bind(iam.Actor.Unbind, bindingsOf(in.Account, in.Body.Bindings))
}

func bindProject(c *call, in projectBindings) (none, error) {
	return c.bind(iam.Actor.Bind, in.all())
}

func unbindProject(c *call, in projectBindings) (none, error) {
	return c.bind(iam.Actor.Unbind, in.all())
}

// bind refuses an empty list: it would say nothing of an account or a project that is not there.
func (c *call) bind(do func(iam.Actor, context.Context, ...iam.Binding) error, bindings []iam.Binding) (none, error) {
	if len(bindings) == 0 {
		return none{}, malformed("bindings", "want one at least")
	}
	return none{}, do(c.actor, c.r.Context(), bindings...)
}

// listProjectBindings has pages of accounts, each with all of its bindings to the project.
func listProjectBindings(c *call, in projectQuery) (bindingList, error) {
	after, err := c.after(in.page)
	if err != nil {
		return bindingList{}, err
	}
	found, err := c.actor.ProjectBindings(c.r.Context(), in.Project, iam.AccountQuery{
		Keyword: in.Keyword, Role: in.Role, After: policy.AccountID(after), Limit: in.size() + 1,
	})
	if err != nil {
		return bindingList{}, err
	}
	accounts := 0
	for i, b := range found {
		if i > 0 && found[i-1].Account == b.Account {
			continue
		}
		if accounts++; accounts > in.size() {
			return bindingList{list(found[:i], showBinding), c.cursors.seal(string(found[i-1].Account), c.scope()...)}, nil
		}
	}
	return bindingList{Bindings: list(found, showBinding)}, nil
}

func listProjects(c *call, _ none) (projectList, error) {
	found, err := c.actor.Projects(c.r.Context())
	return projectList{list(found, func(p iam.Project) project { return project(p) })}, err
}

func openProject(c *call, in projectPath) (none, error) {
	return none{}, c.actor.OpenProject(c.r.Context(), in.Project)
}

func closeProject(c *call, in projectPath) (none, error) {
	return none{}, c.actor.CloseProject(c.r.Context(), in.Project)
}
