package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

var noon = time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)

// attempts is Throttle in a few lines.
type attempts struct {
	n    int
	last time.Time
}

func (a *attempts) attempt(limit iam.Limit, now time.Time) (until time.Time) {
	over := a.last.Add(limit.Pause)
	switch {
	case a.n == 0 || !now.Before(over):
		*a = attempts{1, now}
		return time.Time{}
	case a.n >= limit.Attempts:
		return over
	}
	a.n++
	if now.After(a.last) {
		a.last = now
	}
	return time.Time{}
}

// Whatever the times, also when they go back, as clocks of several nodes do.
func TestThrottleCountsAsTheModelDoes(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			key := fmt.Sprint("key ", run)
			limit := iam.Limit{
				Attempts: rapid.IntRange(1, 4).Draw(rt, "attempts"),
				Pause:    time.Duration(rapid.IntRange(1, 50).Draw(rt, "pause")) * time.Millisecond,
			}
			var model attempts
			now := noon
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				now = now.Add(time.Duration(rapid.IntRange(-20, 60).Draw(rt, "later")) * time.Millisecond)
				if rapid.IntRange(0, 9).Draw(rt, "forgive") == 0 {
					if err := st.Forgive(t.Context(), key); err != nil {
						rt.Fatal(err)
					}
					model = attempts{}
				}
				asked, err := st.Blocked(t.Context(), key, limit, now)
				if err != nil {
					rt.Fatal(err)
				}
				got, err := st.Attempt(t.Context(), key, limit, now)
				if err != nil {
					rt.Fatal(err)
				}
				if want := model.attempt(limit, now); !got.Equal(want) || !asked.Equal(want) {
					rt.Fatalf("at %v: Attempt %v, Blocked %v, want %v", now, got, asked, want)
				}
			}
		})
	})
}

// SB-29: several nodes count together, each with connections of its own.
func TestThrottleCountsOnAllNodesTogether(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		limit := iam.Limit{Attempts: 100, Pause: time.Hour}
		nodes := []*store.Store{store.New(db), store.New(testdb.Again(t, db, &gorm.Config{})), store.New(testdb.Again(t, db, &gorm.Config{}))}
		if n := allowed(t, 150, func(i int) (time.Time, error) {
			return nodes[i%len(nodes)].Attempt(t.Context(), "key", limit, noon)
		}); n != limit.Attempts {
			t.Errorf("%d attempts were allowed, want %d", n, limit.Attempts)
		}
		restarted := store.New(testdb.Again(t, db, &gorm.Config{}))
		if until, err := restarted.Attempt(t.Context(), "key", limit, noon); err != nil || !until.Equal(noon.Add(time.Hour)) {
			t.Errorf("after a restart: got %v (%v), want blocked for an hour", until, err)
		}
	})
}

// allowed makes attempts at once, and counts those that were allowed.
func allowed(t *testing.T, n int, attempt func(i int) (time.Time, error)) int {
	t.Helper()
	var count atomic.Int64
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			until, err := attempt(i)
			if err != nil {
				t.Error(err)
			} else if until.IsZero() {
				count.Add(1)
			}
		})
	}
	wait.Wait()
	return int(count.Load())
}

// A host may have MariaDB count the rows that are found instead of those that are changed (SB-A5).
func TestThrottleCountsWhateverTheDriverCounts(t *testing.T) {
	t.Parallel()
	for _, database := range testdb.Reachable(t) {
		if database != testdb.MySQL {
			continue
		}
		db := testdb.Open(t, database)
		config, err := mysqldriver.ParseDSN(db.Dialector.(*mysql.Dialector).DSN)
		if err != nil {
			t.Fatal(err)
		}
		config.ClientFoundRows = true
		found, err := gorm.Open(mysql.Open(config.FormatDSN()), &gorm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := found.DB()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pool.Close() })
		pool.SetMaxOpenConns(5)
		st := store.New(found)
		limit := iam.Limit{Attempts: 3, Pause: time.Hour}
		if n := allowed(t, 20, func(int) (time.Time, error) { return st.Attempt(t.Context(), "key", limit, noon) }); n != 3 {
			t.Errorf("%d attempts were allowed, want 3", n)
		}
	}
}

