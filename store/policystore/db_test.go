package policystore_test

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// database is one test's own database; each connect is a node of its own, with its own callbacks.
type database struct {
	name    string // of the dialect
	connect func(t testing.TB) *gorm.DB
}

// onEach runs the test on every kind of database, on an empty one of its own.
func onEach(t *testing.T, test func(t *testing.T, db database)) {
	t.Helper()
	for _, name := range testdb.Reachable(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t, name))
		})
	}
}

func create(t testing.TB, name string) database {
	t.Helper()
	if name == testdb.SQLite {
		return createSQLite(t)
	}
	pool, err := testdb.Empty(t, name).DB()
	if err != nil {
		t.Fatal(err)
	}
	return database{name, func(t testing.TB) *gorm.DB {
		if name == testdb.Postgres {
			return open(t, postgres.New(postgres.Config{Conn: pool}))
		}
		return open(t, mysql.New(mysql.Config{Conn: pool}))
	}}
}

// createSQLite is SQLite as a host opens it that does not know package store/sqlite: a transaction
// takes no lock when it begins.
func createSQLite(t testing.TB) database {
	path := filepath.Join(t.TempDir(), "test.db") + "?_busy_timeout=20000"
	return database{testdb.SQLite, func(t testing.TB) *gorm.DB {
		db := open(t, sqlite.Open(path))
		pool, err := db.DB()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pool.Close() })
		return db
	}}
}

func open(t testing.TB, dialector gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return db
}
