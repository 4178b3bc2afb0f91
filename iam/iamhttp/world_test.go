package iamhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// people is a store that knows subjects and takes events, and nothing else.
type people struct {
	iam.Store
	records map[policy.AccountID]iam.SubjectRecord
	audit   *audit
}

// audit is the log of all organisations.
type audit struct {
	mu     sync.Mutex
	events []iam.Event
	full   error // what it answers with, when it takes nothing
}

func (p people) WriteAside(ctx context.Context, org policy.OrgID, do func(tx iam.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return do(auditTx{org: org, audit: p.audit})
}

// Events returns the one event that is asked for by the position before it.
func (p people) Events(_ context.Context, _ policy.OrgID, q iam.EventQuery) ([]iam.Event, error) {
	p.audit.mu.Lock()
	defer p.audit.mu.Unlock()
	return slices.Clone(p.audit.events[q.After.Ordinal:][:q.Limit]), nil
}

type auditTx struct {
	iam.Tx
	org   policy.OrgID
	audit *audit
}

func (tx auditTx) Append(_ context.Context, e iam.Event, link func(e iam.Event, before string) string) error {
	tx.audit.mu.Lock()
	defer tx.audit.mu.Unlock()
	if tx.audit.full != nil {
		return tx.audit.full
	}
	e.Org, e.Revision, e.Ordinal = tx.org, 1, len(tx.audit.events)+1
	e.Hash = link(e, "")
	tx.audit.events = append(tx.audit.events, e)
	return nil
}

var errDatabase = errors.New("dial tcp 10.0.0.7:5432: connection refused")

func (p people) Subject(ctx context.Context, id policy.AccountID) (iam.SubjectRecord, error) {
	if id == "unlucky" || id == "" { // nobody is never looked up
		return iam.SubjectRecord{}, errDatabase
	}
	record, ok := p.records[id]
	if !ok {
		return iam.SubjectRecord{}, iam.ErrNotFound
	}
	return record, ctx.Err()
}

// staff are the accounts of two organisations.
func staff() people {
	records := make(map[policy.AccountID]iam.SubjectRecord)
	hire := func(id policy.AccountID, org policy.OrgID, role policy.Role, projects ...policy.ProjectID) {
		record := iam.SubjectRecord{Account: id, Org: org, Status: iam.Active, Roles: []policy.Role{role}}
		for _, p := range projects {
			record.Bindings = append(record.Bindings, iam.Binding{Account: id, Role: role, Project: p})
		}
		records[id] = record
	}
	hire("ann", "acme", emqx.Administrator)
	hire("pat", "acme", emqx.ProjectUser, "p1")
	hire("tom", "acme", emqx.Auditor)
	hire("bob", "globex", emqx.Administrator)
	for id, status := range map[policy.AccountID]iam.Status{"eve": iam.Disabled, "new": iam.Pending} {
		hire(id, "acme", emqx.Administrator)
		record := records[id]
		record.Status = status
		records[id] = record
	}
	hire("exp", "acme", emqx.ProjectUser, "p1")
	expired := records["exp"]
	expired.Grants = []iam.Grant{{Grant: policy.GrantRole(emqx.ProjectAdmin, policy.AtProject("acme", "p1")).Until(now)}}
	records["exp"] = expired
	// The one deployment that one may create, if that means anything, has the id of a project.
	hire("one", "acme", emqx.ProjectUser, "p1")
	single := records["one"]
	single.Grants = []iam.Grant{{Grant: policy.GrantPermission(emqx.DeploymentCreate, policy.AtResource("acme", emqx.Deployment, "p1"))}}
	records["one"] = single
	hire("idle", "acme", emqx.ProjectUser)
	return people{records: records, audit: new(audit)}
}

func newService(t testing.TB, system iam.System) *iam.Service {
	t.Helper()
	return serviceOn(t, staff(), system)
}

func serviceOn(t testing.TB, st iam.Store, system iam.System) *iam.Service {
	t.Helper()
	svc, err := iam.New(st, system, iam.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// account signs people in by a header: a stand-in for a session.
func account(r *http.Request) (policy.AccountID, error) {
	return policy.AccountID(r.Header.Get("Test-Account")), nil
}

// deployment is a row of the host's.
type deployment struct {
	id      string
	org     policy.OrgID
	project policy.ProjectID
	plan    string
}

func (d *deployment) Resource() policy.Resource {
	return emqx.Deployment.In(d.org, d.project).Named(d.id).With(emqx.Plan, d.plan)
}

func deployments() map[string]*deployment {
	return map[string]*deployment{
		"d1":      {"d1", "acme", "p1", "premium"},
		"d2":      {"d2", "acme", "p2", "premium"},
		"foreign": {"foreign", "globex", "p1", "premium"},
	}
}

// loadDeployment forgets on purpose to stay inside the subject's organisation.
func loadDeployment(r *http.Request) (*deployment, error) {
	switch id := r.PathValue("id"); id {
	case "broken":
		return nil, errDatabase
	case "panic":
		panic("a bug of the host")
	default:
		if d := deployments()[id]; d != nil {
			return d, nil
		}
		return nil, iam.ErrNotFound
	}
}

// logs collects records, as a JSON handler writes them.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// one returns the only record that was written.
func (l *logs) one(t *testing.T) map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := bytes.Count(l.buf.Bytes(), []byte("\n")); n != 1 {
		t.Fatalf("got %d log records, want one:\n%s", n, l.buf.String())
	}
	var record map[string]any
	if err := json.Unmarshal(l.buf.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	return record
}

// console is a host: a few routes behind Load.
type console struct {
	logs    logs
	audit   *audit
	guard   *iamhttp.Guard
	handler http.Handler
}

func newConsole(t testing.TB) *console {
	t.Helper()
	return newConsoleWith(t, iamhttp.Config{})
}

// newConsoleWith is newConsole with a guard of other settings.
func newConsoleWith(t testing.TB, config iamhttp.Config) *console {
	t.Helper()
	c := new(console)
	st := staff()
	c.audit, config.Logger = st.audit, c.logs.logger()
	c.guard = iamhttp.New(serviceOn(t, st, emqx.System()), account, config)
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request, d *deployment) error {
		_, err := w.Write([]byte("served " + d.id))
		return err
	}
	for _, need := range deploymentPermissions() {
		mux.Handle("/deployments/{id}/"+string(need), iamhttp.RequireItem(c.guard, need, loadDeployment, ok))
	}
	mux.Handle("GET /deployments/{id}/permissions", c.guard.Permissions(deploymentResource))
	mux.Handle("GET /audit", c.guard.RequireOrg(emqx.AuditLogView, served))
	mux.Handle("GET /project", c.guard.Require(emqx.DeploymentDelete, func(*http.Request) (policy.Resource, error) {
		return emqx.Project.In("acme", "p1").Named("p1"), nil
	}, served))
	c.handler = c.guard.Load(mux)
	return c
}

var served = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("served")) })

