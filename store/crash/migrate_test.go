package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// migration is what a process has to do that migrates.
type migration struct {
	Place place
	// Statement is the one behind which the process kills itself: 0 for never.
	Statement int64
}

// migrate is the life of a process that migrates. It says each statement before it sends it.
func migrate() error {
	var m migration
	if err := json.Unmarshal([]byte(os.Getenv(jobEnv)), &m); err != nil {
		return err
	}
	db, err := m.Place.open()
	if err != nil {
		return err
	}
	var out mouth
	var statements atomic.Int64
	if err := dieAt(db, m.Statement, func() int64 { return statements.Add(1) }); err != nil {
		return err
	}
	err = db.Callback().Raw().Before("gorm:raw").Register("crash:say", func(db *gorm.DB) {
		_ = out.say(line{Act: strings.Fields(db.Statement.SQL.String())[0]})
	})
	if err != nil {
		return err
	}
	return store.Migrate(context.Background(), db)
}

// Migrate is killed while it makes the tables, or brings those of version 1 with their rows to what they are today;
// the next one is killed as well, and whoever is let do it comes to the same tables as if nothing had been.
func TestKilledMigrations(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(w *world) {
		if w.place.Database == rollback {
			w.Skip("Migrate is one transaction here as with a WAL")
		}
		began := time.Now()
		clean := newWorld(w.T, w.place.Database)
		var want string
		var statements int64 // of a Migrate that nobody kills
		clean.visit(func(h *host) {
			var sent int64
			w.ok(dieAt(h.db, -1, func() int64 { sent++; return sent }))
			w.ok(store.Migrate(w.Context(), h.db))
			statements = sent
			want = schemaOf(clean, h.db)
		})
		n := min(rounds(w, 2), 40) // each makes a database
		kills, halves := 0, 0
		for round := range n {
			w.Run(fmt.Sprint("round ", round), func(t *testing.T) {
				one := newWorld(t, w.place.Database)
				if round%2 == 1 {
					one.visit(func(h *host) { versionOne(one, h.db) })
				}
				at := statements / 2 // of the first one; the others die anywhere
				for range 1 + rand.IntN(3) {
					if one.killMigrate(at, statements) {
						kills++
					}
					at = 0
					one.visit(func(h *host) { halves += half(one, h.db) })
				}
				one.visit(func(h *host) { one.migrated(h, want, round%2 == 1) })
			})
			if w.Failed() {
				return
			}
		}
		w.Logf("%d rounds in %v: Migrate, of %d statements, was killed %d times; it left tables half made %d times",
			n, time.Since(began).Round(time.Millisecond), statements, kills, halves)
		switch mysql := w.place.Database == testdb.MySQL; {
		case !mysql && halves > 0:
			w.Errorf("tables were left half made %d times: Migrate is one transaction here", halves)
		case mysql && halves == 0:
			w.Error("no tables were left half made: the test proves nothing")
		}
	})
}

// killMigrate lets a process migrate, and kills it behind a statement, or from outside when it says one; any is
// meant by 0. It reports whether the process had as much to do.
func (w *world) killMigrate(at, statements int64) (killed bool) {
	w.Helper()
	m, limit := migration{Place: w.place, Statement: at}, 0
	switch {
	case at > 0:
	case rand.IntN(2) == 0:
		m.Statement = 1 + rand.Int64N(statements)
	default:
		limit = 1 + rand.IntN(int(statements))
	}
	p := start(w, "migrator", m, w.env())
	var l line
	for p.next(&l) {
		if p.lines == limit {
			p.kill()
		}
	}
	err := p.cmd.Wait()
	p.end()
	if killed = !p.cmd.ProcessState.Exited(); !killed && err != nil {
		w.Errorf("Migrate ended with %v: %s", err, p.stderr.String())
	}
	w.gone(w.Context())
	return killed
}

// half is 1 when there are tables that belong to no version that the database says it has.
func half(w *world, db *gorm.DB) int {
	w.Helper()
	tables, err := db.Migrator().GetTables()
	w.ok(err)
	var schema *store.SchemaError
	switch err := store.CheckSchema(w.Context(), db); {
	case err == nil:
		return 0
	case !errors.As(err, &schema):
		w.Fatal(err)
	}
	of := 0 // how many tables the version has
	made := map[string]bool{}
	for _, m := range store.Migrations(db.Name()) {
		for _, statement := range m.SQL {
			if words := strings.Fields(statement); words[0] == "CREATE" && words[1] == "TABLE" && m.Version <= schema.Have {
				made[words[5]] = true
			}
		}
	}
	for _, table := range tables {
		if strings.HasPrefix(table, "iam_") && !made[table] {
			of++
		}
	}
	return min(of, 1)
}

