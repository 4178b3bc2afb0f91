package signin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// enter signs in at a login address, from the organisation's own peer.
func (o *org) enter(at policy.OrgID, email string, password iam.Secret) (signin.Opened, error) {
	return o.in.SignIn(o.ctx(), signin.SignInParams{Org: at, Email: email, Password: password})
}

// entersAs wants the account to come out of a sign-in.
func (p *person) entersAs(at policy.OrgID) {
	p.Helper()
	opened, err := p.enter(at, p.email, p.password)
	if err != nil || opened.Account.ID != p.id || opened.Session.Org != p.org.id {
		p.Errorf("signed in as %q of %q, %v; want %q of %q", opened.Account.ID, opened.Session.Org, err, p.id, p.org.id)
	}
}

func TestLoginAddresses(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E10: root and sub-accounts of EMQX each have a login address of their own", emqxAddresses)
		w.run("E11: an address signs in to each of its accounts with that account's password", emqxSeveralAccounts)
		w.run("L4: an address of LANIT is one account at every login address", lanitAddresses)
		w.run("E10: root of DeviceHub signs in at both addresses, others at their own", deviceHubAddresses)
	})
}

func emqxAddresses(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	user := o.account()
	o.root.entersAs("")
	user.entersAs(o.id)
	for _, wrong := range []struct {
		who *person
		at  policy.OrgID
	}{{o.root, o.id}, {o.root, other.id}, {user, ""}, {user, other.id}, {user, policy.OrgID(rand.Text())}} {
		w.refused(second(wrong.who.enter(wrong.at, wrong.who.email, wrong.who.password)), signin.ErrCredentials)
	}
	login, root := must(o.svc.LoginAddress(o.id))(w), must(o.svc.RootLoginAddress())(w)
	if login == root || login == must(o.svc.LoginAddress(other.id))(w) || !strings.Contains(login, string(o.id)) {
		w.Errorf("the login addresses are %s and %s: want one for each organisation, and root's", login, root)
	}
}

func emqxSeveralAccounts(w *world) {
	a := w.organization(emqx.System())
	email := address("many")
	inA := a.accountAt(email, iam.Active)
	b := a.sibling()
	inB := b.accountAt(strings.ToUpper(email[:4])+email[4:], iam.Active)
	// A sub-account's address registers as a root account of its own.
	made := must(a.svc.System("sign-up").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
		Name: "Own", Root: &iam.CreateAccountParams{Email: email},
	}))(w)
	own := a.sibling()
	own.id = made.ID
	root := &person{org: own, id: made.Root, email: email}
	root.knows(goodPassword())

	for _, p := range []*person{inA, inB} {
		p.entersAs(p.org.id)
	}
	root.entersAs("")
	all := []*person{inA, inB, root}
	for _, p := range all {
		for _, of := range all {
			if p != of {
				w.refused(second(p.enter(p.login, email, of.password)), signin.ErrCredentials)
			}
		}
	}
	// Their lives are apart: what is done to one does not reach the others.
	w.ok(second(a.system().Disable(w.Context(), inA.id)))
	w.refused(second(inA.enter(a.id, email, inA.password)), signin.ErrCredentials)
	inB.entersAs(b.id)
	root.entersAs("")
}

func lanitAddresses(w *world) {
	o := w.organization(lanit.System())
	other := o.sibling()
	for _, p := range []*person{o.account(), o.root} {
		p.entersAs("")
		p.entersAs(o.id)
		w.refused(second(p.enter(other.id, p.email, p.password)), signin.ErrCredentials)
		// At another organisation's address the guess counts for the account, and stands in its log alone.
		equal(w, "events of the account", len(p.about(iam.SignedIn)), 3)
	}
	equal(w, "events of the other organisation", len(other.events(iam.SignedIn)), 0)
}

func deviceHubAddresses(w *world) {
	o := w.organization(devicehub.System())
	user := o.account()
	o.root.entersAs("")
	o.root.entersAs(o.id)
	user.entersAs(o.id)
	w.refused(second(user.enter("", user.email, user.password)), signin.ErrCredentials)
}

