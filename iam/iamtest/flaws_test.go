package iamtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// A flaw makes a host a broken one.
type flaw = func(c *console, h *iamtest.Host)

// flaws are a broken host for each attack, by its name.
func flaws() map[string]flaw {
	all := make(map[string]flaw)
	for _, some := range []map[string]flaw{routeFlaws(), signInFlaws(), linkFlaws(), mailFlaws(), adminFlaws()} {
		maps.Copy(all, some)
	}
	return all
}

// over puts a handler in front of the host's, at the patterns.
func over(h *iamtest.Host, do func(w http.ResponseWriter, r *http.Request, next http.Handler), patterns ...string) {
	next := h.Handler
	flawed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, next) })
	if len(patterns) == 0 {
		h.Handler = flawed
		return
	}
	mux := http.NewServeMux()
	for _, pattern := range patterns {
		mux.Handle(pattern, flawed)
	}
	h.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" && r.Method != http.MethodConnect {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// answered is what a handler answers.
func answered(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	return rec
}

// replay sends an answer on.
func replay(w http.ResponseWriter, status int, header http.Header, body []byte) {
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// bodyOf reads a JSON body, which the next handler can read again.
func bodyOf(r *http.Request) map[string]any {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	return body
}

// rewritten is the request with another body.
func rewritten(r *http.Request, body map[string]any) *http.Request {
	raw, _ := json.Marshal(body)
	next := r.Clone(r.Context())
	next.Body, next.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return next
}

// system acts past every guard in the organisation of whoever asks.
func (c *console) system(r *http.Request) (iam.Actor, iam.Subject) {
	sub, _ := c.who(r)
	return c.svc.System("a flaw").In(sub.Org()), sub
}

// cached lets go on whoever was known once, whatever has happened since (SB-39).
func cached(c *console, h *iamtest.Host) {
	var mu sync.Mutex
	known := make(map[string]iam.Subject)
	c.who = func(r *http.Request) (iam.Subject, error) {
		mu.Lock()
		defer mu.Unlock()
		by := r.Header.Get("Cookie") + r.Header.Get("Authorization")
		if sub, met := known[by]; met && by != "" {
			return sub, nil
		}
		sub, err := c.subject(r)
		if err == nil {
			known[by] = sub
		}
		return sub, err
	}
	h.Doors.Account = iamtest.Route{Pattern: "GET /deployments"}
}

// halfIsEnough takes a sign-in that waits for a code for one that has it (SB-43).
func halfIsEnough(c *console, h *iamtest.Host) {
	c.who = func(r *http.Request) (iam.Subject, error) {
		sub, err := c.subject(r)
		if staged := new(signin.StageError); errors.As(err, &staged) {
			org, err := c.svc.System("a flaw").In(c.orgs[0]).Organization(r.Context())
			if err != nil {
				return iam.Subject{}, err
			}
			return c.svc.Subject(r.Context(), org.Root)
		}
		return sub, err
	}
	h.Doors.Account = iamtest.Route{Pattern: "GET /deployments"}
}

// unguarded serves the host's rows without a question.
func (c *console) unguarded(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(c.rows.find(func(row) bool { return true }))
}

func routeFlaws() map[string]flaw {
	return map[string]flaw{
		"an id of another organisation": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				c.guard.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					found := c.rows.find(func(d row) bool { return d.ID == r.PathValue("deployment") }) // of whichever organisation
					if len(found) == 0 {
						http.NotFound(w, r)
						return
					}
					_ = json.NewEncoder(w).Encode(found[0])
				})).ServeHTTP(w, r)
			}, "GET /deployments/{deployment}")
		},
		"an id of one's own beside a foreign one": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				sub, err := c.who(r)
				asked, served := r.FormValue("deployment"), r.PathValue("deployment")
				if err == nil && len(c.rows.find(func(d row) bool { return d.ID == asked && d.Org == sub.Org() })) > 0 {
					if found := c.rows.find(func(d row) bool { return d.ID == served }); len(found) > 0 {
						_ = json.NewEncoder(w).Encode(found[0])
						return
					}
				}
				next.ServeHTTP(w, r)
			}, "GET /deployments/{deployment}")
		},
		"more fields than are asked for": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				system, sub := c.system(r)
				if role, there := bodyOf(r)["role"].(string); there && !sub.Root() {
					_, _, _ = system.SetRoles(r.Context(), sub.ID(), policy.Role(role))
				}
				next.ServeHTTP(w, r)
			}, "POST /deployments/{deployment}/rename")
		},
		"a session that is none": func(c *console, h *iamtest.Host) {
			c.who = func(r *http.Request) (iam.Subject, error) {
				sub, err := c.subject(r)
				if cookie, found := r.Cookie("__Host-session"); found == nil && cookie.Value == "" {
					// As a condition that was left out finds the first row of the table (SB-A1).
					org, _ := c.svc.System("a flaw").In(c.orgs[0]).Organization(r.Context())
					return c.svc.Subject(r.Context(), org.Root)
				}
				return sub, err
			}
		},
		"half a sign-in":          halfIsEnough,
		"an account that is over": cached,
		"secrets in answers": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				replay(w, rec.Code, rec.Header(), bytes.Replace(rec.Body.Bytes(), []byte(`"id"`), []byte(`"password":"$argon2id$v=19$m=12288","id"`), 1))
			}, "GET /iam/v1/accounts")
		},
		"a path written otherwise": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !strings.HasPrefix(r.URL.Path, "/deployments") && strings.Contains(r.URL.Path, "/deployments") {
					c.unguarded(w, r) // the guard is for what begins so, and the path is cleaned behind it
					return
				}
				next.ServeHTTP(w, r)
			})
		},
		"a method in place of another": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodPost && r.Header.Get("X-HTTP-Method-Override") == http.MethodDelete {
					c.rows.drop(strings.TrimPrefix(r.URL.Path, "/deployments/"))
					return // the guard has seen a POST
				}
				next.ServeHTTP(w, r)
			})
		},
		"a page of another site": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Del("Origin")
				next.ServeHTTP(w, r)
			}, "DELETE /deployments/{deployment}")
		},
		"a body without an end": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, _ = io.Copy(io.Discard, r.Body)
				next.ServeHTTP(w, r)
			}, "POST /deployments/{deployment}/rename")
		},
		"a key of a demoted account":  cached,
		"a key of a disabled account": cached,
		"a key that was ended":        cached,
		"a key that is almost right": func(c *console, _ *iamtest.Host) {
			known := make(map[string]iam.Subject)
			c.who = func(r *http.Request) (iam.Subject, error) {
				id, _, _ := strings.Cut(r.Header.Get("Authorization"), ".") // the secret is not looked at
				sub, err := c.subject(r)
				if err == nil && id != "" {
					known[id] = sub
				}
				if before, met := known[id]; met {
					return before, nil
				}
				return sub, err
			}
		},
	}
}

// guarded refuses who is not signed in, and lets the flaw do the rest.
func (c *console) guarded(do func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(w http.ResponseWriter, r *http.Request, next http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		c.guard.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { do(w, r, next) })).ServeHTTP(w, r)
	}
}
