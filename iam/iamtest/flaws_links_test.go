package iamtest_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func linkFlaws() map[string]flaw {
	const activate, reset = "POST /activate", "POST /reset"
	// neverDead takes a link for good that was.
	neverDead := func(patterns ...string) flaw {
		return func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				if rec.Code == http.StatusGone {
					rec.Code = http.StatusOK
				}
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, patterns...)
		}
	}
	// used remembers links in memory, and looks before it writes (SB-13).
	used := func(_ *console, h *iamtest.Host) {
		var done sync.Map
		over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			token, _ := bodyOf(r)["token"].(string)
			rec := answered(next, r)
			if rec.Code == http.StatusOK {
				done.Store(token, true)
			} else if _, met := done.Load(token); met {
				rec.Code = http.StatusOK
			}
			replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
		}, activate, reset)
	}
	// late compares a moment too generously: at its end a link is good.
	late := func(c *console, h *iamtest.Host) {
		over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			c.clock.Advance(-time.Millisecond)
			defer c.clock.Advance(time.Millisecond)
			next.ServeHTTP(w, r)
		}, activate, reset)
	}
	return map[string]flaw{
		"a link used twice": used, "a link used at once": used, "a reset used at once": used,
		"a link at its end": late, "a reset at its end": late,
		"an inviter who may not invite any more": neverDead(activate),
		"the link before the last":               neverDead(activate),
		"an invitation that was taken back":      neverDead(activate),
		"an invitation behind a deleted account": neverDead(activate),
		"a reset from before a new password":     neverDead(reset),
		"a reset of a disabled account":          neverDead(reset),
		"a link for something else":              neverDead(reset),
		"whose address can be reset": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				email, _ := bodyOf(r)["email"].(string)
				if _, err := c.svc.AccountAt(r.Context(), c.orgs[0], iam.Email(email)); err != nil {
					http.Error(w, "there is no such account", http.StatusNotFound)
					return
				}
				next.ServeHTTP(w, r)
			}, "POST /o/{org}/login/forgot")
		},
		"a mail scanner that follows links": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				_, _ = c.in.Accept(r.Context(), iam.ParseToken(r.FormValue("token")), signin.AcceptParams{})
				next.ServeHTTP(w, r)
			}, "GET /activate")
		},
		"a token in other letters": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				body := bodyOf(r)
				token, _ := body["token"].(string)
				body["token"] = strings.TrimRight(token, " ") // as a column does that pads
				next.ServeHTTP(w, rewritten(r, body))
			}, activate)
		},
		"a link that is told on": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				rec.Header().Del("Referrer-Policy")
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, "GET /activate")
		},
		"an invitation accepted by somebody else": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if system, sub := c.system(r); sub.ID() != "" { // the invitation is taken for whoever is signed in
					_, _, _ = system.SetRoles(r.Context(), sub.ID(), append(sub.Roles(), "accountant", "project_user")...)
				}
				next.ServeHTTP(w, r)
			}, activate)
		},
	}
}

// reached makes an active account for an address that should have got nothing, and mails it: what a host does that sends to
// whom it was told to.
func (c *console) reached(r *http.Request, email string) {
	_, _, _ = c.svc.System("a flaw").In(c.orgs[0]).CreateAccount(r.Context(), iam.CreateAccountParams{
		Email: email, Roles: []policy.Role{"auditor"}, Active: true,
	})
	_ = c.in.RequestReset(r.Context(), signin.ResetParams{Org: c.orgs[0], Email: email})
}

func mailFlaws() map[string]flaw {
	const forgot, invite = "POST /o/{org}/login/forgot", "POST /iam/v1/invitations"
	return map[string]flaw{
		"a poisoned Host": func(_ *console, h *iamtest.Host) {
			language := "en"
			files := fstest.MapFS{"xx/reset.txt": {Data: []byte("Subject: Reset\n\nhttps://evil.example/reset or {{.Link}} until {{utc .Expires}}\n")}}
			templates, err := outbox.English().With(files)
			if err != nil {
				panic(err)
			}
			h.Mail = outbox.Config{Templates: templates, Language: func(iam.Account) string { return language }}
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Header.Get("X-Forwarded-Host") != "" {
					language = "xx"
				}
				next.ServeHTTP(w, r)
			}, forgot)
		},
		"an address in other letters": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if email, _ := bodyOf(r)["email"].(string); strings.ContainsRune(email, '\u017f') {
					c.reached(r, strings.ReplaceAll(email, "\u017f", "xn-")) // what belongs to whoever has typed it
				}
				next.ServeHTTP(w, r)
			}, forgot)
		},
		"two addresses in place of one": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if all, _ := bodyOf(r)["email"].([]any); len(all) > 1 {
					c.reached(r, all[1].(string))
				}
				next.ServeHTTP(w, r)
			}, forgot)
		},
		"a header in a name": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				profile, _ := bodyOf(r)["profile"].(map[string]any)
				name, _ := profile["name"].(string)
				if _, bcc, found := strings.Cut(name, "\r\nBcc: "); found {
					c.reached(r, bcc)
				}
				next.ServeHTTP(w, r)
			}, invite)
		},
		"the same address twice": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				system, sub := c.system(r)
				email, _ := bodyOf(r)["email"].(string)
				local, domain, _ := strings.Cut(email, "@")
				made, _, err := system.CreateAccount(r.Context(), iam.CreateAccountParams{Email: "x" + local + "@" + domain, Roles: []policy.Role{"auditor"}})
				if err == nil && sub.ID() != "" {
					c.db.Exec("UPDATE iam_accounts SET email = ? WHERE id = ?", strings.ToUpper(email), string(made.ID)) // as it was typed
				}
				next.ServeHTTP(w, r)
			}, invite)
		},
		"a formula in the log": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				replay(w, rec.Code, rec.Header(), bytes.ReplaceAll(rec.Body.Bytes(), []byte("'"), nil))
			}, "GET /iam/v1/events/export.csv")
		},
	}
}

func adminFlaws() map[string]flaw {
	return map[string]flaw{
		"an invitation of oneself": func(c *console, h *iamtest.Host) {
			over(h, c.guarded(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				system, _ := c.system(r)
				body := bodyOf(r)
				email, _ := body["email"].(string)
				role, _ := body["roles"].([]any)[0].(string)
				_, _, err := system.Invite(r.Context(), iam.InviteParams{Email: email, Roles: []policy.Role{policy.Role(role)}}) // nobody is asked
				if err != nil {
					http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				}
			}), "POST /iam/v1/invitations")
		},
		"another role for oneself": func(c *console, h *iamtest.Host) {
			over(h, c.guarded(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				system, sub := c.system(r)
				role, _ := bodyOf(r)["roles"].([]any)[0].(string)
				if policy.AccountID(r.PathValue("account")) == sub.ID() { // one's own account is one's own
					_, _, _ = system.SetRoles(r.Context(), sub.ID(), policy.Role(role))
				}
			}), "PUT /iam/v1/accounts/{account}/roles")
		},
		"an act on root": func(c *console, h *iamtest.Host) {
			over(h, c.guarded(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				c.db.Exec("UPDATE iam_accounts SET status = 'disabled' WHERE id = ?", r.PathValue("account"))
				w.WriteHeader(http.StatusNoContent)
			}), "POST /iam/v1/accounts/{account}/disable")
		},
		"the last administrator": func(c *console, h *iamtest.Host) {
			var mu sync.Mutex
			all, asked := sync.NewCond(&mu), 0
			over(h, c.guarded(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				// Whether it is the last one is asked before anybody is gone (SB-65).
				mu.Lock()
				defer mu.Unlock()
				asked++
				all.Broadcast()
				for asked < 3 {
					all.Wait()
				}
				c.db.Exec("UPDATE iam_accounts SET status = 'disabled' WHERE id = ?", r.PathValue("account"))
				w.WriteHeader(http.StatusNoContent)
			}), "POST /iam/v1/accounts/{account}/disable")
		},
		"a cursor of another organisation": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				if r.FormValue("cursor") == "" || rec.Code != http.StatusBadRequest {
					replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
					return
				}
				for _, org := range c.orgs { // a position in the table, of whichever organisation
					all, _ := c.svc.System("a flaw").In(org).Accounts(r.Context(), iam.AccountQuery{})
					for _, a := range all {
						_, _ = io.WriteString(w, string(a.ID)+"\n")
					}
				}
			}, "GET /iam/v1/accounts")
		},
	}
}
