package policystore_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store/policystore"
)

func TestMigrateMakesTheTableThatAStockAdapterMakes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		_, ours := migrated(t, db)
		got := schema(t, ours)
		if err := ours.Migrator().DropTable("casbin_rule"); err != nil {
			t.Fatal(err)
		}
		if _, err := gormadapter.NewAdapterByDB(db.connect(t)); err != nil {
			t.Fatal(err)
		}
		if want := schema(t, ours); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestAStockAdapterFindsNothingToMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		migrated(t, db)
		conn := db.connect(t)
		changes := recordDDL(t, conn)
		if _, err := gormadapter.NewAdapterByDB(conn); err != nil {
			t.Fatal(err)
		}
		if got := changes(); len(got) > 0 {
			t.Errorf("the stock adapter issued %q", got)
		}
	})
}

func TestATableOfAStockAdapterIsTakenOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		if _, err := gormadapter.NewAdapterByDB(db.connect(t)); err != nil {
			t.Fatal(err)
		}
		st, conn := seeded(t, db)
		if got := text(t, conn); got != sorted(small) {
			t.Errorf("got\n%s", got)
		}
		version(t, st)
	})
}

// TestOnlyMigrateIssuesDDL guards the adapter that Load makes: it must not migrate, and the wish that
// it does not must not leak into the host's db, whose own stock adapter migrates.
func TestOnlyMigrateIssuesDDL(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		conn := db.connect(t)
		changes := recordDDL(t, conn)
		st := policystore.New(conn, config())
		if _, err := st.Load(t.Context()); err == nil {
			t.Error("Load of a table that is not there must fail")
		}
		if _, err := st.Seed(t.Context(), document(t, small), policystore.SeedParams{}); err == nil {
			t.Error("Seed of a table that is not there must fail")
		}
		if got := changes(); len(got) > 0 || conn.Migrator().HasTable("casbin_rule") {
			t.Errorf("Load or Seed issued %q", got)
		}
		if _, err := gormadapter.NewAdapterByDB(conn); err != nil {
			t.Fatal(err)
		}
		if !conn.Migrator().HasTable("casbin_rule") {
			t.Error("the host's own adapter does not migrate any more")
		}
	})
}

func TestMigrateSaysSoWhenTheContextTurnsItOff(t *testing.T) {
	t.Parallel()
	conn := createSQLite(t).connect(t)
	off := conn.Session(&gorm.Session{Context: t.Context()})
	gormadapter.TurnOffAutoMigrate(off)
	err := policystore.New(conn, config()).Migrate(off.Statement.Context)
	if err == nil || !strings.Contains(err.Error(), "TurnOffAutoMigrate") {
		t.Errorf("got %v", err)
	}
	if err := policystore.New(off, config()).Migrate(t.Context()); err != nil {
		t.Errorf("a db of the host with the wish must not matter: %v", err)
	}
}

func TestNodesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		var wg sync.WaitGroup
		for range 4 {
			st := policystore.New(db.connect(t), config())
			wg.Go(func() {
				if err := st.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		seeded(t, db)
	})
}

// schema says all that GORM can find out about the table.
func schema(t testing.TB, db *gorm.DB) string {
	t.Helper()
	columns, err := db.Migrator().ColumnTypes("casbin_rule")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range columns {
		kind, _ := c.ColumnType()
		length, _ := c.Length()
		null, _ := c.Nullable()
		primary, _ := c.PrimaryKey()
		increment, _ := c.AutoIncrement()
		value, given := c.DefaultValue()
		fmt.Fprintln(&b, c.Name(), kind, length, "null", null, "primary", primary, "increment", increment, "default", value, given)
	}
	indexes, err := db.Migrator().GetIndexes("casbin_rule")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range indexes {
		unique, _ := i.Unique()
		if primary, _ := i.PrimaryKey(); !primary {
			fmt.Fprintln(&b, i.Name(), i.Columns(), "unique", unique)
		}
	}
	return b.String()
}

// recordDDL notes what changes the schema through the connection.
func recordDDL(t testing.TB, db *gorm.DB) func() []string {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	err := db.Callback().Raw().Before("gorm:raw").Register("test:ddl", func(tx *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		statement := strings.ToUpper(tx.Statement.SQL.String())
		for _, verb := range []string{"CREATE", "ALTER", "DROP"} {
			if strings.HasPrefix(statement, verb) {
				seen = append(seen, statement)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}
