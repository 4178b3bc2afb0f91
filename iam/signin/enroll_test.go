package signin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestEnroll(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.step("SB-49: it counts from the first code on, and takes a fresh password", enrollCounts)
		w.step("SB-49: asked again, the secret before is worth nothing", enrollAgain)
		w.step("SB-49, SB-51: another authenticator replaces the one before against a code, in one moment", replaceFactor)
		w.step("SB-49: the secret is sealed for its account", secretIsSealed)
		w.step("SB-49: a new key seals, and the old ones open", keyRotation)
		w.step("without keys there is no second factor, and nothing half done", withoutKeys)
		w.step("a system can do without second factors", unavailable)
		w.step("L8, SB-52: what the organisation requires is asked of open sessions too", required)
	})
}

func enrollCounts(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	opened, other := p.signIn(), p.signIn()
	reset := p.resetLink()
	made := must(o.in.Enroll(o.ctx(), opened.Token))(w)
	equal(w, "the stage before it counts", p.begin().Session.Stage, iam.Full)
	equal(w, "events before it counts", len(p.about(iam.SecondFactorOn)), 0)

	p.secret = made.Secret
	for range 3 {
		w.refused(second(o.in.ConfirmEnrollment(o.ctx(), opened.Token, p.wrongCode())), signin.ErrCredentials)
	}
	equal(w, "the stage after wrong codes", p.begin().Session.Stage, iam.Full)
	done := must(o.in.ConfirmEnrollment(o.ctx(), opened.Token, p.code()))(w)
	equal(w, "recovery codes", len(done.Codes), 10)
	equal(w, "the session", done.Session.SecondFactor && done.Session.Stage == iam.Full, true)
	equal(w, "the new token", o.holds(done.Token), true)
	equal(w, "the old token", o.holds(opened.Token), false)
	equal(w, "another session", o.holds(other.Token), false)
	w.refused(second(o.in.LookReset(o.ctx(), reset)), iam.ErrToken) // SB-20
	equal(w, "the stage from then on", p.begin().Session.Stage, iam.NeedsSecondFactor)
	equal(w, "events", len(p.about(iam.SecondFactorOn)), 1)
	equal(w, "mails", len(p.mails(signin.MailSecondFactorOn)), 1)
	w.refused(second(o.in.Enroll(o.ctx(), done.Token)), iam.ErrExists)
	// The code that confirmed was used (SB-46).
	w.refused(second(o.in.SecondFactor(o.ctx(), p.begin().Token, signin.TOTP(p.secret, o.clock.now()))), signin.ErrCredentials)
	p.signIn()

	stale := o.account()
	token := stale.signIn().Token
	w.ok(second(o.in.Enroll(o.ctx(), token)))
	o.clock.advance(15 * time.Minute)
	w.refused(second(o.in.Enroll(o.ctx(), token)), signin.ErrStale)
	w.refused(second(o.in.ConfirmEnrollment(o.ctx(), token, "123456")), signin.ErrStale)
}

func enrollAgain(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	token := p.signIn().Token
	w.refused(second(o.in.ConfirmEnrollment(o.ctx(), token, "123456")), signin.ErrCredentials) // there is nothing yet
	first, next := must(o.in.Enroll(o.ctx(), token))(w), must(o.in.Enroll(o.ctx(), token))(w)
	p.secret = first.Secret
	w.refused(second(o.in.ConfirmEnrollment(o.ctx(), token, p.code())), signin.ErrCredentials)
	p.secret = next.Secret
	must(o.in.ConfirmEnrollment(o.ctx(), token, p.code()))(w)
}

func replaceFactor(w *world) {
	for _, system := range threeSystems() {
		o := w.organization(system)
		o.require(iam.SecondFactorRequired) // where it cannot be removed first
		p := o.account()
		token := enrollRequired(p)
		w.refused(second(o.in.ReplaceSecondFactor(o.ctx(), token, p.wrongCode())), signin.ErrCredentials)
		old, codes := *p, p.codes
		made := must(o.in.ReplaceSecondFactor(o.ctx(), token, p.code()))(w)
		p.secret = made.Secret
		// The old one counts until the new one is confirmed, here in the same half minute.
		half := p.begin().Token
		w.refused(second(o.in.SecondFactor(o.ctx(), half, p.code())), signin.ErrCredentials)
		must(o.in.SecondFactor(o.ctx(), half, signin.TOTP(old.secret, o.clock.now())))(w)
		done := must(o.in.ConfirmEnrollment(o.ctx(), token, signin.TOTP(p.secret, o.clock.now())))(w)
		p.codes = done.Codes
		w.refused(second(o.in.SecondFactor(o.ctx(), p.begin().Token, old.code())), signin.ErrCredentials)
		w.refused(second(o.in.RecoveryCode(o.ctx(), p.begin().Token, codes[0].Reveal())), signin.ErrCredentials)
		p.signIn()
		equal(w, "events", len(p.about(iam.SecondFactorOn)), 2)

		// Who has lost the old one takes a recovery code.
		opened := must(o.in.RecoveryCode(o.ctx(), p.begin().Token, p.codes[0].Reveal()))(w)
		p.secret = must(o.in.ReplaceSecondFactor(o.ctx(), opened.Token, p.codes[1].Reveal()))(w).Secret
		must(o.in.ConfirmEnrollment(o.ctx(), opened.Token, p.code()))(w)
		p.signIn()
		// And who has none enrolls.
		o.require(iam.SecondFactorAllowed)
		q := o.account()
		w.refused(second(o.in.ReplaceSecondFactor(o.ctx(), q.signIn().Token, "123456")), signin.ErrCredentials)
	}
}

// enrollRequired enrolls on the way in, where that must be, and returns the session.
func enrollRequired(p *person) iam.Token {
	p.Helper()
	opened := p.begin()
	equal(p, "the stage", opened.Session.Stage, iam.NeedsEnrollment)
	p.staged(second2(p.in.Session(p.ctx(), opened.Token)), iam.NeedsEnrollment)
	p.secret = must(p.in.Enroll(p.ctx(), opened.Token))(p).Secret
	done := must(p.in.ConfirmEnrollment(p.ctx(), opened.Token, p.code()))(p)
	p.codes = done.Codes
	equal(p, "the stage behind it", done.Session.Stage, iam.Full)
	equal(p, "sign-ins in the log", len(p.about(iam.SignedIn)), 1)
	return done.Token
}

func secretIsSealed(w *world) {
	o := w.organization(emqx.System())
	p, q := o.account(), o.account()
	token := p.signIn().Token
	p.secret = must(o.in.Enroll(o.ctx(), token))(w).Secret
	equal(w, "times that it is stored before it counts", strings.Count(w.rows(), p.secret.Reveal()), 0)
	must(o.in.ConfirmEnrollment(o.ctx(), token, p.code()))(w)
	equal(w, "times that it is stored", strings.Count(w.rows(), p.secret.Reveal()), 0)
	sealed := p.stored().Secret
	equal(w, "sealed by the key", strings.HasPrefix(sealed, "k1."), true)
	// What is sealed for one opens for no other: not by who can write to the database.
	q.credential(func(c *iam.Credential) { c.Secret = sealed })
	half := q.begin().Token
	q.secret = p.secret
	w.refused(second(o.in.SecondFactor(o.ctx(), half, q.code())), iam.ErrKeys)
	w.staged(second(o.in.Sessions(o.ctx(), half)), iam.NeedsSecondFactor)
	// Neither in another organisation.
	other := o.sibling()
	r := other.account()
	r.credential(func(c *iam.Credential) { c.Secret = sealed })
	w.refused(second(o.in.SecondFactor(o.ctx(), r.begin().Token, p.code())), iam.ErrKeys)
}

// with is the organisation behind services with other keys.
func (o *org) with(keys iam.Keys) *org {
	o.Helper()
	next := *o
	next.svc = must(iam.New(o.st, iam.System{Name: "test", Policy: o.svc.Policy(), Rules: o.svc.Rules()},
		iam.Config{Now: o.clock.now, BaseURL: baseURL, Keys: keys}))(o)
	next.in = must(signin.NewWeak(next.svc, signin.Config{}))(o)
	return &next
}

func keyRotation(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	rotated := o.with(iam.Keys{{ID: "k2", Secret: [32]byte{4, 5, 6}}, keys[0]})
	q := rotated.account()
	q.enroll()
	equal(w, "what the new key seals", strings.HasPrefix(q.stored().Secret, "k2."), true)
	p.org = rotated
	p.signIn()
	q.signIn()
	// Without the old key, what it sealed opens no more, and nobody comes in.
	p.org = o.with(iam.Keys{{ID: "k2", Secret: [32]byte{4, 5, 6}}})
	w.refused(second(p.in.SecondFactor(o.ctx(), p.begin().Token, p.code())), iam.ErrKeys)
}

