package signinhttp_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
)

type signinService = signin.Service

func newSignin(svc *iam.Service) (*signin.Service, error) { return signin.New(svc, signin.Config{}) }

// nothing is a store that nobody asks.
type nothing struct{ iam.Store }

var (
	labelTag = regexp.MustCompile(`<label for="([^"]*)">[^<]+</label>`)
	anyInput = regexp.MustCompile(`<(?:input|button|img|a|form) [^>]*>`)
	anyStyle = regexp.MustCompile(`(?s)<style>(.*)</style>`)
)

// Every page has one heading, a label for each field, no script, and the one style that its policy allows.
func TestEveryPageIsPlain(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	shown := 0
	for _, route := range c.door.Routes() {
		for _, v := range c.visitors {
			c.aside(signinhttp.Config{}, func(door http.Handler, _ *gorm.DB) {
				method, _, _ := strings.Cut(route, " ")
				q := request{method: method, path: c.filled(route), cookie: v.token, header: asPage}
				if method == "POST" {
					q.form = formOf(c.plausible(route)) + "&next=/account"
				}
				rec := sendTo(t, door, q)
				if !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
					return
				}
				shown++
				plain(t, route+" for "+v.name, rec.Header().Get("Content-Security-Policy"), rec.Body.String())
			})
		}
	}
	if shown < 150 {
		t.Errorf("%d pages were shown: the test no longer sees them", shown)
	}
}

func plain(t *testing.T, what, policy, page string) {
	t.Helper()
	if strings.Count(page, "<h1>") != 1 || strings.Contains(page, "<script") || strings.Contains(page, " style=") || strings.Contains(page, "ZgotmplZ") {
		t.Errorf("%s: got %s", what, page)
	}
	labels := make(map[string]bool)
	for _, l := range labelTag.FindAllStringSubmatch(page, -1) {
		labels[l[1]] = true
	}
	for _, input := range anyInput.FindAllString(page, -1) {
		attrs := make(map[string]string)
		for _, a := range attr.FindAllStringSubmatch(input, -1) {
			attrs[a[1]] = a[2]
		}
		if strings.HasPrefix(input, "<input") && attrs["type"] != "hidden" && !labels[attrs["id"]] {
			t.Errorf("%s: %s has no label", what, input)
		}
		if strings.HasPrefix(input, "<img") && attrs["alt"] == "" {
			t.Errorf("%s: %s says nothing to who does not see it", what, input)
		}
		for _, name := range []string{"action", "href", "formaction"} {
			if to := attrs[name]; to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "otpauth:") {
				t.Errorf("%s: %s leads elsewhere", what, input)
			}
		}
	}
	style := anyStyle.FindStringSubmatch(page)
	if style == nil {
		t.Fatalf("%s: there is no style", what)
	}
	sum := sha256.Sum256([]byte(style[1]))
	equal(t, what+": the policy", policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
}

// What others have typed is shown as text.
func TestPagesEscape(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{Product: "<b>P</b>"})
	rec := w.send(request{method: "POST", path: "/o/%3Cscript%3E/login", form: form("email", `"><script>alert(1)</script>`, "password", "x")})
	equal(t, "the status", rec.Code, http.StatusForbidden)
	for _, bad := range []string{"<script", "<b>"} {
		if strings.Contains(rec.Body.String(), bad) {
			t.Errorf("the page has %s: %s", bad, rec.Body)
		}
	}
}

