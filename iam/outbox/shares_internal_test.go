package outbox

import (
	"fmt"
	"testing"
	"time"
)

// A slow organisation gets all workers but one; its other mails are put back one behind the other, at the
// pace at which it takes them, five minutes at most.
func TestShares(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	s := newShares(4)
	enter := func() time.Duration {
		ok, later := s.enter("acme", now)
		if ok {
			return 0
		}
		return later.Sub(now)
	}
	for range 4 {
		if wait := enter(); wait != 0 {
			t.Errorf("it waits for %s before anything is known of it", wait)
		}
	}
	began := now
	now = now.Add(30 * time.Second)
	if wait := enter(); wait != 10*time.Second {
		t.Errorf("with three that hang for 30 seconds: the next waits for %s, want 10s", wait)
	}
	if wait := enter(); wait != 20*time.Second {
		t.Errorf("the one behind it: %s, want 20s", wait)
	}
	for range 100 {
		enter()
	}
	if wait := enter(); wait != longestWait {
		t.Errorf("the hundredth: %s, want %s", wait, longestWait)
	}
	if ok, _ := s.enter("other", now); !ok {
		t.Error("another organisation waits too")
	}
	s.leave("other", now, now)
	for range 4 {
		s.leave("acme", began, now)
	}
	for n, want := range []bool{true, true, true, false} {
		if ok, _ := s.enter("acme", now); ok != want {
			t.Errorf("mail %d of those that come next: got %t", n+1, ok)
		}
	}
	for range 3 {
		s.leave("acme", now, now.Add(slowTry-1)) // it is quick again
	}
	for range 4 {
		if wait := enter(); wait != 0 {
			t.Errorf("it waits for %s although it is quick", wait)
		}
	}
	for range 4 {
		s.leave("acme", now, now)
	}
	if n := len(s.orgs); n != 0 {
		t.Errorf("%d organisations are remembered for nothing", n)
	}
}

// With a single worker, everybody gets it.
func TestSharesOfOneWorker(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	s := newShares(1)
	for range 3 {
		if ok, _ := s.enter("acme", now); !ok {
			t.Fatal("nobody would ever send its mail")
		}
		s.leave("acme", now, now.Add(time.Minute))
	}
}

// The pause behind a try doubles, up to an hour, however many there were.
func TestPauseBehind(t *testing.T) {
	t.Parallel()
	got := ""
	for _, tries := range []int{1, 2, 3, 6, 7, 8, 100, 1 << 30} {
		got += fmt.Sprint(" ", pauseBehind(tries))
	}
	if want := " 1m0s 2m0s 4m0s 32m0s 1h0m0s 1h0m0s 1h0m0s 1h0m0s"; got != want {
		t.Errorf("got%s, want%s", got, want)
	}
}
