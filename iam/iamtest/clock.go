package iamtest

import (
	"sync/atomic"
	"time"
)

// Clock is the time of a world, which stands still until it is advanced. A host passes its Now as iam.Config.Now. It is
// safe for concurrent use.
type Clock struct{ millis atomic.Int64 }

// newClock begins at an arbitrary moment that is the same for every world, so that no golden file depends on the day.
func newClock() *Clock {
	c := new(Clock)
	c.millis.Store(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

// Now returns the time, in the precision of a millisecond in which times are stored.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.millis.Load()).UTC() }

// Advance moves the time on, by whole milliseconds. A negative duration moves it back, as a clock that is set.
func (c *Clock) Advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }
