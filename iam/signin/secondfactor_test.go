package signin_test

import (
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-46, SB-47: a code is good once, and no older one behind a newer", codesOnce)
		w.run("SB-30: wrong codes and wrong passwords count together", codesAndPasswordsCount)
		w.run("SB-31: the lock ends what waits for a code", lockEndsHalves)
		w.run("SB-43: what waits for a code ends by itself", halvesEnd)
		w.run("SB-51: one's own goes against a code, and not where it must stay", removeFactor)
		w.run("SB-51: EMQX' members keep theirs, and only root takes one away", removeFactorEMQX)
		w.run("SB-51, SB-62: those above take one away, and nobody their own so", resetFactor)
		w.run("SB-52: a session is no stronger than its account", removedThenRequired)
	})
}

func codesOnce(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	p.enroll()
	o.clock.advance(time.Hour)
	at := func(back int) string {
		return signin.TOTP(p.secret, o.clock.now().Add(-time.Duration(back)*30*time.Second))
	}
	use := func(code string) error { return second(o.in.SecondFactor(o.ctx(), p.begin().Token, code)) }
	w.refused(use(at(2)), signin.ErrCredentials)  // two steps back
	w.refused(use(at(-1)), signin.ErrCredentials) // one ahead: only the server's clock counts
	w.ok(use(at(1)))
	w.refused(use(at(1)), signin.ErrCredentials)
	w.ok(use(at(0)))
	w.refused(use(at(0)), signin.ErrCredentials)
	w.refused(use(at(1)), signin.ErrCredentials) // older behind newer
	o.clock.advance(30 * time.Second)
	w.refused(use(at(1)), signin.ErrCredentials) // used as the current one
	code := at(0)
	w.ok(use(code[:3] + " " + code[3:]))
	for _, wrong := range []string{"", "12345", "1234567", "abcdef", "０００００１"} {
		w.refused(use(wrong), signin.ErrCredentials)
		must(o.in.SecondFactor(o.ctx(), p.begin().Token, p.code()))(w) // so that the lock stays away
	}
	half := p.begin()
	opened := must(o.in.SecondFactor(o.ctx(), half.Token, p.code()))(w)
	equal(w, "the half session's token", opened.Token.Reveal() == half.Token.Reveal(), false)
	w.refused(second(o.in.SecondFactor(o.ctx(), half.Token, p.code())), signin.ErrSession)
	equal(w, "when the password was given", opened.Session.Fresh.Equal(half.Session.Fresh), true)
}

func codesAndPasswordsCount(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	half := p.begin() // 1
	p.guess(4)
	for range 4 {
		w.refused(second(o.in.SecondFactor(o.ctx(), half.Token, p.wrongCode())), signin.ErrCredentials)
	}
	w.refused(second(o.in.RecoveryCode(o.ctx(), half.Token, "0000-0000-0000-0000")), signin.ErrCredentials) // 10
	w.refused(second(p.try(p.password)), iam.ErrThrottled)
	failed := 0
	for _, e := range p.about(iam.SignedIn) {
		if e.Outcome == iam.Failed {
			failed++
		}
	}
	equal(w, "failures in the log", failed, 9)
	equal(w, "mails", len(p.mails(signin.MailLocked)), 1)
	o.clock.advance(time.Hour)
	p.signIn()
	p.guess(8) // a sign-in that was right has forgiven what was before
	p.signIn()
}

func lockEndsHalves(w *world) {
	// A lock that is over before the half session would be.
	o := w.organizationWith(lanit.System(), signin.Config{AccountLimit: iam.Limit{Attempts: 5, Pause: time.Minute}})
	p := o.account()
	opened := p.enroll()
	for name, guess := range map[string]func(half iam.Token){
		"codes": func(half iam.Token) {
			w.refused(second(o.in.SecondFactor(o.ctx(), half, p.wrongCode())), signin.ErrCredentials)
		},
		"passwords": func(iam.Token) { p.guess(1) },
		"attempts":  func(iam.Token) { must(p.try(p.password))(w) }, // none of which was wrong
	} {
		halves := []signin.Opened{p.begin(), p.begin()} // which are counted as long as no code follows
		for range 3 {
			guess(halves[0].Token)
		}
		o.clock.advance(time.Minute)
		for _, half := range halves {
			if err := second(o.in.SecondFactor(o.ctx(), half.Token, p.code())); !isError(err, signin.ErrSession) {
				w.Errorf("a half session behind too many %s: got the error %v", name, err)
			}
		}
		p.signIn() // with the password
	}
	equal(w, "a session from before", o.holds(opened.Token), true)
}

func halvesEnd(w *world) {
	o := w.organization(devicehub.System())
	p := o.account()
	p.enroll()
	half := p.begin()
	o.clock.advance(10*time.Minute - time.Millisecond)
	must(o.in.SecondFactor(o.ctx(), half.Token, signin.TOTP(p.secret, o.clock.now())))(w)
	half = p.begin()
	o.clock.advance(10 * time.Minute)
	w.refused(second(o.in.SecondFactor(o.ctx(), half.Token, p.code())), signin.ErrSession)
	// And with the account: at once.
	half = p.begin()
	must(o.root.actor().Disable(o.ctx(), p.id))(w)
	w.refused(second(o.in.SecondFactor(o.ctx(), half.Token, p.code())), signin.ErrSession)
}

