package iamtest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

const base = "https://console.example.com"

// console is a host as the README makes one: rows of its own, signing in, and the management beside them.
type console struct {
	svc   *iam.Service
	in    *signin.Service
	door  *signinhttp.Handler
	guard *iamhttp.Guard
	admin http.Handler
	rows  *rows

	// What broken hosts work with.
	db    *gorm.DB
	clock *iamtest.Clock
	who   func(r *http.Request) (iam.Subject, error) // who asks
	orgs  []policy.OrgID                             // that were seeded
}

// row is a deployment.
type row struct {
	Org     policy.OrgID     `json:"-"`
	Project policy.ProjectID `json:"project"`
	ID      string           `json:"id"`
	Name    string           `json:"name"`
}

func (d row) Resource() policy.Resource {
	return emqx.Deployment.In(d.Org, d.Project).Named(d.ID).With(emqx.Plan, "premium")
}

// rows are the host's table.
type rows struct {
	mu  sync.Mutex
	all []row
}

func (t *rows) find(keep func(d row) bool) []row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.all), func(d row) bool { return !keep(d) })
}

func (t *rows) add(d row) row {
	t.mu.Lock()
	defer t.mu.Unlock()
	d.ID = "d-" + strings.ToLower(rand.Text()[:8])
	t.all = append(t.all, d)
	return d
}

func (t *rows) drop(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = slices.DeleteFunc(t.all, func(d row) bool { return d.ID == id })
}

// load finds the deployment of the path, among those of the organisation.
func (t *rows) load(r *http.Request) (row, error) {
	org := iam.FromContext(r.Context()).Org()
	found := t.find(func(d row) bool { return d.Org == org && d.ID == r.PathValue("deployment") })
	if len(found) == 0 {
		return row{}, iam.ErrNotFound
	}
	return found[0], nil
}

func newConsole(tb testing.TB, db *gorm.DB, system iam.System, clock *iamtest.Clock) *console {
	tb.Helper()
	c := &console{rows: new(rows), db: db, clock: clock}
	c.who = c.subject
	quiet := slog.New(slog.DiscardHandler)
	c.svc = must(iam.New(store.New(db), system, iam.Config{
		Now: clock.Now, BaseURL: base, Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}},
	}))(tb)
	c.in = must(signin.New(c.svc, signin.Config{Hash: signin.HashParams{Memory: 12288, Time: 3}}))(tb) // the cheapest that is allowed
	c.door = must(signinhttp.New(c.in, c.svc, signinhttp.Config{
		Product: "Console", Guard: iamhttp.Config{Logger: quiet}, Next: []string{"/deployments"},
	}))(tb)
	c.guard = iamhttp.New(c.svc, nil, iamhttp.Config{Subject: func(r *http.Request) (iam.Subject, error) { return c.who(r) }, Logger: quiet})
	c.admin = must(adminhttp.New(c.svc, c.guard, adminhttp.Config{Prefix: "/iam/v1", SignIn: c.in, Fresh: c.door.Fresh}))(tb)
	return c
}

// subject is who asks: an API key, or a session.
func (c *console) subject(r *http.Request) (iam.Subject, error) {
	if key := iamhttp.KeyOf(r); !key.IsZero() {
		sub, _, err := c.in.Key(r.Context(), key)
		return sub, err
	}
	return c.door.Subject(r)
}

