package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// SchemaError says that the tables of a database are not those that this version of the library needs.
type SchemaError struct {
	Have int // the version of the database; 0 when it has no tables
	Want int // the version that this library works with
	Gap  int // the first step below Have that iam_schema does not have; 0 when it has all
}

// Error says what to do.
func (e *SchemaError) Error() string {
	switch {
	case e.Gap != 0:
		return fmt.Sprintf("store: iam_schema says that the tables are of version %d, and has no row of step %d: run what is missing of "+
			"store.Migrations up to version %d, and insert its row", e.Have, e.Gap, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("store: the database has no tables of the library: run store.Migrate (to version %d)", e.Want)
	case e.Have < e.Want:
		return fmt.Sprintf("store: the tables are of version %d, and %d is needed: run store.Migrate", e.Have, e.Want)
	default:
		return fmt.Sprintf("store: the tables are of version %d, and this program knows %d: it is older than one that "+
			"has migrated the database; update it", e.Have, e.Want)
	}
}

func latest() int { return migrations[len(migrations)-1].Version }

// CheckSchema reports with a [SchemaError] that the tables are missing, too old or too new, and with a [TableError]
// that one of them is not what its version says. Call it when a program starts that does not migrate itself: the
// operations of a Store do not check it again.
func CheckSchema(ctx context.Context, db *gorm.DB) error {
	d, err := dialectOf(db)
	if err != nil {
		return err
	}
	err = checkSchema(ownSession(db).Session(&gorm.Session{NewDB: true, Context: ctx}), d)
	if isVerdict(err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("store: check schema: %w", err)
	}
	return nil
}

func checkSchema(own *gorm.DB, d *dialect) error {
	// Not GORM's HasTable, to which a database that fails has no tables.
	there := 0
	if err := own.Raw(d.hasSchema).Scan(&there).Error; err != nil {
		return err
	}
	if there == 0 {
		return &SchemaError{Want: latest()}
	}
	have, err := schemaVersion(own)
	if err != nil {
		return err
	}
	if have < latest() {
		return &SchemaError{Have: have, Want: latest()}
	}
	return checkTables(own, d, have)
}

// isVerdict reports whether an error is about the tables, and not about reaching them.
func isVerdict(err error) bool {
	var schema *SchemaError
	var table *TableError
	return errors.As(err, &schema) || errors.As(err, &table)
}

// Migrate creates the tables, or brings them to the version that this library needs. When they have
// it, it only reads, and needs no right to change them. Nodes that call it at once wait for each
// other, on MariaDB and MySQL for a minute at most.
//
// What cannot be the library's is left alone: tables of a newer version, or a step that was left out, are
// a [SchemaError], and a table with other columns, such as a host's of the same name, is a [TableError]. SQLite and
// PostgreSQL undo a Migrate that fails or is cut off. MariaDB and MySQL cannot; there the next one goes on.
//
// Programs of version 2 may go on while newer ones migrate their database and work in it: all of their statements
// work as before, and the log stays whole. None can be started then, for its CheckSchema refuses the newer
// tables. End them soon, for they do not know what is new. Of an account that they delete, those that it created keep
// its id as their creator; SQLite with foreign keys switched off keeps its API keys, which open nothing, and its
// holdings, which nobody else can claim. A project that they forget stays in the scopes of API keys. Programs of version 1
// must have ended before: what they write is in no chain, so that the log could not be verified any more.
func Migrate(ctx context.Context, db *gorm.DB) error {
	d, err := dialectOf(db)
	if err != nil {
		return err
	}
	own := ownSession(db).Session(&gorm.Session{NewDB: true, Context: ctx})
	if d.name == "mysql" && isTransaction(db) {
		err = errors.New("MariaDB and MySQL commit a transaction at every CREATE TABLE: want a db that is none")
	} else if err = checkSchema(own, d); isOld(err) {
		err = migrateAlone(ctx, own, d)
	}
	if err == nil || isVerdict(err) {
		return err
	}
	return fmt.Errorf("store: migrate: %w", err)
}

// isOld reports whether an error says that there are steps to do.
func isOld(err error) bool {
	var schema *SchemaError
	return errors.As(err, &schema) && schema.Gap == 0 && schema.Have < schema.Want
}

// migrateAlone migrates while no other node does.
func migrateAlone(ctx context.Context, own *gorm.DB, d *dialect) error {
	if d.name == "mysql" {
		return migrateLocked(own)
	}
	err, _ := dberr.Repeat(ctx, func() (err, cause error) {
		err = own.Transaction(func(tx *gorm.DB) error { return migrateInTransaction(tx, d) })
		return err, err
	})
	return err
}

const (
	migrationLock = 0x6361_7374_656c_6c61 // "castella"
	lockSeconds   = 60
)

func migrateInTransaction(tx *gorm.DB, d *dialect) error {
	if d.name == "postgres" {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", int64(migrationLock)).Error; err != nil {
			return err
		}
	}
	return migrate(tx, d)
}

// migrateLocked holds a named lock of MariaDB or MySQL, which end a transaction at every DDL.
func migrateLocked(db *gorm.DB) error {
	return db.Connection(func(conn *gorm.DB) error {
		conn = conn.Session(&gorm.Session{NewDB: true})
		const name = "CONCAT('iam_', SHA1(DATABASE()))" // locks are the server's, not the database's
		var got *int
		if err := conn.Raw("SELECT GET_LOCK("+name+", ?)", lockSeconds).Scan(&got).Error; err != nil {
			return err
		}
		if got == nil || *got != 1 {
			return fmt.Errorf("another node holds the lock for %d seconds", lockSeconds)
		}
		defer func() {
			unlock := conn.Session(&gorm.Session{NewDB: true, Context: context.WithoutCancel(conn.Statement.Context)})
			unlock.Raw("SELECT RELEASE_LOCK(" + name + ")").Scan(&got)
		}()
		return migrate(conn, dialects["mysql"])
	})
}

func migrate(db *gorm.DB, d *dialect) error {
	if err := db.Exec(d.types.Replace(schemaTable)).Error; err != nil {
		return err
	}
	have, err := schemaVersion(db)
	if err != nil {
		return err
	}
	if err := checkTables(db, d, have); err != nil {
		return err
	}
	for _, m := range Migrations(d.name) {
		if m.Version <= have {
			continue
		}
		for _, statement := range m.SQL {
			// What is there already was added by a Migrate that was cut off. It can be on MariaDB and MySQL
			// alone: the others undo what is not finished.
			if err := db.Exec(statement).Error; err != nil && !dberr.IsPresent(err) {
				return fmt.Errorf("to version %d (%s): %w", m.Version, m.Name, err)
			}
		}
		const done = "INSERT INTO iam_schema (version, name, applied) VALUES (?, ?, ?)"
		if err := db.Exec(done, m.Version, m.Name, toMillis(db.NowFunc())).Error; err != nil {
			return err
		}
	}
	return nil
}

// schemaVersion reads which steps were run.
func schemaVersion(db *gorm.DB) (have int, err error) {
	var versions []int
	if err := db.Raw("SELECT version FROM iam_schema ORDER BY version").Scan(&versions).Error; err != nil || len(versions) == 0 {
		return 0, err
	}
	have = versions[len(versions)-1]
	if have > latest() {
		return have, &SchemaError{Have: have, Want: latest()}
	}
	for i, version := range versions {
		if version != i+1 {
			return have, &SchemaError{Have: have, Want: latest(), Gap: i + 1}
		}
	}
	return have, nil
}
