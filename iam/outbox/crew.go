package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// crew are the workers of one Run or SendDue, as many as Config.Parallel. A slow mail keeps one of them,
// and no other mail waits for it.
type crew struct {
	outbox *Outbox
	failed func(error)   // is told the database's failures, by several at once
	idle   chan struct{} // one for each worker that has no mail
	busy   sync.WaitGroup
}

func (o *Outbox) newCrew(failed func(error)) *crew {
	c := &crew{outbox: o, failed: failed, idle: make(chan struct{}, o.config.Parallel)}
	for range o.config.Parallel {
		c.idle <- struct{}{}
	}
	return c
}

// begin waits for an idle worker, leases a mail for each one that is, and lets them begin. It returns how
// many began, and whether more mails may be due.
func (c *crew) begin(ctx context.Context) (begun int, more bool, err error) {
	workers, err := c.summon(ctx)
	if err != nil {
		return 0, false, err
	}
	// Taken before the lease is, so that this node never believes in it for longer than the others do.
	until := time.Now().Add(c.outbox.config.Lease)
	mails, lease, err := c.outbox.lease(ctx, workers)
	for range workers - len(mails) {
		c.idle <- struct{}{}
	}
	for _, m := range mails {
		c.busy.Go(func() {
			defer func() { c.idle <- struct{}{} }()
			if err := c.outbox.try(ctx, m, lease, until); err != nil {
				c.failed(err)
			}
		})
	}
	return len(mails), err == nil && len(mails) == workers, err
}

// summon takes all workers that are idle, at least one.
func (c *crew) summon(ctx context.Context) (workers int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-c.idle:
		workers++
	}
	for {
		select {
		case <-c.idle:
			workers++
		default:
			return workers, nil
		}
	}
}

// lease takes mails that are due for this node alone.
func (o *Outbox) lease(ctx context.Context, limit int) (mails []iam.Mail, lease string, err error) {
	if lease, err = o.svc.NewID(); err != nil {
		return nil, "", err
	}
	now := o.svc.Now()
	mails, err = o.svc.Store().LeaseMails(ctx, lease, now, now.Add(o.config.Lease), limit)
	if err != nil {
		return nil, "", err
	}
	return mails, lease, nil
}
