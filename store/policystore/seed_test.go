package policystore_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

const extra = "p, reader, project, file, edit, allow, always\n"

func TestSeedWritesTheDifference(t *testing.T) {
	t.Parallel()
	retitled := strings.Replace(small, "Edit files", "edit files", 1) // one row by MariaDB's usual collation
	denied := strings.Replace(small, "p, reader, project, file, view, allow", "p, reader, project, file, view, deny", 1)
	steps := []struct {
		name, document string
		params         policystore.SeedParams
		report         string
		table          string
	}{
		{
			"a dry run writes nothing", small, policystore.SeedParams{DryRun: true},
			"dry run: 8 added, 0 removed, 0 moved, 0 unchanged, 0 stale\n+ " + strings.Join(strings.Split(strings.TrimSpace(small), "\n"), "\n+ "), "",
		},
		{"what is missing is added", small + extra, policystore.SeedParams{}, "9 added, 0 removed, 0 moved, 0 unchanged, 0 stale", small + extra},
		{"the same again is nothing", small + extra, policystore.SeedParams{Prune: true}, "0 added, 0 removed, 0 moved, 9 unchanged, 0 stale", small + extra},
		{
			"without Prune what is stale stays", small, policystore.SeedParams{},
			"0 added, 0 removed, 0 moved, 8 unchanged, 1 stale\n? " + extra, small + extra,
		},
		{
			"a dry run says what Prune would remove", small, policystore.SeedParams{DryRun: true, Prune: true},
			"dry run: 0 added, 1 removed, 0 moved, 8 unchanged, 0 stale\n- " + extra, small + extra,
		},
		{"with Prune it goes", small, policystore.SeedParams{Prune: true}, "0 added, 1 removed, 0 moved, 8 unchanged, 0 stale\n- " + extra, small},
		{
			"another title replaces the old one, without Prune too", retitled, policystore.SeedParams{},
			"1 added, 1 removed, 0 moved, 7 unchanged, 0 stale\n+ p3, file, edit, Files, edit files\n- p3, file, edit, Files, Edit files", retitled,
		},
		{
			"the opposite effect replaces the old one", denied, policystore.SeedParams{},
			"2 added, 2 removed, 0 moved, 6 unchanged, 0 stale", denied,
		},
	}
	onEach(t, func(t *testing.T, db database) {
		st, conn := migrated(t, db)
		for _, step := range steps {
			report := seed(t, st, step.document, step.params)
			if got := report.String(); !strings.HasPrefix(got, strings.TrimSpace(step.report)) {
				t.Errorf("%s: got\n%s\nwant\n%s", step.name, got, step.report)
			}
			if got := text(t, conn); got != sorted(step.table) {
				t.Errorf("%s: the table is\n%s", step.name, got)
			}
		}
		version(t, st)
	})
}

// TestATableOfTheUsualCollation: a stock adapter made it, and its unique index on MariaDB takes edit
// and Edit for the same.
func TestATableOfTheUsualCollation(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		conn := db.connect(t)
		if _, err := gormadapter.NewAdapterByDB(conn); err != nil {
			t.Fatal(err)
		}
		st := policystore.New(conn, config())
		seed(t, st, small, policystore.SeedParams{})
		retitled := strings.Replace(small, "Edit files", "edit files", 1)
		seed(t, st, retitled, policystore.SeedParams{})
		if got := text(t, conn); got != sorted(retitled) {
			t.Errorf("got\n%s", got)
		}
		put(t, st, "Acme", role("support"))
		before := text(t, conn)
		if err := st.PutRole(t.Context(), "acme", role("support")); db.name == "mysql" {
			if err == nil || text(t, conn) != before {
				t.Errorf("got %v: want it refused whole, and the table as it was:\n%s", err, text(t, conn))
			}
			if err := st.DeleteRole(t.Context(), "acme", "support"); !errors.Is(err, policystore.ErrNotFound) || text(t, conn) != before {
				t.Errorf("the role of another organisation went: %v", err)
			}
		} else if err != nil {
			t.Error(err)
		}
	})
}

func TestSeedRefusesADocumentBeforeItWrites(t *testing.T) {
	t.Parallel()
	st, conn := seeded(t, createSQLite(t))
	for name, bad := range map[string]string{
		"it does not compile":        small + "p, reader, org, file, fly, allow, always\n",
		"a condition is not known":   small + "p, reader, org, file, edit, allow, full_moon\n",
		"it declares custom roles":   small + "p4, support@acme, Support\n",
		"it gives to a custom role":  small + "p2, owner, support@acme\n",
		"it contradicts itself":      small + "p, owner, org, file, view, deny, always\n",
		"it declares the same again": small + "p4, owner, Boss\n",
	} {
		if _, err := st.Seed(t.Context(), document(t, bad), policystore.SeedParams{Prune: true}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got := text(t, conn); got != sorted(small) {
			t.Fatalf("%s: the table is\n%s", name, got)
		}
	}
	_, err := st.Seed(t.Context(), document(t, small+"p, reader, org, file, fly, allow, always\n"), policystore.SeedParams{})
	var wrong policy.Mistakes
	if !errors.As(err, &wrong) || wrong[0].Line != 9 {
		t.Errorf("got %v: want the mistakes of the document", err)
	}
}

func TestSeedLeavesCustomRolesAlone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		put(t, st, "acme", role("support"))
		before := text(t, conn)
		if report := seed(t, st, small, policystore.SeedParams{Prune: true}); report.Changed() || text(t, conn) != before {
			t.Errorf("%s\n%s", report, text(t, conn))
		}
	})
}

