package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
)

// request asks for a reset from outside, as who forgot a password does: an address is all that is known.
func (w *world) request(org policy.OrgID, typed string) iam.Mail {
	w.Helper()
	m := iam.Mail{
		ID: iam.MailID(must(w.svc.NewID())(w)), Org: org, To: must(w.svc.ParseEmail(typed))(w), Template: iam.MailReset, Token: iam.ForReset,
		Created: w.clock.now(), Next: w.clock.now(), Expires: w.clock.now().Add(time.Hour), State: iam.MailQueued,
	}
	w.ok(w.st.RequestMail(w.Context(), m))
	return m
}

// A reset that was asked for from outside goes to the stored address with a link of the mail's own lifetime, and
// leaves no trace of the link (SB-26, SB-82, SB-98).
func TestRequestedReset(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		server := smtptest.Start(w)
		out := w.through(server)
		ann := w.member(address("ann"))
		asked := w.request(w.org, strings.ToUpper(string(ann.Email)))
		w.sends(out, 1)
		all := server.Messages()
		if len(all) != 1 || all[0].To[0] != string(ann.Email) {
			w.Fatalf("got %d messages", len(all))
		}
		link, token := w.linkIn(all[0])
		if !strings.HasPrefix(link, host+"/reset?token=") {
			w.Errorf("the link is %s", link)
		}
		w.noTrace(token)
		record := must(w.svc.Token(w.Context(), token, iam.ForReset))(w)
		want := iam.TokenRecord{
			Hash: token.Hash(), Purpose: iam.ForReset, Org: w.org, Account: ann.ID, Email: ann.Email,
			Created: w.clock.now().UTC(), Expires: asked.Expires.UTC(),
		}
		if record != want {
			w.Errorf("the token is\n%+v, want\n%+v", record, want)
		}
		if _, err := w.svc.Token(w.Context(), token, iam.ForInvitation); !errors.Is(err, iam.ErrToken) {
			w.Errorf("for another purpose: got %v, want ErrToken (SB-12)", err)
		}
		w.clock.advance(time.Hour)
		if _, err := w.svc.Token(w.Context(), token, iam.ForReset); !errors.Is(err, iam.ErrToken) {
			w.Errorf("an hour later: got %v, want ErrToken", err)
		}
	})
}

// Root's reset is asked for at a login address that belongs to no organisation (E10).
func TestRequestedResetOfRoot(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		server := smtptest.Start(w)
		out := w.through(server)
		root := must(w.svc.Subject(w.Context(), w.root))(w)
		w.request("", string(root.Email()))
		w.request(w.org, string(root.Email())) // root cannot sign in there, and is not known there
		w.sends(out, 2)
		all := server.Messages()
		if len(all) != 1 || all[0].To[0] != string(root.Email()) {
			w.Fatalf("got %d messages, want one", len(all))
		}
		_, token := w.linkIn(all[0])
		if record := must(w.svc.Token(w.Context(), token, iam.ForReset))(w); record.Account != w.root || record.Org != w.org {
			w.Errorf("the token is for %s in %s", record.Account, record.Org)
		}
	})
}

