package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// Rows are all rows of the library's tables at one moment, for tests that want a database to be as it was.
type Rows struct{ tables map[string]table }

type table struct {
	columns []string
	rows    [][]any // bytes are strings, as MariaDB gives some texts
}

// ReadRows reads all rows of the library's tables.
func ReadRows(tb testing.TB, db *gorm.DB) Rows {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	return readTables(tb, pool, tablesOf(tb, pool, db.Name()))
}

// Again reads the rows of the same tables: MariaDB takes its time to say which ones there are.
func (r Rows) Again(tb testing.TB, db *gorm.DB) Rows {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	return readTables(tb, pool, slices.Collect(maps.Keys(r.tables)))
}

func readTables(tb testing.TB, pool *sql.DB, names []string) Rows {
	tb.Helper()
	all := Rows{map[string]table{}}
	for _, name := range names {
		read, err := readTable(tb.Context(), pool, name)
		if err != nil {
			tb.Fatalf("testdb: read %s: %v", name, err)
		}
		all.tables[name] = read
	}
	return all
}

var tablesQuery = map[string]string{
	SQLite:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'iam@_%' ESCAPE '@'",
	Postgres: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'iam@_%' ESCAPE '@'",
	MySQL:    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'iam@_%' ESCAPE '@'",
}

func tablesOf(tb testing.TB, pool *sql.DB, database string) []string {
	tb.Helper()
	rows, err := pool.QueryContext(tb.Context(), tablesQuery[database])
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			tb.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return names
}

func readTable(ctx context.Context, pool *sql.DB, name string) (read table, err error) {
	rows, err := pool.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return table{}, err
	}
	defer rows.Close()
	if read.columns, err = rows.Columns(); err != nil {
		return table{}, err
	}
	for rows.Next() {
		row := make([]any, len(read.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return table{}, err
		}
		for i, value := range row {
			if text, ok := value.([]byte); ok {
				row[i] = string(text)
			}
		}
		read.rows = append(read.rows, row)
	}
	return read, rows.Err()
}

// Lines are the rows as text, sorted.
func (r Rows) Lines() []string {
	var lines []string
	for name, t := range r.tables {
		for _, row := range t.rows {
			lines = append(lines, line(name, t.columns, row, asIs))
		}
	}
	slices.Sort(lines)
	return lines
}

func asIs(_ string, value any) any { return value }

func line(table string, columns []string, row []any, as func(column string, value any) any) string {
	var b strings.Builder
	b.WriteString(table)
	for i, column := range columns {
		fmt.Fprintf(&b, " %s=%v", column, as(column, row[i]))
	}
	return b.String()
}

// Equal reports whether nothing differs.
func (r Rows) Equal(other Rows) bool { return slices.Equal(r.Lines(), other.Lines()) }

var (
	anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	// random are the columns whose values nobody can foretell: hashes, and what is sealed.
	random = []string{"hash", "log_head", "password", "secret", "enrolling"}
)

// baseline is what was there before, for texts that do not depend on what is made at random.
type baseline struct {
	lines  map[string]bool
	values map[any]bool
	ids    map[string]bool
}

func (r Rows) baseline() baseline {
	b := baseline{map[string]bool{}, map[any]bool{}, map[string]bool{}}
	for _, t := range r.tables {
		for _, row := range t.rows {
			for _, value := range row {
				b.values[value] = true
			}
		}
	}
	for _, text := range r.Lines() {
		b.lines[text] = true
		for _, id := range anID.FindAllString(text, -1) {
			b.ids[id] = true
		}
	}
	return b
}

// since are the rows as text, sorted, with what was made at random since then put in a form that is the same
// whenever the same was done: new ids are numbered in the order of their making, for that is how they sort.
func (b baseline) since(r Rows) []string {
	var lines, fresh, ids []string
	for name, t := range r.tables {
		for _, row := range t.rows {
			if text := line(name, t.columns, row, asIs); b.lines[text] {
				lines = append(lines, text)
				continue
			}
			text := line(name, t.columns, row, func(column string, value any) any {
				if slices.Contains(random, column) && !b.values[value] {
					return "new"
				}
				return value
			})
			fresh = append(fresh, text)
			for _, id := range anID.FindAllString(text, -1) {
				if !b.ids[id] {
					ids = append(ids, id)
				}
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, text := range fresh {
		lines = append(lines, anID.ReplaceAllStringFunc(text, func(id string) string {
			if i, found := slices.BinarySearch(ids, id); found {
				return fmt.Sprintf("new-id-%d", i+1)
			}
			return id
		}))
	}
	slices.Sort(lines)
	return lines
}

// Changed are the tables of which a row differs.
func (r Rows) Changed(before Rows) []string {
	var names []string
	for name, now := range r.tables {
		if !slices.Equal(now.lines(), before.tables[name].lines()) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (t table) lines() []string { return Rows{map[string]table{"": t}}.Lines() }

// Restore makes the tables of db what they were.
func (r Rows) Restore(tb testing.TB, db *gorm.DB) {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	changed := r.Again(tb, db).Changed(r)
	if len(changed) == 0 {
		return
	}
	if err := r.write(tb.Context(), pool, db.Name(), changed); err != nil {
		tb.Fatalf("testdb: restore: %v", err)
	}
}

// How foreign keys are left alone for a while, in one connection.
var (
	keysOff = map[string]string{
		SQLite: "PRAGMA foreign_keys = 0", Postgres: "SET session_replication_role = replica; SET synchronous_commit = off", MySQL: "SET foreign_key_checks = 0",
	}
	keysOn = map[string]string{
		SQLite: "PRAGMA foreign_keys = 1", Postgres: "SET session_replication_role = DEFAULT", MySQL: "SET foreign_key_checks = 1",
	}
)

func (r Rows) write(ctx context.Context, pool *sql.DB, database string, names []string) (err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, keysOff[database]); err != nil {
		return err
	}
	defer func() {
		if _, failed := conn.ExecContext(ctx, keysOn[database]); err == nil {
			err = failed
		}
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, name := range names {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+name); err != nil {
			return err
		}
		for _, row := range r.tables[name].rows {
			insert := "INSERT INTO " + name + " (" + strings.Join(r.tables[name].columns, ", ") + ") VALUES (" + placeholders(database, len(row)) + ")"
			if _, err := tx.ExecContext(ctx, insert, row...); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return tx.Commit()
}

func placeholders(database string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "?"
		if database == Postgres {
			all[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	return strings.Join(all, ", ")
}
