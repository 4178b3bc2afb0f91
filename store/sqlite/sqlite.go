// Package sqlite opens the embedded default database, SQLite, the way that the library needs it.
//
// Built with cgo it uses gorm.io/driver/sqlite (mattn/go-sqlite3, which takes a C compiler), built
// without cgo github.com/glebarez/sqlite, which is pure Go. Both behave the same.
package sqlite

import (
	"errors"
	"fmt"
	"net/url"
	"os"
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
// A commit that has returned is with the operating system (synchronous=NORMAL): none is lost when the process is
// killed. When the power fails, or the system itself does, the file stays sound, and is as it was at some moment
// since the WAL was last written back: the last commits can be missing, each as a whole and with its audit event. A
// host that must not lose them opens the file with a DSN of its own, the same but for synchronous=FULL, and each
// commit waits for the disk.
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
		err = fmt.Errorf("sqlite: open %q: %w", path, err)
		if beside := writable(filepath.Dir(path)); beside != nil {
			// SQLite says "no such file" for a file that is there, when it means the WAL.
			err = fmt.Errorf("%w (and no file can be made beside it, which a WAL needs even to be read: %w)", err, beside)
		}
		return nil, err
	}
	return db, nil
}

// writable returns what keeps a file from being made in a folder.
func writable(dir string) error {
	file, err := os.CreateTemp(dir, ".castellan-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// dsn writes the path as a URI, so that a question mark in it does not begin the parameters.
func dsn(path string) string {
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + parameters
}