func withoutKeys(w *world) {
	o := w.organization(lanit.System())
	bare := o.with(nil)
	p := bare.account()
	token := p.signIn().Token
	w.unchanged(func() {
		w.refused(second(bare.in.Enroll(o.ctx(), token)), iam.ErrKeys)
		// Nor can it be required, which would lock everybody out.
		params := iam.OrganizationParams{Name: "Testers", SecondFactor: iam.SecondFactorRequired}
		w.refused(second(bare.system().UpdateOrganization(o.Context(), params)), iam.ErrKeys)
	})
	equal(w, "the session", bare.holds(token), true)
	p.signIn()
	q := o.account()
	q.enroll()
	q.org = bare
	half := q.begin().Token
	w.unchanged(func() { w.refused(second(bare.in.SecondFactor(o.ctx(), half, q.code())), iam.ErrKeys) }, "iam_throttles")
	must(bare.in.RecoveryCode(o.ctx(), half, q.codes[0].Reveal()))(w) // which needs none
}

func unavailable(w *world) {
	system := devicehub.System()
	system.Rules.SecondFactor = iam.SecondFactorUnavailable
	o := w.organization(system)
	p := o.account()
	token := p.signIn().Token
	w.unchanged(func() { w.fieldError(second(o.in.Enroll(o.ctx(), token)), "SecondFactor", "none in this system") })
	_, err := o.system().UpdateOrganization(o.Context(), iam.OrganizationParams{Name: "Testers", SecondFactor: iam.SecondFactorRequired})
	w.refused(err, iam.ErrInvalid)
	has, left, err := o.in.HasSecondFactor(o.ctx(), token)
	equal(w, "has one", has || left != 0 || err != nil, false)
}

func required(w *world) {
	o := w.organization(lanit.System())
	p, q := o.account(), o.account()
	open := p.signIn()
	enrolled := q.enroll()
	o.clock.advance(20 * time.Minute)
	o.require(iam.SecondFactorRequired)
	w.staged(second2(o.in.Session(o.ctx(), open.Token)), iam.NeedsEnrollment)
	equal(w, "who has given one", o.holds(enrolled.Token), true)
	for _, name := range []string{"Session", "Sessions", "ChangePassword", "ChangeEmail", "EndOtherSessions", "HasSecondFactor", "RemoveSecondFactor", "NewRecoveryCodes"} {
		w.staged(o.endpoints()[name](open.Token), iam.NeedsEnrollment)
	}
	// An open session goes on behind its enrollment, for which the password is asked once more.
	w.refused(second(o.in.Enroll(o.ctx(), open.Token)), signin.ErrStale)
	again := must(o.in.Confirm(o.ctx(), open.Token, p.password))(w)
	equal(w, "the stage", again.Session.Stage, iam.NeedsEnrollment)
	p.secret = must(o.in.Enroll(o.ctx(), again.Token))(w).Secret
	done := must(o.in.ConfirmEnrollment(o.ctx(), again.Token, p.code()))(w)
	equal(w, "the session", o.holds(done.Token), true)

	r := o.account()
	enrollRequired(r)
	w.fieldError(second(o.in.RemoveSecondFactor(o.ctx(), r.signIn().Token, r.code())), "SecondFactor", "requires it")
	// A password that somebody else had chosen goes first.
	s := o.account()
	s.credential(func(c *iam.Credential) { c.MustChange = true })
	first := s.begin()
	equal(w, "the first stage", first.Session.Stage, iam.NeedsPasswordReset)
	w.refused(second(o.in.Enroll(o.ctx(), first.Token)), signin.ErrSession)
	s.password = goodPassword()
	next := must(o.in.ChooseNewPassword(o.ctx(), first.Token, s.password))(w)
	equal(w, "the next stage", next.Session.Stage, iam.NeedsEnrollment)
	s.secret = must(o.in.Enroll(o.ctx(), next.Token))(w).Secret
	equal(w, "the last stage", must(o.in.ConfirmEnrollment(o.ctx(), next.Token, s.code()))(w).Session.Stage, iam.Full)
	equal(w, "all stages", slices.Contains([]iam.Stage{s.begin().Session.Stage}, iam.NeedsSecondFactor), true)
}
