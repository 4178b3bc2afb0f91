package signinhttp_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
)

// SB-24: known, unknown, pending, disabled, root at the wrong address, another organisation's, and none such: the answers are
// the same byte for byte, as JSON and as a page, until it was tried too often and from then on.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	for name, system := range map[string]iam.System{"EMQX": emqx.System(), "LANIT": lanit.System()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldWith(t, system, signin.Config{AccountLimit: iam.Limit{Attempts: 2, Pause: time.Hour}}, signinhttp.Config{})
			acme, globex := w.organization("acme"), w.organization("globex")
			known, disabled := acme.member("known"), acme.member("disabled")
			must(w.svc.System("test").In("acme").Disable(t.Context(), disabled.id))(t)
			coded := acme.member("coded")
			coded.enrolls()
			pending := acme.accountOf("pending", false)
			foreign := globex.member("foreign")
			typed := map[string]string{
				"known": known.email, "disabled": disabled.email, "coded": coded.email, "pending": pending.email, "foreign": foreign.email,
				"root": acme.email, "unknown": "nobody@acme.example", "no address": "no address at all",
			}
			for _, path := range []string{"/o/acme/login", "/login", "/o/nowhere/login"} {
				for _, page := range []bool{false, true} {
					w.advance(2 * time.Hour) // everything is forgiven
					var wants []string
					for who, email := range typed {
						for n := range 3 {
							q := request{method: "POST", path: path, json: fields{"email": email, "password": "wrong"}}
							if page {
								q.json, q.form = nil, form("email", email, "password", "wrong")
							}
							got := strings.ReplaceAll(dump(w.send(q)), email, "WHO")
							if len(wants) == n {
								wants = append(wants, got)
							}
							if got != wants[n] {
								t.Errorf("%s, %s, attempt %d: got\n%s\nwant\n%s", path, who, n+1, got, wants[n])
							}
						}
					}
					if !strings.HasPrefix(wants[0], "403\n") || !strings.HasPrefix(wants[1], "403\n") || !strings.HasPrefix(wants[2], "429\n") || !strings.Contains(wants[2], "Retry-After: 3600\n") {
						t.Errorf("%s: got\n%s", path, strings.Join(wants, "\n\n"))
					}
				}
			}
		})
	}
}

// SB-24: asking for a link says the same about everybody, and queues as much.
func TestForgetting(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, emqx.System(), signin.Config{ResetLimit: iam.Limit{Attempts: 100}}, signinhttp.Config{})
	known := w.organization("acme").member("known")
	for _, path := range []string{"/o/acme/login/forgot", "/login/forgot", "/o/nowhere/login/forgot"} {
		for _, page := range []bool{false, true} {
			var all []string
			for _, email := range []string{known.email, "nobody@acme.example", "root@acme.example"} {
				q := request{method: "POST", path: path, json: fields{"email": email}}
				if page {
					q.json, q.form = nil, form("email", email)
				}
				rec := w.send(q)
				want := http.StatusAccepted
				if page {
					want = http.StatusOK
				}
				equal(t, "the status", rec.Code, want)
				all = append(all, strings.ReplaceAll(dump(rec), email, "WHO"))
			}
			if all[0] != all[1] || all[1] != all[2] {
				t.Errorf("%s: got\n%s\nand\n%s\nand\n%s", path, all[0], all[1], all[2])
			}
		}
	}
}

