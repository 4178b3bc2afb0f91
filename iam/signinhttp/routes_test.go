package signinhttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// crowd are people in every state in which somebody can knock.
type crowd struct {
	*world
	member   *person // of acme, who is signed in
	visitors []visitor
	other    iam.SessionID // of the member, beside the one of the visitor
	links    map[string]iam.Token
}

type visitor struct {
	name  string
	token iam.Token
}

// newCrowd makes an organisation that requires a second factor of new sign-ins, with people at every stage.
func newCrowd(t testing.TB) *crowd {
	return newCrowdOn(t, testdb.Open(t, testdb.SQLite))
}

func newCrowdOn(t testing.TB, db *gorm.DB) *crowd {
	w := newWorldOn(t, db, emqx.System(), signin.Config{}, signinhttp.Config{})
	acme, globex := w.organization("acme"), w.organization("globex")
	c := &crowd{world: w, member: acme.member("uma"), links: make(map[string]iam.Token)}

	coded := acme.member("cora")
	coded.enrolls()
	chosen := acme.member("nina")
	root := must(w.svc.Subject(t.Context(), acme.id))(t)
	chosen.password = goodPassword()
	w.ok(w.in.SetPassword(t.Context(), w.svc.As(root), chosen.id, iam.NewSecret(chosen.password)))
	full := c.member.enrolls()
	for _, s := range must(w.in.Sessions(t.Context(), full))(t) {
		c.other = s.ID
	}
	stale := c.member.finishes()
	w.advance(16 * time.Minute)
	full = c.member.finishes()
	foreign := globex.opens()
	bare := acme.member("bob")
	wanted := bare.opens()
	w.ok(second(w.svc.System("test").In("acme").UpdateOrganization(t.Context(), iam.OrganizationParams{Name: "Acme", SecondFactor: iam.SecondFactorRequired})))
	c.visitors = []visitor{
		{"nobody", iam.Token{}}, {"code", coded.opens()}, {"enroll", wanted}, {"password", chosen.opens()},
		{"stale", stale}, {"full", full}, {"foreign", foreign},
	}
	c.links["/activate"] = acme.invites("ivan")
	c.links["/reset"] = coded.token(iam.ForReset)
	c.links["/confirm-email"] = c.member.moves(full)
	w.advance(30 * time.Second) // so that the code of now was not used
	return c
}

// finishes signs in with a code.
func (p *person) finishes() iam.Token {
	p.Helper()
	return must(p.in.SecondFactor(p.Context(), p.opens(), p.code()))(p).Token
}

// invites somebody, and returns the token of the link.
func (p *person) invites(name string) iam.Token {
	p.Helper()
	root := p.svc.As(must(p.svc.Subject(p.Context(), p.id))(p))
	var first iam.Secret
	if p.svc.Rules().FirstPassword == iam.ByCreator {
		first = iam.NewSecret(goodPassword())
	}
	invitation, _, err := p.in.Invite(p.Context(), root, iam.InviteParams{Email: name + "@" + string(p.org) + ".example", Roles: []policy.Role{p.lowest()}}, first)
	p.ok(err)
	return linkToken(p, must(root.InvitationLink(p.Context(), invitation.Account))(p))
}

// moves asks for another address, and returns the token of the link to the new one.
func (p *person) moves(token iam.Token) iam.Token {
	p.Helper()
	next := "new." + p.email
	must(p.in.ChangeEmail(p.Context(), token, next))(p)
	moved := *p
	moved.email = next
	return moved.token(iam.ForNewEmail)
}

// plausible is what a client sends to a route: nothing is wrong with its form.
func (c *crowd) plausible(route string) fields {
	_, path, _ := strings.Cut(route, " ")
	switch path {
	case "/login", "/o/{org}/login":
		return fields{"email": c.member.email, "password": c.member.password}
	case "/login/forgot", "/o/{org}/login/forgot":
		return fields{"email": c.member.email}
	case "/login/password":
		return fields{"password": goodPassword()}
	case "/activate", "/confirm-email":
		return fields{"token": c.links[path].Reveal()}
	case "/reset":
		return fields{"token": c.links[path].Reveal(), "password": goodPassword()}
	case "/account/password":
		return fields{"current": c.member.password, "password": goodPassword()}
	case "/account/confirm":
		return fields{"password": c.member.password}
	case "/account/email":
		return fields{"email": "other@acme.example"}
	case "/login/code", "/login/recovery", "/login/enroll/confirm", "/account/second-factor/replace", "/account/second-factor/remove", "/account/second-factor/codes":
		return fields{"code": must(c.codeNow())(c)}
	default:
		return fields{}
	}
}

// codeNow is the member's code of now.
func (c *crowd) codeNow() (string, error) { return totpCode(c.member.secret, c.now()) }

