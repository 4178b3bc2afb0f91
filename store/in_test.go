package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// newOrg stores an organisation acme with an active account ann.
func newOrg(t testing.TB, st *store.Store) {
	t.Helper()
	err := st.Create(t.Context(), iam.Organization{ID: "acme"}, func(tx iam.Tx) error {
		return tx.InsertAccount(t.Context(), iam.Account{ID: "ann", Org: "acme", Status: iam.Active}, false)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bindTo returns a change that binds ann to a project.
func bindTo(t testing.TB, project policy.ProjectID) func(iam.Tx) error {
	return func(tx iam.Tx) error {
		_, err := tx.InsertBinding(t.Context(), iam.Binding{Account: "ann", Role: "user", Project: project})
		return err
	}
}

func boundTo(t testing.TB, st *store.Store) string {
	t.Helper()
	bindings, err := st.Bindings(t.Context(), "acme", "ann")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, b := range bindings {
		all = append(all, string(b.Project))
	}
	return strings.Join(all, " ")
}

func begin(t testing.TB, db *gorm.DB, options ...*sql.TxOptions) *gorm.DB {
	t.Helper()
	tx := db.WithContext(t.Context()).Begin(options...)
	if tx.Error != nil {
		t.Fatal(tx.Error)
	}
	return tx
}

var errOurs = errors.New("an error of do")

func TestInCommitsAndRollsBackWithTheHost(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		for _, commit := range []bool{false, true} {
			tx := begin(t, db)
			in := st.In(tx)
			if err := in.Write(t.Context(), "acme", bindTo(t, "kept")); err != nil {
				t.Fatal(err)
			}
			if got := boundTo(t, in); got != "kept" {
				t.Errorf("inside of the transaction: got %q, want kept", got)
			}
			if !commit {
				tx.Rollback()
				if got := boundTo(t, st); got != "" {
					t.Errorf("after the rollback: got %q, want nothing", got)
				}
				continue
			}
			if err := tx.Commit().Error; err != nil {
				t.Fatal(err)
			}
			if got := boundTo(t, st); got != "kept" {
				t.Errorf("after the commit: got %q, want kept", got)
			}
		}
	})
}

// A Write that fails, whatever way, leaves nothing of itself and everything of others; the transaction goes on.
func TestInUndoesAWriteThatFailsAndNothingElse(t *testing.T) {
	t.Parallel()
	fail := map[string]func(t *testing.T, in *store.Store){
		"an error": func(t *testing.T, in *store.Store) {
			err := in.Write(t.Context(), "acme", func(tx iam.Tx) error { return errors.Join(bindTo(t, "lost")(tx), errOurs) })
			if !errors.Is(err, errOurs) {
				t.Errorf("got %v, want the error of do", err)
			}
		},
		"a panic": func(t *testing.T, in *store.Store) {
			defer func() {
				if recover() == nil {
					t.Error("the panic went no further")
				}
			}()
			_ = in.Write(t.Context(), "acme", func(tx iam.Tx) error {
				_ = bindTo(t, "lost")(tx)
				panic("in do")
			})
		},
		"an id that is taken": func(t *testing.T, in *store.Store) {
			if err := in.Create(t.Context(), iam.Organization{ID: "acme"}, nil); !errors.Is(err, iam.ErrExists) {
				t.Errorf("got %v, want ErrExists", err)
			}
		},
		"no organisation": func(t *testing.T, in *store.Store) {
			if err := in.Write(t.Context(), "nowhere", nil); !errors.Is(err, iam.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		},
	}
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		if err := db.Exec("CREATE TABLE devices (name VARCHAR(20))").Error; err != nil {
			t.Fatal(err)
		}
		for name, failing := range fail {
			tx := begin(t, db)
			in := st.In(tx)
			if err := tx.Exec("INSERT INTO devices VALUES ('d')").Error; err != nil {
				t.Fatal(err)
			}
			if err := in.Write(t.Context(), "acme", bindTo(t, "before")); err != nil {
				t.Fatal(err)
			}
			failing(t, in)
			if err := in.Write(t.Context(), "acme", bindTo(t, "later")); err != nil {
				t.Fatalf("%s: the next Write: %v", name, err)
			}
			if got := boundTo(t, in); got != "before later" {
				t.Errorf("%s: got %q, want before and later", name, got)
			}
			var devices int64
			if err := tx.Table("devices").Count(&devices).Error; err != nil || devices != 1 {
				t.Errorf("%s: got %d devices (%v), want the host's one", name, devices, err)
			}
			tx.Rollback()
		}
	})
}

