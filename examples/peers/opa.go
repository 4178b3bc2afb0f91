package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

//go:embed roles.rego
var rolesRego string

func opaEntries() []entry {
	return []entry{{
		name: "OPA", module: "github.com/open-policy-agent/opa", class: engine,
		knows: knows{roles: true, projects: true, orgs: true, conditions: true, reasons: true, lists: true},
		lists: "rules of its own", nodes: "bundles, polled",
		make: func() contestant { return new(opaQueries) },
	}}
}

// opaQueries asks prepared queries over documents in OPA's store, whose every access is a lookup by key: the
// documentation's linear fragment. The store keeps the documents as OPA's own values, so that no read converts
// them, and the input is made as such a value, so that nothing is parsed. Partial evaluation has nothing to fold
// here: what a request depends on is data that changes.
type opaQueries struct {
	store                  storage.Store
	allow, whichIn, whoMay rego.PreparedEvalQuery
}

func (c *opaQueries) load(ctx context.Context, w *world) error {
	c.store = inmem.NewFromObjectWithOpts(documents(w), inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	var errs []error
	prepare := func(query string) rego.PreparedEvalQuery {
		prepared, err := rego.New(rego.Query(query), rego.Module("roles.rego", rolesRego), rego.Store(c.store)).PrepareForEval(ctx)
		errs = append(errs, err)
		return prepared
	}
	c.allow, c.whichIn, c.whoMay = prepare("data.authz.allow"), prepare("data.authz.which"), prepare("data.authz.who")
	return errors.Join(errs...)
}

// documents are the world as JSON would have it.
func documents(w *world) map[string]any {
	set := func(roles []string) map[string]any {
		all := make(map[string]any)
		for _, role := range roles {
			all[role] = true
		}
		return all
	}
	grants, orgs := make(map[string]any), make(map[string]any)
	for i := range w.permissions {
		p := &w.permissions[i]
		if !p.conditional {
			grants[p.name()] = map[string]any{"org": set(p.orgWide()), "project": set(p.bound())}
		}
	}
	for _, org := range w.orgs {
		accounts := make(map[string]any)
		for i, members := 0, w.members(org); i < len(members); i++ {
			a := &members[i]
			bound := make(map[string]any)
			for _, b := range a.bindings {
				roles, _ := bound[b.project].([]any)
				bound[b.project] = append(roles, b.role)
			}
			accounts[a.id] = map[string]any{"roles": list(a.roles), "projects": bound}
		}
		orgs[org] = accounts
	}
	return map[string]any{"grants": grants, "orgs": orgs, "projects": list(w.projects)}
}

func list(names []string) []any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = name
	}
	return all
}

// The keys of the input, made once.
var (
	keyAccount    = ast.StringTerm("account")
	keyOrg        = ast.StringTerm("org")
	keyProject    = ast.StringTerm("project")
	keyPermission = ast.StringTerm("permission")
)

func opaInput(account, org, project, kind, action string) rego.EvalOption {
	return rego.EvalParsedInput(ast.NewObject(
		[2]*ast.Term{keyAccount, ast.StringTerm(account)},
		[2]*ast.Term{keyOrg, ast.StringTerm(org)},
		[2]*ast.Term{keyProject, ast.StringTerm(project)},
		[2]*ast.Term{keyPermission, ast.StringTerm(kind + ":" + action)},
	))
}

func (c *opaQueries) can(ctx context.Context, r *request) (bool, error) {
	result, err := c.allow.Eval(ctx, opaInput(r.account, r.org, r.project, r.kind, r.action))
	return result.Allowed(), err
}

func (c *opaQueries) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	return namesOf(c.whichIn.Eval(ctx, opaInput(ask.account, ask.org, "", ask.kind, ask.action)))
}

func (c *opaQueries) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	return namesOf(c.whoMay.Eval(ctx, opaInput("", ask.org, ask.project, ask.kind, ask.action)))
}

// namesOf reads the one set that a query has answered.
func namesOf(result rego.ResultSet, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	if len(result) != 1 || len(result[0].Expressions) != 1 {
		return nil, fmt.Errorf("opa: got %d results, want 1", len(result))
	}
	set, ok := result[0].Expressions[0].Value.([]any)
	if !ok {
		return nil, fmt.Errorf("opa: got %T, want a set", result[0].Expressions[0].Value)
	}
	all := make([]string, len(set))
	for i := range set {
		all[i], _ = set[i].(string)
	}
	return all, nil
}

func (c *opaQueries) revoke(ctx context.Context, a *account, b binding) error {
	left := []any{}
	for _, other := range a.bindings {
		if other.project == b.project && other != b {
			left = append(left, other.role)
		}
	}
	path := storage.Path{"orgs", a.org, a.id, "projects", b.project}
	return storage.WriteOne(ctx, c.store, storage.ReplaceOp, path, left)
}

func (c *opaQueries) close() error { return nil }
