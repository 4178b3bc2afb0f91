package iamhttp_test

import (
	"net/http"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// site is a row of the host's that others lie in.
type site struct {
	id  string
	res policy.Resource
}

func (s site) Resource() policy.Resource { return s.res }

// loadSite finds projects, and a few things that are none. It forgets to stay inside the organisation.
func loadSite(r *http.Request) (site, error) {
	id := r.PathValue("project")
	res, ok := map[string]policy.Resource{
		"p1":      emqx.Project.In("acme", "p1").Named("p1"),
		"p2":      emqx.Project.In("acme", "p2").Named("p2"),
		"foreign": emqx.Project.In("globex", "p1").Named("p1"),
		"premium": emqx.Project.In("acme", "p1").Named("p1").With(emqx.Plan, "serverless"),
		"cellar":  emqx.AuditLog.Of("acme").Named("cellar"), // lies in no project, and pat does not see it
		"none-in": emqx.Project.In("", "p1").Named("p1"),
		"d1":      deployments()["d1"].Resource(),
	}[id]
	if !ok {
		return site{}, iam.ErrNotFound
	}
	return site{id, res}, nil
}

// SB-60, SB-67: who may make something in a place.
func TestRequireIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		who    policy.AccountID
		need   policy.Permission
		place  string
		want   int
		reason string
		level  string
	}{
		{"the handler gets the place", "ann", emqx.DeploymentCreate, "p1", 200, "", ""},
		{"a place that is seen is forbidden", "pat", emqx.DeploymentCreate, "p1", 403, "read_only", "WARN"},
		{"a place that is not seen is absent", "pat", emqx.DeploymentCreate, "p2", 404, "no_grant", "WARN"},
		{"a grant on one deployment makes no other", "one", emqx.DeploymentCreate, "p1", 403, "read_only", "WARN"},
		{"another organisation is absent", "ann", emqx.DeploymentCreate, "foreign", 404, "other_organization", "WARN"},
		{"what does not exist is absent", "ann", emqx.DeploymentCreate, "none", 404, "not_found", "INFO"},
		{"a place of no organisation", "ann", emqx.DeploymentCreate, "none-in", 404, "no_organization", "ERROR"},
		{"a place outside of projects, for the whole organisation", "ann", emqx.DeploymentCreate, "cellar", 200, "", ""},
		{"a place outside of projects, for a project's user", "pat", emqx.DeploymentCreate, "cellar", 404, "no_grant", "WARN"},
		{"the place's attributes are not those of what is made", "ann", emqx.DeploymentChangeSpendLimit, "premium", 403, "condition_not_met", "WARN"},
		{"an item in place of a place", "ann", emqx.DeploymentCreate, "d1", 500, "wrong_kind", "ERROR"},
		{"its facet in place of a place", "ann", emqx.DeploymentTLSManage, "d1", 500, "wrong_kind", "ERROR"},
		{"an unknown permission", "ann", "deployment:creat", "p1", 403, "unknown_action", "ERROR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, mux := newConsole(t), http.NewServeMux()
			mux.Handle("POST /projects/{project}/deployments", iamhttp.RequireIn(c.guard, tt.need, loadSite,
				func(w http.ResponseWriter, _ *http.Request, s site) error {
					_, err := w.Write([]byte(s.id))
					return err
				}))
			w := serve(c.guard.Load(mux), request("POST", "/projects/"+tt.place+"/deployments", tt.who))
			want := tt.place
			if tt.want != 200 {
				want = problemOf(tt.want)
			}
			if w.Code != tt.want || w.Body.String() != want {
				t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, tt.want, want)
			}
			if tt.want == 200 {
				return
			}
			if rec := c.logs.one(t); rec["reason"] != tt.reason || rec["level"] != tt.level {
				t.Errorf("got record %v, want reason %q at %s", rec, tt.reason, tt.level)
			}
		})
	}
}

// A list is served to everybody who is active, with what they reach.
func TestRequireReach(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		who  policy.AccountID
		want string
	}{
		{"all of it", "ann", "[d1][d2]"},
		{"one project", "pat", "[d1]"},
		{"nothing at all is an empty list", "idle", ""},
		{"nothing of another organisation", "bob", "[foreign]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			h := c.guard.Load(iamhttp.RequireReach(c.guard, emqx.DeploymentList, func(w http.ResponseWriter, _ *http.Request, reach policy.Reach) error {
				for _, id := range []string{"d1", "d2", "foreign"} {
					if reach.Contains(deployments()[id].Resource()) {
						_, _ = w.Write([]byte("[" + id + "]"))
					}
				}
				if reach.IsNone() != (tt.want == "") {
					t.Errorf("the reach is none: %v", reach.IsNone())
				}
				return nil
			}))
			if w := serve(h, request("GET", "/", tt.who)); w.Code != 200 || w.Body.String() != tt.want {
				t.Errorf("got %d %s, want 200 %s", w.Code, w.Body, tt.want)
			}
		})
	}
}

// SB-60: a permission that nobody knows is an alarm, and no list that is empty for everybody.
func TestRequireReachOfTheUnknown(t *testing.T) {
	t.Parallel()
	for need, reason := range map[policy.Permission]string{
		"deployment:lst": "unknown_action", "devise:list": "unknown_kind", "deployment": "unknown_action", "": "unknown_kind",
	} {
		c := newConsole(t)
		w := serve(c.guard.Load(iamhttp.RequireReach(c.guard, need, func(http.ResponseWriter, *http.Request, policy.Reach) error {
			t.Errorf("%q: it was served", need)
			return nil
		})), request("GET", "/", "ann"))
		if rec := c.logs.one(t); w.Code != 403 || rec["reason"] != reason || rec["level"] != "ERROR" {
			t.Errorf("%q: got %d, record %v; want 403, %s", need, w.Code, rec, reason)
		}
	}
}
