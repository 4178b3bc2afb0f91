package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// try sends a mail that is leased until a time, and writes down how that went. The error is the database's.
func (o *Outbox) try(ctx context.Context, m iam.Mail, lease string, until time.Time) error {
	began := o.svc.Now()
	if m.Org != "" { // else it is a request from outside, and for the host's own server
		ok, later := o.shares.enter(m.Org, began)
		if !ok {
			m.Next = later
			return o.end(ctx, m, lease, until)
		}
		defer func() { o.shares.leave(m.Org, began, o.svc.Now()) }()
	}
	// What was begun is finished: a mail that was handed over must be written down as sent.
	within, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	reply, err := o.send(within, m, lease)
	o.judge(&m, reply, err)
	o.log(ctx, m, err)
	var failure *databaseError
	if errors.As(err, &failure) {
		return errors.Join(failure.cause, o.end(ctx, m, lease, until))
	}
	return o.end(ctx, m, lease, until)
}

// log says what was not taken. Replies have no link in them: see withoutToken.
func (o *Outbox) log(ctx context.Context, m iam.Mail, err error) {
	if m.State == iam.MailSent || m.State == iam.MailDropped {
		return
	}
	attrs := append(attrsOf(m), slog.Int("tries", m.Tries), slog.String("error", m.Reply))
	var bug *panicError
	if errors.As(err, &bug) {
		attrs = append(attrs, slog.String("stack", bug.stack))
	}
	o.logger().LogAttrs(ctx, slog.LevelWarn, "a mail was not taken", attrs...)
}

func attrsOf(m iam.Mail) []slog.Attr {
	return []slog.Attr{
		slog.String("mail", string(m.ID)), slog.String("org", string(m.Org)), slog.String("account", string(m.Account)),
		slog.String("template", m.Template), slog.String("state", string(m.State)),
	}
}

const (
	endTimeout = 30 * time.Second // for writing down once what became of a mail
	endPause   = 2 * time.Second  // until a database that was away is asked again
)

// end writes down what became of a mail. A database that is away is asked again as long as the mail is
// this node's: what was sent and is not written down goes out once more.
func (o *Outbox) end(ctx context.Context, m iam.Mail, lease string, until time.Time) error {
	for {
		held, err := o.endOnce(ctx, m, lease)
		switch {
		case err == nil && !held && m.State == iam.MailSent:
			o.logger().LogAttrs(ctx, slog.LevelWarn, "a mail was sent that is another node's by now, or was taken back", attrsOf(m)...)
			return nil
		case err == nil:
			return nil
		case errors.Is(err, iam.ErrInvalid) || ctx.Err() != nil || time.Until(until) <= endPause || !pause(ctx):
			return fmt.Errorf("outbox: the mail %s is %s, and this cannot be written down: %w", m.ID, m.State, err)
		}
	}
}

func (o *Outbox) endOnce(ctx context.Context, m iam.Mail, lease string) (held bool, err error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	return o.svc.Store().EndMail(within, lease, m)
}

// pause passes the time of an endPause, and reports whether ctx goes on.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(endPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// send makes a mail ready, writes it, and hands it to its mail server. Neither result has the mail's link.
func (o *Outbox) send(ctx context.Context, m iam.Mail, lease string) (reply string, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			reply, err = "", newPanicError(panicked)
		}
	}()
	if !m.Expires.IsZero() && !o.svc.Now().Before(m.Expires) {
		return "", errExpired
	}
	mailer, from, err := o.mailerOf(ctx, m)
	if err != nil {
		return "", err
	}
	ready, err := o.svc.ReadyMail(ctx, m, lease)
	if errors.Is(err, iam.ErrUnwanted) {
		return "", err
	}
	if err != nil {
		return "", &databaseError{err}
	}
	subject, text, html, err := o.config.Templates.Render(Name(m.Template), o.config.Language(ready.Account), o.data(ready))
	if err != nil {
		return "", err
	}
	reply, err = mailer.Send(ctx, iam.Message{
		ID: string(m.ID), From: from, To: ready.To, Subject: subject, Text: text, HTML: html,
	})
	if err != nil {
		return "", &refusedError{withoutToken(err.Error(), ready.Link), errors.Is(err, iam.ErrBounced)}
	}
	return withoutToken(reply, ready.Link), nil
}

