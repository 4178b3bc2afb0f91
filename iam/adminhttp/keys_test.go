package adminhttp_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// E18, SB-70: the secret of a key is shown in the answer to who made it, works within the key's scope, and is in no other
// answer and no log.
func TestKeySecretIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	in := must(signin.New(h.svc, signin.Config{}))(t)
	w := h.send(o.root, "POST", "/api-keys", `{"description":"dashboard","scope":{"permissions":["deployment:view"],"projects":["p2","p1"]}}`)
	var made struct {
		Key    struct{ ID, Description string } `json:"api_key"`
		Secret string
	}
	h.ok(json.Unmarshal(w.Body.Bytes(), &made))
	sub, key, err := in.Key(t.Context(), iam.NewSecret(made.Secret))
	if err != nil || w.Code != 201 || string(key.ID) != made.Key.ID || sub.ID() != o.root || made.Key.Description != "dashboard" {
		t.Fatalf("got %d %s, %+v, %v", w.Code, w.Body, key, err)
	}
	for project, want := range map[policy.ProjectID]bool{"p1": true, "p2": true, "p3": false} {
		if got := h.svc.Can(sub, emqx.View, emqx.Deployment.In(o.id, project).Named("d")); got != want {
			t.Errorf("%s: got %v, want %v", project, got, want)
		}
	}
	scope := func(answer string) string {
		var k struct{ Scope json.RawMessage }
		h.ok(json.Unmarshal([]byte(answer), &k))
		return string(k.Scope)
	}
	var created struct {
		Key json.RawMessage `json:"api_key"`
	}
	h.ok(json.Unmarshal(w.Body.Bytes(), &created))
	if got, want := scope(string(created.Key)), `{"permissions":["deployment:view"],"projects":["p1","p2"]}`; got != want {
		t.Errorf("got the scope %s, want %s", got, want)
	}
	_, token, _ := strings.Cut(made.Secret, ".")
	path := "/api-keys/" + made.Key.ID
	update := `{"scope":{"permissions":["deployment:view"],"all_projects":true}}`
	answers := []string{h.send(o.root, "PUT", path, update).Body.String(), h.logs.String()}
	if got, want := scope(answers[0]), `{"permissions":["deployment:view"],"all_projects":true}`; got != want {
		t.Errorf("got the scope %s, want %s", got, want)
	}
	for _, list := range []string{"/api-keys", "/events", "/events/export.jsonl", "/events/export.csv", "/accounts/" + string(o.root) + "/removal"} {
		answers = append(answers, h.get(o.root, list).Body.String())
	}
	for _, answer := range answers {
		if strings.Contains(answer, token) || strings.Contains(answer, string(iam.ParseToken(token).Hash())) {
			t.Errorf("the secret, or its hash, is in %s", answer)
		}
	}
	if sub, _, err = in.Key(t.Context(), iam.NewSecret(made.Secret)); err != nil || !h.svc.Can(sub, emqx.View, emqx.Deployment.In(o.id, "p3").Named("d")) {
		t.Errorf("the other scope does not count: %v", err)
	}
	if w := h.request("DELETE", prefix+path, o.root, "", ""); w.Code != 204 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if _, _, err := in.Key(t.Context(), iam.NewSecret(made.Secret)); err == nil {
		t.Error("a deleted key is worth something")
	}
}

// The list of keys is read to its end by its cursors, and narrowed to an account.
func TestKeyPages(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	admin := o.account(emqx.Administrator)
	for range 3 {
		o.key(o.root)
		o.key(admin)
	}
	for _, tt := range []struct {
		query       string
		want, pages int
	}{{"limit=4", 6, 2}, {"limit=6", 6, 1}, {"account=" + string(admin) + "&limit=2", 3, 2}, {"account=nobody&limit=2", 0, 1}} {
		all, pages := h.pages("listAPIKeys", o.root, "/api-keys?"+tt.query, "api_keys")
		ids := make([]string, 0, len(all))
		for _, key := range all {
			ids = append(ids, key["id"].(string))
		}
		if len(ids) != tt.want || pages != tt.pages || !slices.IsSorted(ids) || len(slices.Compact(ids)) != tt.want {
			t.Errorf("%s: got %q in %d pages, want %d in %d", tt.query, ids, pages, tt.want, tt.pages)
		}
	}
}

// What is wrong with a key is told by the name of its member.
func TestKeyFields(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	key := "/api-keys/" + string(o.key(o.root))
	past := h.clock.now().Add(-time.Hour).Format(time.RFC3339)
	for _, tt := range []struct {
		name, body string
		want       int
		field      string
	}{
		{"no permission", `{"scope":{"permissions":[],"all_projects":true}}`, 422, "scope"},
		{"nowhere", `{"scope":{"permissions":["deployment:view"]}}`, 422, "scope"},
		{"a permission that is none", `{"scope":{"permissions":["deployment:fly"],"all_projects":true}}`, 422, "scope"},
		{"projects beside all of them", `{"scope":{"permissions":["deployment:view"],"all_projects":true,"projects":["p1"]}}`, 400, "scope.projects"},
		{"another member", `{"scope":{"permissions":["deployment:view"],"role":"root"}}`, 400, "scope.role"},
		{"an end that has passed", `{"scope":{"permissions":["deployment:view"],"all_projects":true},"until":"` + past + `"}`, 422, "until"},
		{"a long description", `{"scope":{"permissions":["deployment:view"],"all_projects":true},"description":"` + strings.Repeat("x", 1025) + `"}`, 422, "description"},
	} {
		for method, path := range map[string]string{"POST": "/api-keys", "PUT": key} {
			w := h.send(o.root, method, path, tt.body)
			if p := h.problemOf(w.Body.Bytes()); w.Code != tt.want || p.Field != tt.field || p.Detail == "" {
				t.Errorf("%s: %s: got %d %s, want %d and %q", tt.name, method, w.Code, w.Body, tt.want, tt.field)
			}
		}
	}
}

// SB-05: a key outlives the session that makes it, so the password must have been given a short while ago.
func TestKeyWantsFreshSession(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func(*http.Request) error{
		"stale": func(*http.Request) error { return signin.ErrStale }, "not said": nil,
	} {
		h := newHostOn(t, testdb.Open(t, testdb.SQLite), systems()[0], func(c *adminhttp.Config) { c.Fresh = fresh })
		o := h.organization()
		w := h.send(o.root, "POST", "/api-keys", `{"scope":{"permissions":["deployment:view"],"all_projects":true}}`)
		if w.Code != 403 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}
