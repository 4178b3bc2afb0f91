package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
)

// FuzzModel compiles a policy above any model: it is refused, or one whose every decision is made, without a panic of
// Casbin's parser. What is no model at all decides nothing.
func FuzzModel(f *testing.F) {
	whole := castellan.Model()
	for _, seed := range []string{
		whole, "[", "[matchers]\nm =", strings.Replace(whole, "m = ", "m = !(", 1), strings.Replace(whole, "g(", "h(", 1), strings.ReplaceAll(whole, "\n", "\\\n"),
		strings.Replace(whole, "r.sub", "r.", 1), strings.Replace(whole, "p = ", "p = x, ", 1), whole + "\n[p]\np9 = a\n", strings.Replace(whole, "m = ", "m = true || ", 1),
	} {
		f.Add(seed)
	}
	const rows = "p4, owner, Owner\np3, file, view, Files, View\np, owner, org, file, view, allow, always\n"
	f.Fuzz(func(t *testing.T, model string) {
		if strings.TrimSpace(model) == "" {
			return // the default
		}
		p, err := policy.Load("x.csv", []byte(rows), policy.Config{Model: model})
		if (p == nil) == (err == nil) {
			t.Fatalf("got %v and %v", p, err)
		}
		if err != nil {
			return
		}
		h := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: []policy.Grant{policy.GrantRole("owner", policy.AtOrg("acme"))}})
		for _, org := range []policy.OrgID{"acme", "globex", ""} {
			if d := h.Decide("view", policy.Kind("file").Of(org)); d.Allowed() != h.Can("view", policy.Kind("file").Of(org)) {
				t.Errorf("in %q: Decide and Can disagree", org)
			}
		}
	})
}

// FuzzCustomRole names an organisation in a role, whatever its id, and no other organisation (SB-63, SB-67).
func FuzzCustomRole(f *testing.F) {
	for _, seed := range [][3]string{{"acme", "support", "globex"}, {"a@b", "x", "a"}, {"a%40b", "x", "a@b"}, {"", "x", ""}, {"\xff", "x", "\ufffd"}, {"a b", "x", "a+b"}, {"a", "x@a", "a"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, org, name, other string) {
		if strings.Contains(name, "@") {
			return // no name of a role: PutRole refuses it
		}
		role := policy.CustomRole(policy.OrgID(org), name)
		if role.Org() != policy.OrgID(org) || org != "" && !role.UsableIn(policy.OrgID(org)) {
			t.Errorf("%q is a role of %q, want %q", role, role.Org(), org)
		}
		if other != org && role.UsableIn(policy.OrgID(other)) {
			t.Errorf("%q of %q is usable in %q", role, org, other)
		}
		if other != org && policy.CustomRole(policy.OrgID(other), name) == role {
			t.Errorf("a role of %q and one of %q have the name %q", org, other, role)
		}
	})
}

// FuzzLoad compiles whatever is a document: what is wrong names its line, and what compiles is written as it was read.
func FuzzLoad(f *testing.F) {
	for _, s := range smallPolicies() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return // compiling asks Casbin about every pair
		}
		p, err := policy.Load("x.csv", []byte(text), policy.Config{})
		if err == nil {
			var b strings.Builder
			if _, err := p.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			again, err := policy.Load("x.csv", []byte(b.String()), policy.Config{})
			if err != nil {
				t.Fatalf("%q is written as %q, which does not load: %v", text, b.String(), err)
			}
			if changes := p.Diff(again); len(changes) > 0 {
				t.Errorf("%q is written as another policy: %v", text, changes)
			}
			return
		}
		var wrong policy.Mistakes
		if !errors.As(err, &wrong) {
			t.Fatalf("%q: got %v, want Mistakes", text, err)
		}
		lines := 1 + strings.Count(text, "\n")
		for _, m := range wrong {
			if m.File != "x.csv" || m.Line < 0 || m.Line > lines || m.Text == "" {
				t.Errorf("%q: got %+v", text, m)
			}
		}
	})
}

// smallPolicies are small policies.
func smallPolicies() []string {
	const rows = "p4, owner, Owner\np3, file, view, Files, View\np, owner, org, file, view, allow, always\n"
	return []string{
		rows, "", "p", rows + "p4, reader, Reader\np2, owner, reader\np, reader, project, file, view, deny, always\n",
		rows + "p3, file.part, view, Files, View\np, owner, own, file.part, view, allow, always\n", rows + rows,
		rows + "p, owner, org, file, view, deny, always\n", "p4, x@acme, X\n" + rows, strings.Replace(rows, "always", "never", 1),
	}
}
