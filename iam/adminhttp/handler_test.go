package adminhttp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// A config that cannot work is refused, with the name of its field.
func TestConfig(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	guard := iamhttp.New(h.svc, whoever, iamhttp.Config{})
	for _, tt := range []struct {
		name   string
		config adminhttp.Config
		want   string
	}{
		{"the zero config", adminhttp.Config{}, ""},
		{"a prefix without a slash", adminhttp.Config{Prefix: "iam"}, "adminhttp: Config.Prefix: "},
		{"a prefix with a slash at its end", adminhttp.Config{Prefix: "/iam/"}, "adminhttp: Config.Prefix: "},
		{"a prefix with a parameter", adminhttp.Config{Prefix: "/{org}"}, "adminhttp: Config.Prefix: "},
		{"a short key", adminhttp.Config{CursorKey: []byte("short")}, "adminhttp: Config.CursorKey: "},
		{"an origin that is none", adminhttp.Config{TrustedOrigins: []string{"example.com"}}, "adminhttp: Config.TrustedOrigins: "},
	} {
		_, err := adminhttp.New(h.svc, guard, tt.config)
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	if _, err := adminhttp.New(nil, guard, adminhttp.Config{}); err == nil {
		t.Error("a service that is nil is taken")
	}
	if _, err := adminhttp.New(h.svc, nil, adminhttp.Config{}); err == nil {
		t.Error("a guard that is nil is taken")
	}
}

// What leads to no route is a problem as everything else is.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	for _, tt := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/nowhere", 404, ""},
		{"GET", "/accounts/", 404, ""},
		{"GET", "/accounts/a/b/c", 404, ""},
		{"PATCH", "/accounts", 405, "GET, HEAD, POST"},
		{"DELETE", "/accounts", 405, "GET, HEAD, POST"},
		{"POST", "/accounts/x/profile", 405, "PUT"},
		{"POST", "/openapi.json", 405, "GET, HEAD"},
	} {
		w := h.send(o.root, tt.method, tt.path, `{}`)
		if w.Code != tt.want || w.Header().Get("Allow") != tt.allow || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: got %d %v", tt.method, tt.path, w.Code, w.Header())
		}
	}
}

// SB-45: a page of another origin changes nothing; one that is trusted, and a client that is no browser, may.
func TestOrigins(t *testing.T) {
	t.Parallel()
	h := newHostOn(t, testdb.Open(t, testdb.SQLite), systems()[0], func(c *adminhttp.Config) {
		c.TrustedOrigins = []string{"https://console.example.com"}
	})
	o := h.organization()
	for _, tt := range []struct {
		name, method, site, origin string
		want                       int
	}{
		{"another origin", "POST", "cross-site", "https://evil.example", 403},
		{"another origin of the same site", "POST", "same-site", "https://blog.example.com", 403},
		{"an old browser on another origin", "POST", "", "https://evil.example", 403},
		{"the same origin", "POST", "same-origin", "https://example.com", 204},
		{"a trusted one", "POST", "same-site", "https://console.example.com", 204},
		{"no browser", "POST", "", "", 204},
	} {
		r := httptest.NewRequest(tt.method, prefix+"/projects/p1/open", nil)
		r.Header.Set("Test-Account", string(o.root))
		if tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		h.api.ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: got %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
	}
}

// A handler without Load in front is the host's mistake: nobody is let in, and nobody is asked to sign in.
func TestWithoutLoad(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	guard := iamhttp.New(h.svc, whoever, iamhttp.Config{LogOnly: true})
	api := must(adminhttp.New(h.svc, guard, adminhttp.Config{}))(t)
	for _, path := range []string{"/accounts", "/me", "/me/permissions", "/organization"} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 500 {
			t.Errorf("%s: got %d, want 500", path, w.Code)
		}
	}
}

// SB-05: for one's own address and for the root account the password must have been given a short while ago, and
// where the host does not say when, it was not.
func TestFresh(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fresh func(*http.Request) error
		want  int
	}{
		{"fresh", func(*http.Request) error { return nil }, 201},
		{"stale", func(*http.Request) error { return signin.ErrStale }, 403},
		{"not said", nil, 403},
		{"unknown", func(*http.Request) error { return errors.New("the database is away") }, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHostOn(t, testdb.Open(t, testdb.SQLite), systems()[0], func(c *adminhttp.Config) { c.Fresh = tt.fresh })
			o := h.organization()
			admin, other := o.account(emqx.Administrator), o.account(emqx.Auditor)
			change := `{"email":"` + address("next") + `"}`
			if w := h.send(admin, "POST", "/accounts/"+string(admin)+"/email-change", change); w.Code != tt.want {
				t.Errorf("one's own address: got %d, want %d: %s", w.Code, tt.want, w.Body)
			}
			if w := h.send(admin, "POST", "/accounts/"+string(other)+"/email-change", change); w.Code != 201 {
				t.Errorf("another's address: got %d: %s", w.Code, w.Body)
			}
			want := strings.Replace(http.StatusText(tt.want), "Created", "OK", 1)
			if w := h.send(o.root, "PUT", "/root-offer", `{"to":"`+string(admin)+`"}`); http.StatusText(w.Code) != want {
				t.Errorf("an offer: got %d, want %s: %s", w.Code, want, w.Body)
			}
			o.offer(admin)
			if w := h.send(admin, "POST", "/root-offer/accept", ""); http.StatusText(w.Code) != want {
				t.Errorf("accepted: got %d, want %s: %s", w.Code, want, w.Body)
			}
		})
	}
}

