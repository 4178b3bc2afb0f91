package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// may is what the subject may do around something: the page draws a button where Do says so.
type may struct {
	policy *policy.Policy
	all    []policy.Permission
	set    map[policy.Permission]bool
}

func (a *app) may(sub iam.Subject, around policy.Resource) may {
	m := may{a.svc.Policy(), a.svc.Permissions(sub, around), make(map[policy.Permission]bool)}
	for _, permission := range m.all {
		m.set[permission] = true
	}
	return m
}

// Do reports whether there is a button for the permission. One that is misspelt in the template
// fails the page, where it would otherwise hide a button.
func (m may) Do(need policy.Permission) (bool, error) {
	if !m.policy.Knows(need.Kind(), need.Action()) {
		return false, fmt.Errorf("the page asks for %q, which the policy does not declare", need)
	}
	return m.set[need], nil
}

// All are the permissions, in the order of the policy.
func (m may) All() []policy.Permission { return m.all }

type projectView struct {
	Nonce       string // of the style and the script, for the content security policy
	Me          iam.Account
	Role        string
	Project     project
	Can         may
	Deployments []deploymentView
	People      []personView
}

type deploymentView struct {
	deployment
	Can may
}

type personView struct {
	Name, Role string
	Bound      bool
	path       string
}

// Path is the project's URL in the API, with more behind it.
func (v projectView) Path(more ...string) string {
	return apiPath(append([]string{"projects", string(v.Project.ID)}, more...)...)
}

// Path is the deployment's URL in the API, with more behind it.
func (v deploymentView) Path(more ...string) string {
	return apiPath(append([]string{"deployments", v.ID}, more...)...)
}

// Path is the URL of the person's binding in the API.
func (v personView) Path() string { return v.path }

func apiPath(segments ...string) string {
	path := "/api"
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// projectPage shows a project. Which buttons it has follows from Permissions, so that it can
// promise nothing that the API would refuse.
func (a *app) projectPage(w http.ResponseWriter, r *http.Request, p project) error {
	sub := subject(r)
	me, err := a.as(r).Account(r.Context(), sub.ID())
	if err != nil {
		return err
	}
	inside, err := a.insideProject(r)
	if err != nil {
		return err
	}
	v := projectView{Nonce: rand.Text(), Me: me, Project: p, Can: a.may(sub, inside)}
	if len(me.Roles) > 0 {
		v.Role = a.svc.Policy().Title(me.Roles[0])
	}
	deployments, err := a.tables.deployments(r.Context(), a.svc.Reach(sub, emqx.List, emqx.Deployment), p.ID, page{limit: 100})
	if err != nil {
		return err
	}
	for _, d := range deployments {
		v.Deployments = append(v.Deployments, deploymentView{d, a.may(sub, d.Resource())})
	}
	if v.People, err = a.people(r, v); err != nil {
		return err
	}
	var html bytes.Buffer
	if err := pageTemplate.Execute(&html, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(
		"default-src 'none'; style-src 'nonce-%[1]s'; script-src 'nonce-%[1]s'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", v.Nonce))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = html.WriteTo(w) // fails only when the client has gone
	return nil
}

// people are the accounts with a role for projects, bound to this one or not: nobody for those who
// may not see accounts.
func (a *app) people(r *http.Request, v projectView) ([]personView, error) {
	if sees, err := v.Can.Do(emqx.SubaccountList); !sees {
		return nil, err
	}
	accounts, err := a.as(r).Accounts(r.Context(), iam.AccountQuery{})
	if err != nil {
		return nil, err
	}
	bindings, err := a.as(r).ProjectBindings(r.Context(), v.Project.ID, iam.AccountQuery{})
	if err != nil {
		return nil, err
	}
	var people []personView
	for _, account := range accounts {
		for _, role := range account.Roles {
			if !a.svc.Policy().Bindable(role) {
				continue
			}
			people = append(people, personView{
				Name:  account.Name,
				Role:  a.svc.Policy().Title(role),
				Bound: slices.Contains(bindings, iam.Binding{Account: account.ID, Role: role, Project: v.Project.ID}),
				path:  v.Path("bindings", string(role), string(account.ID)),
			})
		}
	}
	return people, nil
}
