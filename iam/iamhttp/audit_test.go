package iamhttp_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// SB-80: a refusal of the policy to somebody who is known is in the audit log of their organisation, once.
func TestRefusalsAreRecorded(t *testing.T) {
	t.Parallel()
	config := iamhttp.Config{RequestID: func(*http.Request) string { return "req-7" }}
	denied := func(who, role, target string, changes ...iam.FieldChange) []iam.Event {
		return []iam.Event{{
			Org: "acme", Type: iam.AuthorizationDenied, Outcome: iam.Refused, Actor: policy.AccountID(who), Role: role,
			Peer: "192.0.2.1", Request: "req-7", Target: target, Changes: changes,
		}}
	}
	after := func(field, value string) iam.FieldChange { return iam.FieldChange{Field: field, After: value} }
	why := func(text string) iam.FieldChange { return after("why", text) }
	for _, tt := range []struct {
		name, path string
		who        policy.AccountID
		status     int
		want       []iam.Event
	}{
		{"seen", "/deployments/d1/deployment:delete", "pat", 403, denied("pat", "project_user", "d1",
			after("permission", "deployment:delete"), after("project", "p1"),
			why("pat may not deployment:delete: read only, by "+viewRule(t)+", holding project_user at org/acme/project/p1"))},
		{"hidden", "/deployments/d2/deployment:delete", "pat", 404, denied("pat", "project_user", "d2",
			after("permission", "deployment:delete"), after("project", "p2"),
			why("pat may not deployment:delete: nothing that it holds there allows it"))},
		{"in the whole organisation", "/audit", "pat", 403, denied("pat", "project_user", "",
			after("permission", "audit_log:view"), why("pat may not audit_log:view: nothing that it holds there allows it"))},
		{"an account that is not active", "/audit", "eve", 403, denied("eve", "administrator", "",
			why(`iam: "eve" is refused: the account is not active`))},

		{"allowed", "/audit", "ann", 200, nil},
		{"nobody", "/audit", "", 401, nil},
		{"an account that is none", "/audit", "ghost", 401, nil},
		{"what does not exist", "/deployments/none/deployment:delete", "ann", 404, nil},
		{"SB-67: what another organisation has", "/deployments/foreign/deployment:delete", "ann", 404, nil},
		{"a failure", "/deployments/broken/deployment:delete", "ann", 500, nil},
		{"a mistake of the host's", "/project", "ann", 500, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsoleWith(t, config)
			r := request("GET", tt.path, tt.who)
			r.Header.Set("X-Forwarded-For", "198.51.100.9") // nobody trusts it (SB-32)
			w := serve(c.handler, r)
			if w.Code != tt.status {
				t.Errorf("got status %d, want %d", w.Code, tt.status)
			}
			for i := range c.audit.events {
				e := &c.audit.events[i]
				if !e.Time.Equal(now) || e.Hash == "" {
					t.Errorf("got the time %v and the hash %q", e.Time, e.Hash)
				}
				e.Time, e.Hash, e.Revision, e.Ordinal = tt.want[0].Time, "", 0, 0
			}
			if !reflect.DeepEqual(c.audit.events, tt.want) {
				t.Errorf("got events\n%+v\nwant\n%+v", c.audit.events, tt.want)
			}
		})
	}
}

// What an Actor refuses is recorded once, by the Actor.
func TestActorsRefusalsAreRecordedOnce(t *testing.T) {
	t.Parallel()
	st := staff()
	svc := serviceOn(t, st, emqx.System())
	guard := iamhttp.New(svc, account, iamhttp.Config{Logger: new(logs).logger()})
	h := guard.Load(guard.Handler(func(_ http.ResponseWriter, r *http.Request) error {
		_, err := svc.As(iam.FromContext(r.Context())).Events(r.Context(), iam.EventQuery{})
		return err
	}))
	if w := serve(h, request("GET", "/", "pat")); w.Code != http.StatusForbidden || len(st.audit.events) != 1 {
		t.Errorf("got status %d, events %+v", w.Code, st.audit.events)
	}
}

// A host can leave refusals to its own log.
func TestRefusalsAreOnlyLogged(t *testing.T) {
	t.Parallel()
	c := newConsoleWith(t, iamhttp.Config{LogOnly: true})
	if w := serve(c.handler, request("GET", "/audit", "pat")); w.Code != http.StatusForbidden {
		t.Errorf("got status %d", w.Code)
	}
	c.logs.one(t)
	if len(c.audit.events) > 0 {
		t.Errorf("got events %+v", c.audit.events)
	}
}

