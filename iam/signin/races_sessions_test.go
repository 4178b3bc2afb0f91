package signin_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestSessionRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-39: a request in flight brings no session back", noResurrection)
		w.run("SB-38: a sign-in in flight opens nothing for who was changed meanwhile", signInInFlight)
		w.run("SB-38: no session survives, whoever comes first", raceSignInAndEnd)
		w.run("of many sign-ins at once into one account, the limit succeeds", raceSignIns)
		w.run("SB-29: guesses at once count exactly", raceGuesses)
		w.run("SB-37: of many who continue one session, one does", raceStepUp)
		w.run("SB-42: a session is ended once", raceEndSession)
	})
}

// heldTouch is a store in which a session's use is written when it is let go.
type heldTouch struct {
	iam.Store
	entered chan struct{} // is sent to when a session was read, and is about to be written
	leave   chan struct{}
}

func (s heldTouch) TouchSession(ctx context.Context, hash iam.TokenHash, seen time.Time) error {
	s.entered <- struct{}{}
	<-s.leave
	return s.Store.TouchSession(ctx, hash, seen)
}

// ways are all in which a session ends, but for its times.
func (o *org) ways() map[string]func(p *person, opened signin.Opened) error {
	return map[string]func(p *person, opened signin.Opened) error{
		"disabled":   func(p *person, _ signin.Opened) error { return second(o.system().Disable(o.Context(), p.id)) },
		"deleted":    func(p *person, _ signin.Opened) error { return o.system().Delete(o.Context(), p.id) },
		"signed out": func(p *person, opened signin.Opened) error { return o.in.SignOut(o.ctx(), opened.Token) },
		"confirmed": func(p *person, opened signin.Opened) error {
			return second(o.in.Confirm(o.ctx(), opened.Token, p.password))
		},
		"password changed": func(p *person, opened signin.Opened) error {
			return second(o.in.ChangePassword(o.ctx(), opened.Token, p.password, goodPassword()))
		},
		"password set by others": func(p *person, _ signin.Opened) error {
			return o.in.SetPassword(o.ctx(), o.root.actor(), p.id, goodPassword())
		},
		"ended by others": func(p *person, _ signin.Opened) error {
			return second(o.in.EndSessions(o.ctx(), o.root.actor(), p.id))
		},
	}
}

func noResurrection(w *world) {
	o := w.organization(emqx.System())
	for what, end := range o.ways() {
		p := o.account()
		opened := p.signIn()
		o.clock.advance(2 * time.Minute) // so that the use will be written
		held := heldTouch{w.st, make(chan struct{}), make(chan struct{})}
		in := o.on(held).in
		done := make(chan error)
		go func() { done <- third(in.Session(o.ctx(), opened.Token)) }()
		<-held.entered
		w.ok(end(p, opened))
		close(held.leave)
		w.ok(<-done) // it had begun before
		if _, err := w.st.Session(w.Context(), opened.Token.Hash()); !errors.Is(err, iam.ErrNotFound) {
			w.Errorf("%s: the session is back: %v", what, err)
		}
		equal(w, what+": the token holds", o.holds(opened.Token), false)
	}
}

// signInInFlight changes the account when its password was hashed, and the session is not there yet.
func signInInFlight(w *world) {
	o := w.organization(emqx.System())
	for what, change := range map[string]func(p *person) error{
		"disabled":       func(p *person) error { return second(o.system().Disable(o.Context(), p.id)) },
		"deleted":        func(p *person) error { return o.system().Delete(o.Context(), p.id) },
		"other password": func(p *person) error { return o.in.SetPassword(o.ctx(), o.root.actor(), p.id, goodPassword()) },
		"disabled and enabled": func(p *person) error {
			_, err := o.system().Disable(o.Context(), p.id)
			return errors.Join(err, o.in.SetPassword(o.ctx(), o.root.actor(), p.id, goodPassword()), second(o.system().Enable(o.Context(), p.id)))
		},
	} {
		at := *o.account()
		at.org = o.node(signin.Config{})
		at.in.OnHash(func(signin.HashParams) { w.ok(change(&at)) })
		opened, err := at.try(at.password)
		w.refused(err, signin.ErrCredentials)
		equal(w, what+": a token", opened.Token.IsZero(), true)
		equal(w, what+": sessions", at.open(), 0)
		events := at.about(iam.SignedIn)
		switch {
		case what == "deleted":
			// It is nobody's any more, and in the organisation's log all the same.
			all := o.events(iam.SignedIn)
			equal(w, what+": outcome", all[len(all)-1].Outcome, iam.Failed)
			equal(w, what+": address", string(all[len(all)-1].Email), at.email)
		case len(events) != 1 || events[0].Outcome != iam.Failed:
			w.Errorf("%s: got the events %+v, want one that it failed", what, events)
		}
	}
	// A second factor that is enrolled meanwhile is asked for.
	at := *o.account()
	opened := at.signIn()
	made := must(o.in.Enroll(o.ctx(), opened.Token))(w)
	at.secret = made.Secret
	at.org = o.node(signin.Config{})
	at.in.OnHash(func(signin.HashParams) {
		w.ok(second(o.in.ConfirmEnrollment(o.ctx(), opened.Token, at.code())))
	})
	equal(w, "stage", at.begin().Session.Stage, iam.NeedsSecondFactor)
}

