package iamhttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// Every error of package iam has a status, bare and wrapped, and a body that says no more than it should.
func TestError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		want   int
		reason string
		level  string
		more   string // what the body says beside the status
	}{
		{"forbidden", iam.ErrForbidden, 403, "forbidden", "WARN", ""},
		{"about managing others", &iam.ForbiddenError{}, 403, "forbidden", "WARN", ""},
		{"above the ceiling", &iam.ForbiddenError{Ceiling: &policy.CeilingError{Giver: "ann"}}, 403, "ceiling", "WARN", ""},
		{"not found", iam.ErrNotFound, 404, "not_found", "INFO", ""},
		{"invalid", iam.ErrInvalid, 422, "invalid", "INFO", ""},
		{"a field", &iam.FieldError{Field: "Email", Problem: "want one plain address"}, 422, "invalid", "INFO", `,"detail":"want one plain address","field":"Email"`},
		{"a field that is taken", &iam.FieldError{Field: "Email", Problem: "it is taken", Reason: iam.ErrExists}, 409, "exists", "INFO", `,"detail":"it is taken","field":"Email"`},
		{"exists", iam.ErrExists, 409, "exists", "INFO", `,"detail":"there is one already"`},
		{"conflict", iam.ErrConflict, 409, "conflict", "INFO", `,"detail":"it was changed meanwhile: read it again and repeat"`},
		{"root", iam.ErrRoot, 409, "root", "INFO", `,"detail":"this account cannot be changed this way"`},
		{"the last administrator", iam.ErrLastAdministrator, 409, "last_administrator", "INFO", `,"detail":"nobody would be left to manage the organization"`},
		{"somebody who holds resources", iam.ErrHolds, 409, "holds", "INFO", `,"detail":"the account still holds resources"`},
		{"a field about somebody who holds resources", &iam.FieldError{Field: "Account", Problem: "it holds", Reason: iam.ErrHolds}, 409, "holds", "INFO", `,"detail":"it holds","field":"Account"`},
		{"above the quota", iam.ErrQuota, 409, "quota", "INFO", `,"detail":"a quota would be exceeded"`},
		{"a field above the quota", &iam.FieldError{Field: "Most", Problem: "too many", Reason: iam.ErrQuota}, 409, "quota", "INFO", `,"detail":"too many","field":"Most"`},
		{"throttled", &iam.ThrottledError{Until: now.Add(time.Minute)}, 429, "throttled", "INFO", ""},
		{"throttled, nobody knows until when", iam.ErrThrottled, 429, "throttled", "INFO", ""},
		{"no account", iamhttp.ErrNoAccount, 401, "no_account", "INFO", ""},
		{"unavailable", iamhttp.ErrUnavailable, 503, "unavailable", "ERROR", ""},
		{"too late", context.DeadlineExceeded, 503, "unavailable", "ERROR", ""},
		{"canceled, but not by the client", context.Canceled, 500, "error", "ERROR", ""},
		{"anything else", errDatabase, 500, "error", "ERROR", ""},
		{"no error at all", nil, 500, "error", "ERROR", ""},
		{"the most guarded of several", errors.Join(iam.ErrExists, &iam.FieldError{Field: "Secret"}, iam.ErrNotFound), 404, "not_found", "INFO", ""},
		{"away while looking", fmt.Errorf("%w: %w", iam.ErrNotFound, iamhttp.ErrUnavailable), 503, "unavailable", "ERROR", ""},
	} {
		for _, wrapped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, wrapped %v", tt.name, wrapped), func(t *testing.T) {
				t.Parallel()
				c, err := newConsole(t), tt.err
				if wrapped && err != nil {
					err = fmt.Errorf("stop deployment: %w", err)
				}
				w := httptest.NewRecorder()
				c.guard.Error(w, request("POST", "/", ""), err)
				bare := problemOf(tt.want)
				if want := bare[:len(bare)-1] + tt.more + "}"; w.Code != tt.want || w.Body.String() != want {
					t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.want, want)
				}
				h := w.Header()
				if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" {
					t.Errorf("got headers %v", h)
				}
				if rec := c.logs.one(t); rec["reason"] != tt.reason || rec["level"] != tt.level {
					t.Errorf("got record %v, want reason %q at %s", rec, tt.reason, tt.level)
				}
			})
		}
	}
}

