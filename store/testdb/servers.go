package testdb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// server is a database server on which tests make databases of their own.
type server struct {
	database string
	env      string
	driver   string // of database/sql
	dsn      string
	reach    func() error // asks once
	make     string       // %s is the name
	drop     string
	dialect  func(dsn, name string) (gorm.Dialector, error)
}

var servers = sync.OnceValue(func() []*server {
	all := []*server{{
		database: Postgres,
		env:      "CASTELLAN_POSTGRES",
		driver:   "pgx",
		dsn:      cmp.Or(os.Getenv("CASTELLAN_POSTGRES"), "host=127.0.0.1 user=postgres dbname=postgres"),
		make:     "CREATE SCHEMA %s",
		drop:     "DROP SCHEMA %s CASCADE",
		dialect:  inSchema,
	}, {
		database: MySQL,
		env:      "CASTELLAN_MYSQL",
		driver:   "mysql",
		dsn:      cmp.Or(os.Getenv("CASTELLAN_MYSQL"), "root@tcp(127.0.0.1:3306)/"),
		make:     "CREATE DATABASE %s",
		drop:     "DROP DATABASE %s",
		dialect:  inDatabase,
	}}
	for _, s := range all {
		s.reach = sync.OnceValue(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			return s.admin(func(db *sql.DB) error { return db.PingContext(ctx) })
		})
	}
	return all
})

func serverNamed(database string) *server {
	for _, s := range servers() {
		if s.database == database {
			return s
		}
	}
	panic("testdb: no database " + database)
}

// create makes a database, which is dropped when the test is over, and opens it.
func (s *server) create(tb testing.TB, name string, config *gorm.Config) (*gorm.DB, error) {
	exec := func(statement string) error {
		return s.admin(func(db *sql.DB) error {
			_, err := db.Exec(fmt.Sprintf(statement, name))
			return err
		})
	}
	if err := exec(s.make); err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		if err := exec(s.drop); err != nil {
			tb.Errorf("testdb: %v", err)
		}
	})
	dialector, err := s.dialect(s.dsn, name)
	if err != nil {
		return nil, err
	}
	return gorm.Open(dialector, config)
}

func (s *server) admin(do func(*sql.DB) error) error {
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

func inSchema(dsn, name string) (gorm.Dialector, error) {
	if !strings.Contains(dsn, "://") {
		return postgres.Open(dsn + " search_path=" + name), nil
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return postgres.Open(u.String()), nil
}

func inDatabase(dsn, name string) (gorm.Dialector, error) {
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.DBName = name
	return mysql.Open(config.FormatDSN()), nil
}
