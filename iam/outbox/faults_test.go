package outbox_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// posted is a mailer that keeps what it was given. It is for one worker.
type posted struct{ messages []iam.Message }

func (p *posted) Send(_ context.Context, m iam.Message) (string, error) {
	p.messages = append(p.messages, m)
	return "250 taken", nil
}

// To lease a mail, make its link, send it and settle it are steps of their own, and each of them fails in
// every way at every statement: the mail goes out all the same, as one message that some receive twice, and
// nothing is written down as sent that was not (SB-98).
func TestFaults(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		broken, faults := testdb.Faulty(w, w.db)
		svc := w.svc.WithStore(store.New(broken))
		invitation := w.invite("ann@acme.example")
		before := testdb.ReadRows(w, w.db)
		post := new(posted)
		out := w.outbox(svc, post, outbox.Config{Parallel: 1, Lease: time.Second})

		faults.Heal()
		w.sends(out, 1)
		trace := faults.Trace()
		began := w.clock.millis.Load()
		tried := 0
		for _, fault := range []testdb.Fault{testdb.Refuse, testdb.Lose, testdb.CutBefore, testdb.CutAfter, testdb.Cancel, testdb.CancelAfter, testdb.Pass, testdb.Down} {
			for n := range trace {
				if w.db.Name() != testdb.SQLite && !testdb.AllFaults() && n%5 != len(fault)%5 {
					continue // a sample
				}
				before.Restore(w, w.db)
				w.clock.millis.Store(began)
				*post = posted{}
				ctx, cancel := context.WithCancel(w.Context())
				faults.Arm(n+1, fault, cancel)
				_, err := out.SendDue(ctx)
				cancel()
				faults.Heal()
				sent := len(post.messages)
				if m := w.mail(invitation.MailID); m.State == iam.MailSent && sent == 0 {
					w.Errorf("%s at %d of %d, %v: it is written down as sent, and was not", fault, n+1, len(trace), trace[n])
				}
				w.settled(out, post, invitation.MailID)
				if w.Failed() {
					w.Fatalf("%s at %d of %d, %v, which was answered with %v, when %d messages were sent", fault, n+1, len(trace), trace[n], err, sent)
				}
				tried++
			}
		}
		w.Logf("%d crossings, %d faults", len(trace), tried)
	})
}

// settled wants the mail to go out at last, twice at most, as the same message, with a link that is good.
func (w *world) settled(out *outbox.Outbox, post *posted, id iam.MailID) {
	w.Helper()
	for range 3 { // when the lease has ended, and the pause behind a failure
		w.clock.advance(5 * time.Minute)
		if _, err := out.SendDue(w.Context()); err != nil {
			w.Errorf("nothing goes wrong any more, and the outbox answers %v", err)
		}
	}
	if m := w.mail(id); m.State != iam.MailSent {
		w.Errorf("the mail is %s", m.State)
	}
	if n := len(post.messages); n < 1 || n > 2 {
		w.Errorf("the mail was sent %d times", n)
	}
	for _, m := range post.messages {
		if m.ID != string(id) || m.To != "ann@acme.example" {
			w.Errorf("the message %s to %s is another one", m.ID, m.To)
		}
		_, text, _ := strings.Cut(links.FindString(m.Text), "token=")
		if _, err := w.svc.LookInvitation(w.Context(), iam.ParseToken(text)); err != nil {
			w.Errorf("the link is dead: %v", err)
		}
	}
}
