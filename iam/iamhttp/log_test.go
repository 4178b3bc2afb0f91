package iamhttp_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// The log has every fact of a refusal.
func TestLogHasTheFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, path string
		who                policy.AccountID
		want               map[string]any
	}{
		{"read only", "POST", "/deployments/d1/deployment:delete?token=s3cret", "pat", map[string]any{
			"status": 403.0, "reason": "read_only", "hidden": false, "action": "delete", "project": "p1", "resource": "d1",
			"rule": viewRule(t), "grant": "project_user at org/acme/project/p1",
			"facts": "pat may not deployment:delete: read only, by " + viewRule(t) + ", holding project_user at org/acme/project/p1",
		}},
		{"hidden", "POST", "/deployments/d2/deployment:delete?token=s3cret", "pat", map[string]any{
			"status": 404.0, "reason": "no_grant", "hidden": true, "action": "delete", "project": "p2", "resource": "d2",
			"facts": "pat may not deployment:delete: nothing that it holds there allows it",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			serve(c.handler, request(tt.method, tt.path, tt.who))
			rec := c.logs.one(t)
			delete(rec, "time")
			want := map[string]any{
				"msg": "iamhttp: request refused", "level": "WARN", "error": "iam: forbidden",
				"subject": "pat", "org": "acme", "resource_org": "acme", "kind": "deployment",
				"request": map[string]any{"method": "POST", "pattern": "/deployments/{id}/deployment:delete"},
			}
			for k, v := range tt.want {
				want[k] = v
			}
			if !reflect.DeepEqual(rec, want) {
				t.Errorf("got  %v\nwant %v", rec, want)
			}
		})
	}
}

// viewRule is where the policy lets a project user view deployments.
func viewRule(t *testing.T) string {
	t.Helper()
	for _, r := range emqx.System().Policy.Rules() {
		if r.Role == emqx.ProjectUser && r.Permission() == emqx.DeploymentView {
			return fmt.Sprintf("%s:%d", r.File, r.Line)
		}
	}
	t.Fatal("no such rule")
	return ""
}

// What an actor may not give to others is in the log, and not in the body.
func TestLogHasTheCeiling(t *testing.T) {
	t.Parallel()
	c, w := newConsole(t), httptest.NewRecorder()
	g := policy.GrantRole(emqx.Root, policy.AtOrg("acme"))
	c.guard.Error(w, request("POST", "/", ""), &iam.ForbiddenError{Ceiling: &policy.CeilingError{Giver: "ann", Grant: g, NotGiven: true}})
	rec := c.logs.one(t)
	if rec["subject"] != "ann" || rec["grant"] != "root at org/acme" || !strings.Contains(rec["facts"].(string), "may not give root") {
		t.Errorf("got record %v", rec)
	}
	if w.Body.String() != problemOf(403) {
		t.Errorf("got body %s", w.Body)
	}
}

// SB-67: no refusal on any route says more than its status, to anybody: no role, no rule, no reason, no id.
func TestAnswersSayNothing(t *testing.T) {
	t.Parallel()
	paths := []string{"/audit", "/project", "/deployments/d1/permissions", "/deployments/d2/permissions"}
	for _, p := range deploymentPermissions() {
		for _, id := range []string{"d1", "d2", "foreign", "none", "broken"} {
			paths = append(paths, "/deployments/"+id+"/"+string(p))
		}
	}
	seen := make(map[int]int)
	c := newConsole(t)
	for _, path := range paths {
		for _, who := range []policy.AccountID{"", "ann", "pat", "tom", "bob", "eve", "exp", "ghost", "unlucky"} {
			w := serve(c.handler, request("GET", path, who))
			seen[w.Code]++
			if w.Code == http.StatusOK {
				continue
			}
			want := http.StatusText(w.Code) + "\nCache-Control: no-store\nContent-Type: application/problem+json\n"
			if w.Code == http.StatusUnauthorized {
				want += "Www-Authenticate: Bearer\n"
			}
			want += "X-Content-Type-Options: nosniff\n" + problemOf(w.Code)
			if got := dump(w); got != want {
				t.Fatalf("%s as %q got\n%s\nwant\n%s", path, who, got, want)
			}
		}
	}
	for _, status := range []int{200, 401, 403, 404, 500, 503} {
		if seen[status] == 0 {
			t.Errorf("no request was answered with %d: got %v", status, seen)
		}
	}
}

// SB-84: whatever is in ids, names and headers, a record is one line, and no terminal obeys it. No
// token of the path or the query comes into it (SB-22).
func FuzzLogIsOneLine(f *testing.F) {
	for _, s := range []string{
		"d1", "", "a\nlevel=INFO msg=fake", "a\r\nb", "\x1b[2J\x1b[31mred", "\u202egnp.exe", "\x00\u0085\u2028", "0\x7f", "\u009b31m", "\xff\xfe", "a=b \"c\"", "{\"a\":1}",
	} {
		f.Add(s)
	}
	svc := newService(f, emqx.System())
	f.Fuzz(func(t *testing.T, s string) {
		sub, err := svc.Subject(t.Context(), "pat")
		if err != nil {
			t.Fatal(err)
		}
		var text, jsonLines bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&jsonLines, nil)} {
			guard := iamhttp.New(svc, account, iamhttp.Config{Logger: slog.New(h), RequestID: func(*http.Request) string { return s }})
			r := request("GET", "/invitations/t0p-s3cret?token=t0p-s3cret", "")
			r.Method, r.Pattern = s, s
			resource := emqx.Deployment.In(policy.OrgID("acme"), policy.ProjectID(s)).Named(s)
			guard.Error(httptest.NewRecorder(), r.WithContext(iam.NewContext(r.Context(), sub)), svc.Authorize(sub, policy.Action(s), resource))
			guard.Error(httptest.NewRecorder(), r, &iam.FieldError{Field: s, Problem: s})
		}
		for name, out := range map[string]string{"text": text.String(), "JSON": jsonLines.String()} {
			if n := strings.Count(out, "\n"); n != 2 || !strings.HasSuffix(out, "\n") {
				t.Errorf("%s: got %d lines for two records: %q", name, n, out)
			}
			// A text sink gets nothing but printable characters, save DEL, which slog leaves and terminals
			// ignore. JSON escapes the control characters that it must; who prints it raw quotes the rest.
			obeyed := func(r rune) bool {
				return r != '\n' && r != '\x7f' && (r < ' ' || name == "text" && !unicode.IsPrint(r))
			}
			if i := strings.IndexFunc(out, obeyed); i >= 0 {
				t.Errorf("%s: a terminal would obey %q in %q", name, out[i], out)
			}
			if strings.Contains(out, "t0p-s3cret") {
				t.Errorf("%s: a token is in the log: %q", name, out)
			}
		}
	})
}
