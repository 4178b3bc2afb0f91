package iamhttp_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

func TestRequireItem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		who          policy.AccountID
		path         string
		want         int
		reason, body string
	}{
		{"the handler gets the item", "pat", "/deployments/d1/deployment:view", 200, "", "served d1"},
		{"a facet is asked of its base", "pat", "/deployments/d1/deployment.tls:manage", 200, "", "served d1"},
		{"a facet that may only be viewed", "tom", "/deployments/d1/deployment.tls:manage", 403, "read_only", ""},
		{"what may be viewed is forbidden", "pat", "/deployments/d1/deployment:delete", 403, "read_only", ""},
		{"what may not be viewed is absent", "pat", "/deployments/d2/deployment:delete", 404, "no_grant", ""},
		{"another organisation is absent", "ann", "/deployments/foreign/deployment:view", 404, "other_organization", ""},
		{"what does not exist is absent", "ann", "/deployments/none/deployment:view", 404, "not_found", ""},
		{"a plan without the feature", "ann", "/deployments/d1/deployment:change_spend_limit", 403, "condition_not_met", ""},
		{"the host cannot load it", "ann", "/deployments/broken/deployment:view", 500, "error", ""},
		{"a disabled account learns of no resource", "eve", "/deployments/none/deployment:view", 403, "inactive_account", ""},
		{"the organisation's own", "tom", "/audit", 200, "", "served"},
		{"the organisation is not hidden", "pat", "/audit", 403, "no_grant", ""},
		{"a permission about another kind", "ann", "/project", 500, "wrong_kind", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			w := serve(c.handler, request("GET", tt.path, tt.who))
			want := tt.body
			if want == "" {
				want = problemOf(tt.want)
			}
			if w.Code != tt.want || w.Body.String() != want {
				t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, tt.want, want)
			}
			if tt.want == 200 {
				return
			}
			if rec := c.logs.one(t); rec["reason"] != tt.reason {
				t.Errorf("got record %v, want reason %q", rec, tt.reason)
			}
		})
	}
}

// SB-60, SB-71: without Load in front nothing is asked, nothing is loaded, and it is an alarm; an
// inactive subject that a host put into the context itself gets no further either.
func TestRequireWithoutLoad(t *testing.T) {
	t.Parallel()
	eve, err := newService(t, emqx.System()).Subject(t.Context(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	untouched := func(*http.Request) (policy.Resource, error) {
		t.Error("the resource was loaded")
		return policy.Resource{}, iam.ErrNotFound
	}
	for _, tt := range []struct {
		sub    iam.Subject
		want   int
		reason string
		level  string
	}{
		{iam.Subject{}, 500, "not_loaded", "ERROR"},
		{eve, 403, "inactive_account", "WARN"},
	} {
		for name, guarded := range map[string]func(*iamhttp.Guard) http.Handler{
			"Require":     func(g *iamhttp.Guard) http.Handler { return g.Require(emqx.DeploymentView, untouched, served) },
			"RequireOrg":  func(g *iamhttp.Guard) http.Handler { return g.RequireOrg(emqx.AuditLogView, served) },
			"Permissions": func(g *iamhttp.Guard) http.Handler { return g.Permissions(untouched) },
			"RequireIn": func(g *iamhttp.Guard) http.Handler {
				return iamhttp.RequireIn(g, emqx.DeploymentCreate, untouched, func(http.ResponseWriter, *http.Request, policy.Resource) error {
					t.Error("it was served")
					return nil
				})
			},
			"RequireReach": func(g *iamhttp.Guard) http.Handler {
				return iamhttp.RequireReach(g, emqx.DeploymentList, func(http.ResponseWriter, *http.Request, policy.Reach) error {
					t.Error("it was served")
					return nil
				})
			},
		} {
			t.Run(name+" "+tt.reason, func(t *testing.T) {
				t.Parallel()
				c := newConsole(t)
				r := request("GET", "/", "ann")
				w := serve(guarded(c.guard), r.WithContext(iam.NewContext(r.Context(), tt.sub)))
				if w.Code != tt.want || w.Body.String() != problemOf(tt.want) {
					t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
				}
				if rec := c.logs.one(t); rec["reason"] != tt.reason || rec["level"] != tt.level {
					t.Errorf("got record %v", rec)
				}
			})
		}
	}
}

// A panic of the host's is the host's to handle, wherever it happens.
func TestPanicsPassThrough(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	serving := iamhttp.RequireItem(c.guard, emqx.DeploymentView, loadDeployment, func(http.ResponseWriter, *http.Request, *deployment) error {
		panic("a bug of the host")
	})
	one := request("GET", "/", "ann")
	one.SetPathValue("id", "d1")
	for name, call := range map[string]func(){
		"while loading": func() { serve(c.handler, request("GET", "/deployments/panic/deployment:view", "ann")) },
		"while serving": func() { serve(c.guard.Load(serving), one) },
	} {
		func() {
			defer func() {
				if got := recover(); got != "a bug of the host" {
					t.Errorf("%s: recovered %v", name, got)
				}
			}()
			call()
		}()
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	w := serve(c.handler, request("GET", "/deployments/d1/permissions", "pat"))
	body := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(body, `{"permissions":["deployment:list","deployment:view","deployment:rename",`) {
		t.Errorf("got %d %s", w.Code, body)
	}
	if strings.Contains(body, "deployment:delete") {
		t.Errorf("more than the subject may: %s", body)
	}
	if got := w.Header(); got.Get("Content-Type") != "application/json" || got.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v", got)
	}
	w = serve(c.handler, request("GET", "/deployments/broken/permissions", "pat"))
	if w.Code != 500 {
		t.Errorf("the host cannot load it: got %d", w.Code)
	}
}

// A list without entries is an empty list for a console's JavaScript, and not null.
func TestPermissionsEmpty(t *testing.T) {
	t.Parallel()
	system := denying(t)
	var out logs
	guard := iamhttp.New(newService(t, system), account, iamhttp.Config{Logger: out.logger()})
	h := guard.Load(guard.Permissions(func(*http.Request) (policy.Resource, error) { return policy.Kind("file").Of("acme"), nil }))
	if got := serve(h, request("GET", "/", "tom")).Body.String(); got != `{"permissions":[]}`+"\n" {
		t.Errorf("got %s", got)
	}
}

// The kind of a hidden resource may have no action view: the log says what would make it visible.
func TestPermissionsHiddenProject(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	h := c.guard.Load(c.guard.Permissions(func(*http.Request) (policy.Resource, error) {
		return emqx.Project.In("acme", "p2").Named("p2"), nil
	}))
	w := serve(h, request("GET", "/", "pat"))
	if rec := c.logs.one(t); w.Code != 404 || rec["action"] != "list" || rec["reason"] != "no_grant" || rec["level"] != "WARN" {
		t.Errorf("got %d, record %v", w.Code, rec)
	}
}

// SB-60: one guard serves everybody at once, and nobody gets another's answer. Run with -race.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	want := map[policy.AccountID]int{"ann": 200, "pat": 403, "tom": 403, "bob": 404, "eve": 403, "": 401, "unlucky": 503}
	var wg sync.WaitGroup
	for range 50 {
		for who, want := range want {
			wg.Go(func() {
				if got := serve(c.handler, request("POST", "/deployments/d1/deployment:delete", who)).Code; got != want {
					t.Errorf("%q: got %d, want %d", who, got, want)
				}
			})
		}
	}
	wg.Wait()
}