// For whoever is not known, or may not sign in, nothing is sent, and nothing tells: no token, no event, no line
// of a log.
func TestRequestedResetOfNobody(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		out := w.outbox(w.svc, counter, outbox.Config{})
		actor := w.svc.System("test").In(w.org)
		disabled := w.member(address("disabled"))
		must(actor.Disable(w.Context(), disabled.ID))(w)
		pending, _, err := actor.CreateAccount(w.Context(), iam.CreateAccountParams{Email: address("pending"), Roles: []policy.Role{emqx.Administrator}})
		w.ok(err)
		moved := w.member(address("moved"))
		deleted := w.member(address("deleted"))
		renewed := w.member(address("renewed"))
		other, _ := w.organization("Other")
		before := must(w.st.Events(w.Context(), w.org, iam.EventQuery{}))(w)

		asked := map[string]iam.Mail{
			"unknown":          w.request(w.org, address("nobody")),
			"unknown anywhere": w.request("", address("nobody")),
			"no root":          w.request("", string(moved.Email)),
			"another's":        w.request(other, string(moved.Email)),
			"no organisation":  w.request("no-such", string(moved.Email)),
			"disabled":         w.request(w.org, string(disabled.Email)),
			"pending":          w.request(w.org, string(pending.Email)),
			"moved away":       w.request(w.org, string(moved.Email)),
			"deleted":          w.request(w.org, string(deleted.Email)),
			"password is new":  w.request(w.org, string(renewed.Email)),
		}
		w.clock.advance(time.Second)
		w.ok(w.st.WriteAside(w.Context(), w.org, func(tx iam.Tx) error {
			moved.Email = iam.Email(address("elsewhere"))
			return errors.Join(
				tx.UpdateAccount(w.Context(), moved, false), tx.DeleteAccount(w.Context(), deleted.ID),
				tx.PutCredential(w.Context(), iam.Credential{Account: renewed.ID, Password: "hash", PasswordSet: w.clock.now()}),
			)
		}))
		w.sends(out, len(asked))
		counter.wantOnce(w, nil)
		for name, m := range asked {
			var row struct {
				State iam.MailState
				Tries int
			}
			w.ok(w.db.Raw("SELECT state, tries FROM iam_mails WHERE id = ?", m.ID).Scan(&row).Error) // of no organisation, some
			if row.State != iam.MailDropped || row.Tries != 0 {
				w.Errorf("%s: the mail is %s after %d tries", name, row.State, row.Tries)
			}
		}
		after := must(w.st.Events(w.Context(), w.org, iam.EventQuery{}))(w)
		if len(after) != len(before) {
			w.Errorf("there are %d events more", len(after)-len(before))
		}
		for _, trace := range w.traces("iam_tokens:") {
			w.Errorf("a token was made: %s", trace)
		}
		if text := w.log.String(); text != "" {
			w.Errorf("the log tells:\n%s", text)
		}
	})
}

// A node that comes back when another one has sent the reset makes no second link.
func TestRequestedResetIsSentByOneNode(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		ann := w.member(address("ann"))
		m := w.request(w.org, string(ann.Email))
		slow := newMortal(w.st)
		slow.before["MailServer"] = func() {
			w.clock.advance(10 * time.Minute)
			w.sends(w.outbox(w.svc, counter, outbox.Config{}), 1)
		}
		w.sends(w.outbox(w.service(slow, emqx.System()), counter, outbox.Config{}), 1)
		counter.wantOnce(w, []iam.MailID{m.ID})
		if tokens := w.traces("iam_tokens:"); len(tokens) != 1 {
			w.Errorf("there are %d links, want 1", len(tokens))
		}
	})
}

// A filter of unwanted mail names the link that it does not like: what is stored and logged of that has no
// token (SB-82, SB-98).
func TestServerThatNamesTheLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(link string) (string, error)
		want   iam.MailState
	}{
		"it takes the mail":  {func(link string) (string, error) { return "250 scanned " + link, nil }, iam.MailSent},
		"it defers the mail": {func(link string) (string, error) { return "", errors.New("451 4.7.1 wait for " + link) }, iam.MailDeferred},
		"it refuses the mail": {func(link string) (string, error) {
			return "", &smtp.StageError{Stage: smtp.StageData, Code: 550, Reply: "550 listed: " + link, Err: errors.New("refused")}
		}, iam.MailBounced},
		"it shouts, and breaks the line": {func(link string) (string, error) {
			link = strings.ToUpper(link)
			return "", errors.New("451 LISTED: " + link[:len(link)-20] + "\r\n" + link[len(link)-20:])
		}, iam.MailDeferred},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onSQLite(t, emqx.System())
			var link string
			out := w.outbox(w.svc, mailerFunc(func(_ context.Context, m iam.Message) (string, error) {
				link = links.FindString(m.Text)
				return c.answer(link)
			}), outbox.Config{})
			invitation := w.invite(address("bob"))
			w.sends(out, 1)
			m := w.mail(invitation.MailID)
			if !strings.Contains(m.Reply, "[secret]") || m.State != c.want {
				w.Errorf("the mail is %s, %q", m.State, m.Reply)
			}
			_, token, _ := strings.Cut(link, "token=")
			for _, piece := range []string{token, strings.ToUpper(token), token[:12], strings.ToUpper(token[31:])} {
				for _, trace := range w.traces(piece) {
					w.Errorf("here is %s: %s", piece, trace)
				}
			}
		})
	}
}