func deploymentResource(r *http.Request) (policy.Resource, error) {
	d, err := loadDeployment(r)
	if err != nil {
		return policy.Resource{}, err
	}
	return d.Resource(), nil
}

// deploymentPermissions is everything that can be asked of a deployment.
func deploymentPermissions() []policy.Permission {
	return slices.DeleteFunc(emqx.System().Policy.Vocabulary(), func(p policy.Permission) bool {
		return p.Kind().Base() != emqx.Deployment
	})
}

// request makes a request of an account; "" for nobody.
func request(method, path string, who policy.AccountID) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Test-Account", string(who))
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// dump writes all that a client sees, so that two answers can be compared byte for byte.
func dump(w *httptest.ResponseRecorder) string {
	var b bytes.Buffer
	_, _ = b.WriteString(http.StatusText(w.Code) + "\n")
	for _, name := range slices.Sorted(maps.Keys(w.Result().Header)) {
		for _, value := range w.Result().Header[name] {
			_, _ = b.WriteString(name + ": " + value + "\n")
		}
	}
	_, _ = b.Write(w.Body.Bytes())
	return b.String()
}

// problemOf is the whole body of an answer that says nothing but its status.
func problemOf(status int) string {
	b, _ := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}{"about:blank", http.StatusText(status), status})
	return string(b)
}
