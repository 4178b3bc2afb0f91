package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// fixture is what a program of a version has left, and what it read of that itself.
type fixture struct {
	Version int                         `json:"version"`
	Program string                      `json:"program"`
	Now     time.Time                   `json:"now"`
	Orgs    []policy.OrgID              `json:"orgs"`
	System  map[policy.OrgID]string     `json:"system"`
	IDs     map[string]policy.AccountID `json:"ids"`
	Handles map[string]string           `json:"handles"`
	Read    map[string]any              `json:"read"`
}

func releasedFile(version int, name string) string {
	return filepath.Join("testdata", "released", fmt.Sprintf("v%d", version), name)
}

// fixture is what the author has left.
func (a *author) fixture(version int, program string) fixture {
	now := a.now
	read := a.read()
	return fixture{Version: version, Program: program, Now: now, Orgs: a.orgs, System: a.system, IDs: a.ids, Handles: a.handles, Read: read}
}

// encode writes a fixture with one line for each row, so that a difference can be read.
func (f fixture) encode() ([]byte, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	writeJSON(&b, prune(value), "")
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// prune leaves out what is empty, so that a field which a later version has added is not missed.
func prune(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if v[key] = prune(inner); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	case string:
		if v == "" || v == "0001-01-01T00:00:00Z" {
			return nil
		}
	}
	return value
}

func writeJSON(b *bytes.Buffer, value any, indent string) {
	write := func(open, end byte, n int, item func(i int)) {
		b.WriteByte(open)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("\n" + indent + " ")
			item(i)
		}
		if n > 0 {
			b.WriteString("\n" + indent)
		}
		b.WriteByte(end)
	}
	switch v := value.(type) {
	case map[string]any:
		if len(indent) > 3 {
			break
		}
		keys := slices.Sorted(maps.Keys(v))
		write('{', '}', len(v), func(i int) {
			fmt.Fprintf(b, "%q: ", keys[i])
			writeJSON(b, v[keys[i]], indent+" ")
		})
		return
	case []any:
		write('[', ']', len(v), func(i int) { writeJSON(b, v[i], indent+"    ") })
		return
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // what was decoded a moment ago
	b.Truncate(b.Len() - 1)
}

var createdTable = regexp.MustCompile(`CREATE TABLE IF NOT EXISTS (iam_\w+)`)

// dump writes tables and rows as statements that need no program: see load.
func dump(t *testing.T, db *gorm.DB) (schema, rows []byte) {
	t.Helper()
	var b, r bytes.Buffer
	var tables []string
	for _, m := range store.Migrations(db.Name()) {
		fmt.Fprintf(&b, "-- version %d: %s\n", m.Version, m.Name)
		for _, statement := range m.SQL {
			fmt.Fprintf(&b, "%s;\n", statement)
			if made := createdTable.FindStringSubmatch(statement); made != nil {
				tables = append(tables, made[1])
			}
		}
	}
	for _, table := range tables {
		columns, lines := dumpTable(t, db, table)
		if len(lines) > 0 {
			fmt.Fprintf(&r, "INSERT INTO %s (%s) VALUES\n%s;\n", table, strings.Join(columns, ", "), strings.Join(lines, ",\n"))
		}
	}
	return b.Bytes(), r.Bytes()
}

func dumpTable(t *testing.T, db *gorm.DB, table string) (columns, lines []string) {
	t.Helper()
	rows, err := db.WithContext(t.Context()).Raw("SELECT * FROM " + table).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if columns, err = rows.Columns(); err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		literals := make([]string, len(values))
		for i, v := range values {
			literals[i] = literal(t, db.Name(), v)
		}
		lines = append(lines, "("+strings.Join(literals, ", ")+")")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return columns, lines
}

// literal writes a value in SQL. The unit separator in searched texts is written as its picture.
func literal(t *testing.T, database string, value any) string {
	t.Helper()
	switch v := value.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprint(v)
	case []byte:
		return literal(t, database, string(v))
	case string:
		if !utf8.ValidString(v) || strings.ContainsAny(v, "\x00\n␟") {
			t.Fatalf("the fixture cannot hold %q", v)
		}
		text := strings.ReplaceAll(v, "'", "''")
		if database == testdb.MySQL {
			text = strings.ReplaceAll(text, `\`, `\\`)
		}
		if !strings.Contains(text, "\x1f") {
			return "'" + text + "'"
		}
		separator := map[string]string{testdb.SQLite: "char(31)", testdb.Postgres: "chr(31)", testdb.MySQL: "CHAR(31 USING utf8mb4)"}[database]
		return "replace('" + strings.ReplaceAll(text, "\x1f", "␟") + "', '␟', " + separator + ")"
	default:
		t.Fatalf("the fixture cannot hold a %T", value)
		return ""
	}
}

// load makes the tables and rows of a released version, and returns what its program read of them.
func load(t *testing.T, db *gorm.DB, version int) fixture {
	t.Helper()
	f := want(t, version)
	conn, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{".schema.sql", ".rows.sql"} {
		file, err := os.ReadFile(releasedFile(version, db.Name()+part))
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(strings.TrimSuffix(string(file), ";\n"), ";\n") {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%.200s: %v", statement, err)
			}
		}
	}
	return f
}

func want(t *testing.T, version int) (f fixture) {
	t.Helper()
	file, err := os.ReadFile(releasedFile(version, "want.json"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err = decode(file); err != nil {
		t.Fatal(err)
	}
	return f
}

func decode(text []byte) (f fixture, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // so that every number is written as it was
	err = d.Decode(&f)
	return f, err
}

// resume returns an author who goes on where the fixture's has stopped.
func resume(t *testing.T, db *gorm.DB, f fixture) *author {
	t.Helper()
	a := newAuthor(t, db, f.Now, 'n')
	a.orgs, a.system = f.Orgs, f.System
	maps.Copy(a.ids, f.IDs)
	maps.Copy(a.handles, f.Handles)
	return a
}
