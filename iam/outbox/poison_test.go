package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/policy"
)

// A mail that cannot be written or sent waits longer and longer, says why, and stops no other.
func TestPoisonMail(t *testing.T) {
	t.Parallel()
	broken := must(outbox.English().With(fstest.MapFS{"en/password_changed.txt": {Data: []byte(
		// No sample is of such a late date, so that this passes for a good template.
		"Subject: Changed\n\n{{if gt .Time.Year 2000}}{{index .Roles 99}}{{end}}x\n",
	)}}))(t)
	for _, c := range []struct {
		name     string
		template string
		config   outbox.Config
		mailer   func() (string, error)
		reply    string
		leaves   int // how often it is handed over within three days
	}{
		{"an unknown template", "no_such", outbox.Config{}, nil, `outbox: no mail has the name "no_such"`, 0},
		{"data that are missing", iam.MailEmailChanged, outbox.Config{}, nil, "outbox: email_changed: Data.OldEmail is missing", 0},
		{"a template that fails", string(outbox.PasswordChanged), outbox.Config{Templates: broken}, nil, "outbox: en/password_changed.txt", 0},
		{"a host's function that panics", string(outbox.PasswordChanged), outbox.Config{Language: func(iam.Account) string {
			panic("the secret of the host")
		}}, nil, "outbox: sending the mail panicked: string", 0},
		{"a mailer that panics", string(outbox.PasswordChanged), outbox.Config{}, func() (string, error) {
			var none []int
			return "", errors.New(string(rune(none[0])))
		}, "outbox: sending the mail panicked: runtime error: index out of range", 77},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := onSQLite(t, emqx.System())
			poison := iam.MailID(must(w.svc.NewID())(w))
			handed, good := 0, new(counter)
			c.config.Parallel = 1
			out := w.outbox(w.svc, mailerFunc(func(ctx context.Context, m iam.Message) (string, error) {
				if m.ID == string(poison) {
					handed++
					return c.mailer()
				}
				return good.Send(ctx, m)
			}), c.config)
			w.ok(w.st.WriteAside(w.Context(), w.org, func(tx iam.Tx) error {
				return tx.InsertMail(w.Context(), iam.Mail{
					ID: poison, Org: w.org, Account: w.root, To: "rosa@acme.example", Template: c.template,
					Created: w.clock.now(), Next: w.clock.now(), State: iam.MailQueued,
				})
			}))
			others := []iam.MailID{w.invite(address("bob")).MailID}
			w.sends(out, 2)
			if c.config.Language == nil {
				good.wantOnce(w, others)
			}
			if m := w.mail(poison); m.State != iam.MailDeferred || !strings.HasPrefix(m.Reply, c.reply) {
				w.Errorf("the mail is %s until %s: %q", m.State, m.Next, m.Reply)
			}
			if text := w.log.String(); !strings.Contains(text, c.reply[:20]) || strings.Contains(text, "the secret of the host") {
				w.Errorf("the log says:\n%s", text)
			}
			m := w.mail(poison)
			for m.State == iam.MailDeferred {
				if wait := m.Next.Sub(w.clock.now()); wait < time.Minute {
					w.Fatalf("behind try %d it is tried again after %s", m.Tries, wait)
				}
				w.clock.advance(m.Next.Sub(w.clock.now()))
				must(out.SendDue(w.Context()))(w)
				m = w.mail(poison)
			}
			if m.State != iam.MailExpired || !strings.Contains(m.Reply, c.reply) || m.Ended.IsZero() {
				w.Errorf("after three days the mail is %s: %q", m.State, m.Reply)
			}
			if m.Tries != 77 || handed != c.leaves {
				w.Errorf("it was tried %d times and handed over %d times, want 77 and %d", m.Tries, handed, c.leaves)
			}
		})
	}
}

// A host's mailer may say what it likes of a mail that it took: it is written down as sent all the same, or it
// would go out again for ever.
func TestReplyThatCannotBeStored(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		replies := []string{"250\x00\x1b[2J\r\n\u202eok", "\xff\xfe", strings.Repeat("é", 100_000), ""}
		n := 0
		out := w.outbox(w.svc, mailerFunc(func(context.Context, iam.Message) (string, error) {
			n++
			return replies[n-1], nil
		}), outbox.Config{Parallel: 1})
		ids := w.notices(w.org, w.root, len(replies))
		w.sends(out, len(replies))
		for i, id := range ids {
			if m := w.mail(id); m.State != iam.MailSent || strings.ContainsAny(m.Reply, "\x00\r\n\x1b\u202e") || len(m.Reply) > 4*1001 {
				w.Errorf("reply %d: the mail is %s with a reply of %d bytes", i, m.State, len(m.Reply))
			}
		}
	})
}

// A failure of the database says nothing about a mail: it is tried again, and what the database said is for the
// log alone.
func TestDatabaseFailsBeforeTheMail(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		node := newMortal(w.st)
		failing := &failingReady{mortal: node, fail: true}
		out := w.outbox(w.service(failing, emqx.System()), counter, outbox.Config{})
		invitation := w.invite(address("bob"))
		_, err := out.SendDue(w.Context())
		w.refused(err, errAway)
		w.wantState(invitation.Account, iam.MailDeferred, "outbox: the mail could not be made ready")
		if _, reply := w.seen(invitation.Account); strings.Contains(reply, errAway.Error()) {
			w.Errorf("the inviter reads what the database said: %q", reply)
		}
		failing.fail = false
		w.clock.advance(time.Minute)
		w.sends(out, 1)
		counter.wantOnce(w, []iam.MailID{invitation.MailID})
	})
}

// failingReady fails where the lease of a mail is looked at, in a transaction.
type failingReady struct {
	*mortal
	fail bool
}

func (s *failingReady) WriteAside(ctx context.Context, org policy.OrgID, do func(tx iam.Tx) error) error {
	return s.mortal.WriteAside(ctx, org, func(tx iam.Tx) error {
		if s.fail {
			tx = awayTx{tx}
		}
		return do(tx)
	})
}

type awayTx struct{ iam.Tx }

func (awayTx) HoldsMail(context.Context, iam.MailID, string) (bool, error) { return false, errAway }