// TestSeedRefusesToBreakACustomRole: the loaded policy would be refused whole for it, on every node.
func TestSeedRefusesToBreakACustomRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		put(t, st, "acme", role("support", "file:edit"))
		before := text(t, conn)
		without := strings.NewReplacer("p3, file, edit, Files, Edit files\n", "", "p, owner, org, file, edit, allow, always\n", "").Replace(small)
		for _, params := range []policystore.SeedParams{{Prune: true}, {Prune: true, DryRun: true}} {
			report, err := st.Seed(t.Context(), document(t, without), params)
			var bad *policystore.BadRowsError
			if !errors.As(err, &bad) || len(bad.Rows) != 1 || bad.Rows[0].Row.Fields[0] != "support@acme" || !strings.Contains(err.Error(), "file:edit") {
				t.Errorf("got %v", err)
			}
			if len(report.Removed) != 2 {
				t.Errorf("the report must say what would have been done: %s", report)
			}
		}
		if text(t, conn) != before {
			t.Errorf("got\n%s", text(t, conn))
		}
		if err := st.DeleteRole(t.Context(), "acme", "support"); err != nil {
			t.Fatal(err)
		}
		seed(t, st, without, policystore.SeedParams{Prune: true})
		version(t, st)
	})
}

func TestSeedRefusesATableThatCouldNotBeLoaded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		for name, row := range map[string]gormadapter.CasbinRule{
			"a short rule":          {Ptype: "p", V0: "owner"},
			"a rule of nobody":      {Ptype: "p", V0: "boss", V1: "org", V2: "file", V3: "view", V4: "allow", V5: "always"},
			"a binding of the host": {Ptype: "g", V0: "alice", V1: "owner", V2: "org/acme"},
		} {
			if err := conn.Create(&row).Error; err != nil {
				t.Fatal(err)
			}
			_, err := st.Seed(t.Context(), document(t, small), policystore.SeedParams{})
			var bad *policystore.BadRowsError
			if !errors.As(err, &bad) || len(bad.Rows) != 1 || bad.Rows[0].ID != row.ID {
				t.Errorf("%s: got %v", name, err)
			}
			_, err = st.Seed(t.Context(), document(t, small), policystore.SeedParams{Prune: true})
			if row.Ptype == "g" && !errors.As(err, &bad) || row.Ptype != "g" && err != nil {
				t.Errorf("%s: with Prune: got %v", name, err)
			}
			if err := conn.Delete(&row).Error; err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestNodesSeedAtOnce on an empty table, where there is no row to lock on MariaDB.
func TestNodesSeedAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		_, conn := migrated(t, db)
		var wg sync.WaitGroup
		var added atomic.Int64
		for range 6 {
			st := policystore.New(db.connect(t), config())
			wg.Go(func() {
				report, err := st.Seed(t.Context(), document(t, small), policystore.SeedParams{Prune: true})
				if err != nil {
					t.Error(err)
				}
				added.Add(int64(len(report.Added)))
			})
		}
		wg.Wait()
		if got := text(t, conn); got != sorted(small) || added.Load() != 8 {
			t.Errorf("%d rows were added to\n%s", added.Load(), got)
		}
	})
}

// TestSeedIsAtomic: an insert that fails leaves the removed rows in place (SavePolicy does not, P6).
func TestSeedIsAtomic(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		_, _ = seeded(t, db)
		conn := db.connect(t)
		boom := errors.New("boom")
		if err := conn.Callback().Create().Before("gorm:create").Register("test:boom", func(tx *gorm.DB) { _ = tx.AddError(boom) }); err != nil {
			t.Fatal(err)
		}
		_, err := policystore.New(conn, config()).Seed(t.Context(), document(t, strings.Replace(small, "Edit", "Change", 1)), policystore.SeedParams{Prune: true})
		if !errors.Is(err, boom) || text(t, conn) != sorted(small) {
			t.Errorf("got %v, and the table\n%s", err, text(t, conn))
		}
	})
}

// TestOneConnectionSuffices: what asks for a second one inside of a transaction hangs (P6).
func TestOneConnectionSuffices(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		pool, err := conn.DB()
		if err != nil {
			t.Fatal(err)
		}
		pool.SetMaxOpenConns(1) // every test has a pool of its own
		seed(t, st, small+extra, policystore.SeedParams{Prune: true})
		put(t, st, "acme", role("support"))
		version(t, st)
	})
}
