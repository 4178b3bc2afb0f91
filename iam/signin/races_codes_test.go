package signin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestCodeRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-46: of 20 with one code, one comes in", raceCode)
		w.run("SB-46: of 20 with one code in as many sign-ins, one comes in", raceCodeInMany)
		w.run("SB-50: of 20 with one recovery code, one comes in", raceRecoveryCode)
		w.run("SB-49: of 20 that confirm one enrollment, one does", raceConfirmEnrollment)
		w.run("SB-05, SB-20: a change and a reset of one password, and one is done", raceChangeReset)
		w.run("SB-31: of many wrong codes at once, no more are tried than allowed", raceWrongCodes)
	})
}

// many lets as many guesses through as a race needs.
var many = signin.Config{AccountLimit: iam.Limit{Attempts: 100}, PeerLimit: iam.Limit{Attempts: 1 << 30}}

func raceCode(w *world) {
	o := w.organizationWith(lanit.System(), many)
	p := o.account()
	p.enroll()
	w.rounds(func() {
		half, code, before := p.begin().Token, p.code(), p.open()
		use := func() error { return second(o.in.SecondFactor(o.ctx(), half, code)) }
		errs := atOnce(slices.Repeat([]func() error{use}, 20)...)
		equal(w, "that came in", w.expected(errs, signin.ErrSession, signin.ErrCredentials), 1)
		equal(w, "sessions", p.open(), before) // the half one became a whole one
		w.ok(o.in.Unlock(o.ctx(), o.root.actor(), p.id))
	})
}

func raceCodeInMany(w *world) {
	o := w.organizationWith(lanit.System(), many)
	p := o.account()
	p.enroll()
	w.rounds(func() {
		var all []func() error
		for range 20 {
			half := p.begin().Token
			all = append(all, func() error { return second(o.in.SecondFactor(o.ctx(), half, signin.TOTP(p.secret, o.clock.now()))) })
		}
		p.code() // of the next step
		equal(w, "that came in", w.expected(atOnce(all...), signin.ErrCredentials), 1)
		must(o.in.EndSessions(o.ctx(), o.root.actor(), p.id))(w)
		w.ok(o.in.Unlock(o.ctx(), o.root.actor(), p.id))
	})
}

func raceRecoveryCode(w *world) {
	o := w.organizationWith(lanit.System(), many)
	p := o.account()
	p.enroll()
	w.rounds(func() {
		if len(p.codes) == 0 {
			p.codes = must(o.in.NewRecoveryCodes(o.ctx(), p.signIn().Token, p.code()))(w)
		}
		code := p.codes[0].Reveal()
		p.codes = p.codes[1:]
		var all []func() error
		for range 20 {
			half := p.begin().Token
			all = append(all, func() error { return second(o.in.RecoveryCode(o.ctx(), half, code)) })
		}
		equal(w, "that came in", w.expected(atOnce(all...), signin.ErrCredentials), 1)
		equal(w, "codes left", p.stored().CodesLeft, len(p.codes))
		must(o.in.EndSessions(o.ctx(), o.root.actor(), p.id))(w)
		w.ok(o.in.Unlock(o.ctx(), o.root.actor(), p.id))
	})
}

func raceConfirmEnrollment(w *world) {
	o := w.organizationWith(lanit.System(), many)
	w.rounds(func() {
		p := o.account()
		token := p.signIn().Token
		p.secret = must(o.in.Enroll(o.ctx(), token))(w).Secret
		code := p.code()
		var done []signin.Enrolled
		confirm := func() error {
			enrolled, err := o.in.ConfirmEnrollment(o.ctx(), token, code)
			if err == nil {
				done = append(done, enrolled) // by one alone, or the race detector speaks
			}
			return err
		}
		errs := atOnce(slices.Repeat([]func() error{confirm}, 20)...)
		equal(w, "that confirmed", w.expected(errs, signin.ErrSession, signin.ErrCredentials), 1)
		equal(w, "recovery codes", p.stored().CodesLeft, 10)
		equal(w, "events", len(p.about(iam.SecondFactorOn)), 1)
		must(o.in.RecoveryCode(o.ctx(), p.begin().Token, done[0].Codes[0].Reveal()))(w) // those that were shown are good
	})
}

func raceChangeReset(w *world) {
	o := w.organizationWith(lanit.System(), many)
	w.rounds(func() {
		p := o.account()
		session := p.signIn().Token
		w.ok(o.in.SendReset(o.ctx(), o.root.actor(), p.id))
		link := p.insertToken(iam.ForReset)
		changed, reset := goodPassword(), goodPassword()
		errs := atOnce(
			func() error { return second(o.in.ChangePassword(o.ctx(), session, p.password, changed)) },
			func() error { return second(o.in.ResetPassword(o.ctx(), link, reset)) },
			func() error { return second(p.try(p.password)) }, // who knows the old one slips in before or not at all
		)
		equal(w, "that were done", w.expected(errs[:2], signin.ErrSession, signin.ErrCredentials, iam.ErrToken), 1)
		w.expected(errs[2:], signin.ErrCredentials)
		equal(w, "sessions", p.open(), 1)
		p.password = changed
		if errs[1] == nil {
			p.password = reset
		}
		p.signIn()
		equal(w, "events", len(p.about(iam.PasswordChanged, iam.PasswordReset)), 1)
	})
}

func raceWrongCodes(w *world) {
	o := w.organization(lanit.System())
	w.rounds(func() {
		o.peer = randomPeer() // which is not locked out by the round before
		p := o.account()
		p.enroll()
		half := p.begin().Token // the first of ten
		wrong := p.wrongCode()
		guess := func() error { return second(o.in.SecondFactor(o.ctx(), half, wrong)) }
		errs := atOnce(slices.Repeat([]func() error{guess}, 50)...)
		tried := 0
		for _, err := range errs {
			if isError(err, signin.ErrCredentials) {
				tried++
			}
		}
		w.expected(errs, signin.ErrCredentials, signin.ErrSession, iam.ErrThrottled)
		if tried > 9 {
			w.Errorf("%d codes were tried at once, of 9", tried)
		}
		o.clock.advance(time.Hour)
		w.refused(second(o.in.SecondFactor(o.ctx(), half, p.code())), signin.ErrSession)
	})
}