// In the host's transaction an attempt counts with it, and what is refused does not break it.
func TestThrottleInAHostsTransaction(t *testing.T) {
	t.Parallel()
	limit := iam.Limit{Attempts: 2, Pause: time.Hour}
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		for _, commit := range []bool{false, true} {
			tx := begin(t, db)
			in := st.In(tx)
			for i := range 4 {
				until, err := in.Attempt(t.Context(), "key", limit, noon)
				if err != nil || until.IsZero() != (i < limit.Attempts) {
					t.Fatalf("attempt %d: got %v (%v)", i, until, err)
				}
			}
			if err := in.RequestMail(t.Context(), iam.Mail{ID: "m", To: "a@b.example", Template: "t", State: iam.MailQueued}); err != nil {
				t.Fatal(err)
			}
			if err := in.RequestMail(t.Context(), iam.Mail{ID: "m", To: "a@b.example", Template: "t", State: iam.MailQueued}); !errors.Is(err, iam.ErrExists) {
				t.Fatalf("a second mail: got %v, want ErrExists", err)
			}
			if err := in.Write(t.Context(), "acme", bindTo(t, "p")); err != nil {
				t.Fatalf("the transaction is broken: %v", err)
			}
			if !commit {
				tx.Rollback()
				if until, err := st.Blocked(t.Context(), "key", limit, noon); err != nil || !until.IsZero() {
					t.Errorf("after the rollback: blocked until %v (%v)", until, err)
				}
				continue
			}
			if err := tx.Commit().Error; err != nil {
				t.Fatal(err)
			}
			if until, err := st.Blocked(t.Context(), "key", limit, noon); err != nil || !until.Equal(noon.Add(time.Hour)) {
				t.Errorf("after the commit: blocked until %v (%v), want an hour", until, err)
			}
		}
	})
}

// Transactions that begin with an attempt take turns, and none is the victim of a deadlock; each has read
// something before, so that MariaDB would show it old rows.
func TestThrottleInHostsTransactionsAtOnce(t *testing.T) {
	t.Parallel()
	limit := iam.Limit{Attempts: 3, Pause: time.Hour}
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		for round := range 10 {
			key := fmt.Sprint("key ", round)
			n := allowed(t, 12, func(int) (until time.Time, err error) {
				err = db.WithContext(t.Context()).Transaction(func(tx *gorm.DB) error {
					in := st.In(tx)
					if _, err := in.Organization(t.Context(), "acme"); err != nil {
						return err
					}
					until, err = in.Attempt(t.Context(), key, limit, noon)
					return err
				})
				return until, err
			})
			if n != limit.Attempts {
				t.Errorf("%d attempts were allowed, want %d", n, limit.Attempts)
			}
		}
	})
}

// SB-35: an attempt whose count fails is neither allowed nor counted.
func TestThrottleFailsClosed(t *testing.T) {
	t.Parallel()
	limit := iam.Limit{Attempts: 1, Pause: time.Hour}
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := st.Attempt(ended, "key", limit, noon); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the error of the context", err)
		}
		if until, err := st.Attempt(t.Context(), "key", limit, noon); err != nil || !until.IsZero() {
			t.Errorf("the attempt that failed counts: blocked until %v (%v)", until, err)
		}
	})
}

// BenchmarkAttempt measures an attempt that is allowed, as each sign-in makes one, and one that is not.
func BenchmarkAttempt(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			st := store.New(testdb.Open(b, database))
			b.Run("allowed", func(b *testing.B) {
				now := noon
				for b.Loop() {
					now = now.Add(time.Minute)
					if until, err := st.Attempt(b.Context(), "key", iam.Limit{Attempts: 1, Pause: time.Minute}, now); err != nil || !until.IsZero() {
						b.Fatal(until, err)
					}
				}
			})
			b.Run("blocked", func(b *testing.B) {
				for b.Loop() {
					if _, err := st.Attempt(b.Context(), "blocked", iam.Limit{Attempts: 1, Pause: time.Minute}, noon); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