// The answer to a refusal is the same when the audit log cannot be written, and the log says that it was not.
func TestFullAuditLogChangesNoAnswer(t *testing.T) {
	t.Parallel()
	c, fine := newConsole(t), newConsole(t)
	c.audit.full = errors.New("disk full")
	got, want := serve(c.handler, request("GET", "/audit", "pat")), serve(fine.handler, request("GET", "/audit", "pat"))
	if dump(got) != dump(want) {
		t.Errorf("got\n%s\nwant\n%s", dump(got), dump(want))
	}
	lines := strings.Split(strings.TrimSpace(c.logs.buf.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"status":403`) || !strings.Contains(lines[1], "disk full") || !strings.Contains(lines[1], `"level":"ERROR"`) {
		t.Errorf("got records\n%s", c.logs.buf.String())
	}
}

// Whoever hangs up is recorded too, also when the answer had begun.
func TestRefusalsOfClientsThatHangUpAreRecorded(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"before the answer": "", "in the middle of it": "begun"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := staff()
			svc := serviceOn(t, st, emqx.System())
			var out logs
			guard := iamhttp.New(svc, account, iamhttp.Config{Logger: out.logger()})
			ctx, hangUp := context.WithCancel(t.Context())
			h := guard.Load(guard.Handler(func(w http.ResponseWriter, r *http.Request) error {
				if _, err := w.Write([]byte(begin)); begin != "" && err != nil {
					return err
				}
				hangUp()
				return svc.Authorize(iam.FromContext(r.Context()), emqx.AuditLogView.Action(), emqx.AuditLogView.Kind().Of("acme"))
			}))
			serve(h, request("GET", "/", "pat").WithContext(ctx))
			if len(st.audit.events) != 1 {
				t.Errorf("got events %+v", st.audit.events)
			}
		})
	}
}

// Where a request came from stands in its context, for the account function and the handlers: what the
// host says, what is there, or what the connection says.
func TestOrigin(t *testing.T) {
	t.Parallel()
	id := func(*http.Request) string { return "req-7" }
	proxy := func(r *http.Request) iam.Origin { return originOf("203.0.113.5", "", "proxied") }
	for _, tt := range []struct {
		name   string
		config iamhttp.Config
		remote string
		before iam.Origin
		want   iam.Origin
	}{
		{"the connection", iamhttp.Config{}, "192.0.2.1:4711", iam.Origin{}, originOf("192.0.2.1", "", "browser")},
		{"IPv6", iamhttp.Config{}, "[2001:db8::1]:80", iam.Origin{}, originOf("2001:db8::1", "", "browser")},
		{"IPv4 in IPv6", iamhttp.Config{}, "[::ffff:192.0.2.1]:80", iam.Origin{}, originOf("192.0.2.1", "", "browser")},
		{"a Unix socket", iamhttp.Config{}, "@", iam.Origin{}, originOf("", "", "browser")},
		{"with an id", iamhttp.Config{RequestID: id}, "192.0.2.1:4711", iam.Origin{}, originOf("192.0.2.1", "req-7", "browser")},
		{"the host's own", iamhttp.Config{Origin: proxy, RequestID: id}, "192.0.2.1:4711", originOf("198.51.100.1", "r", ""), originOf("203.0.113.5", "req-7", "proxied")},
		{"from in front", iamhttp.Config{RequestID: id}, "192.0.2.1:4711", originOf("198.51.100.1", "r", ""), originOf("198.51.100.1", "r", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked, served iam.Origin
			guard := iamhttp.New(newService(t, emqx.System()), func(r *http.Request) (policy.AccountID, error) {
				asked = iam.OriginOf(r.Context())
				return account(r)
			}, tt.config)
			r := request("GET", "/", "ann")
			r.RemoteAddr = tt.remote
			r.Header.Set("User-Agent", "browser")
			r.Header.Set("X-Forwarded-For", "198.51.100.9")
			r.Header.Set("Forwarded", "for=198.51.100.9")
			if tt.before != (iam.Origin{}) {
				r = r.WithContext(iam.WithOrigin(r.Context(), tt.before))
			}
			serve(guard.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = iam.OriginOf(r.Context()) })), r)
			if asked != tt.want || served != tt.want {
				t.Errorf("got %+v and %+v, want %+v", asked, served, tt.want)
			}
		})
	}
}

// What Guard.Error answers outside of Load is nobody's, and in nobody's log.
func TestErrorsOutsideOfLoadAreNotRecorded(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	w := httptest.NewRecorder()
	c.guard.Error(w, request("GET", "/", "pat"), &iam.ForbiddenError{Decision: policy.Decision{Subject: "pat"}})
	if w.Code != http.StatusForbidden || len(c.audit.events) > 0 || !bytes.Contains(c.logs.buf.Bytes(), []byte("pat")) {
		t.Errorf("got status %d, events %+v, log %s", w.Code, c.audit.events, c.logs.buf.String())
	}
}

func originOf(peer, request, agent string) iam.Origin {
	o := iam.Origin{Request: request, Agent: agent}
	if peer != "" {
		o.Peer = netip.MustParseAddr(peer)
	}
	return o
}