// mailerOf is the mail server of the mail's organisation, or else the host's.
func (o *Outbox) mailerOf(ctx context.Context, m iam.Mail) (mailer iam.Mailer, from string, err error) {
	own, password, err := o.svc.MailServer(ctx, m.Org)
	if errors.Is(err, iam.ErrNotFound) {
		if o.mailer == nil {
			return nil, "", errors.New("outbox: there is no mail server: neither the organisation nor the host has one")
		}
		return o.mailer, o.config.From, nil
	}
	if errors.Is(err, iam.ErrKeys) {
		return nil, "", err
	}
	if err != nil {
		return nil, "", &databaseError{err}
	}
	mailer, err = smtp.New(serverOf(own, password), o.config.SMTP)
	return mailer, "", err
}

func serverOf(own iam.MailServer, password iam.Secret) smtp.Server {
	return smtp.Server{
		Host: own.Host, Port: own.Port, Security: smtp.Security(own.Security), Username: own.Username, Password: password, From: own.From,
	}
}

// data are the words of a mail.
func (o *Outbox) data(r iam.ReadyMail) Data {
	d := Data{
		Product: o.config.Product, Organization: r.Organization.Name, Recipient: Person{r.Account.Name, r.To},
		OldEmail: r.Data.OldEmail, NewEmail: r.Data.NewEmail, Roles: r.Data.Roles, Link: r.Link, LoginAddress: r.LoginAddress,
		Expires: r.Expires, Time: r.Created, Peer: r.Data.Peer, InitialPassword: r.Data.InitialPassword, CodesLeft: r.Data.CodesLeft,
		Owner: Person{r.Owner.Name, r.Owner.Email}, Actor: Person{Name: r.Data.Actor},
	}
	if email, err := o.svc.ParseEmail(r.Data.Actor); err == nil {
		d.Actor = Person{Email: email} // who has no name is known by the address
	}
	if d.Organization == "" {
		d.Organization = string(r.Organization.ID)
	}
	if d.Link.IsZero() {
		d.Link = iam.NewSecret(r.LoginAddress) // what waits, waits behind the sign-in
	}
	if !r.Expires.IsZero() {
		d.Lifetime = r.Expires.Sub(r.Created)
	}
	return d
}

// judge is what becomes of a mail after a try.
func (o *Outbox) judge(m *iam.Mail, reply string, err error) {
	now := o.svc.Now()
	end := func(state iam.MailState) { m.State, m.Ended = state, now }
	m.Reply = oneLine(reply, maxReply)
	if err != nil {
		m.Reply = oneLine(err.Error(), maxReply)
	}
	switch {
	case errors.Is(err, errExpired):
		end(iam.MailExpired)
		return
	case errors.Is(err, iam.ErrUnwanted):
		end(iam.MailDropped)
		return
	}
	m.Tries++
	switch {
	case err == nil:
		end(iam.MailSent)
	case errors.Is(err, iam.ErrBounced):
		end(iam.MailBounced)
	default:
		m.State, m.Next = iam.MailDeferred, now.Add(pauseBehind(m.Tries))
		over := m.Expires
		if over.IsZero() {
			over = m.Created.Add(o.config.GiveUp)
		}
		if !m.Next.Before(over) {
			end(iam.MailExpired)
			m.Reply = oneLine(fmt.Sprintf("%v: %s", errExpired, m.Reply), maxReply)
		}
	}
}

const maxReply = 1000 // characters

// pauseBehind is how long to wait after a number of tries: a minute, doubled each time, an hour at most.
func pauseBehind(tries int) time.Duration {
	return min(time.Minute<<min(tries-1, 10), time.Hour)
}