// filled is the route's path with an id in it.
func (c *crowd) filled(route string) string {
	_, path, _ := strings.Cut(route, " ")
	path = strings.NewReplacer("{org}", "acme", "{session}", string(c.other)).Replace(path)
	if strings.HasPrefix(route, "GET ") && c.links[path] != (iam.Token{}) {
		path += "?token=" + c.links[path].Reveal()
	}
	return path
}

var errBack = errors.New("taken back")

// aside runs do with a handler in a transaction that is taken back, so that every request finds the same.
func (c *crowd) aside(config signinhttp.Config, do func(door http.Handler, tx *gorm.DB)) {
	c.Helper()
	st := store.New(c.db)
	err := c.db.Transaction(func(tx *gorm.DB) error {
		config.Guard.Logger = discard
		svc, in := c.svc.WithStore(st.In(tx)), c.in.WithStore(st.In(tx))
		do(must(signinhttp.New(in, svc, config))(c), tx)
		return errBack
	})
	if !errors.Is(err, errBack) {
		c.Fatal(err)
	}
}

// SB-43, SB-52: who gets through where, on every route that there is.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	var b strings.Builder
	for _, accept := range []string{"application/json", "text/html"} {
		fmt.Fprintf(&b, "%-46s", accept)
		for _, v := range c.visitors {
			fmt.Fprintf(&b, " %-8s", v.name)
		}
		b.WriteByte('\n')
		for _, route := range c.door.Routes() {
			line := fmt.Sprintf("%-46s", route)
			for _, v := range c.visitors {
				c.aside(signinhttp.Config{}, func(door http.Handler, _ *gorm.DB) {
					method, _, _ := strings.Cut(route, " ")
					q := request{method: method, path: c.filled(route), cookie: v.token, header: map[string]string{"Accept": accept}}
					if method == "POST" && accept == "text/html" {
						q.form = formOf(c.plausible(route))
						q.header["Content-Type"] = "application/x-www-form-urlencoded"
					} else if method == "POST" {
						q.json = c.plausible(route)
					}
					line += fmt.Sprintf(" %-8d", sendTo(t, door, q).Code)
				})
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		b.WriteByte('\n')
	}
	golden(t, "routes.golden", b.String())
}

func formOf(f fields) string {
	var pairs []string
	for name, value := range f {
		pairs = append(pairs, name, fmt.Sprint(value))
	}
	return form(pairs...)
}

// What is wrong with a request is said by its status, on every route, and changes nothing: no row.
func TestEveryRouteRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	full := c.visitors[5].token
	empty := func(f fields) bool { return len(f) == 0 }
	asForm := func(body string) func(q *request, f fields) {
		return func(q *request, f fields) { q.json, q.form = nil, body }
	}
	asJSON := func(body string) func(q *request, f fields) { return func(q *request, f fields) { q.json = body } }
	for _, tt := range []struct {
		name   string
		change func(q *request, f fields)
		status int
		skip   func(f fields) bool
	}{
		{"another method", func(q *request, _ fields) { q.method = "DELETE" }, 405, nil},
		{"a page of another site", func(q *request, _ fields) { q.header = map[string]string{"Sec-Fetch-Site": "cross-site"} }, 403, nil},
		{"another subdomain", func(q *request, _ fields) { q.header = map[string]string{"Sec-Fetch-Site": "same-site"} }, 403, nil},
		{"an old browser on another site", func(q *request, _ fields) { q.header = map[string]string{"Origin": "https://evil.example"} }, 403, nil},
		{"no origin", func(q *request, _ fields) { q.header = map[string]string{"Origin": "null"} }, 403, nil},
		{"no body", func(q *request, _ fields) { q.json = nil }, 415, empty},
		{"an empty body", asJSON(""), 400, empty},
		{"a list", asJSON("[]"), 400, nil},
		{"null", asJSON("null"), 400, nil},
		{"no JSON", asJSON("{"), 400, nil},
		{"more behind it", asJSON("{} {}"), 400, nil},
		{"another field", asJSON(`{"admin": true}`), 400, nil},
		{"bytes that are no UTF-8", func(q *request, f fields) { q.json = eachField(f, "%q: \"\xff\"") }, 400, empty},
		{"fields that are missing", asJSON("{}"), 422, empty},
		{"numbers", func(q *request, f fields) { q.json = eachField(f, "%q: 4") }, 400, empty},
		{"objects", func(q *request, f fields) { q.json = eachField(f, "%q: {}") }, 400, empty},
		{"nulls", func(q *request, f fields) { q.json = eachField(f, "%q: null") }, 400, empty},
		{"another case", func(q *request, f fields) { q.json = strings.ToUpper(eachField(f, `%q: "X"`)) }, 400, empty},
		{"each field twice", func(q *request, f fields) { q.json = eachField(f, `%[1]q: "x", %[1]q: "x"`) }, 400, empty},
		{"each twice in a form", func(q *request, f fields) { q.json, q.form = nil, formOf(f)+"&"+formOf(f) }, 400, empty},
		{"another field in a form", asForm("admin=true"), 400, nil},
		{"a form that is none", asForm("%zz"), 400, nil},
		{"a form that is no UTF-8", asForm("next=%ff"), 400, nil},
		{"a token in the answer that is not offered", asJSON(`{"bearer": true}`), 400, func(f fields) bool { return f["password"] != nil }},
		{"a megabyte", asJSON(`{"password": "` + strings.Repeat("x", 1<<20) + `"}`), 413, nil},
		{"a megabyte in a form", asForm("password=" + strings.Repeat("x", 1<<20)), 413, nil},
		{"another type", func(q *request, _ fields) { q.header = map[string]string{"Content-Type": "text/plain"} }, 415, nil},
		{"a file", func(q *request, _ fields) {
			q.header = map[string]string{"Content-Type": "multipart/form-data; boundary=x"}
		}, 415, nil},
		{"another charset", func(q *request, _ fields) {
			q.header = map[string]string{"Content-Type": "application/json; charset=utf-16"}
		}, 415, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.aside(signinhttp.Config{}, func(door http.Handler, tx *gorm.DB) {
				before := rows(t, tx)
				for _, route := range c.door.Routes() {
					f := c.plausible(route)
					if !strings.HasPrefix(route, "POST ") || tt.skip != nil && tt.skip(f) {
						continue
					}
					for _, cookie := range []iam.Token{{}, full} {
						q := request{method: "POST", path: c.filled(route), json: f, cookie: cookie}
						tt.change(&q, f)
						if rec := sendTo(t, door, q); rec.Code != tt.status || len(rec.Result().Cookies()) > 0 {
							t.Errorf("%s: got %d %s, want %d", route, rec.Code, rec.Body, tt.status)
						}
					}
				}
				if rows(t, tx) != before {
					t.Error("something has changed")
				}
			})
		})
	}
}

