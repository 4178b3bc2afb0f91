package adminhttp_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// SB-67: every operation with an id of another organisation is answered byte for byte as with one that does not exist,
// and changes nothing in either organisation. Who asks may do everything in their own.
func TestForeignIDs(t *testing.T) {
	t.Parallel()
	for _, s := range systems() {
		t.Run(s.system.Name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, s)
			asked := 0
			for _, op := range h.operations() {
				ours, theirs := h.organization(), h.organization()
				h.clock.advance(2 * time.Hour)
				own := calls()[op.id](ours, ours.root)
				foreign := calls()[op.id](theirs, theirs.root)
				for _, name := range slices.Sorted(maps.Keys(own.ids)) {
					if name == "project" || name == "kind" {
						continue // the host's: the library knows none, and so no other organisation's either
					}
					asked++
					h.foreign(op, ours.root, own, name, foreign.ids[name])
				}
			}
			if asked < 30 {
				t.Errorf("asked for %d ids: the test no longer sees the operations", asked)
			}
		})
	}
}

// foreign asks with another organisation's id in place of one's own, and with one that does not exist.
func (h *host) foreign(op *operation, who policy.AccountID, in input, name, foreign string) {
	h.Helper()
	var answers []string
	before := h.rows()
	for _, id := range []string{string(whoKnows), foreign} {
		next := in
		next.ids = maps.Clone(in.ids)
		next.ids[name] = id
		w := h.call(op, who, next)
		answers = append(answers, strings.ReplaceAll(dump(w), id, "<id>"))
		listing := strings.Contains(in.query, "{"+name+"}")
		toNobody := op.id == "setPassword" && !h.svc.Rules().PasswordByOthers // whoever it is: 422
		want := 404
		if h.never(op) {
			want = 403
		}
		if !listing && !toNobody && w.Code != want {
			h.Errorf("%s with the %s %s: got %d, want %d: %s", op.id, name, id, w.Code, want, w.Body)
		}
		h.declared(op, w)
	}
	if answers[0] != answers[1] {
		h.Errorf("%s: another organisation's %s is told apart:\n%s\nand\n%s", op.id, name, answers[1], answers[0])
	}
	if after := h.rows(); after != before {
		h.Errorf("%s with another organisation's %s changed something:\n%s", op.id, name, firstDifference(after, before))
	}
}

// SB-67: a role of another organisation's own is on no page of roles, and is given to nobody, as one that does not exist.
func TestForeignRoles(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	ours, theirs := h.organization(), h.organization()
	role := policy.CustomRole(theirs.id, "helper")
	doc := must(policy.ReadDocument("helper.csv", []byte(strings.ReplaceAll(`p4, ROLE, Helper
p2, root, ROLE
p, ROLE, project, deployment, view, allow, always
`, "ROLE", string(role)))))(t)
	h.ok(h.svc.SetPolicy(must(h.svc.Policy().With(doc))(t)))
	for _, path := range []string{"/roles", "/matrix"} {
		if !strings.Contains(h.get(theirs.root, path).Body.String(), string(role)) || strings.Contains(h.get(ours.root, path).Body.String(), string(role)) {
			t.Errorf("%s: whose role it is makes no difference", path)
		}
	}
	account := "/accounts/" + string(ours.account(ours.least))
	for _, tt := range []struct{ method, path, body string }{
		{"POST", "/accounts", `{"roles":["ROLE"]}`},
		{"PUT", account + "/roles", `{"roles":["ROLE"]}`},
		{"POST", account + "/bindings", `{"bindings":[{"role":"ROLE","project":"p"}]}`},
		{"POST", account + "/grants", `{"role":"ROLE"}`},
	} {
		var answers []string
		for _, name := range []string{string(role), "nobody@" + string(whoKnows)} {
			w := h.send(ours.root, tt.method, tt.path, strings.ReplaceAll(tt.body, "ROLE", name))
			if w.Code != 422 {
				t.Errorf("%s %s: got %d", tt.method, tt.path, w.Code)
			}
			answers = append(answers, strings.ReplaceAll(dump(w), name, "<role>"))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s %s: another organisation's role is told apart:\n%s\nand\n%s", tt.method, tt.path, answers[0], answers[1])
		}
	}
}
