package outbox_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// eachDeviceHub is a DeviceHub, the one of the systems with mail servers of its customers, on every database.
func eachDeviceHub(t *testing.T, test func(w *world)) {
	t.Helper()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) { test(newWorld(t, db, devicehub.System())) })
}

// setServer lets root set the organisation's own mail server.
func (w *world) setServer(params iam.MailServerParams) {
	w.Helper()
	_, err := w.as(w.root).SetMailServer(w.Context(), params)
	w.ok(err)
}

// An organisation's mails go through its own server, and all others through the host's (D3).
func TestOwnMailServer(t *testing.T) {
	t.Parallel()
	eachDeviceHub(t, func(w *world) {
		own := startCustomer(w)
		counter := new(counter)
		out := w.outbox(w.svc, counter, outbox.Config{SMTP: smtp.Config{Allow: anywhere}})
		w.setServer(own.params())
		other, otherRoot := w.organization("Other")
		theirs := w.notices(other, otherRoot, 1)
		mine := w.notices(w.org, w.root, 1)
		w.sends(out, 2)
		if mails, _ := own.taken(); len(mails) != 1 {
			w.Errorf("the own server took %d mails, want 1: %s", len(mails), w.mail(mine[0]).Reply)
		}
		counter.wantOnce(w, theirs)
		if m := w.mail(mine[0]); m.State != iam.MailSent || !strings.HasPrefix(m.Reply, "250") {
			w.Errorf("got %s, %q", m.State, m.Reply)
		}

		w.ok(w.as(w.root).RemoveMailServer(w.Context()))
		again := w.notices(w.org, w.root, 1)
		w.sends(out, 1)
		counter.wantOnce(w, append(theirs, again...))
		for _, trace := range w.traces(customerPassword) {
			w.Errorf("SB-82: here is the password: %s", trace)
		}
	})
}

// What keeps an own server from being used keeps the mails, says so without a secret, and stops nobody else.
func TestOwnMailServerThatFails(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, devicehub.System())
	own := startCustomer(w)
	w.setServer(own.params())
	keyless := func(keys iam.Keys) *iam.Service {
		return must(iam.New(w.st, devicehub.System(), iam.Config{Now: w.clock.now, BaseURL: host, Keys: keys}))(w)
	}
	wrong := own.params()
	wrong.Password = iam.NewSecret(customerPassword + "?")
	for _, c := range []struct {
		name   string
		svc    *iam.Service
		params iam.MailServerParams
		config smtp.Config
		reply  string
	}{
		{"no key", keyless(nil), own.params(), smtp.Config{Allow: anywhere}, "iam: no key for what is sealed"},
		{"another key", keyless(iam.Keys{{ID: "k2", Secret: [32]byte{2}}}), own.params(), smtp.Config{Allow: anywhere}, "iam: no key for what is sealed"},
		{"another key of the same name", keyless(iam.Keys{{ID: "k1", Secret: [32]byte{2}}}), own.params(), smtp.Config{Allow: anywhere}, "iam: no key for what is sealed"},
		{"a private address (SB-96)", w.svc, own.params(), smtp.Config{}, "smtp: TCP: "},
		{"a wrong password", w.svc, wrong, smtp.Config{Allow: anywhere}, "smtp: AUTH: "},
	} {
		w.setServer(c.params)
		_, before := own.taken()
		counter := new(counter)
		out := w.outbox(c.svc, counter, outbox.Config{SMTP: c.config})
		mine := w.notices(w.org, w.root, 1)
		w.sends(out, 1)
		m := w.mail(mine[0])
		if m.State != iam.MailDeferred || !strings.HasPrefix(m.Reply, c.reply) || strings.Contains(m.Reply, customerPassword) {
			w.Errorf("%s: the mail is %s: %q; want deferred: %s", c.name, m.State, m.Reply, c.reply)
		}
		if _, conns := own.taken(); c.config.Allow == nil && conns != before {
			w.Errorf("%s: the server was connected to", c.name)
		}
		counter.wantOnce(w, nil) // not through the host's server instead
		w.clock.advance(100 * time.Hour)
		must(out.SendDue(w.Context()))(w)
		if m := w.mail(mine[0]); m.State != iam.MailExpired {
			w.Errorf("%s: after four days the mail is %s", c.name, m.State)
		}
	}
	for _, trace := range w.traces(customerPassword) {
		w.Errorf("SB-82: here is the password: %s", trace)
	}
}

// Nobody has a mail server: the mails wait, and say for what.
func TestNoMailServer(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, devicehub.System())
	out := w.outbox(w.svc, nil, outbox.Config{})
	ids := w.notices(w.org, w.root, 1)
	w.sends(out, 1)
	if m := w.mail(ids[0]); m.State != iam.MailDeferred || !strings.Contains(m.Reply, "there is no mail server") {
		w.Errorf("got %s, %q", m.State, m.Reply)
	}
}

