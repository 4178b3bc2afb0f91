package policystore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// BadRowsError names every row of casbin_rule that stands in the way of a policy.
type BadRowsError struct{ Rows []BadRow }

// BadRow is one row with what is wrong with it.
type BadRow struct {
	ID      uint
	Row     policy.Row // without empty fields at its end
	Problem string
}

// Error lists the rows, one a line.
func (e *BadRowsError) Error() string {
	lines := make([]string, len(e.Rows))
	for i, bad := range e.Rows {
		lines[i] = fmt.Sprintf("%s row with id %d (%s): %s", table, bad.ID, bad.Row, bad.Problem)
	}
	return strings.Join(lines, "\n")
}

// badRows looks at the shape of rows: a section that there is not, too few fields, empty ones
// (P10–P12: one such row takes a stock Casbin down).
func badRows(lines []gormadapter.CasbinRule) []BadRow {
	var bad []BadRow
	for _, line := range lines {
		row := keyOf(line).row(0)
		if _, err := policy.NewDocument(table, []policy.Row{row}); err != nil {
			bad = append(bad, BadRow{line.ID, row, problem(err)})
		}
	}
	return bad
}

// problem is the text of the first mistake, without a place in a file that there is not.
func problem(err error) string {
	var wrong policy.Mistakes
	if errors.As(err, &wrong) && len(wrong) > 0 {
		return wrong[0].Text
	}
	return err.Error()
}

// diagnose says which rows made loading or compiling fail with the error, by looking at the table
// once more; it returns the error itself when it finds none. The documents are what was loaded.
func (s *Store) diagnose(ctx context.Context, failure error, docs ...*policy.Document) error {
	lines, err := rows(s.session(ctx))
	if err != nil {
		return failure
	}
	if bad := badRows(lines); len(bad) > 0 {
		return fmt.Errorf("policystore: load: %w", &BadRowsError{bad})
	}
	var wrong policy.Mistakes
	if !errors.As(failure, &wrong) {
		return failure
	}
	ids := make(map[key]uint, len(lines))
	for _, line := range lines {
		ids[keyOf(line)] = line.ID
	}
	var bad []BadRow
	for _, mistake := range wrong {
		row, ok := rowOf(mistake, docs)
		id := ids[keyOfRow(row)]
		if !ok || id == 0 {
			return failure
		}
		if !slices.ContainsFunc(bad, func(b BadRow) bool { return b.ID == id }) { // one problem a row
			bad = append(bad, BadRow{id, row, mistake.Text})
		}
	}
	return fmt.Errorf("policystore: load: %w", &BadRowsError{bad})
}

// rowOf finds the row that a mistake is about.
func rowOf(m policy.Mistake, docs []*policy.Document) (policy.Row, bool) {
	for _, doc := range docs {
		if doc.Name() != m.File {
			continue
		}
		rows := doc.Rows()
		i := slices.IndexFunc(rows, func(r policy.Row) bool { return r.Line == m.Line })
		if i >= 0 {
			return rows[i], true
		}
	}
	return policy.Row{}, false
}

// rows reads every row of the table.
func rows(db *gorm.DB) ([]gormadapter.CasbinRule, error) {
	var lines []gormadapter.CasbinRule
	err := db.Order("id").Find(&lines).Error
	return lines, err
}
