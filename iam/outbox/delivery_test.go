package outbox_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
)

// An invitation arrives with two addresses, its link makes an account of it, and neither a table nor a log
// has seen the link (E9, E10, SB-98).
func TestInvitationIsDelivered(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		server := smtptest.Start(w)
		out := w.through(server)
		bob := address("bob")
		invitation := w.invite(bob)
		w.wantState(invitation.Account, iam.MailQueued, "")
		w.sends(out, 1)
		w.wantState(invitation.Account, iam.MailSent, "250")
		w.sends(out, 0)

		all := server.Messages()
		if len(all) != 1 || len(all[0].To) != 1 || all[0].To[0] != bob {
			w.Fatalf("got %d messages, want one to %s", len(all), bob)
		}
		link, token := w.linkIn(all[0])
		if want := host + "/activate?token="; !strings.HasPrefix(link, want) {
			w.Errorf("the link is %s, want %s…", link, want)
		}
		login := host + "/o/" + string(w.org) + "/login"
		if text := all[0].Text(); !strings.Contains(text, login) || strings.Contains(text, host+"/login") {
			w.Errorf("the mail wants the sub-accounts' login address %s, and no other (E10):\n%s", login, text)
		}
		if subject := all[0].Header("Subject"); !strings.Contains(subject, "Acme") {
			w.Errorf("the subject is %q", subject)
		}
		if id := all[0].Header("Message-ID"); !strings.HasPrefix(id, "<"+string(invitation.MailID)+"@") {
			w.Errorf("the Message-ID is %s, want the mail's id", id)
		}

		w.noTrace(token)
		account, err := w.svc.AcceptInvitation(w.Context(), token, iam.AcceptParams{})
		w.ok(err)
		if account.Status != iam.Active || string(account.Email) != bob {
			w.Errorf("the link made %s of %s", account.Status, account.Email)
		}
		if traces := w.traces(token.Reveal()); len(traces) > 0 {
			w.Errorf("SB-98: here is the used token: %s", traces)
		}
	})
}

// noTrace wants that no row and no log has a token, and that it was looked for properly: its hash is there.
func (w *world) noTrace(token iam.Token) {
	w.Helper()
	for _, trace := range w.traces(token.Reveal()) {
		w.Errorf("SB-98: here is the token: %s", trace)
	}
	if len(w.traces(string(token.Hash()))) != 1 {
		w.Error("the hash of the token is in no row: nothing was looked through")
	}
}

// An invitation that is sent again kills the links before it, and what was on its way stays (D6, SB-15).
func TestResentInvitation(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		server := smtptest.Start(w)
		out := w.through(server)
		first := w.invite(address("bob"))
		w.clock.advance(2 * time.Minute)
		second := must(w.as(w.root).ResendInvitation(w.Context(), first.Account))(w)
		w.sends(out, 1)
		if got := w.mail(first.MailID).State; got != iam.MailDropped {
			w.Errorf("the mail before is %s, want dropped", got)
		}
		w.wantState(first.Account, iam.MailSent, "250")
		_, old := w.linkIn(server.Messages()[0])

		w.clock.advance(2 * time.Minute)
		third := must(w.as(w.root).ResendInvitation(w.Context(), first.Account))(w)
		if _, err := w.svc.LookInvitation(w.Context(), old); !errors.Is(err, iam.ErrToken) {
			w.Errorf("the old link: got %v, want ErrToken", err)
		}
		w.sends(out, 1)
		if all := server.Messages(); len(all) != 2 {
			w.Fatalf("got %d mails, want 2", len(all))
		}
		_, token := w.linkIn(server.Messages()[1])
		if _, err := w.svc.AcceptInvitation(w.Context(), token, iam.AcceptParams{}); err != nil {
			w.Errorf("the new link: %v", err)
		}
		if first.MailID == second.MailID || second.MailID == third.MailID {
			w.Error("two messages have one id: a receiver would take the new one for a copy of the old")
		}
	})
}

