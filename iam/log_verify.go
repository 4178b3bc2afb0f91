package iam

import "context"

// VerifyEvents checks that the audit log is what was written (SB-83), for who may read it: it makes
// every hash again, and finds events that were changed, taken out, put in or moved. The first thing
// that is wrong is a [*LogError]; the report says how far all was well. Others may write meanwhile.
//
// The zero Checkpoint has the whole log read. One that was kept elsewhere has only read what came since
// then, and finds too that the end of the log was cut off together with the count of its events. What
// stands before a checkpoint it takes for checked.
//
// Three things can be found by a checkpoint alone, since they need the organisation's row to be written
// too: a log that was cut off with the count of its events; one whose hashes were all taken away, as if it
// were from before logs were chains, which the report counts; and, without Config.AuditKey, one whose
// hashes were made anew.
func (a Actor) VerifyEvents(ctx context.Context, since Checkpoint) (LogReport, error) {
	if err := a.read(ctx, a.rules().Permissions.ReadEvents); err != nil {
		return LogReport{}, err
	}
	if err := since.check(); err != nil {
		return LogReport{}, err
	}
	if since.Org == "" {
		since.Org = a.org
	}
	if since.Org != a.org {
		return LogReport{}, invalid("Since", "the checkpoint is another organisation's")
	}
	// The end first: everything up to it is there, whatever is written meanwhile.
	head, err := a.svc.store.LogHead(ctx, a.org)
	if err != nil {
		return LogReport{}, err
	}
	walk := newLogWalk(a.svc.config.AuditKey, since)
	if err := walk.reaches(head); err != nil {
		return walk.report, err
	}
	if err := a.walk(ctx, walk, head); err != nil {
		return walk.report, err
	}
	return walk.report, a.ends(ctx, walk, head)
}

// walk takes every event behind the checkpoint that the walk begins at, which must still be there itself.
func (a Actor) walk(ctx context.Context, walk *logWalk, head LogHead) error {
	since := walk.report.Checkpoint
	met := since.Count == 0
	q := EventQuery{After: since.Position}
	if !met {
		q.After.Ordinal--
	}
	err := a.svc.eachEvent(ctx, a.org, q, func(e Event) (bool, error) {
		if met {
			if err := walk.step(e); err != nil {
				return false, err
			}
			return true, walk.reaches(head)
		}
		met = e.Position() == since.Position && e.Hash == since.Hash
		if !met {
			return false, walk.wrong(since.Position, "the event of the checkpoint is missing, or another one stands there")
		}
		return true, nil
	})
	if err == nil && !met {
		return walk.wrong(since.Position, "the event of the checkpoint is missing, and all behind it")
	}
	return err
}

// reaches reports that the walk is at the end that was read before it, and that it is another.
func (w *logWalk) reaches(head LogHead) error {
	if c := w.report.Checkpoint; c.Count == head.Count && c.Hash != head.Hash {
		return w.wrong(c.Position, "the organisation's row says that another event was the last one")
	}
	return nil
}

// ends reports that the log is shorter or longer than it is to be.
func (a Actor) ends(ctx context.Context, walk *logWalk, head LogHead) error {
	end := walk.report.Checkpoint
	if end.Count > head.Count { // written meanwhile, or put in by somebody
		var err error
		if head, err = a.svc.store.LogHead(ctx, a.org); err != nil {
			return err
		}
		if end.Count > head.Count {
			return walk.wrong(end.Position, "there are %d events, and %d were written: some were put in, or the count was changed", end.Count, head.Count)
		}
		return walk.reaches(head)
	}
	if missing := head.Count - end.Count; missing > 0 {
		return walk.wrong(end.Position, "%d events are missing behind it", missing)
	}
	return nil
}
