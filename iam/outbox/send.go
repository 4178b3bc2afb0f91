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

// try sends a leased mail, and writes down how that went. The error is the database's.
func (o *Outbox) try(ctx context.Context, m iam.Mail, lease string) error {
	reply, err := o.send(ctx, m, lease)
	var database *databaseError
	if errors.As(err, &database) {
		return database.cause // the lease runs out, and the mail is tried again
	}
	o.judge(&m, reply, err)
	if m.State != iam.MailSent && m.State != iam.MailDropped {
		o.logger().LogAttrs(ctx, slog.LevelWarn, "a mail was not taken", slog.String("mail", string(m.ID)),
			slog.String("org", string(m.Org)), slog.String("account", string(m.Account)), slog.String("template", m.Template),
			slog.String("state", string(m.State)), slog.Int("tries", m.Tries), slog.Any("error", err))
	}
	_, err = o.svc.Store().EndMail(ctx, lease, m)
	return err
}

// databaseError is a failure that says nothing about the mail.
type databaseError struct{ cause error }

func (e *databaseError) Error() string { return e.cause.Error() }

// send makes a mail ready, writes it, and hands it to its mail server.
func (o *Outbox) send(ctx context.Context, m iam.Mail, lease string) (reply string, err error) {
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
	return mailer.Send(ctx, iam.Message{
		ID: string(m.ID), From: from, To: ready.To, Subject: subject, Text: text, HTML: html,
	})
}

var errExpired = errors.New("outbox: nobody took the mail in time")

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
	m.Reply = reply
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