// The test of an own mail server is for root alone, goes to its own address, and is made ten times an hour at
// most (D3, SB-96).
func TestTestMailServer(t *testing.T) {
	t.Parallel()
	eachDeviceHub(t, func(w *world) {
		own := startCustomer(w)
		out := w.outbox(w.svc, nil, outbox.Config{SMTP: smtp.Config{Allow: anywhere}})
		if _, err := out.TestMailServer(w.Context(), w.as(w.root)); !errors.Is(err, iam.ErrNotFound) {
			w.Errorf("without a server: got %v, want ErrNotFound", err)
		}
		w.setServer(own.params())
		super, _, err := w.as(w.root).CreateAccount(w.Context(), iam.CreateAccountParams{
			Email: address("super"), Roles: []policy.Role{devicehub.SuperAdmin}, Active: true,
		})
		w.ok(err)
		_, otherRoot := w.organization("Other")
		for name, actor := range map[string]iam.Actor{
			"a super admin": w.as(super.ID), "nobody": {}, "root of another organisation": w.as(otherRoot),
		} {
			report, err := out.TestMailServer(w.Context(), actor)
			if err == nil || report.OK() || len(report.Stages) > 0 {
				w.Errorf("%s tests the mail server: %v", name, err)
			}
		}
		if _, err := out.TestMailServer(w.Context(), w.svc.System("test").In(w.org)); err == nil {
			w.Error("the system, which has no address, tests the mail server")
		}
		if _, conns := own.taken(); conns > 0 {
			w.Errorf("there were %d connections", conns)
		}

		for n := range 10 {
			report, err := out.TestMailServer(w.Context(), w.as(w.root))
			if err != nil || !report.OK() {
				w.Fatalf("test %d: %v\n%s", n+1, err, report)
			}
			if text := report.String(); strings.Contains(text, customerPassword) {
				w.Errorf("the report has the password:\n%s", text)
			}
		}
		var throttled *iam.ThrottledError
		if _, err := out.TestMailServer(w.Context(), w.as(w.root)); !errors.As(err, &throttled) {
			w.Errorf("the eleventh test within an hour: got %v, want a ThrottledError", err)
		}
		root := must(w.svc.Subject(w.Context(), w.root))(w)
		mails, _ := own.taken()
		if len(mails) != 10 || mails[0] != string(root.Email()) {
			w.Errorf("the server took mails to %v, want ten to %s", mails, root.Email())
		}
		events := must(w.as(w.root).Events(w.Context(), iam.EventQuery{Type: iam.MailServerTested}))(w)
		if len(events) != 10 || events[0].Actor != w.root {
			w.Errorf("%d tests were written down, want 10 by root", len(events))
		}
		w.clock.advance(time.Hour + time.Minute)
		if _, err := out.TestMailServer(w.Context(), w.as(w.root)); err != nil {
			w.Errorf("an hour later: %v", err)
		}
		for _, trace := range w.traces(customerPassword) {
			w.Errorf("SB-82: here is the password: %s", trace)
		}
	})
}

// A report says at which stage a server fails: the host's network is closed to customers by default (SB-96).
func TestTestMailServerReports(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, devicehub.System())
	own := startCustomer(w)
	wrong := own.params()
	wrong.Password = iam.NewSecret(customerPassword + "?")
	untrusted := own.params()
	untrusted.Port = smtptest.Start(w).Settings().Port
	for _, c := range []struct {
		name   string
		params iam.MailServerParams
		config smtp.Config
		stage  smtp.StageName
	}{
		{"a private address", own.params(), smtp.Config{}, smtp.StageTCP},
		{"a wrong password", wrong, smtp.Config{Allow: anywhere}, smtp.StageAuth},
		{"a certificate that nobody trusts (SB-97)", untrusted, smtp.Config{Allow: anywhere}, smtp.StageTLS},
	} {
		w.setServer(c.params)
		out := w.outbox(w.svc, nil, outbox.Config{SMTP: c.config})
		report, err := out.TestMailServer(w.Context(), w.as(w.root))
		w.ok(err)
		for _, stage := range report.Stages {
			if stage.Status == smtp.Failed && stage.Name != c.stage || stage.Name == c.stage && stage.Status != smtp.Failed {
				w.Errorf("%s: %s %s\n%s", c.name, stage.Name, stage.Status, report)
			}
		}
		if text := report.String(); strings.Contains(text, customerPassword) {
			w.Errorf("%s: the report has the password:\n%s", c.name, text)
		}
	}
	if mails, _ := own.taken(); len(mails) > 0 {
		w.Errorf("mails were sent: %v", mails)
	}
}