// migrated wants that Migrate does what is left to do, and that the tables can be used.
func (w *world) migrated(h *host, want string, old bool) {
	w.Helper()
	ctx := w.Context()
	w.ok(store.Migrate(ctx, h.db))
	w.ok(store.CheckSchema(ctx, h.db))
	if got := schemaOf(w, h.db); got != want {
		w.Errorf("the tables are not those of a Migrate that nobody killed:\n%s", differentLines(want, got))
	}
	made, err := h.svc.System("test").CreateOrganization(ctx, iam.CreateOrganizationParams{ID: "new", Root: &iam.CreateAccountParams{Email: "new@example.com"}})
	if err != nil || made.Root == "" {
		w.Errorf("an organisation behind it: got %+v (%v)", made, err)
	}
	if !old {
		return
	}
	system := h.svc.System("test").In("o1")
	w.ok(system.Record(ctx, iam.RecordParams{Type: "deployment.created"}))
	events, err := system.Events(ctx, iam.EventQuery{Ascending: true})
	if err != nil || len(events) != 4 || events[3].Position() != (iam.EventPosition{Revision: 7, Ordinal: 4}) {
		w.Errorf("the events of version 1, and one more: got %+v (%v)", events, err)
	}
	if report, err := system.VerifyEvents(ctx, iam.Checkpoint{}); err != nil {
		w.Errorf("the log: got %+v (%v)", report, err)
	}
	if root, err := h.st.RootByEmail(ctx, "one@example.com"); err != nil || root.ID != "r1" {
		w.Errorf("root by its address: got %+v (%v)", root, err)
	}
}

// versionOne makes the tables of version 1, with what a program of that time may have left in them.
func versionOne(w *world, db *gorm.DB) {
	w.Helper()
	first := store.Migrations(db.Name())[0]
	statements := append(slices.Clone(first.SQL),
		fmt.Sprintf("INSERT INTO iam_schema (version, name, applied) VALUES (1, '%s', 1)", first.Name),
		"INSERT INTO iam_organizations (id, name, created, revision) VALUES ('o1', 'One', 1, 7)",
		"INSERT INTO iam_accounts (id, org_id, root_key, status, email, email_key, name, username, phone, company, note, search, created_by, created, "+
			"activated, updated) VALUES ('r1', 'o1', 'o1', 'active', 'one@example.com', NULL, 'n', '', '', '', '', '', '', 1, 1, 1)",
		"INSERT INTO iam_account_roles (org_id, account_id, role) VALUES ('o1', 'r1', 'root')")
	for n := range 3 {
		statements = append(statements, fmt.Sprintf("INSERT INTO iam_events (org_id, revision, ordinal, time, type, actor, reason, target, changes) "+
			"VALUES ('o1', 7, %d, 5, 't', 'r1', 'why', 'r1', '[]')", n+1))
	}
	for _, statement := range statements {
		w.ok(db.Exec(statement).Error)
	}
}

// schemaOf writes what the tables are.
func schemaOf(w *world, db *gorm.DB) string {
	w.Helper()
	var lines []string
	read := func(query string) {
		w.Helper()
		var found []string
		w.ok(db.Raw(query).Scan(&found).Error)
		lines = append(lines, found...)
	}
	switch db.Name() {
	case testdb.SQLite:
		read("SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY type, name")
	case testdb.Postgres:
		read("SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable, column_default, collation_name) " +
			"FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position")
		read("SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname")
		read("SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY conname")
	default:
		tables, err := db.Migrator().GetTables()
		w.ok(err)
		slices.Sort(tables)
		for _, table := range tables {
			var shown struct {
				Table  string `gorm:"column:Table"`
				Create string `gorm:"column:Create Table"`
			}
			w.ok(db.Raw("SHOW CREATE TABLE " + table).Scan(&shown).Error)
			lines = append(lines, strings.Split(shown.Create, "\n")...)
		}
	}
	read("SELECT CONCAT('applied ', name) FROM iam_schema ORDER BY version")
	return strings.Join(lines, "\n")
}

// differentLines lists the lines that only one of two texts has.
func differentLines(want, got string) string {
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, l := range wanted {
		if !slices.Contains(found, l) {
			fmt.Fprintln(&b, "-", l)
		}
	}
	for _, l := range found {
		if !slices.Contains(wanted, l) {
			fmt.Fprintln(&b, "+", l)
		}
	}
	return b.String()
}