// SB-94: what anybody can write into a request changes no answer, no cookie and no mail.
func TestHeadersThatLie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{})
	uma := w.organization("acme").member("uma")
	evil := map[string]string{
		"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9",
		"Forwarded": "host=evil.example;proto=http;for=203.0.113.9", "X-Original-URL": "/account", "X-Rewrite-URL": "/account",
		"X-HTTP-Method-Override": "DELETE", "Referer": "https://evil.example/",
	}
	for _, route := range w.door.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" {
			continue
		}
		path = strings.ReplaceAll(path, "{org}", "acme")
		for _, accept := range []string{"text/html", "application/json"} {
			plain := dump(w.send(request{method: "GET", path: path, header: map[string]string{"Accept": accept}}))
			evil["Accept"] = accept
			if got := dump(w.send(request{method: "GET", path: path, header: evil})); got != plain || strings.Contains(got, "evil") {
				t.Errorf("%s: got\n%s\nwant\n%s", route, got, plain)
			}
		}
	}
	equal(t, "the request", w.send(request{method: "POST", path: "/o/acme/login/forgot", json: fields{"email": uma.email}, header: evil}).Code, http.StatusAccepted)
	if link := w.mailedTo(uma.email, "/reset"); strings.Contains(link, "evil") {
		t.Errorf("got the link %s", link)
	}
	// SB-32: the peer of an event is the connection's.
	w.send(request{method: "POST", path: uma.login, json: fields{"email": uma.email, "password": uma.password}, header: evil})
	events := must(w.svc.Store().Events(t.Context(), "acme", iam.EventQuery{Type: iam.SignedIn, Limit: 1}))(t)
	equal(t, "the peer", events[0].Peer, "192.0.2.1")
}

// SB-32, SB-81: behind a proxy, the host says where a request came from, and by which id it knows it.
func TestTheHostSaysWhereRequestsComeFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{Guard: iamhttp.Config{
		Origin: func(r *http.Request) iam.Origin {
			return iam.Origin{Peer: netip.MustParseAddr(r.Header.Get("Test-Peer")), Agent: "agent"}
		},
		RequestID: func(*http.Request) string { return "req-7" },
	}})
	uma := w.organization("acme").member("uma")
	q := request{method: "POST", path: uma.login, json: fields{"email": uma.email, "password": uma.password}, header: map[string]string{"Test-Peer": "203.0.113.9"}}
	equal(t, "the answer", w.send(q).Code, http.StatusOK)
	e := must(w.svc.Store().Events(t.Context(), "acme", iam.EventQuery{Type: iam.SignedIn, Limit: 1}))(t)[0]
	equal(t, "the peer", e.Peer, "203.0.113.9")
	equal(t, "the request", e.Request, "req-7")
	q.json = fields{"email": uma.email, "password": "wrong"}
	equal(t, "the id in an answer", strings.Contains(w.send(q).Body.String(), `"request_id":"req-7"`), true)
}

// SB-22: every answer of every route keeps the token of a link to itself, and no log has it.
func TestEveryAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	c := newCrowd(t)
	for _, route := range c.door.Routes() {
		for _, v := range c.visitors {
			for _, header := range []map[string]string{asPage, {"Accept": "application/json"}, {"Sec-Fetch-Site": "cross-site"}} {
				c.aside(signinhttp.Config{}, func(door http.Handler, _ *gorm.DB) {
					method, _, _ := strings.Cut(route, " ")
					q := request{method: method, path: c.filled(route), cookie: v.token, header: header}
					if method == "POST" {
						q.json = "{}"
					}
					got := sendTo(t, door, q).Header()
					for name, want := range map[string]string{
						"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
					} {
						if got.Get(name) != want {
							t.Errorf("%s, %s: got %s %q, want %q", route, v.name, name, got.Get(name), want)
						}
					}
					if policy := got.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.HasSuffix(policy, "frame-ancestors 'none'") {
						t.Errorf("%s, %s: got the policy %q", route, v.name, policy)
					}
				})
			}
		}
	}
	for _, token := range c.links {
		c.send(request{method: "GET", path: "/activate?token=" + token.Reveal() + "x"})
		c.send(request{method: "GET", path: "/reset?token=" + token.Reveal()})
		c.send(request{method: "POST", path: "/reset", json: fields{"token": token.Reveal(), "password": "short"}})
		c.send(request{method: "POST", path: "/reset?token=" + token.Reveal(), json: fields{token.Reveal(): 1}})
		assertUnlogged(t, c.world, token.Reveal())
	}
}