func raceSignInAndEnd(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 1_000_000}})
	root := o.root.actor()
	ends := []struct {
		what string
		do   func(p *person) error
	}{
		{"disabled", func(p *person) error { return second(root.Disable(w.Context(), p.id)) }},
		{"deleted", func(p *person) error { return root.Delete(w.Context(), p.id) }},
		{"other password", func(p *person) error { return o.in.SetPassword(o.ctx(), root, p.id, goodPassword()) }},
	}
	n := 0
	w.rounds(func() {
		end := ends[n%len(ends)]
		n++
		p := o.account()
		all := []func() error{func() error { return end.do(p) }}
		for range 2 + n%5 {
			all = append(all, func() error { return second(p.try(p.password)) })
		}
		errs := atOnce(all...)
		w.ok(errs[0])
		w.expected(errs[1:], signin.ErrCredentials)
		var rows int64
		w.ok(w.db.Table("iam_sessions").Where("account_id = ?", p.id).Count(&rows).Error)
		equal(w, end.what+": sessions of the account", rows, 0)
	})
}

func raceSignIns(w *world) {
	o := w.organization(lanit.System())
	for _, n := range []int{2, 10, 50} {
		p := o.account()
		opened := make([]signin.Opened, n)
		all := make([]func() error, n)
		for i := range all {
			all[i] = func() (err error) { opened[i], err = p.try(p.password); return err }
		}
		in := w.expected(atOnce(all...), iam.ErrThrottled)
		if n <= 10 && in != n || in < 10 && in < n {
			w.Errorf("of %d sign-ins with the right password %d succeeded", n, in)
		}
		equal(w, fmt.Sprintf("sessions after %d sign-ins", n), p.open(), in)
		equal(w, fmt.Sprintf("events after %d sign-ins", n), len(p.about(iam.SignedIn)), in)
		for _, one := range opened {
			equal(w, "held", o.holds(one.Token), !one.Token.IsZero())
		}
		equal(w, "mails", len(p.mails()), 0)
		p.signIn()
	}
}

func raceGuesses(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 1_000_000}})
	var hashes atomic.Int64
	o.in.OnHash(func(signin.HashParams) { hashes.Add(1) })
	w.rounds(func() {
		p := o.account()
		hashes.Store(0)
		for _, n := range []int{3, 6} {
			all := make([]func() error, n)
			for i := range all {
				all[i] = func() error { return second(p.try(iam.NewSecret("wrong"))) }
			}
			equal(w, "errors that are none", w.expected(atOnce(all...), signin.ErrCredentials), 0)
		}
		equal(w, "hashes", hashes.Load(), 9)
		equal(w, "mails", len(p.mails()), 0)
		p.guess(1)
		w.refused(second(p.try(p.password)), iam.ErrThrottled)
		equal(w, "hashes", hashes.Load(), 10)
		equal(w, "events", len(p.about(iam.SignedIn)), 10)
		equal(w, "mails", len(p.mails()), 1)
	})
}

func raceStepUp(w *world) {
	o := w.organization(emqx.System())
	w.rounds(func() {
		p := o.account()
		before := p.signIn()
		all := make([]func() error, 5)
		opened := make([]signin.Opened, len(all))
		for i := range all {
			all[i] = func() (err error) { opened[i], err = o.in.Confirm(o.ctx(), before.Token, p.password); return err }
		}
		equal(w, "that continue it", w.expected(atOnce(all...), signin.ErrSession), 1)
		equal(w, "sessions", p.open(), 1)
	})
}

func raceEndSession(w *world) {
	o := w.organization(emqx.System())
	w.rounds(func() {
		p := o.account()
		mine, other := p.signIn(), p.signIn()
		all := []func() error{
			func() error { return o.in.EndSession(o.ctx(), mine.Token, other.Session.ID) },
			func() error { return o.in.EndSession(o.ctx(), mine.Token, other.Session.ID) },
			func() error { return o.in.SignOut(o.ctx(), other.Token) },
		}
		w.expected(atOnce(all...), iam.ErrNotFound)
		equal(w, "events", len(p.about(iam.SessionsEnded))+len(p.about(iam.SignedOut)), 1)
		equal(w, "sessions", p.open(), 1)
	})
}