// E13, L7: who is not active does not sign in, and the status that counts is that of the moment.
func TestSignInByStatus(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for _, system := range []iam.System{emqx.System(), lanit.System(), devicehub.System()} {
			w.run(system.Name, func(w *world) {
				o := w.organization(system)
				p := o.accountAt(address("user"), iam.Pending)
				steps := []struct {
					what string
					do   func() error
					in   bool
				}{
					{"pending", func() error { return nil }, false},
					{"activated", func() error { return second(o.system().Activate(w.Context(), p.id)) }, true},
					{"disabled", func() error { return second(o.system().Disable(w.Context(), p.id)) }, false},
					{"enabled again", func() error { return second(o.system().Enable(w.Context(), p.id)) }, true},
					{"deleted", func() error { return o.system().Delete(w.Context(), p.id) }, false},
				}
				for _, step := range steps {
					w.ok(step.do())
					opened, err := p.try(p.password)
					if (err == nil) != step.in || err != nil && !errors.Is(err, signin.ErrCredentials) {
						w.Errorf("%s: got the error %v, want a session: %t", step.what, err, step.in)
					}
					equal(w, step.what+": a Full session", o.holds(opened.Token), step.in)
				}
			})
		}
	})
}

// The password's bytes decide, and nothing else of the account (SB-03).
func TestSignInPassword(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		p := w.organization(emqx.System()).account()
		p.knows(iam.NewSecret("Correct horse 1 "))
		for _, wrong := range []string{"Correct horse 1", "correct horse 1 ", " Correct horse 1 ", "Correct horse 1 \x00"} {
			w.refused(second(p.try(iam.NewSecret(wrong))), signin.ErrCredentials)
		}
		for _, none := range []iam.Secret{{}, iam.NewSecret(""), iam.NewSecret(strings.Repeat("x", 1025))} {
			w.refused(second(p.try(none)), iam.ErrInvalid)
		}
		p.signIn()
		without := p.accountAt(address("user"), iam.Active)
		without.credential(func(c *iam.Credential) { c.Password = "" })
		w.refused(second(without.try(without.password)), signin.ErrCredentials)
	})
}

// stranger is somebody who is refused.
type stranger struct {
	what     string
	at       policy.OrgID
	email    string
	password iam.Secret
}

// strangers are all who are refused, each with an address that no other has.
func (o *org) strangers() []stranger {
	o.Helper()
	deleted := o.account()
	o.ok(o.system().Delete(o.Context(), deleted.id))
	as := func(what string, p *person, at policy.OrgID, password iam.Secret) stranger {
		return stranger{what, at, p.email, password}
	}
	wrong := iam.NewSecret("wrong password")
	pending, disabled := o.accountAt(address("user"), iam.Pending), o.accountAt(address("user"), iam.Disabled)
	passwordless := o.account()
	passwordless.credential(func(c *iam.Credential) { c.Password = "" })
	enrolled := o.account()
	enrolled.enroll()
	return []stranger{
		as("a wrong password", o.account(), o.id, wrong),
		as("a wrong password of who has a second factor", enrolled, o.id, wrong),
		as("a wrong password of root", o.root, o.root.login, wrong),
		as("pending", pending, o.id, pending.password),
		as("disabled", disabled, o.id, disabled.password),
		as("deleted", deleted, o.id, deleted.password),
		as("without a password", passwordless, o.id, wrong),
		{"an unknown address", o.id, address("unknown"), wrong},
		{"an unknown address at root's login", "", address("unknown"), wrong},
		{"an unknown organisation", policy.OrgID(rand.Text()), address("unknown"), wrong},
	}
}

// SB-24: whoever is refused gets the same error as everybody else, for each of the guesses, and is locked
// after as many, until the same time.
func TestSameAnswerForAll(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for _, system := range []iam.System{emqx.System(), lanit.System(), devicehub.System()} {
			w.run(system.Name, func(w *world) {
				o := w.organizationWith(system, signin.Config{PeerLimit: iam.Limit{Attempts: 1000}})
				all := o.strangers()
				answers := map[string][]string{}
				for _, s := range all {
					for range 12 {
						_, err := o.enter(s.at, s.email, s.password)
						answers[s.what] = append(answers[s.what], fmt.Sprintf("%v %+v", err, until(err)))
					}
				}
				want := strings.Join(answers[all[0].what], "\n")
				equal(w, "the guesses that are throttled", strings.Count(want, iam.ErrThrottled.Error()), 2)
				equal(w, "the guesses that are wrong", strings.Count(want, signin.ErrCredentials.Error()), 10)
				for _, s := range all {
					if got := strings.Join(answers[s.what], "\n"); got != want {
						w.Errorf("%s is told apart:\n%s\nwant\n%s", s.what, got, want)
					}
				}
			})
		}
	})
}

// SB-24: an address that is locked at one login address says nothing at another, where it is one account
// everywhere.
func TestLockTellsNoOrganization(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(lanit.System())
		other := o.sibling()
		for _, email := range []string{o.account().email, address("unknown")} {
			for range 10 {
				w.refused(second(o.enter(other.id, email, goodPassword())), signin.ErrCredentials)
			}
			for _, at := range []policy.OrgID{"", o.id, other.id, "no-organization"} {
				w.refused(second(o.enter(at, email, goodPassword())), iam.ErrThrottled)
			}
		}
	})
}

