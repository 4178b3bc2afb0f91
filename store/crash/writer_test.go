package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"

	"github.com/castellan-iam/castellan/policy"
)

// job is what a writer has to do.
type job struct {
	Place place
	Name  string         // of the process, in every request
	Seed  uint64         // of what its hands choose
	Hands int            // how many write at once
	First int            // the number of the first of them
	Of    int            // how many hands there are, with those of other processes
	Orgs  []policy.OrgID // those that it goes on with
	// Statement is the one behind which the writer kills itself: 0 for never.
	Statement int64
	// Silent is the number of the call that is done, and never said to be, for the writer kills itself: 0 for never.
	Silent int64
}

// writer is a process that writes until it is killed, or its standard input is closed.
type writer struct {
	job
	*host
	mouth mouth
	done  atomic.Int64
}

// write is a writer's whole life.
func write() error {
	var j job
	if err := json.Unmarshal([]byte(os.Getenv(jobEnv)), &j); err != nil {
		return err
	}
	db, err := j.Place.open()
	if err != nil {
		return err
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	pool.SetMaxIdleConns(j.Hands)
	h, err := newHost(db, fast)
	if err != nil {
		return err
	}
	w := &writer{job: j, host: h}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if j.Statement > 0 {
		var statements atomic.Int64
		if err := dieAt(db, j.Statement, func() int64 { return statements.Add(1) }); err != nil {
			return err
		}
	}
	errs := make([]error, j.Hands)
	var wait sync.WaitGroup
	for number := range errs {
		wait.Go(func() { errs[number] = w.work(ctx, j.First+number) })
	}
	wait.Wait()
	return errors.Join(append(errs, h.close())...)
}

// work lets one hand write.
func (w *writer) work(ended context.Context, number int) error {
	h := &hand{host: w.host, process: w.Name, number: number, of: w.Of, chance: rand.New(rand.NewPCG(w.Seed, uint64(number)))}
	ctx := context.Background() // a call that has begun is brought to its end
	for _, id := range w.Orgs {
		if err := h.recall(ctx, id); err != nil {
			return fmt.Errorf("recall %s: %w", id, err)
		}
	}
	for ended.Err() == nil {
		if err := w.one(ctx, h, h.next()); err != nil {
			return err
		}
	}
	return nil
}

// one makes a call, and says so before and behind it.
func (w *writer) one(ctx context.Context, h *hand, c *call) error {
	begun := line{Request: c.request, Act: c.act, Org: c.org.id, Must: c.must, Touches: c.touches}
	if err := w.mouth.say(begun); err != nil {
		return err
	}
	now, throttled, err := h.run(ctx, c)
	if err == nil && !throttled && w.done.Add(1) == w.Silent {
		die()
	}
	ended := line{Request: c.request, Done: acknowledged, Act: c.act, Org: c.org.id, Facts: now}
	switch {
	case err != nil:
		ended.Done, ended.Trouble = failed, err.Error()
	case throttled:
		ended.Done = refused
	}
	if sayErr := w.mouth.say(ended); sayErr != nil {
		return sayErr
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", c.act, c.request, err)
	}
	return nil
}
