// Package sqlite opens the embedded default database, SQLite, the way that the library needs it.
//
// Built with cgo it uses gorm.io/driver/sqlite (mattn/go-sqlite3, which takes a C compiler), built
// without cgo github.com/glebarez/sqlite, which is pure Go. Both behave the same.
package sqlite

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gorm.io/gorm"
)

// busyMillis is how long a statement waits for another connection's write to end.
const busyMillis = 10_000

// Open opens the database file at path, and creates it when there is none. Options are those of
// gorm.Open: a *gorm.Config with a logger, for example.
//
// Readers do not wait for the writer (WAL), foreign keys are enforced, and a transaction takes the
// write lock when it begins: otherwise two that read before they write end with SQLITE_BUSY and
// lost work (SB-A4). A database in memory is refused, for each connection of the pool would have
// one of its own: give tests a file in t.TempDir().
//
// Close it with db.DB() and Close of that.
func Open(path string, options ...gorm.Option) (*gorm.DB, error) {
	switch {
	case path == "":
		return nil, errors.New("sqlite: the path is empty")
	case path == ":memory:" || strings.HasPrefix(path, "file:"):
		return nil, fmt.Errorf("sqlite: %q: want the path of a file: each connection would have a database of its own in memory", path)
	}
	db, err := gorm.Open(dialector(dsn(path)), options...)
	if err != nil {
		if db != nil {
			if pool, poolErr := db.DB(); poolErr == nil && pool != nil {
				_ = pool.Close()
			}
		}
		return nil, fmt.Errorf("sqlite: open %q: %w", path, err)
	}
	return db, nil
}

// dsn writes the path as a URI, so that a question mark in it does not begin the parameters.
func dsn(path string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + parameters
}
