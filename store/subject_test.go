package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// counter is a GORM logger that counts statements.
type counter struct {
	logger.Interface
	statements atomic.Int64
}

func (c *counter) Trace(context.Context, time.Time, func() (string, int64), error) {
	c.statements.Add(1)
}

// counted returns a db that counts its statements.
func counted(db *gorm.DB) (*gorm.DB, *counter) {
	c := &counter{Interface: logger.Discard}
	return db.Session(&gorm.Session{Logger: c}), c
}

// typical stores what an account usually has: two roles, five bindings, a grant, and three open projects.
func typical(t testing.TB, st *store.Store) {
	t.Helper()
	ctx := t.Context()
	newOrg(t, st)
	err := st.Write(ctx, "acme", func(tx iam.Tx) error {
		a, err := tx.Account(ctx, "acme", "ann")
		if err != nil {
			return err
		}
		a.Roles, a.Email = []policy.Role{"project_admin", "project_user"}, "ann@example.com"
		if err := tx.UpdateAccount(ctx, a, false); err != nil {
			return err
		}
		for i := range 5 {
			b := iam.Binding{Account: "ann", Role: "project_user", Project: policy.ProjectID(fmt.Sprint("project-", i))}
			if _, err := tx.InsertBinding(ctx, b); err != nil {
				return err
			}
		}
		for i := range 3 {
			if _, err := tx.PutProject(ctx, iam.Project{ID: policy.ProjectID(fmt.Sprint("open-", i)), Open: true}); err != nil {
				return err
			}
		}
		return tx.InsertGrant(ctx, iam.Grant{ID: "g", Account: "ann", Grant: policy.GrantRole("project_user", policy.AtProject("acme", "p"))})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSubjectIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		db, count := counted(db)
		st := store.New(db)
		if n := count.statements.Load(); n != 0 {
			t.Errorf("New ran %d statements, want none", n)
		}
		typical(t, st)
		before := count.statements.Load()
		if _, err := st.Subject(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		if n := count.statements.Load() - before; n != 1 {
			t.Errorf("Subject ran %d statements, want 1", n)
		}
		for range 3 { // what cannot be stored asks nobody
			before = count.statements.Load()
			_, _ = st.Subject(t.Context(), "\x00")
			_, _ = st.AccountByEmail(t.Context(), "acme", "")
			_ = st.Write(t.Context(), "", nil)
			if n := count.statements.Load() - before; n != 0 {
				t.Errorf("look-ups for ids that cannot be stored ran %d statements, want none", n)
			}
		}
	})
}

func TestSubjectWithAHundredThousandBindings(t *testing.T) {
	t.Parallel()
	const many = 100_000
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		bindMany(t, db, many)
		record, err := st.Subject(t.Context(), "ann")
		if err != nil || len(record.Bindings) != many {
			t.Fatalf("got %d bindings (%v), want %d", len(record.Bindings), err, many)
		}
		candidates, err := st.Candidates(t.Context(), "acme", iam.CandidateQuery{Project: "project-000099", ProjectRoles: []policy.Role{"user"}})
		if err != nil || len(candidates) != 1 || len(candidates[0].Bindings) != many {
			t.Fatalf("got %d candidates (%v), want ann with all bindings", len(candidates), err)
		}
	})
}

// bindMany binds ann to projects, in few statements.
func bindMany(t testing.TB, db *gorm.DB, many int) {
	t.Helper()
	var rows []map[string]any
	for i := range many {
		rows = append(rows, map[string]any{"org_id": "acme", "account_id": "ann", "project_id": fmt.Sprintf("project-%06d", i), "role": "user"})
	}
	if err := db.Table("iam_bindings").CreateInBatches(rows, 5000).Error; err != nil {
		t.Fatal(err)
	}
}

// BenchmarkSubject compares Subject with the same statement through database/sql, its rows scanned
// into strings and thrown away. The target is to stay below twice of that.
func BenchmarkSubject(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		for _, load := range []struct {
			name string
			fill func(b *testing.B, db *gorm.DB)
		}{
			{"typical", func(b *testing.B, db *gorm.DB) { typical(b, store.New(db)) }},
			{"100000 bindings", func(b *testing.B, db *gorm.DB) { newOrg(b, store.New(db)); bindMany(b, db, 100_000) }},
		} {
			b.Run(database+"/"+load.name, func(b *testing.B) {
				db := testdb.Open(b, database)
				load.fill(b, db)
				b.Run("store", func(b *testing.B) {
					st := store.New(db)
					b.ReportAllocs()
					for b.Loop() {
						if _, err := st.Subject(b.Context(), "ann"); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run("database-sql", func(b *testing.B) {
					pool, err := db.DB()
					if err != nil {
						b.Fatal(err)
					}
					query, n := store.SubjectQuery(database)
					args := slices.Repeat([]any{"ann"}, n)
					b.ReportAllocs()
					for b.Loop() {
						if err := plainly(b.Context(), pool, query, args); err != nil {
							b.Fatal(err)
						}
					}
				})
			})
		}
	}
}

func plainly(ctx context.Context, pool *sql.DB, query string, args []any) error {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var part int64
		var account, a, b string
		if err := rows.Scan(&part, &account, &a, &b); err != nil {
			return err
		}
	}
	return rows.Err()
}