// SB-65: a transaction that reads from before the last change may decide nothing.
func TestInRefusesAStaleSnapshot(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		repeatable := &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
		tx := begin(t, db, repeatable)
		in := st.In(tx)
		if got := boundTo(t, in); got != "" { // the snapshot is taken here
			t.Fatalf("got %q", got)
		}
		if err := st.Write(t.Context(), "acme", bindTo(t, "p1")); err != nil {
			t.Fatal(err)
		}
		ran := false
		err := in.Write(t.Context(), "acme", func(iam.Tx) error { ran = true; return nil })
		if !errors.Is(err, iam.ErrConflict) || ran {
			t.Errorf("got %v, and do ran: %t; want ErrConflict before do", err, ran)
		}
		tx.Rollback() // MariaDB keeps the lock on the organisation until now
		staleAside(t, db)

		// Without an earlier read there is no snapshot yet, and with a fresh one all is well.
		for range 2 {
			fresh := begin(t, db, repeatable)
			in := st.In(fresh)
			for _, p := range []policy.ProjectID{"p2", "p3"} {
				if err := in.Write(t.Context(), "acme", bindTo(t, p)); err != nil {
					t.Errorf("fresh snapshot: %v", err)
				}
			}
			fresh.Rollback()
		}
	})
}

// staleAside wants the same when either of the two was a WriteAside, which raises no revision.
func staleAside(t *testing.T, db *gorm.DB) {
	t.Helper()
	st := store.New(db)
	write := func(st *store.Store, aside bool, do func(iam.Tx) error) error {
		if aside {
			return st.WriteAside(t.Context(), "acme", do)
		}
		return st.Write(t.Context(), "acme", do)
	}
	for _, by := range []struct{ other, own bool }{{true, true}, {true, false}, {false, true}} {
		tx := begin(t, db, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		in := st.In(tx)
		if _, err := in.LogHead(t.Context(), "acme"); err != nil { // the snapshot is taken here
			t.Fatal(err)
		}
		if err := write(st, by.other, appendOne(t)); err != nil {
			t.Fatal(err)
		}
		if err := write(in, by.own, appendOne(t)); !errors.Is(err, iam.ErrConflict) {
			t.Errorf("aside by the other %t, by itself %t: got %v, want ErrConflict", by.other, by.own, err)
		}
		tx.Rollback()
	}
}

// appendOne returns a change that appends one event.
func appendOne(t testing.TB) func(iam.Tx) error {
	return func(tx iam.Tx) error { return tx.Append(t.Context(), iam.Event{Type: "t"}, linkTo) }
}

// The log of an organisation stays one chain, whatever is written and undone in one transaction of the host.
func TestInKeepsTheChain(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		tx := begin(t, db)
		in := st.In(tx)
		for _, run := range []func(context.Context, policy.OrgID, func(iam.Tx) error) error{in.Write, in.WriteAside, in.WriteAside, in.Write} {
			if err := run(t.Context(), "acme", appendOne(t)); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), "acme", func(tx iam.Tx) error { return errors.Join(appendOne(t)(tx), errOurs) })
			if !errors.Is(err, errOurs) {
				t.Errorf("got %v, want the error of do", err)
			}
		}
		if err := tx.Commit().Error; err != nil {
			t.Fatal(err)
		}
		if err := st.WriteAside(t.Context(), "acme", appendOne(t)); err != nil {
			t.Fatal(err)
		}
		if n := chained(t, st, "acme"); n != 5 {
			t.Errorf("got %d events, want 5", n)
		}
	})
}

func TestInWantsATransaction(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	in := store.New(db).In(db)
	if err := in.Write(t.Context(), "acme", nil); err == nil || errors.Is(err, iam.ErrNotFound) {
		t.Errorf("Write: got %v, want an error that a transaction is missing", err)
	}
	if _, err := in.Subject(t.Context(), "ann"); err == nil || errors.Is(err, iam.ErrNotFound) {
		t.Errorf("Subject: got %v, want an error that a transaction is missing", err)
	}
}

func TestNewOnATransactionIsIn(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	newOrg(t, store.New(db))
	tx := begin(t, db)
	if err := store.New(tx).Write(t.Context(), "acme", bindTo(t, "p")); err != nil {
		t.Fatal(err)
	}
	tx.Rollback()
	if got := boundTo(t, store.New(db)); got != "" {
		t.Errorf("after the host's rollback: got %q, want nothing", got)
	}
}
