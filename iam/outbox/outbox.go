package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// Config adjusts an Outbox. The zero Config works.
type Config struct {
	// Product is what the host calls itself in mails. Defaults to the name of the host in the iam service's
	// Config.BaseURL.
	Product string
	// Templates are the texts. Defaults to English().
	Templates *Templates
	// Language returns the language of a mail to an account. Defaults to English.
	Language func(account iam.Account) string
	// From is who mails come from: an address, or a name with one. Defaults to the mailer's own, and to what
	// an organisation's own mail server has.
	From string
	// SMTP is for the organisations' own mail servers (D3). Its Allow defaults to smtp.PublicOnly, for the
	// servers are chosen by customers (SB-96).
	SMTP smtp.Config
	// Poll is how often Run looks for mails that another node has queued, or that are due again. Defaults to
	// 2 seconds.
	Poll time.Duration
	// Lease is for how long a mail belongs to the node that sends it: a try that takes longer is given up, and
	// what a node leaves behind that dies, another one tries then. It must be longer than a mail server takes.
	// Defaults to 5 minutes.
	Lease time.Duration
	// Parallel is how many mails are sent at once. Defaults to 4.
	Parallel int
	// GiveUp is for how long a mail without an end of its own is tried. Defaults to 3 days.
	GiveUp time.Duration
	// Logger gets a record for each mail that was not taken. Defaults to slog.Default(), as it is at that
	// moment.
	Logger *slog.Logger
}

func (c Config) withDefaults(address string) (Config, error) {
	if u, err := url.Parse(address); err == nil {
		c.Product = cmp.Or(c.Product, u.Hostname())
	}
	if c.Templates == nil {
		c.Templates = English()
	}
	if c.Language == nil {
		c.Language = func(iam.Account) string { return "en" }
	}
	if c.SMTP.Allow == nil {
		c.SMTP.Allow = smtp.PublicOnly
	}
	c.Poll = cmp.Or(c.Poll, 2*time.Second)
	c.Lease = cmp.Or(c.Lease, 5*time.Minute)
	c.GiveUp = cmp.Or(c.GiveUp, 72*time.Hour)
	c.Parallel = cmp.Or(c.Parallel, 4)
	if c.Poll < 0 || c.Lease < 0 || c.GiveUp < 0 || c.Parallel < 0 {
		return Config{}, errors.New("outbox: Config: no duration or number is negative")
	}
	return c, nil
}

// Outbox sends what the iam service queues. Any number of nodes may do so at once: each mail is leased
// to one of them. It is safe for concurrent use.
//
// Mails go out in the order in which they became due, whoever they belong to: one that is queued behind
// ten thousand others waits until those were handed over. Only what waits for a slow server is overtaken:
// an organisation whose mails take longer than five seconds each leaves a worker of every node to the others.
type Outbox struct {
	svc    *iam.Service
	mailer iam.Mailer
	config Config
	shares *shares
	wake   chan struct{}
}

// New returns an Outbox that sends with mailer, which may be nil when every organisation has a mail
// server of its own (D3). It does no I/O. A service without Config.BaseURL is refused (SB-94).
func New(svc *iam.Service, mailer iam.Mailer, config Config) (*Outbox, error) {
	if svc == nil {
		return nil, errors.New("outbox: the iam service is nil")
	}
	address, err := svc.RootLoginAddress()
	if err != nil {
		return nil, err
	}
	if config, err = config.withDefaults(address); err != nil {
		return nil, err
	}
	return &Outbox{svc: svc, mailer: mailer, config: config, shares: newShares(config.Parallel), wake: make(chan struct{}, 1)}, nil
}

// Wake lets Run look for mails at once, in place of at its next Poll. A host calls it behind a change that
// it has committed, so that a mail goes out within moments. It never blocks, and without a Run it is kept
// for the next one.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // somebody has woken it already
	}
}

// Run sends mails as they become due, until ctx ends, and then lets those finish that it has begun. It
// returns nil then. A database that is away for a while is logged, and asked again.
func (o *Outbox) Run(ctx context.Context) error {
	crew := o.newCrew(func(err error) { o.failed(ctx, "a mail's state cannot be read or written", err) })
	defer crew.busy.Wait()
	for {
		_, more, err := crew.begin(ctx)
		if err != nil && ctx.Err() == nil {
			o.failed(ctx, "the outbox cannot be read", err)
		}
		if ctx.Err() != nil || !more && !o.rest(ctx) {
			return nil
		}
	}
}

// rest waits for the next look at the outbox, and reports whether there is to be one.
func (o *Outbox) rest(ctx context.Context) bool {
	timer := time.NewTimer(o.config.Poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-o.wake:
	case <-timer.C:
	}
	return true
}

// SendDue tries the mails that are due, until none is, and returns how many it tried: for hosts that have a
// scheduler of their own in place of Run. When ctx ends it lets those finish that it has begun. The error
// is the database's, and says nothing about the mails.
func (o *Outbox) SendDue(ctx context.Context) (int, error) {
	var mu sync.Mutex
	var failures []error
	crew := o.newCrew(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failures = append(failures, err)
	})
	tried := 0
	for more := true; more; {
		begun, again, err := crew.begin(ctx)
		tried, more = tried+begun, again
		if err != nil {
			crew.busy.Wait()
			return tried, errors.Join(append(failures, err)...)
		}
	}
	crew.busy.Wait()
	return tried, errors.Join(failures...)
}

func (o *Outbox) failed(ctx context.Context, what string, err error) {
	o.logger().LogAttrs(ctx, slog.LevelError, what, slog.Any("error", err))
}

func (o *Outbox) logger() *slog.Logger {
	if o.config.Logger == nil {
		return slog.Default()
	}
	return o.config.Logger
}
