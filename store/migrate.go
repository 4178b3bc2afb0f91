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
}

// Error says what to do.
func (e *SchemaError) Error() string {
	switch {
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

// CheckSchema reports with a [SchemaError] that the tables are missing, too old or too new. Call it
// when a program starts that does not migrate itself.
func CheckSchema(ctx context.Context, db *gorm.DB) error {
	d, err := dialectOf(db)
	if err != nil {
		return err
	}
	own := ownSession(db).Session(&gorm.Session{NewDB: true, Context: ctx})
	have, there := 0, 0
	// Not GORM's HasTable, to which a database that fails has no tables.
	if err = own.Raw(d.hasSchema).Scan(&there).Error; err == nil && there > 0 {
		have, err = schemaVersion(own)
	}
	if err != nil {
		return fmt.Errorf("store: check schema: %w", err)
	}
	if have != latest() {
		return &SchemaError{Have: have, Want: latest()}
	}
	return nil
}

// Migrate creates the tables, or brings them to the version that this library needs, and does
// nothing when they have it. Nodes that call it at once wait for each other. Tables of a newer
// version are left alone, and are a [SchemaError].
func Migrate(ctx context.Context, db *gorm.DB) error {
	d, err := dialectOf(db)
	if err != nil {
		return err
	}
	own := ownSession(db).Session(&gorm.Session{NewDB: true, Context: ctx})
	if d.name == "mysql" {
		err = migrateLocked(own)
	} else {
		err, _ = dberr.Repeat(ctx, func() (err, cause error) {
			err = own.Transaction(func(tx *gorm.DB) error { return migrateInTransaction(tx, d) })
			return err, err
		})
	}
	if schema := (*SchemaError)(nil); err == nil || errors.As(err, &schema) {
		return err
	}
	return fmt.Errorf("store: migrate: %w", err)
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
	if isTransaction(db) {
		return errors.New("MariaDB and MySQL commit a transaction at every CREATE TABLE: want a db that is none")
	}
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
	if have > latest() {
		return &SchemaError{Have: have, Want: latest()}
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

func schemaVersion(db *gorm.DB) (version int, err error) {
	err = db.Raw("SELECT COALESCE(MAX(version), 0) FROM iam_schema").Scan(&version).Error
	return version, err
}
