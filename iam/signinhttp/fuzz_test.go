package signinhttp_test

import (
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// sent is a request with names in braces for what a test cannot know before: see [crowd.named].
type sent struct {
	method, path, query string
	header              string // a line each
	kind                string // of the body
	body                string
}

// FuzzRequests sends anything to every route, from everybody who can knock. Nothing that a client sends is answered with a
// status of 5xx; no header leads a browser elsewhere or stands in an answer (SB-94, SB-95); nothing that was sent becomes
// markup; and no password reaches an answer or the log (SB-82). Each request meets the same rows. Without -fuzz every
// database gets the inputs.
func FuzzRequests(f *testing.F) {
	databases := []string{testdb.SQLite}
	if flag.Lookup("test.fuzz").Value.String() == "" {
		databases = testdb.Reachable(f)
	}
	var crowds []*crowd
	for _, database := range databases {
		crowds = append(crowds, newCrowdOn(f, testdb.Open(f, database)))
	}
	c := crowds[0]
	for i, route := range c.door.Routes() {
		method, path, _ := strings.Cut(route, " ")
		who := uint8(i % len(c.visitors))
		if method == http.MethodGet {
			f.Add(who, method, path, "token={"+path+"}&next=/console/", "Accept: text/html", "", "")
			f.Add(who, method, path, "", "Accept: application/json", "", "")
			continue
		}
		f.Add(who, method, path, "", "Origin: "+baseURL, "application/json", c.jsonOf(route))
		f.Add(who, method, path, "", "Sec-Fetch-Site: same-origin", "application/x-www-form-urlencoded", c.unnamed(formOf(c.plausible(route)), url.QueryEscape))
	}
	for _, q := range oddRequests {
		f.Add(uint8(5), q.method, q.path, q.query, q.header, q.kind, q.body)
	}
	f.Fuzz(func(t *testing.T, who uint8, method, path, query, header, kind, body string) {
		for _, c := range crowds {
			c.takes(t, c.visitors[int(who)%len(c.visitors)], sent{method, path, query, header, kind, body})
		}
	})
}

// oddRequests open what no plausible one does.
var oddRequests = []sent{
	{"POST", "/login", "", "Origin: https://evil.example", "application/json", `{"email":"a@b.example","password":"x"}`},
	{"POST", "/o/acme%2f..%2fx/login", "", "Host: evil.example\nX-Forwarded-Host: evil.example\nForwarded: host=evil.example", "application/json", `{"email":"<fuzz>@b.example","password":"x"}`},
	{"GET", "/o/%ff%00/login", "next=//evil.example", "Accept: text/html\nX-Forwarded-Proto: http", "", ""},
	{"GET", "/login", "next=/console/%22%3E%3Cfuzz%3E", "Accept: text/html", "", ""},
	{"GET", "/reset", "token=a&token=b", "Accept: application/json", "", ""},
	{"POST", "/account/sessions/%00/end", "", "", "application/json", `{}`},
	{"POST", "/account/sessions/" + strings.Repeat("%F0%9F%99%82", 80) + "/end", "", "", "", ""},
	{"GET", "/account", "", "Cookie: __Host-session=a; __Host-session=b\nAuthorization: Bearer x", "", ""},
	{"POST", "/login/forgot", "", "User-Agent: \x1b[31m\xff" + strings.Repeat("x", 300), "application/x-www-form-urlencoded", "email=%22%3E%3Cfuzz%3E&next=%2F%2Fevil.example"},
	{"POST", "/activate", "", "", "application/json", `{"token":"{/activate}","name":"<fuzz>\u202e\u0000","password":"{password}"}`},
	{"POST", "/account/email", "", "", "application/json", `{"email":"ünï@exämple.com"}`},
	{"PUT", "/login", "", "", "text/plain", "x"},
}

// named replaces the names of what no two runs have in common.
func (c *crowd) named(text string, escape func(string) string) string {
	code, _ := c.codeNow() // fails for a secret that is none
	pairs := []string{
		"{org}", "acme", "{session}", string(c.other), "{email}", c.member.email, "{password}", c.member.password, "{code}", code,
	}
	for path, token := range c.links {
		pairs = append(pairs, "{"+path+"}", token.Reveal())
	}
	for i := 1; i < len(pairs); i += 2 {
		pairs[i] = escape(pairs[i])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// unnamed puts the names back.
func (c *crowd) unnamed(text string, escape func(string) string) string {
	text = strings.ReplaceAll(text, escape(c.member.password), "{password}")
	for path, token := range c.links {
		text = strings.ReplaceAll(text, escape(token.Reveal()), "{"+path+"}")
	}
	return text
}

func asIs(text string) string { return text }

// jsonOf is the body of a plausible request, with names.
func (c *crowd) jsonOf(route string) string {
	var members []string
	for name, value := range c.plausible(route) {
		members = append(members, `"`+name+`":"`+c.unnamed(value.(string), asIs)+`"`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// takes sends one request, and holds the answer against what every answer must be.
func (c *crowd) takes(t *testing.T, v visitor, q sent) {
	path := c.named(q.path, url.PathEscape)
	if q.query != "" {
		path += "?" + c.named(q.query, url.QueryEscape)
	}
	at, err := url.ParseRequestURI(path)
	if err != nil {
		return // net/http answers it
	}
	body := c.named(q.body, asIs)
	if strings.HasPrefix(q.kind, "application/x-www-form-urlencoded") {
		body = c.named(q.body, url.QueryEscape)
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, "/", strings.NewReader(body))
	if err != nil {
		return
	}
	r.URL, r.RequestURI, r.Host, r.RemoteAddr = at, path, "example.com", "192.0.2.7:1"
	for line := range strings.SplitSeq(q.header, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
	}
	if !v.token.IsZero() {
		r.AddCookie(&http.Cookie{Name: cookie, Value: v.token.Reveal()})
	}
	log := new(logs)
	w := httptest.NewRecorder()
	st := store.New(c.db)
	err = c.db.Transaction(func(tx *gorm.DB) error {
		svc, in := c.svc.WithStore(st.In(tx)), c.in.WithStore(st.In(tx))
		must(signinhttp.New(in, svc, signinhttp.Config{
			Next: []string{"/console/"}, Bearer: true, Guard: iamhttp.Config{Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		}))(t).ServeHTTP(w, r)
		return errBack
	})
	if !errors.Is(err, errBack) {
		t.Fatal(err)
	}
	answer, whole := w.Body.String(), len(path)+len(q.header)+len(body)
	to := w.Header().Get("Location")
	local, err := url.Parse(to)
	switch {
	case w.Code >= 500 || w.Code < 200:
		t.Errorf("%s: %s %q from %s: got %d %.500s\n%s", c.db.Name(), q.method, path, v.name, w.Code, answer, log)
	case to != "" && (err != nil || local.Host != "" || local.Scheme != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`)):
		t.Errorf("%s %q: leads to %q", q.method, path, to)
	case strings.Contains(answer, "<fuzz"):
		t.Errorf("%s %q: what was sent is markup: %s", q.method, path, answer)
	case strings.Contains(q.header, "evil.example") && !strings.Contains(path+body, "evil.example") && strings.Contains(dump(w), "evil.example"):
		t.Errorf("%s %q: a header is in the answer: %s", q.method, path, dump(w))
	case strings.Contains(answer+log.String(), c.member.password):
		t.Errorf("%s %q: a password is in the answer or the log", q.method, path)
	case len(answer)+len(log.String()) > 64<<10+16*whole:
		t.Errorf("%s %q: %d bytes are answered with %d, and logged with %d", q.method, path, whole, len(answer), len(log.String()))
	}
	for _, set := range w.Result().Cookies() {
		if set.Name != cookie || !set.Secure || !set.HttpOnly || set.Domain != "" {
			t.Errorf("%s %q: sets the cookie %v", q.method, path, set)
		}
	}
}