// patterns are the host's own routes.
func (c *console) patterns() map[string]http.Handler {
	g := c.guard
	answer := func(w http.ResponseWriter, status int, body any) error {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		return json.NewEncoder(w).Encode(body)
	}
	type name struct {
		Name string `json:"name"`
	}
	return map[string]http.Handler{
		"GET /deployments": iamhttp.RequireReach(g, emqx.DeploymentList, func(w http.ResponseWriter, r *http.Request, reach policy.Reach) error {
			return answer(w, http.StatusOK, c.rows.find(func(d row) bool { return reach.Contains(d.Resource()) }))
		}),
		"GET /deployments/{deployment}": iamhttp.RequireItem(g, emqx.DeploymentView, c.rows.load, func(w http.ResponseWriter, _ *http.Request, d row) error {
			return answer(w, http.StatusOK, d)
		}),
		"POST /deployments/{deployment}/rename": iamhttp.RequireItem(g, emqx.DeploymentRename, c.rows.load, func(w http.ResponseWriter, r *http.Request, d row) error {
			var body name
			decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&body); err != nil {
				return &iamhttp.StatusError{Status: http.StatusBadRequest, Err: err}
			}
			d.Name = body.Name
			return answer(w, http.StatusOK, d)
		}),
		"DELETE /deployments/{deployment}": iamhttp.RequireItem(g, emqx.DeploymentDelete, c.rows.load, func(w http.ResponseWriter, _ *http.Request, d row) error {
			c.rows.drop(d.ID)
			w.WriteHeader(http.StatusNoContent)
			return nil
		}),
	}
}

// routes are what is asked of the host: its own, and some of the management's.
func routes() []iamtest.Route {
	return []iamtest.Route{
		{Pattern: "GET /deployments"},
		{Pattern: "GET /deployments/{deployment}"},
		{Pattern: "POST /deployments/{deployment}/rename", Body: `{"name":"Renamed"}`},
		{Pattern: "DELETE /deployments/{deployment}"},
		{Pattern: "GET /iam/v1/accounts"},
		{Pattern: "GET /iam/v1/accounts/{account}"},
		{Pattern: "PUT /iam/v1/accounts/{account}/profile", Body: `{"name":"Changed"}`},
		{Pattern: "POST /iam/v1/accounts/{account}/bindings/remove", Body: `{"bindings":[{"role":"project_user","project":"{project}"}]}`},
		{Pattern: "GET /iam/v1/events"},
		{Pattern: "GET /iam/v1/api-keys?account={account}"},
	}
}

// handler is everything that the host serves.
func (c *console) handler() http.Handler {
	own, mux := http.NewServeMux(), http.NewServeMux()
	for pattern, h := range c.patterns() {
		own.Handle(pattern, h)
	}
	own.Handle("/", c.guard.Handler(func(http.ResponseWriter, *http.Request) error { return iam.ErrNotFound }))
	foreign := http.NewCrossOriginProtection()
	mux.Handle("/", foreign.Handler(c.guard.Load(own)))
	mux.Handle("/iam/v1/", c.guard.Load(c.admin))
	c.door.Mount(mux)
	return mux
}

func (c *console) host() iamtest.Host {
	return iamtest.Host{
		Service: c.svc, Handler: c.handler(), SignIn: c.in, APIKeys: true,
		Doors:  iamtest.SignInHTTP(c.svc).And(iamtest.AdminHTTP(c.svc, "/iam/v1")),
		Routes: routes(),
		Seed: func(_ testing.TB, org policy.OrgID) iamtest.Values {
			c.orgs = append(c.orgs, org)
			project := "p-" + strings.ToLower(rand.Text()[:8])
			d := c.rows.add(row{Org: org, Project: policy.ProjectID(project), Name: "Press line"})
			return iamtest.Values{"project": project, "deployment": d.ID}
		},
	}
}

// starting starts the host on a database file of its own, and may change it.
func starting(change func(c *console, h *iamtest.Host)) iamtest.Start {
	return func(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
		tb.Helper()
		c := newConsole(tb, newDatabase(tb), emqx.System(), clock)
		h := c.host()
		if change != nil {
			change(c, &h)
		}
		return h
	}
}

// migrated is a database file with the library's tables, from which the others are copied.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "iamtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "empty.db")
	db, err := sqlite.Open(file, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(context.Background(), db); err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	if err := pool.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

func newDatabase(tb testing.TB) *gorm.DB {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "app.db")
	if err := os.WriteFile(file, must(migrated())(tb), 0o600); err != nil {
		tb.Fatal(err)
	}
	db := must(sqlite.Open(file, &gorm.Config{Logger: logger.Discard}))(tb)
	pool := must(db.DB())(tb)
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// must returns the value of a call, and ends the test on its error: must(call())(tb).
func must[T any](value T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
