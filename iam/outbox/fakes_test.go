package outbox_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// clock stands still until it is set.
type clock struct{ millis atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.millis.Store(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()) }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// logged is a log that is read while others write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// mailerFunc is a function as a mailer.
type mailerFunc func(ctx context.Context, m iam.Message) (string, error)

func (f mailerFunc) Send(ctx context.Context, m iam.Message) (string, error) { return f(ctx, m) }

// counter is a mailer that counts how often it was given each message.
type counter struct {
	mu    sync.Mutex
	times map[string]int
}

func (c *counter) Send(_ context.Context, m iam.Message) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[string]int{}
	}
	c.times[m.ID]++
	return "250 taken", nil
}

// wantOnce wants that each message was sent once, and no other.
func (c *counter) wantOnce(tb testing.TB, ids []iam.MailID) {
	tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if n := c.times[string(id)]; n != 1 {
			tb.Errorf("the mail %s was sent %d times", id, n)
		}
	}
	if len(c.times) != len(ids) {
		tb.Errorf("%d mails were sent, want %d", len(c.times), len(ids))
	}
}
