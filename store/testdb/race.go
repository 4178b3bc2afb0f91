package testdb

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	raceRounds = 100
	raceTime   = 1200 * time.Millisecond // a database and race; at least one round
)

// Rounds repeats a race a hundred times, or for as long as a test may take, until the test fails.
func Rounds(tb testing.TB, race func()) {
	tb.Helper()
	end := time.Now().Add(raceTime)
	for n := 0; n < raceRounds && !tb.Failed(); n++ {
		if race(); time.Now().After(end) {
			break
		}
	}
}

// AtOnce lets all of them start together, and returns their errors in the same order.
func AtOnce(do ...func() error) []error {
	errs := make([]error, len(do))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range do {
		wg.Go(func() {
			<-start
			errs[i] = do[i]()
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// Succeeded counts those that have no error, and wants each of the others to be one of the allowed.
func Succeeded(tb testing.TB, errs []error, allowed ...error) (n int) {
	tb.Helper()
	for _, err := range errs {
		is := func(target error) bool { return errors.Is(err, target) }
		switch {
		case err == nil:
			n++
		case !slices.ContainsFunc(allowed, is):
			tb.Errorf("got the error %v, want one of %v", err, allowed)
		}
	}
	return n
}
