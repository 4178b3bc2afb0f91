package iamhttp_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// E18: a key comes behind Bearer or as a user and password, and nothing else is taken for one.
func TestKeyOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		header []string
		want   string
	}{
		{"none", nil, ""},
		{"bearer", []string{"Bearer id.secret"}, "id.secret"},
		{"a scheme is of either case", []string{"bEARER id.secret"}, "id.secret"},
		{"blanks around it", []string{"Bearer   id.secret "}, "id.secret"},
		{"basic", []string{basic("id", "secret")}, "id.secret"},
		{"basic with more colons", []string{basic("id", "sec:ret")}, "id.sec:ret"},
		{"the token of a session", []string{"Bearer token"}, ""},
		{"another scheme", []string{"Digest id.secret"}, ""},
		{"a scheme alone", []string{"Bearer"}, ""},
		{"no scheme", []string{"id.secret"}, ""},
		{"basic that is none", []string{"Basic id.secret"}, ""},
		{"two of them", []string{"Bearer id.secret", "Bearer id.secret"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			for _, value := range tt.header {
				r.Header.Add("Authorization", value)
			}
			if got := iamhttp.KeyOf(r).Reveal(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzKeyOf(f *testing.F) {
	for _, seed := range []string{"", "Bearer a.b", basic("a", "b"), "Basic !", "Bearer \x00.", " . "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		key := iamhttp.KeyOf(r)
		if !key.IsZero() && !strings.Contains(key.Reveal(), ".") {
			t.Errorf("%q: got %q", header, key.Reveal())
		}
		if printed := fmt.Sprintf("%v %+v %#v", key, key, key); !key.IsZero() && len(key.Reveal()) > 10 && strings.Contains(printed, key.Reveal()) {
			t.Errorf("SB-82: %q is printed", header)
		}
	})
}

// keyed is a host whose programs come with keys, on a database.
type keyed struct {
	svc     *iam.Service
	org     policy.OrgID
	root    policy.AccountID
	handler http.Handler
	logs    logs
}

func newKeyed(t testing.TB, config signin.Config) *keyed {
	t.Helper()
	k := new(keyed)
	var err error
	if k.svc, err = iam.New(store.New(testdb.Open(t, testdb.SQLite)), emqx.System(), iam.Config{Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	in, err := signin.New(k.svc, config)
	if err != nil {
		t.Fatal(err)
	}
	made, err := k.svc.System("test").CreateOrganization(t.Context(), iam.CreateOrganizationParams{
		ID: "acme", Root: &iam.CreateAccountParams{Email: "root@acme.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.org, k.root = made.ID, made.Root
	guard := iamhttp.New(k.svc, account, iamhttp.Config{
		Logger: k.logs.logger(), Challenges: []string{`Bearer realm="api"`, `Basic realm="api"`},
		Subject: func(r *http.Request) (iam.Subject, error) {
			sub, _, err := in.Key(r.Context(), iamhttp.KeyOf(r))
			return sub, err
		},
	})
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request, d *deployment) error {
		_, err := w.Write([]byte("served " + d.id))
		return err
	}
	mux.Handle("GET /deployments/{id}", iamhttp.RequireItem(guard, emqx.DeploymentView, loadDeployment, ok))
	mux.Handle("DELETE /deployments/{id}", iamhttp.RequireItem(guard, emqx.DeploymentDelete, loadDeployment, ok))
	k.handler = guard.Load(mux)
	return k
}

func (k *keyed) key(t testing.TB) (id, secret string) {
	t.Helper()
	root, err := k.svc.Subject(t.Context(), k.root)
	if err != nil {
		t.Fatal(err)
	}
	_, shown, err := k.svc.As(root).CreateAPIKey(t.Context(), iam.APIKeyParams{
		Scope: policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView}, Projects: []policy.ProjectID{"p1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id, secret, _ = strings.Cut(shown.Reveal(), ".")
	return id, secret
}

func (k *keyed) ask(method, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return serve(k.handler, r)
}

// E18: 401 for a bad key, 403 for one without access, 404 for what it may not see, 429 when too fast.
func TestKeysOverHTTP(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, signin.Config{PeerLimit: iam.Limit{Attempts: 3, Pause: 90 * time.Second}})
	id, secret := k.key(t)
	for _, tt := range []struct {
		name, method, path, authorization string
		want                              int
	}{
		{"bearer", "GET", "/deployments/d1", "Bearer " + id + "." + secret, 200},
		{"basic", "GET", "/deployments/d1", basic(id, secret), 200},
		{"beyond its permissions", "DELETE", "/deployments/d1", basic(id, secret), 403},
		{"beyond its projects", "GET", "/deployments/d2", basic(id, secret), 404},
		{"what is not there", "GET", "/deployments/d7", basic(id, secret), 404},
		{"no key", "GET", "/deployments/d1", "", 401},
		{"a wrong secret", "GET", "/deployments/d1", basic(id, secret[1:]+"A"), 401},
		{"another user", "GET", "/deployments/d1", basic("root@acme.example", secret), 401},
		{"one too many", "GET", "/deployments/d1", basic(id, secret[1:]+"A"), 429},
		{"the right one still", "GET", "/deployments/d1", basic(id, secret), 200},
	} {
		w := k.ask(tt.method, tt.path, tt.authorization)
		if w.Code != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.name, w.Code, w.Body, tt.want)
		}
		if tt.want != 200 && w.Body.String() != problemOf(tt.want) {
			t.Errorf("%s: got %s, want the status alone", tt.name, w.Body)
		}
		if got := len(w.Header().Values("WWW-Authenticate")); got != map[bool]int{true: 2}[tt.want == 401] {
			t.Errorf("%s: got %d challenges", tt.name, got)
		}
		if got, want := w.Header().Get("Retry-After"), map[int]string{429: "90"}[tt.want]; got != want {
			t.Errorf("%s: got Retry-After %q, want %q", tt.name, got, want)
		}
	}
	written := k.logs.buf.String()
	if strings.Contains(written, secret) || !strings.Contains(written, `"api_key":"`+id+`"`) {
		t.Errorf("the log must name the key %s and not its secret:\n%s", id, written)
	}
	denied, err := k.svc.System("test").In(k.org).Events(t.Context(), iam.EventQuery{Type: iam.AuthorizationDenied})
	if err != nil || len(denied) != 2 || denied[0].Role != "api key "+id {
		t.Errorf("SB-80: got the refusals %+v (%v), want two by the key %s", denied, err, id)
	}
}

// A key that is used too often is told when to come back.
func TestKeyTooFast(t *testing.T) {
	t.Parallel()
	k := newKeyed(t, signin.Config{KeyLimit: iam.Limit{Attempts: 1, Pause: time.Minute}})
	id, secret := k.key(t)
	for _, want := range []int{200, 429, 429} {
		w := k.ask("GET", "/deployments/d1", basic(id, secret))
		if w.Code != want || (w.Header().Get("Retry-After") == "60") != (want == 429) {
			t.Errorf("got %d with Retry-After %q, want %d", w.Code, w.Header().Get("Retry-After"), want)
		}
	}
}

// Retry-After is whole seconds, and never says to come at once.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	guard := iamhttp.New(newService(t, emqx.System()), account, iamhttp.Config{Logger: slog.New(slog.DiscardHandler)})
	for in, want := range map[time.Duration]string{-time.Hour: "1", 0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", time.Hour: "3600"} {
		w := httptest.NewRecorder()
		guard.Error(w, request("GET", "/", ""), &iam.ThrottledError{Until: now.Add(in)})
		if got := w.Header().Get("Retry-After"); w.Code != 429 || got != want {
			t.Errorf("%v: got %d with %q, want %q", in, w.Code, got, want)
		}
	}
	w := httptest.NewRecorder()
	guard.Error(w, request("GET", "/", ""), iam.ErrThrottled)
	if got := w.Header().Values("Retry-After"); w.Code != 429 || len(got) > 0 {
		t.Errorf("got %d with %q", w.Code, got)
	}
}
