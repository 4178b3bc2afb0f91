package store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// linkTo is a hash of everything in an event, and of the hash before it.
func linkTo(e iam.Event, before string) string {
	e.Hash = before
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", e)))
}

// chained wants the whole log of an organisation to be one chain, from the first event to LogHead
// (SB-83), and counts the events.
func chained(tb testing.TB, st *store.Store, org policy.OrgID) int {
	tb.Helper()
	n, before := 0, ""
	q := iam.EventQuery{Ascending: true, Limit: 1000}
	for {
		page, err := st.Events(tb.Context(), org, q)
		if err != nil {
			tb.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if linkTo(e, before) != e.Hash {
				tb.Fatalf("%s: the event at %v does not follow the one before", org, e.Position())
			}
			before = e.Hash
			n++
		}
		q.After = page[len(page)-1].Position()
	}
	head, err := st.LogHead(tb.Context(), org)
	if want := (iam.LogHead{Count: int64(n), Hash: before}); err != nil || head != want {
		tb.Errorf("%s: got the head %+v (%v), want %+v", org, head, err, want)
	}
	return n
}

// BenchmarkAppend writes events by fifty writers at once, in one organisation and in fifty, and
// checks at the end that no chain has forked and no event is missing.
func BenchmarkAppend(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			st := store.New(testdb.Open(b, database))
			for _, n := range []int{1, 50} {
				b.Run(fmt.Sprintf("organizations=%d", n), func(b *testing.B) { benchmarkAppend(b, st, n) })
			}
		})
	}
}

const writers = 50

func benchmarkAppend(b *testing.B, st *store.Store, n int) {
	ctx := b.Context()
	orgs, before := make([]policy.OrgID, n), 0
	for i := range orgs {
		orgs[i] = policy.OrgID(fmt.Sprintf("org-%d-of-%d", i, n))
		err := st.Create(ctx, iam.Organization{ID: orgs[i]}, func(iam.Tx) error { return nil })
		if err != nil && !errors.Is(err, iam.ErrExists) { // a benchmark is run several times
			b.Fatal(err)
		}
		before += chained(b, st, orgs[i])
	}
	b.ResetTimer()
	appendAtOnce(ctx, b, st, orgs)
	b.StopTimer()
	after := 0
	for _, org := range orgs {
		after += chained(b, st, org)
	}
	if after != before+b.N {
		b.Errorf("got %d events, want %d", after-before, b.N)
	}
}

// appendAtOnce appends b.N events, each in a transaction of its own.
func appendAtOnce(ctx context.Context, b *testing.B, st *store.Store, orgs []policy.OrgID) {
	var next atomic.Int64
	var wait sync.WaitGroup
	event := iam.Event{Type: "session.signed_in", Actor: "ann", Target: "ann", Role: "administrator", Peer: "192.0.2.1"}
	for range writers {
		wait.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				err := st.WriteAside(ctx, orgs[i%int64(len(orgs))], func(tx iam.Tx) error { return tx.Append(ctx, event, linkTo) })
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
}
