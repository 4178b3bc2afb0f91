package outbox_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// A node dies with a mail in its hands: another one sends it, once, or twice under one Message-ID where the
// server had it already (SB-98).
func TestNodeThatDies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		die   func(node *mortal, kill func())
		taken int // mails that the server takes in the end
	}{
		{"behind the lease", func(node *mortal, kill func()) { node.after["LeaseMails"] = kill }, 1},
		{"before the mail is made ready", func(node *mortal, kill func()) { node.before["WriteAside"] = kill }, 1},
		{"when the link is made", func(node *mortal, kill func()) { node.after["WriteAside"] = kill }, 1},
		{"when the server has it", func(node *mortal, kill func()) { node.before["EndMail"] = kill }, 2},
		{"when it is written down", func(node *mortal, kill func()) { node.after["EndMail"] = kill }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachDatabase(t, func(w *world) {
				server := smtptest.Start(w)
				through := must(smtp.New(server.Settings(), smtp.Config{Now: w.clock.now}))(w)
				invitation := w.invite(address("bob"))

				node := newMortal(w.st)
				ctx, cancel := context.WithCancel(w.Context())
				defer cancel()
				c.die(node, func() {
					node.dead.Store(true)
					cancel()
				})
				mailer := mailerFunc(func(ctx context.Context, m iam.Message) (string, error) {
					if node.dead.Load() {
						return "", errDead
					}
					return through.Send(ctx, m)
				})
				_, err := w.outbox(w.service(node, emqx.System()), mailer, outbox.Config{}).SendDue(ctx)
				w.refused(err, errDead)

				other := w.through(server)
				w.clock.advance(5*time.Minute - time.Millisecond)
				w.sends(other, 0) // it is the dead node's still
				w.clock.advance(time.Millisecond)
				must(other.SendDue(w.Context()))(w)
				all := server.Messages()
				if len(all) != c.taken || all[0].Header("Message-ID") != all[len(all)-1].Header("Message-ID") {
					w.Errorf("the server took %d mails, want %d with one Message-ID", len(all), c.taken)
				}
				w.wantState(invitation.Account, iam.MailSent, "250")
				for _, m := range all {
					if _, token := w.linkIn(m); second(w.svc.LookInvitation(w.Context(), token)) != nil {
						w.Error("a receiver shows one of the two copies, and its link is dead")
					}
				}
			})
		})
	}
}

// Eight nodes send what is there, each mail once, and none is left.
func TestManyNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		ids := w.notices(w.org, w.root, 50)
		other, otherRoot := w.organization("Other")
		ids = append(ids, w.notices(other, otherRoot, 50)...)
		counter := new(counter)
		again := store.New(testdb.Again(w.T, w.db, &gorm.Config{}))
		var nodes sync.WaitGroup
		for i := range 8 {
			st := w.st
			if i%2 == 1 {
				st = again
			}
			out := w.outbox(w.service(st, emqx.System()), counter, outbox.Config{Parallel: 1 + i})
			nodes.Go(func() {
				if _, err := out.SendDue(w.Context()); err != nil {
					w.Error(err)
				}
			})
		}
		nodes.Wait()
		w.sends(w.outbox(w.svc, counter, outbox.Config{}), 0)
		counter.wantOnce(w, ids)
		for _, org := range []iam.MailQuery{{State: iam.MailQueued}, {State: iam.MailDeferred}} {
			if left := must(w.st.Mails(w.Context(), w.org, org))(w); len(left) > 0 {
				w.Errorf("%d mails are %s", len(left), org.State)
			}
		}
	})
}

// A node that is slower than its lease does not end a mail that another node has sent meanwhile.
func TestSlowNode(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		ids := w.notices(w.org, w.root, 1)
		quick := w.outbox(w.svc, mailerFunc(func(context.Context, iam.Message) (string, error) { return "250 quick", nil }), outbox.Config{})
		slow := w.outbox(w.svc, mailerFunc(func(context.Context, iam.Message) (string, error) {
			w.clock.advance(5 * time.Minute)
			w.sends(quick, 1)
			return "250 slow", nil
		}), outbox.Config{})
		w.sends(slow, 1)
		if m := w.mail(ids[0]); m.State != iam.MailSent || m.Reply != "250 quick" || m.Tries != 1 {
			w.Errorf("the mail is %s after %d tries, %q; want what the quick node wrote", m.State, m.Tries, m.Reply)
		}
		if text := w.log.String(); !strings.Contains(text, "another node's by now") || !strings.Contains(text, string(ids[0])) {
			w.Errorf("the log does not say that the mail may have arrived twice:\n%s", text)
		}
	})
}

// A node that is slower than its lease before it has made a link makes none.
func TestSlowNodeMakesNoLink(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		invitation := w.invite(address("bob"))
		slow := newMortal(w.st)
		slow.before["WriteAside"] = func() {
			w.clock.advance(5 * time.Minute)
			w.sends(w.outbox(w.svc, counter, outbox.Config{}), 1)
		}
		w.sends(w.outbox(w.service(slow, emqx.System()), counter, outbox.Config{}), 1)
		counter.wantOnce(w, []iam.MailID{invitation.MailID})
		if tokens := w.traces("iam_tokens:"); len(tokens) != 1 {
			w.Errorf("there are %d links, want 1", len(tokens))
		}
		w.wantState(invitation.Account, iam.MailSent, "250")
	})
}