// A host replaces a page, the style, or the layout.
func TestPagesOfTheHost(t *testing.T) {
	t.Parallel()
	svc, in := services(t)
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	get := func(pages fs.FS, path string) (status int, policy, page string) {
		door := must(signinhttp.New(in, svc, signinhttp.Config{Pages: pages}))(t)
		rec := sendTo(t, door, request{method: "GET", path: path, header: asPage})
		return rec.Code, rec.Header().Get("Content-Security-Policy"), rec.Body.String()
	}
	own := fstest.MapFS{
		"style.css":   file("h1 { color: teal; }"),
		"login.html":  file(`{{define "title"}}Welcome{{end}}{{define "main"}}<form action="{{.Links.Login}}"></form>{{end}}`),
		"forgot.html": file(`<!doctype html><title>{{.Links.Forgot}}</title><style>{{.Style}}</style><h1>Alone</h1>`),
	}
	status, policy, page := get(own, "/login")
	equal(t, "the status", status, http.StatusOK)
	plain(t, "the host's login page", policy, page)
	if !strings.Contains(page, "<h1>Welcome</h1>") || !strings.Contains(page, "teal") || strings.Contains(page, "--ground") {
		t.Errorf("got %s", page)
	}
	_, policy, page = get(own, "/login/forgot")
	plain(t, "a page that stands alone", policy, page)
	equal(t, "a page that stands alone", page, "<!doctype html><title>/login/forgot</title><style>h1 { color: teal; }</style><h1>Alone</h1>")
	if _, _, page = get(fstest.MapFS{"layout.html": file(`<h1>{{template "title" .}}</h1>`)}, "/logout"); page != "<h1>Sign out</h1>" {
		t.Errorf("got %s in the host's layout", page)
	}
	for _, broken := range []string{"login.html", "layout.html"} {
		_, err := signinhttp.New(in, svc, signinhttp.Config{Pages: fstest.MapFS{broken: file("{{")}})
		if err == nil || !strings.HasPrefix(err.Error(), "signinhttp: Config.Pages: ") {
			t.Errorf("%s: got the error %v", broken, err)
		}
	}
	// One that fails only when it is shown is a 500, and half a page is never sent.
	if status, _, page = get(fstest.MapFS{"login.html": file(`half{{.Nonsense}}`)}, "/login"); status != http.StatusInternalServerError || strings.Contains(page, "half") {
		t.Errorf("got %d %s", status, page)
	}
}

// A host that has pages of its own gets every GET for one; JSON and forms stay here.
func TestAnAppInPlaceOfPages(t *testing.T) {
	t.Parallel()
	svc, in := services(t)
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "app at ", r.URL.Path) })
	door := must(signinhttp.New(in, svc, signinhttp.Config{App: app}))(t)
	for _, route := range door.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" {
			continue
		}
		path = strings.ReplaceAll(path, "{org}", "acme")
		rec := sendTo(t, door, request{method: "GET", path: path, header: asPage})
		equal(t, route, rec.Body.String(), "app at "+path)
		equal(t, route, rec.Header().Get("Referrer-Policy"), "no-referrer")
		equal(t, route, rec.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	}
	equal(t, "as JSON", sendTo(t, door, request{method: "GET", path: "/account", header: map[string]string{"Accept": "application/json"}}).Code, http.StatusUnauthorized)
}

// The package's comment has every route, with its fields and what a GET answers.
func TestTheDocumentationNamesEveryRoute(t *testing.T) {
	t.Parallel()
	svc, in := services(t)
	door := must(signinhttp.New(in, svc, signinhttp.Config{}))(t)
	lines := make(map[string]string)
	for _, line := range strings.Split(string(must(os.ReadFile("doc.go"))(t)), "\n") {
		if path, rest, _ := strings.Cut(strings.TrimPrefix(line, "//\t"), " "); strings.HasPrefix(line, "//\t/") {
			lines[path] = strings.TrimSpace(rest)
		}
	}
	get := make(map[string]bool)
	for _, route := range door.Routes() {
		method, path, _ := strings.Cut(route, " ")
		get[path] = get[path] || method == "GET"
	}
	for path, read := range get {
		if line, there := lines[path]; !there || read == strings.HasPrefix(line, "POST") {
			t.Errorf("the package's comment says %q of %s", line, path)
		}
		rec := sendTo(t, door, request{method: "GET", path: strings.NewReplacer("{org}", "acme", "{session}", "x").Replace(path), header: map[string]string{"Accept": "application/json"}})
		asJSON := rec.Code != http.StatusMethodNotAllowed && rec.Header().Get("Content-Type") == "application/problem+json"
		equal(t, path+" answers a GET with JSON", asJSON, strings.HasPrefix(lines[path], "JSON"))
	}
	equal(t, "paths", len(lines), len(get))
}

