// Package testdb opens databases for tests: SQLite always, PostgreSQL and MariaDB or MySQL where
// they can be reached. It is for tests only: it imports every driver.
//
//	func TestMain(m *testing.M) { testdb.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		testdb.Each(t, func(t *testing.T, db *gorm.DB) { … })
//	}
//
// The environment says where the servers are:
//
//	CASTELLAN_POSTGRES  defaults to host=127.0.0.1 user=postgres dbname=postgres
//	CASTELLAN_MYSQL     defaults to root@tcp(127.0.0.1:3306)/
//
// Every test gets an empty database (on PostgreSQL: a schema) of its own, which is dropped with the
// test. With CI=true in the environment a server that cannot be reached fails the tests; elsewhere
// they run without it, and [Main] says so.
package testdb

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// The databases, as GORM calls them.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	MySQL    = "mysql" // MariaDB too
)

// The size of a pool, and what it keeps when idle. PostgreSQL has 100 connections by default, MariaDB
// 151: that is enough for all tests that run at once, since few of them use more than one. A
// limit to the number of databases would be a deadlock: a suite keeps its database while its
// parallel subtests wait for those that wait for a database.
const (
	connections     = 5
	idleConnections = 2
)

// Each runs test on every database that can be reached, each time on a new one with the library's
// tables, as parallel subtests named after the database.
func Each(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, database := range Reachable(t) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, database))
		})
	}
}

// Reachable returns the databases that tests can use. With CI=true it fails the test unless all can be.
func Reachable(tb testing.TB) []string {
	tb.Helper()
	all := []string{SQLite}
	for _, s := range servers() {
		switch err := s.reach(); {
		case err == nil:
			all = append(all, s.database)
		case inCI():
			tb.Fatalf("testdb: %s cannot be reached, and CI=true: %v", s.database, err)
		}
	}
	return all
}

// Open opens a new database with the library's tables.
func Open(tb testing.TB, database string) *gorm.DB {
	tb.Helper()
	db := Empty(tb, database)
	if err := store.Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	return db
}

// Empty opens a new database without tables.
func Empty(tb testing.TB, database string) *gorm.DB {
	tb.Helper()
	config := &gorm.Config{Logger: logger.Discard}
	var db *gorm.DB
	var err error
	if database == SQLite {
		db, err = sqlite.Open(filepath.Join(tb.TempDir(), "test.db"), config)
	} else {
		db, err = serverNamed(database).create(tb, "castellan_"+strings.ToLower(rand.Text()), config)
	}
	if err != nil {
		tb.Fatalf("testdb: open %s: %v", database, err)
	}
	return pooled(tb, db)
}

// Again opens a second pool on the database of db, as another node has one, or a host with other settings.
func Again(tb testing.TB, db *gorm.DB, config *gorm.Config) *gorm.DB {
	tb.Helper()
	if config.Logger == nil {
		config.Logger = logger.Discard
	}
	again, err := gorm.Open(db.Dialector, config)
	if err != nil {
		tb.Fatalf("testdb: open again: %v", err)
	}
	return pooled(tb, again)
}

// pooled bounds the pool of db, and closes it with the test. SQLite has no server to spare, and one
// writer at a time: in a small pool, those who wait for it would keep it from getting a second connection.
func pooled(tb testing.TB, db *gorm.DB) *gorm.DB {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	if db.Name() != SQLite {
		pool.SetMaxOpenConns(connections)
		pool.SetMaxIdleConns(idleConnections)
	}
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Errorf("testdb: close %s: %v", db.Name(), err)
		}
	})
	return db
}

func inCI() bool { return os.Getenv("CI") == "true" }
