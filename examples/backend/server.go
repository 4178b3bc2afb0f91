package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

const maxBody = 64 << 10 // bytes of a request

// app is the backend.
type app struct {
	svc    *iam.Service
	in     *signin.Service
	door   *signinhttp.Handler
	store  *store.Store
	guard  *iamhttp.Guard
	tables tables
}

// route is an URL with what guards it.
type route struct {
	pattern string
	handler http.Handler
}

// routes is every URL of the backend. Nobody comes through without the permission on the row
// (RequireItem), in the place (RequireIn) or in the organisation (RequireOrg); a list gets what it is
// to be narrowed to (RequireReach).
func (a *app) routes() []route {
	g := a.guard
	return []route{
		{"GET /api/projects", iamhttp.RequireReach(g, emqx.ProjectList, a.listProjects)},
		{"POST /api/projects", g.RequireOrg(emqx.ProjectCreate, g.Handler(a.createProject))},
		{"GET /api/projects/{project}", iamhttp.RequireItem(g, emqx.ProjectList, a.project, a.getProject)},
		{"PUT /api/projects/{project}", iamhttp.RequireItem(g, emqx.ProjectEdit, a.project, a.editProject)},
		{"DELETE /api/projects/{project}", iamhttp.RequireItem(g, emqx.ProjectDelete, a.project, a.deleteProject)},
		{"GET /api/projects/{project}/permissions", g.Permissions(a.insideProject)},
		{"GET /api/projects/{project}/bindings", iamhttp.RequireItem(g, emqx.ProjectBind, a.project, a.listBindings)},
		{"PUT /api/projects/{project}/bindings/{role}/{account}", iamhttp.RequireItem(g, emqx.ProjectBind, a.project, a.bind)},
		{"DELETE /api/projects/{project}/bindings/{role}/{account}", iamhttp.RequireItem(g, emqx.ProjectBind, a.project, a.unbind)},

		{"GET /api/deployments", iamhttp.RequireReach(g, emqx.DeploymentList, a.listDeployments)},
		{"POST /api/projects/{project}/deployments", iamhttp.RequireIn(g, emqx.DeploymentCreate, a.project, a.createDeployment)},
		{"GET /api/deployments/{deployment}", iamhttp.RequireItem(g, emqx.DeploymentView, a.deployment, a.getDeployment)},
		{"POST /api/deployments/{deployment}/start", iamhttp.RequireItem(g, emqx.DeploymentStartStop, a.deployment, a.start)},
		{"POST /api/deployments/{deployment}/stop", iamhttp.RequireItem(g, emqx.DeploymentStartStop, a.deployment, a.stop)},
		{"POST /api/deployments/{deployment}/rename", iamhttp.RequireItem(g, emqx.DeploymentRename, a.deployment, a.rename)},
		{"POST /api/deployments/{deployment}/move", iamhttp.RequireItem(g, emqx.DeploymentMove, a.deployment, a.move)},
		{"DELETE /api/deployments/{deployment}", iamhttp.RequireItem(g, emqx.DeploymentDelete, a.deployment, a.deleteDeployment)},
		{"GET /api/deployments/{deployment}/tls", iamhttp.RequireItem(g, emqx.DeploymentTLSView, a.deployment, a.getTLS)},
		{"PUT /api/deployments/{deployment}/tls", iamhttp.RequireItem(g, emqx.DeploymentTLSManage, a.deployment, a.putTLS)},

		{"GET /api/accounts", g.RequireOrg(emqx.SubaccountList, g.Handler(a.listAccounts))},
		{"POST /api/accounts", g.RequireOrg(emqx.SubaccountManage, g.Handler(a.createAccount))},

		{"GET /projects/{project}", iamhttp.RequireItem(g, emqx.ProjectList, a.project, a.projectPage)},
		{"/", g.Handler(func(http.ResponseWriter, *http.Request) error { return iam.ErrNotFound })},
	}
}

// handler is the whole backend: nothing but signing in is served outside of the guard.
func (a *app) handler() http.Handler {
	mux, guarded := http.NewServeMux(), http.NewServeMux()
	for _, r := range a.routes() {
		guarded.Handle(r.pattern, r.handler)
	}
	// A browser sends the cookie by itself, so that requests of foreign pages must be refused.
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(a.guard.Handler(func(http.ResponseWriter, *http.Request) error { return iam.ErrForbidden }))
	mux.Handle("/", http.MaxBytesHandler(foreign.Handler(a.guard.Load(guarded)), maxBody))
	a.door.Mount(mux)
	return mux
}

// project loads the project that the path names, from the organisation of whoever asks.
func (a *app) project(r *http.Request) (project, error) {
	return a.tables.project(r.Context(), subject(r).Org(), policy.ProjectID(r.PathValue("project")))
}

// insideProject is what lies in a project, whatever it is: so it carries no id.
func (a *app) insideProject(r *http.Request) (policy.Resource, error) {
	p, err := a.project(r)
	return emqx.Project.In(p.Org, p.ID), err
}

// deployment loads the deployment that the path names, from the organisation of whoever asks.
func (a *app) deployment(r *http.Request) (deployment, error) {
	return a.tables.deployment(r.Context(), subject(r).Org(), r.PathValue("deployment"))
}

// subject is who asks: Guard.Load put it there.
func subject(r *http.Request) iam.Subject { return iam.FromContext(r.Context()) }

// as acts for whoever asks.
func (a *app) as(r *http.Request) iam.Actor { return a.svc.As(subject(r)) }

// transaction does something to the demo's rows and to Castellan's, all of it or nothing.
func (a *app) transaction(ctx context.Context, do func(t tables, svc *iam.Service) error) error {
	return a.tables.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return do(tables{tx}, a.svc.WithStore(a.store.In(tx)))
	})
}

// read decodes the body, which must be one JSON value of the right shape.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		err = decoder.Decode(&struct{}{}) // there is no more
		if err == io.EOF {
			return nil
		}
	}
	var tooLarge *http.MaxBytesError
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &tooLarge) || errors.As(err, &mistyped) {
		return err // the guard has a better answer
	}
	return &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: "want one JSON object with the fields of this request", Err: err}
}

func write(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the client has gone
	return nil
}

// pageOf reads the query parameters of a list.
func pageOf(r *http.Request) (page, error) {
	p := page{after: r.FormValue("after"), limit: 100}
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return page{}, &iam.FieldError{Field: "limit", Problem: "want a number from 1 to 1000"}
		}
		p.limit = n
	}
	return p, checkText("after", p.after, 0, 100)
}