// What a host gets wrong is said when it starts.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	build := func(base string, paths iam.Paths, config signinhttp.Config) error {
		svc := must(iam.New(nothing{}, emqx.System(), iam.Config{BaseURL: base, Paths: paths}))(t)
		_, err := signinhttp.New(must(newSignin(svc))(t), svc, config)
		return err
	}
	insecure := signinhttp.Config{Insecure: true}
	for name, tt := range map[string]struct {
		err error
		ok  bool
	}{
		"TLS":                        {build(baseURL, iam.Paths{}, signinhttp.Config{}), true},
		"below a path":               {build(baseURL+"/auth", iam.Paths{}, signinhttp.Config{}), true},
		"one address for all":        {build(baseURL, iam.Paths{Login: "/login"}, signinhttp.Config{}), true},
		"localhost":                  {build("http://localhost:8080", iam.Paths{}, insecure), true},
		"127.0.0.1":                  {build("http://127.0.0.1:8080", iam.Paths{}, insecure), true},
		"one for each at the top":    {build(baseURL, iam.Paths{Login: "/{org}"}, signinhttp.Config{}), true},
		"no base URL (SB-94)":        {build("", iam.Paths{}, signinhttp.Config{}), false},
		"no TLS":                     {build("http://example.com", iam.Paths{}, signinhttp.Config{}), false},
		"no TLS on localhost":        {build("http://localhost:8080", iam.Paths{}, signinhttp.Config{}), false},
		"no TLS, and not localhost":  {build("http://example.com", iam.Paths{}, insecure), false},
		"two pages at one path":      {build(baseURL, iam.Paths{Reset: "/activate"}, signinhttp.Config{}), false},
		"a login address of nobody":  {build(baseURL, iam.Paths{Login: "/sign-in"}, signinhttp.Config{}), false},
		"a path of the pages' own":   {build(baseURL, iam.Paths{Reset: "/account"}, signinhttp.Config{}), false},
		"without services":           {second(signinhttp.New(nil, nil, signinhttp.Config{})), false},
		"insecure, but there is TLS": {build(baseURL, iam.Paths{}, insecure), true},
	} {
		if (tt.err == nil) != tt.ok {
			t.Errorf("%s: got the error %v", name, tt.err)
		}
	}
}

// The paths are those of the addresses in mails, whatever the host has made of them.
func TestPathsAreThoseOfTheMails(t *testing.T) {
	t.Parallel()
	svc := must(iam.New(nothing{}, emqx.System(), iam.Config{
		BaseURL: "https://example.com/auth", Paths: iam.Paths{Activate: "/join", Login: "/at/{org}", RootLogin: "/owner"},
	}))(t)
	door := must(signinhttp.New(must(newSignin(svc))(t), svc, signinhttp.Config{}))(t)
	routes := strings.Join(door.Routes(), "\n") + "\n"
	for _, want := range []string{"POST /auth/join", "POST /auth/reset", "POST /auth/at/{org}", "POST /auth/at/{org}/forgot", "POST /auth/owner", "POST /auth/owner/code", "POST /auth/logout", "GET /auth/account"} {
		if !strings.Contains(routes, want+"\n") {
			t.Errorf("there is no %s among\n%s", want, routes)
		}
	}
	page := sendTo(t, door, request{method: "GET", path: "/auth/at/acme", header: asPage}).Body.String()
	if !strings.Contains(page, `action="/auth/at/acme"`) || !strings.Contains(page, `href="/auth/at/acme/forgot"`) {
		t.Errorf("got %s", page)
	}
}
