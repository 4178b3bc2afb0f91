package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	mysqldriver "gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
	"github.com/castellan-iam/castellan/store/testdb"
)

// Processes that migrate what any version has left, and pools of one process, all at once.
func TestReleasedIsMigratedByManyNodesAtOnce(t *testing.T) {
	t.Parallel()
	eachReleased(t, func(t *testing.T, db *gorm.DB, f fixture) {
		if f.Version == store.Latest() {
			t.Skip("there is nothing to migrate")
		}
		migrateAtOnce(t, db)
		resume(t, db, f).readsAs(f)
	})
}

func TestMigrateFromManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		migrateAtOnce(t, db)
		newOrg(t, store.New(db))
	})
}

// migrateAtOnce migrates from two processes and two pools at once.
func migrateAtOnce(t *testing.T, db *gorm.DB) {
	t.Helper()
	again := testdb.Again(t, db, &gorm.Config{})
	errs := testdb.AtOnce(
		startProcess(t, db), startProcess(t, db),
		func() error { return store.Migrate(t.Context(), db) }, func() error { return store.Migrate(t.Context(), again) },
	)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := store.CheckSchema(t.Context(), db); err != nil {
		t.Error(err)
	}
	var steps int64
	if err := db.Table("iam_schema").Count(&steps).Error; err != nil || int(steps) != store.Latest() {
		t.Errorf("got %d rows in iam_schema (%v), want %d", steps, err, store.Latest())
	}
}

const (
	processDatabase = "CASTELLAN_TEST_MIGRATE"     // which database a process migrates
	processDSN      = "CASTELLAN_TEST_MIGRATE_DSN" // where it is
)

// startProcess starts a process that is ready to migrate, and returns what lets it and waits for its end.
func startProcess(t *testing.T, db *gorm.DB) func() error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMigrateAsAProcess$")
	cmd.Env = append(os.Environ(), processDatabase+"="+db.Name(), processDSN+"="+dsn(t, db))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	for line := ""; line != "ready\n"; { // behind what testdb.Main may say
		if line, err = said.ReadString('\n'); err != nil {
			t.Fatalf("the process says %q (%v)", line, err)
		}
	}
	return func() error {
		if err := in.Close(); err != nil {
			return err
		}
		rest, err := io.ReadAll(said)
		if err := errors.Join(err, cmd.Wait()); err != nil {
			return fmt.Errorf("%w: %s", err, rest)
		}
		return nil
	}
}

// TestMigrateAsAProcess is what a process of migrateAtOnce runs.
func TestMigrateAsAProcess(t *testing.T) {
	database := os.Getenv(processDatabase)
	if database == "" {
		t.Skip("is for the processes that other tests start")
	}
	config := &gorm.Config{Logger: logger.Discard}
	open := map[string]func(dsn string) (*gorm.DB, error){
		testdb.SQLite:   func(dsn string) (*gorm.DB, error) { return sqlite.Open(dsn, config) },
		testdb.Postgres: func(dsn string) (*gorm.DB, error) { return gorm.Open(postgres.Open(dsn), config) },
		testdb.MySQL:    func(dsn string) (*gorm.DB, error) { return gorm.Open(mysqldriver.Open(dsn), config) },
	}[database]
	db, err := open(os.Getenv(processDSN))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// dsn is where another process finds the database.
func dsn(t *testing.T, db *gorm.DB) (dsn string) {
	t.Helper()
	switch d := db.Dialector.(type) {
	case *postgres.Dialector:
		return d.DSN
	case *mysqldriver.Dialector:
		return d.DSN
	}
	if err := db.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&dsn).Error; err != nil {
		t.Fatal(err)
	}
	return dsn
}
