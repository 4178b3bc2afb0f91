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

// How long Run waits before it listens again.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Run keeps the subjects in memory fresh until ctx ends, and returns nil then: every quarter of MaxStaleness it asks
// the database for the revisions of their organisations, and in between it hears what Config.Listener does. Without Run
// each subject is loaded anew when MaxStaleness has passed. With a MaxStaleness of zero there is nothing to
// do, and Run returns at once. A database that is away for a while is logged, and asked again.
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
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-wake:
		}
		// An answer that comes later than that is of no use, and must not keep the next one from being asked for.
		within, cancel := context.WithTimeout(ctx, s.memory.bound)
		err := s.Refresh(within)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.logger().LogAttrs(ctx, slog.LevelError, "changes of subjects cannot be asked for", slog.Any("error", err))
		}
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
		s.logger().LogAttrs(ctx, slog.LevelWarn, "changes of subjects are not heard of", slog.Any("error", err), slog.Duration("retry", retry))
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
