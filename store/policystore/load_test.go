package policystore_test

import (
	"errors"
	"strings"
	"testing"

	gormadapter "github.com/casbin/gorm-adapter/v3"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

// TestPoisonRows: each of these takes a stock Casbin down or is swallowed by it (P10–P12); here
// every one is named with its id.
func TestPoisonRows(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name string
		row  gormadapter.CasbinRule
		want string
	}{
		{"too few fields", gormadapter.CasbinRule{Ptype: "p", V0: "owner", V1: "org"}, "2 fields after p: want 6"},
		{"too many fields", gormadapter.CasbinRule{Ptype: "p4", V0: "x", V1: "X", V2: "y"}, "3 fields after p4: want 2"},
		{"an empty field at the end", gormadapter.CasbinRule{Ptype: "p2", V0: "owner"}, "1 fields after p2: want 2"},
		{"an empty field in the middle", gormadapter.CasbinRule{Ptype: "p", V0: "owner", V2: "file", V3: "view", V4: "allow", V5: "always"}, "the reach is empty"},
		{"an unknown ptype", gormadapter.CasbinRule{Ptype: "p9", V0: "x"}, `unknown section "p9"`},
		{"a ptype of the model that is no policy", gormadapter.CasbinRule{Ptype: "r", V0: "x"}, `unknown section "r"`},
		{"a binding", gormadapter.CasbinRule{Ptype: "g", V0: "account:a", V1: "owner", V2: "org/acme"}, `unknown section "g"`},
		{"no ptype", gormadapter.CasbinRule{V0: "x"}, `unknown section ""`},
		{"nothing at all", gormadapter.CasbinRule{}, `unknown section ""`},
		{"a blank at the edge", gormadapter.CasbinRule{Ptype: "p4", V0: "guest ", V1: "Guest"}, "blank at its edge"},
		{"an unknown kind", gormadapter.CasbinRule{Ptype: "p", V0: "owner", V1: "org", V2: "fille", V3: "view", V4: "allow", V5: "always"}, `unknown kind "fille"`},
		{"a custom role of no organisation", gormadapter.CasbinRule{Ptype: "p4", V0: "guest@", V1: "Guest"}, `role "guest@"`},
		{"a rule of a custom role that there is not", gormadapter.CasbinRule{Ptype: "p", V0: "guest@acme", V1: "org", V2: "file", V3: "view", V4: "allow", V5: "always"}, `unknown role "guest@acme"`},
	}
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		for _, test := range rows {
			bad := test.row
			if err := conn.Create(&bad).Error; err != nil {
				t.Fatal(err)
			}
			_, err := st.Policy(t.Context())
			var found *policystore.BadRowsError
			if !errors.As(err, &found) || len(found.Rows) != 1 || found.Rows[0].ID != bad.ID || !strings.Contains(found.Rows[0].Problem, test.want) {
				t.Errorf("%s: got %v: want row %d: %s", test.name, err, bad.ID, test.want)
			}
			if err := conn.Delete(&bad).Error; err != nil {
				t.Fatal(err)
			}
		}
		version(t, st)
	})
}

func TestLoadSeparatesCustomRoles(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, _ := seeded(t, db)
		put(t, st, "globex", role("b"))
		put(t, st, "acme", role("b", "file:edit"))
		put(t, st, "acme", role("a"))
		docs, err := st.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := write(t, docs.Shipped); got != small {
			t.Errorf("shipped: got\n%s", got)
		}
		want := `p4, a@acme, A
p2, owner, a@acme
p, a@acme, org, file, view, allow, always
p4, b@acme, B
p2, owner, b@acme
p, b@acme, org, file, edit, allow, always
p, b@acme, org, file, view, allow, always
p4, b@globex, B
p2, owner, b@globex
p, b@globex, org, file, view, allow, always
`
		if got := write(t, docs.Custom); got != want {
			t.Errorf("custom: got\n%s", got)
		}
	})
}

func TestAnEmptyTableIsNoPolicy(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, _ := migrated(t, db)
		docs, err := st.Load(t.Context())
		if err != nil || len(docs.Shipped.Rows())+len(docs.Custom.Rows()) != 0 {
			t.Errorf("Load: got %v, %v", docs, err)
		}
		if _, err := st.Policy(t.Context()); !errors.Is(err, policystore.ErrEmpty) {
			t.Errorf("Policy: got %v", err)
		}
	})
}

// TestVersionDependsOnTheDocumentAlone: neither on the database, nor on how the rows came there.
func TestVersionDependsOnTheDocumentAlone(t *testing.T) {
	t.Parallel()
	later := strings.Replace(small, "p3, file, edit, Files, Edit files\n", "p3, file, copy, Files, Copy files\np3, file, edit, Files, Edit files\n", 1)
	later = strings.Replace(later, "p4, reader, Reader\n", "p4, auditor, Auditor\np4, reader, Reader\n", 1)
	later = strings.Replace(later, "p, reader,", "p, auditor, org, file, view, allow, always\np, reader,", 1)
	inDocument, err := policy.Compile(config(), document(t, later))
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, db database) {
		st, _ := migrated(t, db)
		prune := policystore.SeedParams{Prune: true}
		seed(t, st, later, prune)
		fresh := version(t, st)
		if fresh != inDocument.Version() { // later is written in the order of the contract
			t.Errorf("got %s: want %s, the version of the document", fresh, inDocument.Version())
		}
		if report := seed(t, st, later, prune); report.Changed() || version(t, st) != fresh {
			t.Errorf("seeded again: %s", report)
		}
		seed(t, st, small, prune)
		if version(t, st) == fresh {
			t.Error("another document must have another version")
		}
		seed(t, st, later, prune)
		if got := version(t, st); got != fresh {
			t.Errorf("there and back: got %s, want %s", got, fresh)
		}
	})
}

func TestTheShippedPolicyComesBackWhole(t *testing.T) {
	t.Parallel()
	before, err := policy.Compile(config(), shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, db database) {
		st, _ := migrated(t, db)
		if _, err := st.Seed(t.Context(), shipped(t), policystore.SeedParams{}); err != nil {
			t.Fatal(err)
		}
		after, err := st.Policy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if changes := before.Diff(after); len(changes) > 0 {
			t.Errorf("changed: %v", changes)
		}
		var want, got strings.Builder
		if err := errors.Join(before.WriteMatrix(&want), after.WriteMatrix(&got)); err != nil || got.String() != want.String() {
			t.Errorf("another matrix (%v):\n%s", err, got.String())
		}
	})
}

func TestAModelThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	_, conn := seeded(t, createSQLite(t))
	foreign := "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.sub\n"
	_, err := policystore.New(conn, policy.Config{Model: foreign}).Policy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "model") {
		t.Errorf("got %v", err)
	}
}

func write(t testing.TB, doc *policy.Document) string {
	t.Helper()
	var b strings.Builder
	if _, err := doc.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
