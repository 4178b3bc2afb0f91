package iam

import (
	"context"
	"crypto/hmac"
	"fmt"

	"github.com/castellan-iam/castellan/policy"
)

// LogReport says what was checked, up to the end or to the first thing that is wrong.
type LogReport struct {
	// Events counts the events whose hashes were made again and are right.
	Events int64
	// Unchained counts the oldest events, which were written before logs were chains. Nothing proves them.
	Unchained int64
	// Checkpoint is behind the last event that is right. Keep it elsewhere.
	Checkpoint Checkpoint
}

// LogError says that a log is not what was written.
type LogError struct {
	Org policy.OrgID
	// At is the first event that is wrong, or the last one that is right, where those behind it are
	// missing. It is zero where no single event is meant.
	At EventPosition
	// Problem is a sentence about it. It holds no values of the events.
	Problem string
}

// Error names the organisation, the position and the problem.
func (e *LogError) Error() string {
	return fmt.Sprintf("iam: the audit log of %q at %v: %s", e.Org, e.At, e.Problem)
}

// logWalk follows a log from its beginning, or from a checkpoint, to newer events.
type logWalk struct {
	key    []byte
	report LogReport
	last   EventPosition
}

func newLogWalk(key []byte, since Checkpoint) *logWalk {
	return &logWalk{key: key, report: LogReport{Checkpoint: since}, last: since.Position}
}

// step takes the next event, and reports what is wrong with it.
func (w *logWalk) step(e Event) error {
	at, before := e.Position(), w.report.Checkpoint
	switch {
	case e.Org != before.Org:
		return w.wrong(at, "the event is another organisation's")
	case !at.behind(w.last):
		return w.wrong(at, "the event was moved, or is there twice")
	case !at.next(w.last):
		return w.wrong(at, "events before it are missing")
	case e.Hash == "" && before.Count > 0:
		return w.wrong(at, "the event has no hash, and events before it have one")
	case e.Hash == "":
		w.report.Unchained++
	case !hmac.Equal([]byte(e.Hash), []byte(chained(w.key, e, before.Hash))):
		return w.wrong(at, "the event was changed, put in or moved, or one before it was taken out, or the key is another")
	default:
		w.report.Events++
		w.report.Checkpoint = Checkpoint{Org: e.Org, Count: before.Count + 1, Position: at, Hash: e.Hash}
	}
	w.last = at
	return nil
}

func (w *logWalk) wrong(at EventPosition, format string, args ...any) error {
	return &LogError{Org: w.report.Checkpoint.Org, At: at, Problem: fmt.Sprintf(format, args...)}
}

// eventPage is how many events are in memory at once.
const eventPage = 1000

// eachEvent calls do with the events that the query finds, the oldest first, until do wants no more. New
// ones that come meanwhile are among them: reading is faster than writing, so it ends.
func (s *Service) eachEvent(ctx context.Context, org policy.OrgID, q EventQuery, do func(e Event) (more bool, err error)) error {
	q.Ascending, q.Before, q.Limit = true, EventPosition{}, eventPage
	for {
		page, err := s.store.Events(ctx, org, q)
		if err != nil {
			return err
		}
		for _, e := range page {
			if more, err := do(e); err != nil || !more {
				return err
			}
		}
		if len(page) < eventPage {
			return nil
		}
		q.After = page[len(page)-1].Position()
	}
}