// denying is a policy with a deny rule, which no shipped one has.
func denying(t testing.TB) iam.System {
	t.Helper()
	p, err := policy.Load("files.csv", []byte(`p4, administrator, Administrator
p4, auditor, Auditor
p3, file, view, Files, Files
p3, file, delete, Files, Delete files
p, administrator, org, file, view, allow, always
p, administrator, org, file, delete, deny, always
`), policy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return iam.System{Name: "files", Policy: p}
}

// SB-60, SB-67: every reason to deny has a status. A reason without a line here fails.
func TestEveryReason(t *testing.T) {
	t.Parallel()
	d1, d2 := deployments()["d1"].Resource(), deployments()["d2"].Resource()
	type refusal struct {
		reason   policy.Reason
		who      policy.AccountID
		action   policy.Action
		resource policy.Resource
		want     int
		level    string
	}
	cases := []refusal{
		{policy.NoSubject, "", emqx.View, d1, 404, "ERROR"},
		{policy.Inactive, "eve", emqx.View, d1, 404, "WARN"},
		{policy.NoOrganization, "ann", emqx.View, emqx.Deployment.In("", "p1"), 404, "ERROR"},
		{policy.OtherOrganization, "bob", emqx.View, d1, 404, "WARN"},
		{policy.UnknownKind, "ann", emqx.View, policy.Kind("devise").In("acme", "p1"), 404, "ERROR"},
		{policy.UnknownAction, "ann", "explode", d1, 403, "ERROR"},
		{policy.DeniedByRule, "ann", "delete", policy.Kind("file").In("acme", "p1").Named("f"), 403, "WARN"},
		{policy.ConditionNotMet, "ann", emqx.ChangeSpendLimit, d1, 403, "WARN"},
		{policy.Expired, "exp", emqx.Delete, d1, 403, "WARN"},
		{policy.ReadOnly, "pat", emqx.Delete, d1, 403, "WARN"},
		{policy.OutOfScope, "ann", emqx.Delete, d1, 403, "WARN"},
		{policy.OutOfScope, "ann", emqx.Delete, d2, 404, "WARN"},
		{policy.NoGrant, "pat", emqx.Delete, d2, 404, "WARN"},
		{policy.NoGrant, "pat", emqx.View, emqx.AuditLog.Of("acme"), 403, "WARN"},
	}
	for reason := policy.Reason(0); reason.String() != "invalid_reason"; reason++ {
		tested := slices.ContainsFunc(cases, func(c refusal) bool { return c.reason == reason })
		if !tested && reason != policy.Allowed && reason != policy.Unavailable {
			t.Errorf("no case for the reason %s", reason)
		}
	}
	for _, tt := range cases {
		t.Run(tt.reason.String(), func(t *testing.T) {
			t.Parallel()
			system := emqx.System()
			if tt.reason == policy.DeniedByRule {
				system = denying(t)
			}
			svc, c := newService(t, system), newConsole(t)
			var sub iam.Subject
			if tt.who != "" {
				var err error
				if sub, err = svc.Subject(t.Context(), tt.who); err != nil {
					t.Fatal(err)
				}
			}
			if tt.reason == policy.OutOfScope {
				key := iam.APIKey{ID: "k", Org: "acme", Account: tt.who, Scope: policy.Scope{
					Permissions: []policy.Permission{emqx.DeploymentView}, Projects: []policy.ProjectID{"p1"},
				}}
				var err error
				if sub, err = svc.SubjectOfKey(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			w, r := httptest.NewRecorder(), request("GET", "/", tt.who)
			c.guard.Error(w, r.WithContext(iam.NewContext(r.Context(), sub)), svc.Authorize(sub, tt.action, tt.resource))
			if w.Code != tt.want || w.Body.String() != problemOf(tt.want) {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if rec := c.logs.one(t); rec["reason"] != tt.reason.String() || rec["level"] != tt.level {
				t.Errorf("got record %v, want level %s", rec, tt.level)
			}
		})
	}
	t.Run("unavailable", func(t *testing.T) {
		t.Parallel()
		c, w := newConsole(t), httptest.NewRecorder()
		d := newService(t, emqx.System()).Check(t.Context(), "unlucky", emqx.View, d1)
		c.guard.Error(w, request("GET", "/", ""), &iam.ForbiddenError{Decision: d, Hidden: true})
		if rec := c.logs.one(t); w.Code != 503 || rec["reason"] != "unavailable" || rec["level"] != "ERROR" {
			t.Errorf("got %d, record %v", w.Code, rec)
		}
	})
}

// The body and the record carry the host's id of the request, so that support finds one by the other.
func TestRequestID(t *testing.T) {
	t.Parallel()
	var out logs
	guard := iamhttp.New(newService(t, emqx.System()), account, iamhttp.Config{
		Logger:    out.logger(),
		RequestID: func(r *http.Request) string { return r.Header.Get("X-Request-Id") },
	})
	r := request("GET", "/", "")
	r.Header.Set("X-Request-Id", "7f3a\"<script>")
	w := serve(guard.Load(served), r)
	if want := `{"type":"about:blank","title":"Unauthorized","status":401,"request_id":"7f3a\"\u003cscript\u003e"}`; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
	if got := out.one(t)["request"].(map[string]any)["id"]; got != "7f3a\"<script>" {
		t.Errorf("got %v in the log", got)
	}
}
