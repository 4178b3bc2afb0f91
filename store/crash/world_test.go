package crash_test

import (
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// world is a test with a database, whose processes are killed.
type world struct {
	*testing.T
	place place
	name  string   // by which PostgreSQL knows the connections of the processes
	db    *gorm.DB // the test's own connection to a server; nil for a file, which the test opens when nobody else has it
}

// eachPlace runs the test on every database that can be reached, each with one of its own.
func eachPlace(t *testing.T, test func(w *world)) {
	t.Helper()
	for _, database := range append(testdb.Reachable(t), rollback) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, database))
		})
	}
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{T: t, place: place{Database: database}, name: "crash_" + strings.ToLower(rand.Text())}
	if w.place.isFile() {
		w.place.DSN = filepath.Join(t.TempDir(), "test.db")
		return w
	}
	w.db = testdb.Empty(t, database)
	pool, err := w.db.DB()
	w.ok(err)
	pool.SetMaxOpenConns(1) // its own: see gone
	switch dialector := w.db.Dialector.(type) {
	case *postgres.Dialector:
		w.place.DSN = dialector.DSN
	case *mysql.Dialector:
		w.place.DSN = dialector.DSN
	}
	return w
}

// env is what a process needs beside its job.
func (w *world) env() string { return "PGAPPNAME=" + w.name }

// visit looks at the database as the next process would: a file is opened anew, and closed behind it.
func (w *world) visit(look func(h *host)) {
	w.Helper()
	db := w.db
	if w.place.isFile() {
		var err error
		db, err = w.place.open()
		w.ok(err)
	}
	h, err := newHost(db, fast)
	w.ok(err)
	look(h)
	if w.place.isFile() {
		w.ok(h.close())
	}
}

// found makes the tables, and so many organisations.
func (w *world) found(n int) (ids []policy.OrgID) {
	w.Helper()
	w.visit(func(h *host) {
		w.ok(store.Migrate(w.Context(), h.db))
		w.ok(h.db.Exec(hostTable).Error)
		for range n {
			made, err := h.svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
				Root: &iam.CreateAccountParams{Email: strings.ToLower(rand.Text()) + "@example.com"},
			})
			w.ok(err)
			ids = append(ids, made.ID)
		}
	})
	return ids
}

// ok ends the test on an error.
func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}