// An own body is needed nowhere that has nothing to say, also with a content type.
func TestNothingToSay(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	if w := h.request("POST", prefix+"/projects/p1/open", o.root, "application/json", ""); w.Code != 204 || w.Body.Len() > 0 {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
}

// What was asked for too often says when to come again.
func TestThrottled(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	path := "/invitations/" + string(o.invited()) + "/resend"
	if w := h.request("POST", prefix+path, o.root, "", ""); w.Code != 200 {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	w := h.request("POST", prefix+path, o.root, "", "")
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get("Retry-After") == "0" {
		t.Errorf("got %d %v: %s", w.Code, w.Header(), w.Body)
	}
}

// Fields have the names of the request's, whatever the method calls them.
func TestFieldNames(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	auditor, user := string(o.account(emqx.Auditor)), string(o.account(emqx.ProjectUser))
	must(o.system().Disable(o.Context(), policy.AccountID(user)))(t)
	past := h.clock.now().Add(-time.Hour).Format(time.RFC3339)
	for _, tt := range []struct {
		name, method, path, body string
		want                     int
		field                    string
	}{
		{"a role that is none", "POST", "/accounts", `{"roles":["none"]}`, 422, "roles"},
		{"root's role", "PUT", "/accounts/" + auditor + "/roles", `{"roles":["root"]}`, 422, "roles"},
		{"an address that is none", "POST", "/accounts", `{"roles":["auditor"],"email":"x"}`, 422, "email"},
		{"a long name", "PUT", "/accounts/" + auditor + "/profile", `{"name":"` + strings.Repeat("x", 1025) + `"}`, 422, "name"},
		{"a role that is not held", "POST", "/accounts/" + auditor + "/bindings", `{"bindings":[{"role":"project_user","project":"p"}]}`, 422, "role"},
		{"a role that is not bound", "POST", "/accounts/" + auditor + "/bindings", `{"bindings":[{"role":"auditor","project":"p"}]}`, 422, "role"},
		{"a project without a name", "POST", "/accounts/" + auditor + "/bindings", `{"bindings":[{"role":"project_user","project":""}]}`, 422, "project"},
		{"a disabled account", "POST", "/projects/p/bindings", `{"bindings":[{"account":"` + user + `","role":"project_user"}]}`, 422, "account"},
		{"no bindings", "POST", "/projects/p/bindings", `{"bindings":[]}`, 400, "bindings"},
		{"a member of a binding", "POST", "/projects/p/bindings", `{"bindings":[{"account":"a","role":"r"},{"account":"a","role":7}]}`, 400, "bindings[1].role"},
		{"an item of a list", "PUT", "/accounts/" + auditor + "/roles", `{"roles":["auditor",1]}`, 400, "roles[1]"},
		{"a member of the profile", "POST", "/accounts", `{"roles":["auditor"],"profile":{"nick":"x"}}`, 400, "profile.nick"},
		{"an end that has passed", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","until":"` + past + `"}`, 422, "until"},
		{"an end that is none", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","until":"tomorrow"}`, 400, "until"},
		{"an end that has a year too many in UTC", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","until":"9999-12-31T23:59:59-01:00"}`, 400, "until"},
		{"the zero time, which would be never", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","until":"0001-01-01T00:00:00Z"}`, 400, "until"},
		{"an unknown permission", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:fly"}`, 422, "permission"},
		{"an unknown role", "POST", "/accounts/" + auditor + "/grants", `{"role":"none","project":"p"}`, 422, "role"},
		{"both", "POST", "/accounts/" + auditor + "/grants", `{"role":"auditor","permission":"deployment:view"}`, 400, "permission"},
		{"half a resource", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","kind":"deployment"}`, 400, "resource"},
		{"project and resource", "POST", "/accounts/" + auditor + "/grants", `{"permission":"deployment:view","kind":"deployment","resource":"d","project":"p"}`, 400, "project"},
		{"to oneself", "POST", "/accounts/" + auditor + "/hand-over", `{"to":"` + auditor + `"}`, 422, "to"},
		{"something else than is known", "POST", "/accounts/" + auditor + "/hand-over", `{"to":"x","then":"explode"}`, 400, "then"},
		{"a port that is none", "PUT", "/mail-server", `{"host":"h","port":0,"security":"tls","from":"a@b.example"}`, 400, "port"},
		{"a short password", "PUT", "/accounts/" + auditor + "/password", `{"password":"x"}`, 422, "password"},
	} {
		w := h.send(o.root, tt.method, tt.path, tt.body)
		var problem struct{ Field, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != tt.want || problem.Field != tt.field || problem.Detail == "" {
			t.Errorf("%s: got %d %s, want %d and %q", tt.name, w.Code, w.Body, tt.want, tt.field)
		}
	}
}

// The rules of lives are told by name: to whoever asks who may know.
func TestConflicts(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	root := "/accounts/" + string(o.root)
	taken := address("taken")
	h.send(o.root, "POST", "/accounts", `{"roles":["auditor"],"email":"`+taken+`"}`)
	for _, tt := range []struct {
		name, method, path, body, field string
	}{
		{"root is not disabled (E2)", "POST", root + "/disable", "", ""},
		{"root is not deleted (E2)", "DELETE", root, "", ""},
		{"an address that is taken", "POST", "/accounts", `{"roles":["auditor"],"email":"` + taken + `"}`, "email"},
	} {
		w := h.send(o.root, tt.method, tt.path, tt.body)
		var problem struct{ Detail, Field string }
		h.ok(json.Unmarshal(w.Body.Bytes(), &problem))
		if w.Code != 409 || problem.Detail == "" || problem.Field != tt.field {
			t.Errorf("%s: got %d %s", tt.name, w.Code, w.Body)
		}
	}
	w := h.get(o.root, root+"/removal")
	if !strings.Contains(w.Body.String(), `"refusal":"root"`) {
		t.Errorf("got %s", w.Body)
	}
}

// L3: the page of roles says how many permissions each carries, and which of them whoever asks may give.
func TestRoles(t *testing.T) {
	t.Parallel()
	for _, s := range systems() {
		h := newHost(t, s)
		o := h.organization()
		var page struct {
			Roles []struct {
				Name, Title          string
				Permissions          int
				Bindable, Assignable bool
			}
		}
		w := h.get(o.account(s.strong), "/roles")
		h.ok(json.Unmarshal(w.Body.Bytes(), &page))
		p := s.system.Policy
		if len(page.Roles) != len(p.Roles()) {
			t.Fatalf("%s: got %s", s.system.Name, w.Body)
		}
		for i, name := range p.Roles() {
			got := page.Roles[i]
			gives := slices.Contains(p.Gives(s.strong), name) && name != h.svc.Rules().RootRole
			if got.Name != string(name) || got.Title != p.Title(name) || got.Permissions != len(p.PermissionsOf(name)) ||
				got.Bindable != p.Bindable(name) || got.Assignable != gives {
				t.Errorf("%s: got %+v, want %s, given: %v", s.system.Name, got, name, gives)
			}
		}
	}
}

// One's own permissions are those of the policy, in the whole organisation and in a project.
func TestOwnPermissions(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	user := o.account(emqx.ProjectUser)
	o.bound(user, "p1")
	permissions := func(query string) []policy.Permission {
		var list struct{ Permissions []policy.Permission }
		h.ok(json.Unmarshal(h.get(user, "/me/permissions"+query).Body.Bytes(), &list))
		return list.Permissions
	}
	if in := permissions("?project=p1"); !slices.Contains(in, emqx.DeploymentView) {
		t.Errorf("in the project: got %q", in)
	}
	for _, query := range []string{"", "?project=p2"} {
		if got := permissions(query); got == nil || slices.Contains(got, emqx.DeploymentView) {
			t.Errorf("%q: got %q", query, got)
		}
	}
}

// SB-70: a link is shown to who asks for one, works, and is in no list and no log.
func TestLinkIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	invited := o.invited()
	w := h.request("POST", prefix+"/invitations/"+string(invited)+"/link", o.root, "", "")
	var made struct{ Link string }
	h.ok(json.Unmarshal(w.Body.Bytes(), &made))
	_, token, ok := strings.Cut(made.Link, "token=")
	if !ok {
		t.Fatalf("got %s", w.Body)
	}
	if found, err := h.svc.LookInvitation(t.Context(), iam.ParseToken(token)); err != nil || found.Account.ID != invited {
		t.Errorf("got %v, %v", found.Account.ID, err)
	}
	for _, path := range []string{"/invitations", "/mails", "/events", "/events/export.jsonl", "/accounts"} {
		if strings.Contains(h.get(o.root, path).Body.String(), token) {
			t.Errorf("%s has the token", path)
		}
	}
	if strings.Contains(h.logs.String(), token) {
		t.Error("the log has the token")
	}
}
