package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// TableError says that a table is not what iam_schema says: a host's own that has the same name, or the library's
// that somebody has changed. Nothing was done to it.
type TableError struct {
	Table   string
	Version int      // of the tables, as iam_schema says; 0 when it says nothing
	Missing []string // columns that the library's table has and this one does not; all of them when there is no such table
	Early   []string // columns that a later version adds, and that are there already
}

// Error says what is wrong with the table.
func (e *TableError) Error() string {
	if len(e.Early) > 0 {
		return fmt.Sprintf("store: the table %s has what comes with a later version than %d (%s): iam_schema has lost the rows of steps "+
			"that were run, or the table is not the library's", e.Table, e.Version, strings.Join(e.Early, ", "))
	}
	return fmt.Sprintf("store: the table %s lacks %s: it is not the library's, or was changed; the tables are of version %d, as iam_schema says",
		e.Table, strings.Join(e.Missing, ", "), e.Version)
}

var (
	createTable = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (iam_\w+) \(`)
	tableColumn = regexp.MustCompile(`(?m)^  ([a-z_]+) \{`)
	addColumn   = regexp.MustCompile(`^ALTER TABLE (iam_\w+) ADD COLUMN ([a-z_]+) `)
)

// checkTables compares the columns of the tables with those of a version. Tables of later versions may be there, as a
// Migrate that was cut off left them, but not with other columns: CREATE TABLE IF NOT EXISTS would pass over
// a table of the host's, and what comes behind it would change that one.
func checkTables(db *gorm.DB, d *dialect, version int) error {
	have, err := d.readColumns(db)
	if err != nil {
		return err
	}
	for _, m := range migrations {
		for _, statement := range m.SQL {
			if err := checkStatement(statement, m.Version <= version, d, have); err != nil {
				err.Version = version
				return err
			}
		}
	}
	return nil
}

// checkStatement compares what a statement makes with what is there.
func checkStatement(statement string, done bool, d *dialect, have map[string][]string) *TableError {
	if made := createTable.FindStringSubmatch(statement); made != nil {
		columns, there := have[made[1]]
		if !there && !done {
			return nil
		}
		var missing []string
		for _, column := range tableColumn.FindAllStringSubmatch(statement, -1) {
			if !slices.Contains(columns, column[1]) {
				missing = append(missing, column[1])
			}
		}
		if len(missing) > 0 {
			return &TableError{Table: made[1], Missing: missing}
		}
	}
	if added := addColumn.FindStringSubmatch(statement); added != nil {
		switch there := slices.Contains(have[added[1]], added[2]); {
		case done && !there:
			return &TableError{Table: added[1], Missing: added[2:]}
		case !done && there && d.undoes:
			return &TableError{Table: added[1], Early: added[2:]}
		}
	}
	return nil
}

// readColumns returns the columns of all tables that could be the library's.
func (d *dialect) readColumns(db *gorm.DB) (map[string][]string, error) {
	var rows []struct {
		Table  string `gorm:"column:tbl"`
		Column string `gorm:"column:col"`
	}
	if err := db.Raw(d.columns).Scan(&rows).Error; err != nil {
		return nil, err
	}
	have := make(map[string][]string)
	for _, row := range rows {
		have[row.Table] = append(have[row.Table], row.Column)
	}
	return have, nil
}
