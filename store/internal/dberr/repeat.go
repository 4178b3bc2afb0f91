package dberr

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	maxTries   = 10
	firstPause = 2 * time.Millisecond // doubled with each try, up to maxPause
	maxPause   = 250 * time.Millisecond
)

// Repeat calls do until it succeeds, fails for good, or has been called maxTries times. The cause
// of an error decides whether it passes.
func Repeat(ctx context.Context, do func() (err, cause error)) (err, cause error) {
	pause := firstPause
	for try := 1; ; try++ {
		err, cause = do()
		if err == nil || try == maxTries || Classify(cause) == Failure {
			return err, cause
		}
		// At random, so that those who got in each other's way do not meet again.
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (%w)", err, ctx.Err()), cause
		case <-timer.C:
		}
		pause = min(2*pause, maxPause)
	}
}
