package store

import (
	"context"
	"slices"
	"strings"
)

// What one INSERT of many rows may hold. Parameters are as few as SQLite before 3.32 takes, where a statement of
// more is no faster, and elsewhere well below the 65,535 that PostgreSQL and MariaDB count in two bytes. Bytes are
// below the smallest packet that a MariaDB or MySQL server is delivered with.
const (
	fewParameters  = 999
	manyParameters = 16_000
	bulkBytes      = 1 << 20
)

// bulkInsert collects rows for INSERT statements of many rows each. GORM's own Create asks every field by
// reflection, which takes longer than SQLite takes to store a binding.
type bulkInsert struct {
	t     *tx
	what  string // for errors
	head  string // up to VALUES
	row   string // a row's parameters
	width int
	most  int // rows in a statement
	args  []any
	bytes int
}

// bulkInto begins an INSERT into columns of a table.
func (t *tx) bulkInto(what, table string, columns ...string) *bulkInsert {
	return &bulkInsert{
		t: t, what: what,
		head:  "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ",
		row:   "(?" + strings.Repeat(", ?", len(columns)-1) + ")",
		width: len(columns),
		most:  t.dialect.parameters / len(columns),
	}
}

// add takes a row: texts, numbers, and nil for NULL.
func (b *bulkInsert) add(ctx context.Context, values ...any) error {
	b.args = append(b.args, values...)
	for _, v := range values {
		if text, ok := v.(string); ok {
			b.bytes += len(text)
		}
	}
	if len(b.args) < b.most*b.width && b.bytes < bulkBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush writes the rows that are left.
func (b *bulkInsert) flush(ctx context.Context) error {
	rows := len(b.args) / b.width
	if rows == 0 {
		return nil
	}
	statement := b.head + b.row + strings.Repeat(", "+b.row, rows-1)
	_, err := b.t.exec(ctx, b.what, statement, b.args...)
	b.args, b.bytes = b.args[:0], 0
	return err
}

// listInPlace is how many texts MariaDB and MySQL look up in a list that stands in the statement: it takes the index,
// which it does not for a table made of one parameter, nor from a thousand texts on.
const listInPlace = 500

// among calls do with conditions that, between them, hold where a column is one of the texts. A text that cannot be
// stored is left out.
func (t *tx) among(texts []string, do func(isOne string, list any) error) error {
	texts = slices.DeleteFunc(texts, func(text string) bool { return !fits(text) })
	if len(texts) == 0 {
		return nil
	}
	if !t.dialect.listsInPlace {
		return do(t.dialect.inList, t.dialect.list(texts))
	}
	for some := range slices.Chunk(texts, listInPlace) {
		if err := do(" IN ?", some); err != nil {
			return err
		}
	}
	return nil
}

// distinct are the values as text, each once.
func distinct[T ~string](values []T) []string {
	seen := make(map[T]bool, len(values))
	all := make([]string, 0, len(values))
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			all = append(all, string(v))
		}
	}
	return all
}

// orNil is NULL for none.
func orNil[T ~string](value *T) any {
	if value == nil {
		return nil
	}
	return string(*value)
}
