package signin_test

import (
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	raceRounds = 100
	raceTime   = 1200 * time.Millisecond // a database and race; at least one round
)

// rounds repeats a race, for a while.
func (w *world) rounds(race func()) {
	w.Helper()
	end := time.Now().Add(raceTime)
	for n := 0; n < raceRounds && !w.Failed(); n++ {
		if race(); time.Now().After(end) {
			break
		}
	}
}

// atOnce lets all of them start together, and returns their errors.
func atOnce(do ...func() error) []error {
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

// expected wants each error to be nil or one of the allowed.
func (w *world) expected(errs []error, allowed ...error) (succeeded int) {
	w.Helper()
	for _, err := range errs {
		is := func(target error) bool { return errors.Is(err, target) }
		switch {
		case err == nil:
			succeeded++
		case !slices.ContainsFunc(allowed, is):
			w.Errorf("got the error %v, want one of %v", err, allowed)
		}
	}
	return succeeded
}
