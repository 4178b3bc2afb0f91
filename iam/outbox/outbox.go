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
	// Lease is for how long a mail belongs to the node that sends it. It must be longer than a try takes, for
	// then another node tries. Defaults to 5 minutes.
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
type Outbox struct {
	svc    *iam.Service
	mailer iam.Mailer
	config Config
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
	return &Outbox{svc: svc, mailer: mailer, config: config}, nil
}

// Run sends mails as they become due, until ctx ends, and then lets those finish that it has begun. It
// returns nil then. A database that is away for a while is logged, and asked again.
func (o *Outbox) Run(ctx context.Context) error {
	for {
		sent, err := o.SendDue(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			o.logger().LogAttrs(ctx, slog.LevelError, "the outbox cannot be read", slog.Any("error", err))
		case sent > 0:
			continue // there may be more
		}
		timer := time.NewTimer(o.config.Poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// SendDue tries the mails that are due, as many as are sent at once, and returns how many it tried. It
// is what Run repeats, for hosts that have a scheduler of their own.
func (o *Outbox) SendDue(ctx context.Context) (int, error) {
	lease, err := o.svc.NewID()
	if err != nil {
		return 0, err
	}
	now := o.svc.Now()
	mails, err := o.svc.Store().LeaseMails(ctx, lease, now, now.Add(o.config.Lease), o.config.Parallel)
	if err != nil {
		return 0, err
	}
	// What was begun is finished: a mail that was handed over must be written down as sent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.config.Lease)
	defer cancel()
	failures := make([]error, len(mails))
	var sending sync.WaitGroup
	for i, m := range mails {
		sending.Go(func() { failures[i] = o.try(ctx, m, lease) })
	}
	sending.Wait()
	return len(mails), errors.Join(failures...)
}

func (o *Outbox) logger() *slog.Logger {
	if o.config.Logger == nil {
		return slog.Default()
	}
	return o.config.Logger
}