func TestSignInEvents(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-80: every sign-in is in the log, with why, peer and request", signInEvents)
		w.run("SB-54: who is locked is told once", lockedMail)
		w.run("SB-54: who is locked by guesses at once is told once", lockedAtOnce)
		w.run("SB-80: who hangs up is counted and written down", hangUp)
	})
}

func signInEvents(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	opened := p.signIn()
	unknown := address("unknown")
	w.refused(second(p.try(iam.NewSecret("wrong"))), signin.ErrCredentials)
	w.refused(second(o.enter(o.id, unknown, p.password)), signin.ErrCredentials)
	w.refused(second(o.enter(o.id, "no address\n", p.password)), signin.ErrCredentials)
	w.ok(second(o.system().Disable(w.Context(), p.id)))
	w.refused(second(p.try(p.password)), signin.ErrCredentials)

	var got []string
	for _, e := range o.events(iam.SignedIn) {
		got = append(got, strings.Join([]string{
			string(e.Outcome), string(e.Actor), string(e.Email), e.Target, value(e, "session"), value(e, "why"), e.Peer, e.Request,
		}, "|"))
	}
	from := o.peer.String() + "|request-1"
	id := string(p.id)
	want := []string{
		"|" + id + "|" + p.email + "|" + id + "|" + string(opened.Session.ID) + "||" + from,
		"failed||" + p.email + "|" + id + "||the password is wrong|" + from,
		"failed||" + unknown + "|||the password is wrong|" + from,
		"failed|||||the password is wrong|" + from,
		"failed||" + p.email + "|" + id + "||the account is disabled|" + from,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.Errorf("got the events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, secret := range []string{p.password.Reveal(), opened.Token.Reveal(), string(opened.Token.Hash()), p.stored().Password} {
		if strings.Contains(fmt.Sprintf("%+v", o.events()), secret) {
			w.Errorf("the log contains the secret %q (SB-82)", secret)
		}
	}
}

func lockedMail(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	for lock := 1; lock <= 2; lock++ {
		for n := 1; n <= 12; n++ {
			_, err := p.try(iam.NewSecret("wrong"))
			want := 10 * lock
			if n <= 10 {
				w.refused(err, signin.ErrCredentials)
				want = 10*(lock-1) + n
			} else {
				w.refused(err, iam.ErrThrottled)
			}
			mails := lock
			if n < 10 {
				mails--
			}
			// Once it is locked, nothing is written down any more.
			equal(w, fmt.Sprintf("events after guess %d", n), len(p.about(iam.SignedIn)), want)
			equal(w, fmt.Sprintf("mails after guess %d", n), len(p.mails(signin.MailLocked)), mails)
		}
		o.clock.advance(time.Hour)
	}
	mail := p.mails(signin.MailLocked)[0]
	equal(w, "recipient", string(mail.To), p.email)
	equal(w, "peer in the mail", mail.Data.Peer, o.peer.String())
}

func hangUp(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 3, Pause: time.Hour}})
	var leave atomic.Value
	o.in.OnHash(func(signin.HashParams) { leave.Load().(context.CancelFunc)() })
	for range 3 {
		leave.Store(context.CancelFunc(func() {}))
		p := o.account()
		ctx, cancel := context.WithCancel(o.ctx())
		leave.Store(cancel)
		w.refused(second(o.in.SignIn(ctx, signin.SignInParams{Org: o.id, Email: p.email, Password: iam.NewSecret("wrong")})), signin.ErrCredentials)
		equal(w, "events", len(p.about(iam.SignedIn)), 1)
	}
	leave.Store(context.CancelFunc(func() {}))
	w.refused(second(o.enter(o.id, address("any"), goodPassword())), iam.ErrThrottled)
}

// lockedAtOnce lets ten guesses be hashed before the first is refused: each of them finds the account locked.
func lockedAtOnce(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{Parallel: 10})
	p := o.account()
	var hashed sync.WaitGroup
	hashed.Add(10)
	o.in.OnHash(func(signin.HashParams) {
		hashed.Done()
		hashed.Wait()
	})
	all := slices.Repeat([]func() error{func() error { return second(p.try(iam.NewSecret("wrong"))) }}, 10)
	equal(w, "guesses that were right", w.expected(atOnce(all...), signin.ErrCredentials), 0)
	equal(w, "events", len(p.about(iam.SignedIn)), 10)
	equal(w, "mails", len(p.mails(signin.MailLocked)), 1)
}