func removeFactor(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	opened, other := p.signIn(), p.signIn()
	w.refused(second(o.in.RemoveSecondFactor(o.ctx(), opened.Token, p.wrongCode())), signin.ErrCredentials)
	w.refused(second(o.in.RemoveSecondFactor(o.ctx(), opened.Token, "")), signin.ErrCredentials)
	equal(w, "the stage", p.begin().Session.Stage, iam.NeedsSecondFactor)
	next := must(o.in.RemoveSecondFactor(o.ctx(), opened.Token, p.code()))(w)
	equal(w, "the session", o.holds(next.Token) && !next.Session.SecondFactor, true)
	equal(w, "its old token", o.holds(opened.Token), false)
	equal(w, "another session", o.holds(other.Token), false)
	c := p.stored()
	equal(w, "what is left", c.Secret+c.Enrolling == "" && c.CodesLeft == 0, true)
	equal(w, "events", len(p.about(iam.SecondFactorOff)), 1)
	equal(w, "mails", len(p.mails(signin.MailSecondFactorOff)), 1)
	equal(w, "the stage from then on", p.begin().Session.Stage, iam.Full)
	// At once again, in the same half minute: that was a code of another secret.
	token := p.signIn().Token
	p.secret = must(o.in.Enroll(o.ctx(), token))(w).Secret
	must(o.in.ConfirmEnrollment(o.ctx(), token, signin.TOTP(p.secret, o.clock.now())))(w)
	w.refused(second(o.in.SecondFactor(o.ctx(), p.begin().Token, signin.TOTP(p.secret, o.clock.now()))), signin.ErrCredentials)
	stale := p.signIn().Token
	o.clock.advance(15 * time.Minute)
	w.refused(second(o.in.RemoveSecondFactor(o.ctx(), stale, p.code())), signin.ErrStale)
}

func removeFactorEMQX(w *world) {
	o := w.organization(emqx.System())
	member, admin, other := o.account(emqx.ProjectUser), o.account(emqx.Administrator), o.account(emqx.Administrator)
	for _, p := range []*person{member, admin, o.root} {
		p.enroll()
	}
	for _, p := range []*person{member, admin} {
		opened := p.signIn()
		before := len(o.events(iam.AuthorizationDenied))
		w.refused(second(o.in.RemoveSecondFactor(o.ctx(), opened.Token, p.code())), iam.ErrForbidden)
		equal(w, "SB-80: refusals in the log", len(o.events(iam.AuthorizationDenied))-before, 1)
		equal(w, "the session", o.holds(opened.Token), true)
	}
	w.refused(o.in.ResetSecondFactor(o.ctx(), other.actor(), member.id), iam.ErrForbidden)
	w.refused(o.in.ResetSecondFactor(o.ctx(), other.actor(), o.root.id), iam.ErrForbidden)
	equal(w, "the member's", member.begin().Session.Stage, iam.NeedsSecondFactor)
	for _, p := range []*person{member, admin} {
		opened := p.signIn()
		w.ok(o.in.ResetSecondFactor(o.ctx(), o.root.actor(), p.id))
		equal(w, "the session", o.holds(opened.Token), false)
		equal(w, "the stage", p.begin().Session.Stage, iam.Full)
		equal(w, "events", len(p.about(iam.SecondFactorReset)), 1)
		equal(w, "mails", len(p.mails(signin.MailSecondFactorReset)), 1)
	}
	// Root its own: against a code alone.
	w.refused(o.in.ResetSecondFactor(o.ctx(), o.root.actor(), o.root.id), iam.ErrInvalid)
	must(o.in.RemoveSecondFactor(o.ctx(), o.root.signIn().Token, o.root.code()))(w)
}

func resetFactor(w *world) {
	for _, system := range []iam.System{lanit.System(), devicehub.System()} {
		o := w.organization(system)
		admin, p := o.account(adminOf(o)), o.account()
		admin.enroll()
		p.enroll()
		w.refused(o.in.ResetSecondFactor(o.ctx(), p.actor(), admin.id), iam.ErrForbidden)
		w.refused(o.in.ResetSecondFactor(o.ctx(), admin.actor(), o.root.id), iam.ErrForbidden)
		w.refused(o.in.ResetSecondFactor(o.ctx(), o.sibling().root.actor(), p.id), iam.ErrNotFound)
		// With a session alone nobody takes their own away, whatever they may do to others.
		if err := o.in.ResetSecondFactor(o.ctx(), admin.actor(), admin.id); err == nil {
			w.Error("an administrator removed their own second factor without a code")
		}
		equal(w, "the administrator's", admin.begin().Session.Stage, iam.NeedsSecondFactor)
		w.ok(o.in.ResetSecondFactor(o.ctx(), admin.actor(), p.id))
		equal(w, "the stage", p.begin().Session.Stage, iam.Full)
	}
}

func removedThenRequired(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	opened := must(o.in.RemoveSecondFactor(o.ctx(), p.signIn().Token, p.code()))(w)
	o.require(iam.SecondFactorRequired)
	w.staged(second2(o.in.Session(o.ctx(), opened.Token)), iam.NeedsEnrollment)
}