// What becomes of a mail is what its inviter sees, with the server's words.
func TestInviterSeesTheMail(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		server := smtptest.Start(w)
		out := w.through(server)

		deferred := w.invite(address("deferred"))
		server.Reject(smtp.StageRcptTo, 451, "4.7.1 Greylisted, come again")
		w.sends(out, 1)
		w.wantState(deferred.Account, iam.MailDeferred, "451 4.7.1 Greylisted")
		w.clock.advance(time.Minute - time.Millisecond)
		w.sends(out, 0)
		w.clock.advance(time.Millisecond)
		w.sends(out, 1)
		w.wantState(deferred.Account, iam.MailDeferred, "451")
		w.clock.advance(time.Minute)
		w.sends(out, 0) // the pause is two minutes now
		w.clock.advance(time.Minute)
		server.Behave()
		w.sends(out, 1)
		w.wantState(deferred.Account, iam.MailSent, "250")
		if m := w.mail(deferred.MailID); m.Tries != 3 || !m.Ended.Equal(w.clock.now()) {
			w.Errorf("got %d tries, ended %s; want 3, now", m.Tries, m.Ended)
		}
		// Each try has a link of its own, and all of them lead in: who knows which of them arrived.
		_, token := w.linkIn(server.Messages()[0])
		if _, err := w.svc.AcceptInvitation(w.Context(), token, iam.AcceptParams{}); err != nil {
			w.Error(err)
		}

		bounced := w.invite(address("bounced"))
		server.Reject(smtp.StageRcptTo, 550, "5.1.1 No such user")
		w.sends(out, 1)
		w.wantState(bounced.Account, iam.MailBounced, "550 5.1.1 No such user")

		expired := w.invite(address("expired"))
		server.Reject(smtp.StageMailFrom, 421, "4.3.2 Shutting down")
		for range 60 {
			w.clock.advance(time.Minute)
			must(out.SendDue(w.Context()))(w)
		}
		w.wantState(expired.Account, iam.MailExpired, "421 4.3.2")
		if m := w.mail(expired.MailID); m.Tries < 4 || m.Tries > 7 {
			w.Errorf("it was tried %d times within an hour", m.Tries)
		}
		late := w.invite(address("late")) // nobody even tries, for as long as it holds
		w.clock.advance(time.Hour)
		server.Behave()
		w.sends(out, 1)
		w.wantState(late.Account, iam.MailExpired, "")
		if n := len(server.Messages()); n != 1 {
			w.Errorf("got %d mails, want the one to whom it was deferred", n)
		}
	})
}

// Mail to whom it is not meant for any more does not go out (SB-99).
func TestUnwantedMailIsDropped(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		out := w.outbox(w.svc, counter, outbox.Config{})
		for name, end := range map[string]func(policy.AccountID) error{
			"revoked":  func(id policy.AccountID) error { return w.as(w.root).RevokeInvitation(w.Context(), id) },
			"deleted":  func(id policy.AccountID) error { return w.as(w.root).Delete(w.Context(), id) },
			"disabled": func(id policy.AccountID) error { return second(w.as(w.root).Disable(w.Context(), id)) },
			"accepted by a link that went another way": func(id policy.AccountID) error {
				return second(w.as(w.root).Activate(w.Context(), id))
			},
		} {
			invitation := w.invite(address("gone"))
			w.ok(end(invitation.Account))
			must(out.SendDue(w.Context()))(w)
			if got := w.mail(invitation.MailID); got.State != iam.MailDropped || got.Tries != 0 || got.Ended.IsZero() {
				w.Errorf("%s: the mail is %s after %d tries", name, got.State, got.Tries)
			}
		}
		counter.wantOnce(w, nil)
	})
}

func second[T any](_ T, err error) error { return err }

// A mail is queued in the transaction of its change: without a commit, of whomever it is, there is none.
func TestNoMailWithoutCommit(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		counter := new(counter)
		out := w.outbox(w.svc, counter, outbox.Config{})
		no := errors.New("no")
		params := iam.InviteParams{Email: address("bob"), Roles: []policy.Role{emqx.Administrator}, Also: func(iam.Change) error { return no }}
		_, _, err := w.as(w.root).Invite(w.Context(), params)
		w.refused(err, no)
		params.Also = nil
		inHosts := func(end error) error {
			return w.db.Transaction(func(tx *gorm.DB) error {
				svc := w.svc.WithStore(w.st.In(tx))
				root, err := svc.Subject(w.Context(), w.root)
				w.ok(err)
				if _, _, err := svc.As(root).Invite(w.Context(), params); err != nil {
					return err
				}
				return end
			})
		}
		w.refused(inHosts(no), no)
		w.sends(out, 0)
		w.ok(inHosts(nil))
		w.sends(out, 1)
		mails := must(w.st.Mails(w.Context(), w.org, iam.MailQuery{}))(w)
		if len(mails) != 1 {
			w.Errorf("the outbox has %d mails, want 1", len(mails))
		}
	})
}