func eachField(f fields, format string) string {
	var all []string
	for name := range f {
		all = append(all, fmt.Sprintf(format, name))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// SB-16: a link is looked at as often as one likes, by GET and by HEAD, with a session and without.
func TestLookingUsesNothingUp(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	before := rows(t, c.db)
	for path, token := range c.links {
		for n := range 100 {
			q := request{method: []string{"GET", "HEAD"}[n%2], path: path + "?token=" + token.Reveal(), header: asPage}
			if n%3 == 0 {
				q.header = nil
			}
			if rec := c.send(q); rec.Code != http.StatusOK {
				t.Fatalf("%s: got %d %s", path, rec.Code, rec.Body)
			}
		}
	}
	if rows(t, c.db) != before {
		t.Error("a row has changed")
	}
	for path := range c.links {
		if rec := c.send(request{method: "POST", path: path, json: c.plausible("POST " + path)}); rec.Code != http.StatusOK {
			t.Errorf("%s: got %d %s after all that looking", path, rec.Code, rec.Body)
		}
		if rec := c.send(request{method: "POST", path: path, json: c.plausible("POST " + path)}); rec.Code != http.StatusGone {
			t.Errorf("%s: got %d %s for a link that was used, want 410", path, rec.Code, rec.Body)
		}
	}
}

// Ids that nobody can have are those of nobody, whatever a database would make of them.
func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		w := newWorldOn(t, db, emqx.System(), signin.Config{ResetLimit: iam.Limit{Attempts: 100}}, signinhttp.Config{})
		session := w.organization("acme").opens()
		for _, id := range []string{"%00", "%ff", "%0a", strings.Repeat("x", 256), "%20", "'--", "none", "..%2f..", "%F0%9F%98%80"} {
			unstorable := id == "%00" || id == "%ff" || id == "%0a" || len(id) > iam.MaxID
			for _, tt := range []struct {
				path             string
				body             fields
				status, elsewise int
			}{
				{"/account/sessions/" + id + "/end", fields{}, 404, 404},
				{"/o/" + id + "/login", fields{"email": "a@acme.example", "password": goodPassword()}, 403, 404},
				{"/o/" + id + "/login/forgot", fields{"email": "a@acme.example"}, 202, 404},
			} {
				want := tt.status
				if unstorable {
					want = tt.elsewise
				}
				if rec := w.send(request{method: "POST", path: tt.path, json: tt.body, cookie: session}); rec.Code != want {
					t.Errorf("%s: got %d %s, want %d", tt.path, rec.Code, rec.Body, want)
				}
			}
		}
	})
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(must(os.ReadFile(file))(t)); got != want {
		t.Errorf("%s has changed: read it, and run go test -update when it is right\n%s", file, got)
	}
}

// second is the error of a call that returns a value too.
func second[T any](_ T, err error) error { return err }
