package pgnotify_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/pgnotify"
	"github.com/castellan-iam/castellan/store/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// postgres opens a database on PostgreSQL, and skips the test where there is none.
func postgres(t *testing.T) *gorm.DB {
	t.Helper()
	if !slices.Contains(testdb.Reachable(t), testdb.Postgres) {
		t.Skip("there is no PostgreSQL")
	}
	return testdb.Open(t, testdb.Postgres)
}

func pool(t *testing.T, db *gorm.DB) *sql.DB {
	t.Helper()
	p, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// heard is an announcement.
type heard struct {
	org      policy.OrgID
	revision int64
}

// listen listens until the returned function is called, which returns why it has ended. It is heard from its return on.
func listen(t *testing.T, db *gorm.DB) (said chan heard, end func() error) {
	t.Helper()
	said, ended, cancel := listening(t, db)
	return said, func() error {
		cancel()
		return <-ended
	}
}

// listening listens until it is canceled, or can no more.
func listening(t *testing.T, db *gorm.DB) (said chan heard, ended chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	said, ended = make(chan heard, 100), make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		ended <- pgnotify.New(pool(t, db)).Listen(ctx, func() { close(ready) }, func(org policy.OrgID, revision int64) { said <- heard{org, revision} })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Listen: %v", err)
	}
	return said, ended, cancel
}

// What one node changes, another hears: its revision, and the organisation whatever its id is made of.
func TestANodeHearsWhatAnotherChanges(t *testing.T) {
	t.Parallel()
	db := postgres(t)
	said, end := listen(t, testdb.Again(t, db, &gorm.Config{}))
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{MaxStaleness: time.Minute, Listener: pgnotify.New(pool(t, db))})
	if err != nil {
		t.Fatal(err)
	}
	for _, org := range []policy.OrgID{"acme", "an id with spaces", `q'"\ü`} {
		if _, err := svc.System("test").CreateOrganization(t.Context(), iam.CreateOrganizationParams{ID: org}); err != nil {
			t.Fatal(err)
		}
		if got, want := <-said, (heard{org, 1}); got != want {
			t.Errorf("heard %v, want %v", got, want)
		}
		if err := svc.System("test").In(org).OpenProject(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		if got, want := <-said, (heard{org, 2}); got != want {
			t.Errorf("heard %v, want %v", got, want)
		}
	}
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Errorf("Listen ended with %v", err)
	}
}

// Within a transaction of the host's, what was changed is announced with the commit, and not when it is rolled back.
func TestAHostsTransactionIsHeardWithItsCommit(t *testing.T) {
	t.Parallel()
	db := postgres(t)
	said, end := listen(t, testdb.Again(t, db, &gorm.Config{}))
	st := store.New(db)
	boom := errors.New("boom")
	for i, outcome := range []error{boom, nil} {
		err := db.Transaction(func(tx *gorm.DB) error {
			if err := st.In(tx).Announce(t.Context(), "acme", int64(i+1)); err != nil {
				t.Error(err)
			}
			if len(said) > 0 {
				t.Errorf("heard %v before the commit", <-said)
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
	}
	if got, want := <-said, (heard{"acme", 2}); got != want {
		t.Errorf("heard %v, want %v: the one that was rolled back is announced", got, want)
	}
	_ = end()
}

// What is not ours is passed over; a connection that ends is an error, and does not go back to the pool.
func TestListenEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	db := postgres(t)
	node := testdb.Again(t, db, &gorm.Config{})
	pool(t, node).SetMaxOpenConns(1)
	if err := node.Exec("SET application_name = '" + t.Name() + "'").Error; err != nil {
		t.Fatal(err)
	}
	said, ended, _ := listening(t, node)
	for _, payload := range []string{"", "x", "1", "1 ", "-1 acme", "0 acme", "x acme", "99999999999999999999 acme", "7 globex"} {
		if err := db.Exec("SELECT pg_notify(?, ?)", store.Channel, payload).Error; err != nil {
			t.Fatal(err)
		}
	}
	if got, want := <-said, (heard{"globex", 7}); got != want {
		t.Errorf("heard %v, want %v", got, want)
	}
	pids := make([]int, 0, 1)
	const mine = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND application_name = ?"
	if err := db.Raw(mine, t.Name()).Scan(&pids).Error; err != nil || len(pids) != 1 {
		t.Fatalf("%d connections listen: %v", len(pids), err)
	}
	if err := db.Exec("SELECT pg_terminate_backend(?)", pids[0]).Error; err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("Listen ended with %v", err)
	}
	if open := pool(t, node).Stats().InUse; open != 0 {
		t.Errorf("%d connections are kept", open)
	}
	again, end := listen(t, node)
	if err := store.New(db).Announce(t.Context(), "acme", 8); err != nil {
		t.Fatal(err)
	}
	if got, want := <-again, (heard{"acme", 8}); got != want {
		t.Errorf("heard %v, want %v", got, want)
	}
	_ = end()
}

func TestAPoolOfAnotherDriverIsRefused(t *testing.T) {
	t.Parallel()
	err := pgnotify.New(pool(t, testdb.Open(t, testdb.SQLite))).Listen(t.Context(), func() { t.Error("ready") }, nil)
	if err == nil {
		t.Error("SQLite is listened to")
	}
}
