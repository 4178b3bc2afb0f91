package store_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// signedIn stores what typical does, and a session of ann's.
func signedIn(t testing.TB, st *store.Store) {
	t.Helper()
	typical(t, st)
	err := st.WriteAside(t.Context(), "acme", func(tx iam.Tx) error {
		return tx.InsertSession(t.Context(), iam.Session{
			ID: "id", Org: "acme", Account: "ann", Hash: "hash", Stage: iam.Full, Created: noon, Seen: noon, Fresh: noon,
			Idle: time.Hour, Expires: noon.Add(12 * time.Hour), Peer: "::1", Agent: "Mozilla/5.0",
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// It is asked by every request; and what no token can hash to asks nobody (SB-A1).
func TestSessionIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		db, count := counted(db)
		st := store.New(db)
		signedIn(t, st)
		before := count.statements.Load()
		if s, err := st.Session(t.Context(), "hash"); err != nil || s.Account != "ann" {
			t.Fatal(s, err)
		}
		if n := count.statements.Load() - before; n != 1 {
			t.Errorf("Session ran %d statements, want 1", n)
		}
		before = count.statements.Load()
		for _, hash := range []iam.TokenHash{"", "\x00", "\xff"} {
			_, _ = st.Session(t.Context(), hash)
			_, _ = st.Token(t.Context(), hash)
			_ = st.TouchSession(t.Context(), hash, noon.Add(time.Minute))
			_, _ = st.EndMail(t.Context(), string(hash), iam.Mail{ID: "m", State: iam.MailSent})
		}
		if n := count.statements.Load() - before; n != 0 {
			t.Errorf("hashes that nothing has ran %d statements, want none", n)
		}
	})
}

// A host's transaction sees the session that it has made, and touches it.
func TestSessionInAHostsTransaction(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		tx := begin(t, db)
		defer tx.Rollback()
		in := store.New(db).In(tx)
		signedIn(t, in)
		if err := in.TouchSession(t.Context(), "hash", noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if s, err := in.Session(t.Context(), "hash"); err != nil || !s.Seen.Equal(noon.Add(time.Minute)) {
			t.Errorf("got %+v (%v), want it seen a minute later", s, err)
		}
		if n, err := in.Sweep(t.Context(), noon.AddDate(1, 0, 0)); err != nil || n != 1 {
			t.Errorf("Sweep: got %d (%v), want 1", n, err)
		}
	})
}

// RequestMail costs the same whether or not it concerns anybody (SB-26).
func TestRequestMailIsOneStatement(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		db, count := counted(db)
		st := store.New(db)
		newOrg(t, st)
		for _, m := range []iam.Mail{{ID: "1", Org: "acme", Account: "ann"}, {ID: "2"}, {ID: "3", Org: "nowhere", Account: "nobody"}} {
			m.To, m.Template, m.State = "ann@example.com", "reset", iam.MailQueued
			before := count.statements.Load()
			if err := st.RequestMail(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if n := count.statements.Load() - before; n != 1 {
				t.Errorf("for organisation %q: %d statements, want 1", m.Org, n)
			}
		}
	})
}

// BenchmarkSession measures what every request asks, the session and its subject, beside the same two
// statements through database/sql, their rows scanned and thrown away.
func BenchmarkSession(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			db := testdb.Open(b, database)
			st := store.New(db)
			signedIn(b, st)
			b.Run("store", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s, err := st.Session(b.Context(), "hash")
					if err != nil {
						b.Fatal(err)
					}
					if _, err := st.Subject(b.Context(), s.Account); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("database-sql", func(b *testing.B) {
				pool, err := db.DB()
				if err != nil {
					b.Fatal(err)
				}
				session := store.SessionQuery(database)
				subject, n := store.SubjectQuery(database)
				args := slices.Repeat([]any{"ann"}, n)
				b.ReportAllocs()
				for b.Loop() {
					if err := plainSession(b.Context(), pool, session); err != nil {
						b.Fatal(err)
					}
					if err := plainly(b.Context(), pool, subject, args); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func plainSession(ctx context.Context, pool *sql.DB, query string) error {
	var texts [9]string
	var numbers [8]int64
	return pool.QueryRowContext(ctx, query, "hash").Scan(&texts[0], &texts[1], &texts[2], &texts[3], &texts[4], &numbers[0], &numbers[1],
		&numbers[2], &numbers[3], &numbers[4], &numbers[5], &texts[5], &texts[6], &texts[7], &texts[8], &numbers[6], &numbers[7])
}
