package storetest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

const (
	countAttempt = "Attempt counts an attempt under a key before it is made, and returns the zero time"
	enough       = "When there were limit.Attempts already, each within limit.Pause of the next, it counts nothing and returns the time " +
		"until which no attempt is allowed: limit.Pause after the last"
	noMore = "Of attempts at once it allows no more than the limit"
)

var threeAnHour = iam.Limit{Attempts: 3, Pause: time.Hour}

var throttlePromises = []promise{
	{"Throttle.Attempt", countAttempt, func(w *world) {
		for i := range 3 {
			w.allowed(w.tag, threeAnHour, noon.Add(time.Duration(i)*time.Minute))
		}
		w.blocked(w.tag, threeAnHour, noon.Add(2*time.Minute), noon.Add(2*time.Minute+time.Hour))
		w.allowed(w.tag+"another", threeAnHour, noon)
	}},
	{"Throttle.Attempt", enough, func(w *world) {
		// SB-28. What is refused does not put the end off.
		for range 3 {
			w.allowed(w.tag, threeAnHour, noon)
		}
		until := noon.Add(time.Hour)
		for _, now := range []time.Time{noon, noon.Add(time.Minute), until.Add(-time.Millisecond), until.Add(-1)} {
			w.blocked(w.tag, threeAnHour, now, until)
		}
		for range 3 {
			w.allowed(w.tag, threeAnHour, until) // the count begins anew
		}
		w.blocked(w.tag, threeAnHour, until, until.Add(time.Hour))
	}},
	{"Throttle.Attempt", enough, func(w *world) {
		// Attempts that are apart do not add up.
		for i := range 10 {
			w.allowed(w.tag, threeAnHour, noon.Add(time.Duration(i)*time.Hour))
		}
		w.allowed(w.tag, threeAnHour, noon.Add(9*time.Hour+time.Minute))
		w.allowed(w.tag, threeAnHour, noon.Add(10*time.Hour)) // within an hour of the last, though not of the first
		w.blocked(w.tag, threeAnHour, noon.Add(10*time.Hour), noon.Add(11*time.Hour))
	}},
	{"Throttle.Attempt", enough, func(w *world) {
		// A node whose clock is behind does not bring the end nearer.
		w.allowed(w.tag, threeAnHour, noon)
		w.allowed(w.tag, threeAnHour, noon.Add(-30*time.Minute))
		w.allowed(w.tag, threeAnHour, noon.Add(-time.Minute))
		w.blocked(w.tag, threeAnHour, noon.Add(59*time.Minute), noon.Add(time.Hour))
	}},
	{"Throttle.Attempt", noMore, func(w *world) {
		// SB-29, in rounds of 2 to 50: on a key that is new, and on one whose count begins anew.
		const rounds = 100
		began := time.Now()
		for round := 0; round < rounds && (round < 5 || time.Since(began) < 4*time.Second); round++ {
			n := 2 + 7*round%49
			limit := iam.Limit{Attempts: 1 + round%n, Pause: time.Hour}
			key := fmt.Sprint(w.tag, round)
			for _, now := range []time.Time{noon, noon.Add(time.Hour)} {
				var allowed atomic.Int64
				for _, err := range w.atOnce(n, func(int) error {
					until, err := w.st.Attempt(w.ctx, key, limit, now)
					switch {
					case err != nil:
						return err
					case until.IsZero():
						allowed.Add(1)
					case !until.Equal(now.Add(time.Hour)):
						return fmt.Errorf("blocked until %v", until)
					}
					return nil
				}) {
					w.ok(err)
				}
				if got := allowed.Load(); got != int64(limit.Attempts) {
					w.Fatalf("round %d: of %d attempts at once, %d were allowed, want %d", round, n, got, limit.Attempts)
				}
				w.blocked(key, limit, now, now.Add(time.Hour))
			}
		}
	}},
	{"Throttle.Attempt", noMore, func(w *world) {
		// While others forgive: each forgiving gives the whole limit back, and no more.
		limit := iam.Limit{Attempts: 2, Pause: time.Hour}
		var allowed atomic.Int64
		for _, err := range w.atOnce(40, func(i int) error {
			if i%10 == 0 {
				return w.st.Forgive(w.ctx, w.tag)
			}
			until, err := w.st.Attempt(w.ctx, w.tag, limit, noon)
			if until.IsZero() && err == nil {
				allowed.Add(1)
			}
			return err
		}) {
			w.ok(err)
		}
		if n := allowed.Load(); n < 2 || n > 2*5 {
			w.Fatalf("%d attempts were allowed, want 2 and for each of 4 forgivings 2 more at most", n)
		}
	}},
	{"Throttle.Attempt", "Any text is a key", func(w *world) {
		once := iam.Limit{Attempts: 1, Pause: time.Hour}
		long := strings.Repeat("x", 1<<16)
		keys := []string{long, long + "y", "\x00", "\xff", "\n", "sha256:", "sha256:" + w.tag}
		keys = append(keys, alike...)
		for _, key := range keys {
			w.allowed(w.tag+key, once, noon)
		}
		for _, key := range keys {
			w.blocked(w.tag+key, once, noon, noon.Add(time.Hour))
		}
		_, err := w.st.Attempt(w.ctx, "", once, noon) // which every test's store has in common
		w.ok(err)
		w.blocked("", once, noon, noon.Add(time.Hour))
	}},
	{"Throttle.Blocked", "Blocked returns what Attempt would, and counts nothing", func(w *world) {
		is := func(now, want time.Time) {
			w.Helper()
			w.equal(must(w.st.Blocked(w.ctx, w.tag, threeAnHour, now))(w), want)
		}
		for range 5 {
			is(noon, time.Time{})
		}
		for range 3 {
			is(noon, time.Time{})
			w.allowed(w.tag, threeAnHour, noon)
		}
		is(noon, noon.Add(time.Hour))
		is(noon.Add(time.Hour-1), noon.Add(time.Hour))
		is(noon.Add(time.Hour), time.Time{})
		w.ok(w.st.Forgive(w.ctx, w.tag))
		is(noon, time.Time{})
	}},
	{"CredentialWriter.ForgiveAttempts", "ForgiveAttempts forgets the attempts under a key, as [Throttle].Forgive does, when the Write commits", func(w *world) {
		for range 3 {
			w.allowed(w.tag, threeAnHour, noon)
		}
		w.is(w.st.Write(w.ctx, w.org, func(tx iam.Tx) error {
			w.ok(tx.ForgiveAttempts(w.ctx, w.tag))
			return errOurs
		}), errOurs)
		w.blocked(w.tag, threeAnHour, noon, noon.Add(time.Hour))
		w.write(func(tx iam.Tx) error {
			w.ok(tx.ForgiveAttempts(w.ctx, w.tag+"other"))
			return tx.ForgiveAttempts(w.ctx, w.tag)
		})
		w.allowed(w.tag, threeAnHour, noon)
	}},
	{"Throttle.Forgive", "Forgive forgets the attempts under a key", func(w *world) {
		for _, key := range []string{w.tag, w.tag + "\x00"} {
			w.ok(w.st.Forgive(w.ctx, key)) // none
			w.allowed(key, threeAnHour, noon)
			w.allowed(key, threeAnHour, noon)
			w.ok(w.st.Forgive(w.ctx, key))
			for range 3 {
				w.allowed(key, threeAnHour, noon)
			}
			w.ok(w.st.Forgive(w.ctx, strings.ToLower(key)+"a"))
			w.blocked(key, threeAnHour, noon, noon.Add(time.Hour))
			w.ok(w.st.Forgive(w.ctx, key))
			w.allowed(key, threeAnHour, noon)
		}
	}},
	{"Limit", "The zero Limit allows none, and one without a Pause any number", func(w *world) {
		for _, none := range []iam.Limit{{}, {Pause: time.Hour}, {Attempts: -1, Pause: time.Hour}} {
			w.blocked(w.tag, none, noon, noon.Add(none.Pause))
		}
		for range 5 {
			w.allowed(w.tag, iam.Limit{Attempts: 1}, noon)
		}
		w.allowed(w.tag, iam.Limit{Attempts: 1, Pause: 1}, noon) // there was none that counts
		w.blocked(w.tag, iam.Limit{Attempts: 1, Pause: 1}, noon, noon.Add(time.Millisecond))
	}},
}

func (w *world) allowed(key string, limit iam.Limit, now time.Time) {
	w.Helper()
	if until := must(w.st.Attempt(w.ctx, key, limit, now))(w); !until.IsZero() {
		w.Fatalf("an attempt at %v is blocked until %v", now, until)
	}
}

// blocked wants it so of Attempt and Blocked.
func (w *world) blocked(key string, limit iam.Limit, now, want time.Time) {
	w.Helper()
	for range 2 {
		w.equal(must(w.st.Attempt(w.ctx, key, limit, now))(w), want)
		w.equal(must(w.st.Blocked(w.ctx, key, limit, now))(w), want)
	}
}
