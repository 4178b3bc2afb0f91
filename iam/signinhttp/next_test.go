package signinhttp_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signinhttp"
)

// SB-95: a browser goes where the host has said that it may, and nowhere else.
func TestNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{Home: "/home", Next: []string{"/console/", "/bills"}})
	uma := w.organization("acme").member("uma")
	for next, want := range map[string]string{
		"/console/projects":          "/console/projects",
		"/console/projects?sort=a&b": "/console/projects?sort=a&b",
		"/bills":                     "/bills",
		"/bills?year=2026":           "/bills?year=2026",
		"/account/sessions":          "/account/sessions",

		"":                              "/home",
		"/":                             "/home",
		"/bills/x":                      "/home",
		"/consoles":                     "/home",
		"console/":                      "/home",
		"//evil.example/console/":       "/home",
		"/\\evil.example/console/":      "/home",
		"\\\\evil.example":              "/home",
		"/\t/evil.example":              "/home",
		"/console/\n":                   "/home",
		"https://evil.example/console/": "/home",
		"https:/console/":               "/home",
		"javascript:alert(1)":           "/home",
		"/console/../admin":             "/home",
		"/console/%2e%2e/admin":         "/home",
		"/console/..%2fadmin":           "/home",
		"/console//evil":                "/home",
		"/%2f/evil.example":             "/home",
		"/console/#x":                   "/home",
		"/console/%zz":                  "/home",
		" /console/":                    "/home",
		"/console/a b":                  "/home",
		"/console/\u00e9":               "/home",
	} {
		shown := w.send(request{method: "GET", path: uma.login + "?" + url.Values{"next": {next}}.Encode(), header: asPage})
		if want == "/home" && strings.Contains(shown.Body.String(), `name="next"`) {
			t.Errorf("%q: the page takes it over: %s", next, shown.Body)
		}
		rec := w.send(request{method: "POST", path: uma.login, form: form("email", uma.email, "password", uma.password, "next", next)})
		if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != want {
			t.Errorf("%q: got %d %q, want %q", next, rec.Code, rec.Header().Get("Location"), want)
		}
	}
	// Nor does a host that allows everything of its own allow more.
	open := must(signinhttp.New(w.in, w.svc, signinhttp.Config{Next: []string{"/"}}))(t)
	for _, next := range []string{
		"//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "https://evil.example",
		"https:evil.example", "evil.example", "/a/..//evil.example", "/%2f%2fevil.example", "javascript:alert(1)", "/.", "/a\x00",
	} {
		shown := sendTo(t, open, request{method: "GET", path: uma.login + "?" + url.Values{"next": {next}}.Encode(), header: asPage})
		if strings.Contains(shown.Body.String(), `name="next"`) {
			t.Errorf("%q: the page takes it over", next)
		}
	}
	twice := w.send(request{method: "GET", path: uma.login + "?next=/bills&next=/bills", header: asPage})
	equal(t, "two of them", twice.Code, http.StatusBadRequest)
	for _, config := range []signinhttp.Config{{Home: "https://evil.example"}, {Home: "//evil.example"}, {Next: []string{"console"}}, {Next: []string{"/a?b"}}, {Next: []string{"/../"}}} {
		if _, err := signinhttp.New(w.in, w.svc, config); err == nil {
			t.Errorf("Home %q and Next %q are taken", config.Home, config.Next)
		}
	}
}

// FuzzNext follows whatever is taken over, as a browser resolves it.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/console/", "//e", "/\\e", "/console/../e", "/console/%2e%2e", "https://e", "/console/?a=//e", "/console/;a", "/console/\r\n"} {
		f.Add(seed)
	}
	svc, in := services(f)
	door := must(signinhttp.New(in, svc, signinhttp.Config{Next: []string{"/console/"}}))(f)
	base := must(url.Parse(baseURL + "/login"))(f)
	f.Fuzz(func(t *testing.T, next string) {
		r := httptest.NewRequest("GET", baseURL+"/login", nil)
		r.URL.RawQuery = url.Values{"next": {next}}.Encode()
		rec := httptest.NewRecorder()
		door.ServeHTTP(rec, r)
		if !strings.Contains(rec.Body.String(), `name="next"`) {
			return
		}
		to, err := base.Parse(next)
		if err != nil || to.Scheme != "https" || to.Host != "example.com" || !strings.HasPrefix(path.Clean(to.Path)+"/", "/console/") && !strings.HasPrefix(to.Path, "/account") && to.Path != "/login/enroll" {
			t.Errorf("%q leads to %v (%v)", next, to, err)
		}
		if strings.ContainsAny(next, "\\\t\r\n ") || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
			t.Errorf("%q is taken over", next)
		}
	})
}

// services let nobody in: there is no store behind them.
func services(tb testing.TB) (*iam.Service, *signinService) {
	tb.Helper()
	svc := must(iam.New(nothing{}, emqx.System(), iam.Config{BaseURL: baseURL}))(tb)
	return svc, must(newSignin(svc))(tb)
}
