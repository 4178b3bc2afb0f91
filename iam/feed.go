package iam

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Listener hears what other nodes announce: store/pgnotify is one. With a Listener a change is felt on the other
// nodes within moments, and without one when they ask next. MaxStaleness holds either way: a Listener that has lost
// its connection makes nothing older than that.
type Listener interface {
	// Listen calls heard for each change that is announced from the moment on at which it calls ready, one at a time, until ctx
	// ends or it can hear no more. Then it returns why, and may be called again. What was announced twice may be heard
	// twice, and in any order.
	Listen(ctx context.Context, ready func(), heard func(org policy.OrgID, revision int64)) error
}

// How often Run asks, in parts of MaxStaleness: it can be late, or fail, twice before a subject is loaded anew.
const refreshes = 4

const (
	// patience is how long Run waits for an answer, where MaxStaleness is shorter: what comes later than that confirms
	// nothing, but a connection that is slow to come has come then.
	patience = 5 * time.Second
	// How long Run waits before it listens again.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Run keeps the subjects in memory fresh until ctx ends, and returns nil then: every quarter of MaxStaleness it asks
// the database for the revisions of their organisations, and in between it hears what Config.Listener does. Without Run
// each subject is loaded anew when MaxStaleness has passed. With a MaxStaleness of zero there is nothing to
// do, and Run returns at once. A database that is away is logged once, and asked again until it is back.
func (s *Service) Run(ctx context.Context) error {
	if s.memory == nil {
		return nil
	}
	var listening sync.WaitGroup
	defer listening.Wait()
	wake := make(chan struct{}, 1)
	if s.config.Listener != nil {
		listening.Go(func() { s.listen(ctx, wake) })
	}
	ticker := time.NewTicker(max(s.memory.bound/refreshes, time.Millisecond))
	defer ticker.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-wake:
		}
		within, cancel := context.WithTimeout(ctx, max(s.memory.bound, patience))
		err := s.Refresh(within)
		cancel()
		switch {
		case ctx.Err() != nil:
		case err != nil && !away:
			s.logger().LogAttrs(ctx, slog.LevelError, "changes of subjects cannot be asked for", slog.Any("error", err))
		case err == nil && away:
			s.logger().LogAttrs(ctx, slog.LevelInfo, "changes of subjects are asked for again")
		}
		away = err != nil
	}
}

// listen hears what is announced until ctx ends. Whatever was announced while it did not, Run is woken to ask for.
func (s *Service) listen(ctx context.Context, wake chan<- struct{}) {
	retry := firstRetry
	for ctx.Err() == nil {
		ready := func() {
			retry = firstRetry
			select {
			case wake <- struct{}{}:
			default:
			}
		}
		err := s.config.Listener.Listen(ctx, ready, s.memory.changed)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("iam: the listener stopped by itself")
		}
		if retry == firstRetry {
			s.logger().LogAttrs(ctx, slog.LevelWarn, "changes of subjects are asked for, but not heard of at once", slog.Any("error", err))
		}
		timer := time.NewTimer(retry)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		retry = min(2*retry, lastRetry)
	}
}

func (s *Service) logger() *slog.Logger {
	if s.config.Logger == nil {
		return slog.Default()
	}
	return s.config.Logger
}
