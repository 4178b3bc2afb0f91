package iamhttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// What a function that fails has written is what the client gets; if that is nothing, it gets the error.
func TestHandler(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		begin func(w http.ResponseWriter) error
		want  string // "" for the answer to the error
	}{
		{"nothing is written", func(http.ResponseWriter) error { return nil }, ""},
		{"a header is set", func(w http.ResponseWriter) error { w.Header().Set("ETag", "1"); return nil }, ""},
		{"an informational status", func(w http.ResponseWriter) error { w.WriteHeader(http.StatusEarlyHints); return nil }, ""},
		{"a deadline is set", func(w http.ResponseWriter) error {
			return http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		}, ""},
		{"a status", func(w http.ResponseWriter) error { w.WriteHeader(http.StatusNoContent); return nil }, "204 "},
		{"a piece", func(w http.ResponseWriter) error { _, err := w.Write([]byte("a piece")); return err }, "200 a piece"},
		{"a file", func(w http.ResponseWriter) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("a file"))
			return err
		}, "200 a file"},
		{"a flush by the controller", func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }, "200 "},
		{"a flush", func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil }, "200 "},
		{"the connection is taken over", func(w http.ResponseWriter) error {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			_, err = conn.Write([]byte("HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n"))
			_ = conn.Close()
			return err
		}, "418 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			h := c.guard.Load(c.guard.Handler(func(w http.ResponseWriter, _ *http.Request) error {
				if err := tt.begin(w); err != nil {
					t.Error(err)
				}
				return errDatabase
			}))
			returned := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			defer srv.Close()
			r := request("GET", srv.URL, "ann").WithContext(t.Context())
			r.RequestURI = ""
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.Body.Close() != nil {
				t.Fatal("the body cannot be read:", err)
			}
			want, message := tt.want, "iamhttp: request failed after its answer had begun"
			if want == "" {
				want, message = "500 "+problemOf(500), "iamhttp: request refused"
			}
			if got := resp.Status[:4] + string(body); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			<-returned
			if rec := c.logs.one(t); rec["msg"] != message || rec["status"] != 500.0 || rec["level"] != "ERROR" || rec["error"] != errDatabase.Error() {
				t.Errorf("got record %v, want message %q", rec, message)
			}
		})
	}
}

// Wherever a function may fail, its error is answered; in a handler within a handler too.
func TestErrorsOfServe(t *testing.T) {
	t.Parallel()
	fail := func(w http.ResponseWriter, late bool) error {
		if late {
			_, _ = w.Write([]byte("a piece"))
		}
		return iam.ErrConflict
	}
	for name, guarded := range map[string]func(g *iamhttp.Guard, late bool) http.Handler{
		"RequireItem": func(g *iamhttp.Guard, late bool) http.Handler {
			return iamhttp.RequireItem(g, emqx.DeploymentView, deploymentResource, func(w http.ResponseWriter, _ *http.Request, _ policy.Resource) error {
				return fail(w, late)
			})
		},
		"RequireIn": func(g *iamhttp.Guard, late bool) http.Handler {
			return iamhttp.RequireIn(g, emqx.DeploymentCreate, loadSite, func(w http.ResponseWriter, _ *http.Request, _ site) error {
				return fail(w, late)
			})
		},
		"RequireReach": func(g *iamhttp.Guard, late bool) http.Handler {
			return iamhttp.RequireReach(g, emqx.DeploymentList, func(w http.ResponseWriter, _ *http.Request, _ policy.Reach) error {
				return fail(w, late)
			})
		},
		"Handler in RequireOrg": func(g *iamhttp.Guard, late bool) http.Handler {
			return g.RequireOrg(emqx.AuditLogView, g.Handler(func(w http.ResponseWriter, _ *http.Request) error { return fail(w, late) }))
		},
		"Handler in Handler": func(g *iamhttp.Guard, late bool) http.Handler {
			return g.Handler(func(w http.ResponseWriter, r *http.Request) error {
				g.Handler(func(w http.ResponseWriter, _ *http.Request) error {
					if late {
						_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("a piece"))
					}
					return nil
				}).ServeHTTP(w, r)
				return iam.ErrConflict
			})
		},
	} {
		for _, late := range []bool{false, true} {
			c := newConsole(t)
			r := request("POST", "/", "ann")
			r.SetPathValue("id", "d1")
			r.SetPathValue("project", "p1")
			w := serve(c.guard.Load(guarded(c.guard, late)), r)
			if late && (w.Code != 200 || w.Body.String() != "a piece") || !late && w.Code != 409 {
				t.Errorf("%s, late %v: got %d %s", name, late, w.Code, w.Body)
			}
			if rec := c.logs.one(t); rec["reason"] != "conflict" || rec["status"] != 409.0 {
				t.Errorf("%s, late %v: got record %v", name, late, rec)
			}
		}
	}
}

// What fails while it writes to a client that has gone is no alarm.
func TestLateErrorsOfGoneClients(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	ctx, cancel := context.WithCancel(t.Context())
	h := c.guard.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("a piece"))
		cancel()
		return io.ErrClosedPipe
	})
	serve(h, request("GET", "/", "ann").WithContext(ctx))
	if rec := c.logs.one(t); rec["level"] != "DEBUG" || rec["reason"] != "canceled" || rec["error"] != io.ErrClosedPipe.Error() {
		t.Errorf("got record %v", rec)
	}
}

// A connection that cannot be taken over is still there for the answer.
func TestHijackInVain(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	w := serve(c.guard.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		_, _, err := w.(http.Hijacker).Hijack()
		return err
	}), request("GET", "/", ""))
	if w.Code != 500 || w.Body.String() != problemOf(500) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
