package signin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestPasswords(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.step("SB-05, SB-20, SB-38: a change takes the current password, and ends what was open", changePassword)
		w.step("SB-01..SB-04, SB-08: what a new password must be", newPasswords)
		w.step("SB-03: a password is verified as it is", exactPasswords)
		w.step("SB-06: a password is hashed anew when the params have risen", rehashed)
		w.step("E12, SB-62: those above set a password, and nobody root's", setPasswordEMQX)
		w.step("E12, SB-10: in LANIT and DeviceHub nobody sets another's", setPasswordElsewhere)
		w.step("SB-62: nobody sets the password of who may do more", setPasswordOfMore)
		w.step("SB-05, SB-30: a wrong current password counts", wrongCurrent)
		w.step("SB-37: a confirmation makes a session fresh, under another token", confirm)
		w.step("SB-34: those above unlock, and nobody their own", unlock)
	})
}

func changePassword(w *world) {
	for _, system := range threeSystems() {
		o := w.organization(system)
		p := o.account()
		old, other := p.signIn(), p.signIn()
		reset := p.resetLink()
		w.ok(p.in.SendReset(o.ctx(), o.root.actor(), p.id)) // queued, and not yet sent
		o.clock.advance(24 * time.Minute)
		next := goodPassword()
		opened := must(o.in.ChangePassword(o.ctx(), old.Token, p.password, next))(w)

		equal(w, "the session goes on", o.holds(opened.Token), true)
		equal(w, "its old token", o.holds(old.Token), false)
		equal(w, "another session", o.holds(other.Token), false)
		equal(w, "its end", opened.Session.Expires.Equal(old.Session.Expires), true)
		w.refused(second(o.in.LookReset(o.ctx(), reset)), iam.ErrToken)
		w.refused(second(o.in.ResetPassword(o.ctx(), reset, goodPassword())), iam.ErrToken)
		equal(w, "links that go out after it", len(o.allLinked()), 0)
		w.refused(second(p.try(p.password)), signin.ErrCredentials)
		p.password = next
		p.signIn()
		equal(w, "events", len(p.about(iam.PasswordChanged)), 1)
		equal(w, "events of the ends", len(p.about(iam.SessionsEnded)), 1)
		equal(w, "mails", len(p.mails(signin.MailPasswordChanged)), 1)
	}
}

func newPasswords(w *world) {
	o := w.organization(emqx.System())
	p := o.accountAt("Josephine@"+strings.ToLower(address("x"))[2:], iam.Active)
	w.ok(second(o.system().UpdateProfile(o.ctx(), p.id, iam.Profile{Name: "Wilhelmina", Company: "Zweigstelle"})))
	token := p.signIn().Token
	for _, bad := range []struct{ password, problem string }{
		{"", "is empty"},
		{"14 characters.", "14 of at least 15"},
		{strings.Repeat("é", 14), "14 of at least 15"}, // in code points
		{strings.Repeat("x", 1025), "1025 bytes"},
		{strings.Repeat("x", 1<<20), "bytes"}, // SB-08
		{"passwordpassword", "most used"},
		{"josephine 8241", "14 of at least"},
		{"josephine 82413", "others can guess"},
		{"wilhelmina 82413", "others can guess"},
		{"zweigstelle 8243", "others can guess"},
		{"testers 98 auditor", "others can guess"}, // organisation and role
		{"a tab\tis a control", "control"},
	} {
		w.unchanged(func() {
			w.fieldError(second(o.in.ChangePassword(o.ctx(), token, p.password, iam.NewSecret(bad.password))), "Password", bad.problem)
		})
	}
	for _, good := range []string{"correct horse 🐎 battery", strings.Repeat("éö", 32), " fifteen chars  ", strings.Repeat("abcdefghijkl mnop", 64)[:1024]} {
		opened := must(o.in.ChangePassword(o.ctx(), token, p.password, iam.NewSecret(good)))(w)
		token, p.password = opened.Token, iam.NewSecret(good)
		p.signIn()
	}
	// With a second factor 8 are enough (SB-01).
	p.secret = must(o.in.Enroll(o.ctx(), token))(w).Secret
	token = must(o.in.ConfirmEnrollment(o.ctx(), token, p.code()))(w).Token
	w.fieldError(second(o.in.ChangePassword(o.ctx(), token, p.password, iam.NewSecret("qz7vkwm"))), "Password", "7 of at least 8")
	must(o.in.ChangePassword(o.ctx(), token, p.password, iam.NewSecret("qz7vkwmx")))(w)
}

func exactPasswords(w *world) {
	o := w.organization(devicehub.System())
	p := o.account()
	long := strings.Repeat("0123456789", 8)[:74]
	for _, right := range []string{long, long[:73], "Correct Horse Battery", "trailing space is kept "} {
		p.knows(iam.NewSecret(right))
		p.signIn()
		for _, wrong := range []string{right + "x", right[:len(right)-1], strings.ToUpper(right) + "x", strings.ToLower(right) + " ", " " + right} {
			w.refused(second(p.try(iam.NewSecret(wrong))), signin.ErrCredentials)
		}
		w.ok(o.in.Unlock(o.ctx(), o.root.actor(), p.id))
	}
}

func rehashed(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	weak := p.stored().Password
	strong := must(signin.New(o.svc, signin.Config{}))(w)
	opened := must(strong.SignIn(o.ctx(), signin.SignInParams{Org: o.id, Email: p.email, Password: p.password}))(w)
	now := p.stored().Password
	equal(w, "hashed anew", now != weak && strings.Contains(now, "m=19456,t=2,p=1"), true)
	equal(w, "the session holds", o.holds(opened.Token), true)
	must(strong.SignIn(o.ctx(), signin.SignInParams{Org: o.id, Email: p.email, Password: p.password}))(w)
	equal(w, "hashed once more", p.stored().Password == now, true)
	equal(w, "must it be changed", p.stored().MustChange, false)
}

func setPasswordEMQX(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	for _, above := range []*person{o.root, admin} {
		p := o.account(emqx.ProjectUser)
		session, reset := p.signIn(), p.resetLink()
		p.password = goodPassword()
		w.fieldError(o.in.SetPassword(o.ctx(), above.actor(), p.id, iam.NewSecret("short")), "Password", "of at least")
		w.ok(o.in.SetPassword(o.ctx(), above.actor(), p.id, p.password))
		equal(w, "SB-38: the session", o.holds(session.Token), false)
		w.refused(second(o.in.ResetPassword(o.ctx(), reset, goodPassword())), iam.ErrToken)
		opened := p.begin()
		equal(w, "SB-10: the stage", opened.Session.Stage, iam.NeedsPasswordReset)
		w.fieldError(second(o.in.ChooseNewPassword(o.ctx(), opened.Token, p.password)), "Password", "somebody else knows")
		// Nor by way of a reset.
		w.fieldError(second(o.in.ResetPassword(o.ctx(), p.resetLink(), p.password)), "Password", "somebody else knows")
		must(o.in.ChooseNewPassword(o.ctx(), opened.Token, goodPassword()))(w)
		set := p.about(iam.PasswordSet)
		equal(w, "events", len(set) == 1 && set[0].Actor == above.id, true)
		equal(w, "mails", len(p.mails(signin.MailPasswordChanged)), 2)
	}
	sub := o.account(emqx.ProjectAdmin)
	other := o.sibling()
	for name, refused := range map[string]struct {
		by *person
		of *person
		is error
	}{
		"a sub-account another's":          {sub, o.account(), iam.ErrForbidden},
		"an administrator root's":          {admin, o.root, iam.ErrForbidden},
		"a sub-account root's":             {sub, o.root, iam.ErrForbidden},
		"root its own":                     {o.root, o.root, iam.ErrInvalid},
		"an administrator its own":         {admin, admin, iam.ErrInvalid},
		"root that of another's account":   {other.root, admin, iam.ErrNotFound},
		"root that of another's root":      {other.root, o.root, iam.ErrNotFound},
		"a disabled one, loaded a bit ago": {o.accountAt(address("off"), iam.Disabled, emqx.Administrator), sub, iam.ErrForbidden},
	} {
		before := refused.of.stored()
		if err := o.in.SetPassword(o.ctx(), refused.by.actor(), refused.of.id, goodPassword()); !isError(err, refused.is) {
			w.Errorf("%s: got the error %v, want %v", name, err, refused.is)
		}
		equal(w, "the password is unchanged: "+name, refused.of.stored(), before)
	}
	// It enables and activates nobody (SB-21).
	off, pending := o.accountAt(address("off"), iam.Disabled), o.accountAt(address("pending"), iam.Pending)
	for _, p := range []*person{off, pending} {
		p.password = goodPassword()
		status := p.status()
		w.ok(o.in.SetPassword(o.ctx(), o.root.actor(), p.id, p.password))
		equal(w, "the status", p.status(), status)
		w.refused(second(p.try(p.password)), signin.ErrCredentials)
	}
}

func setPasswordElsewhere(w *world) {
	for _, system := range []iam.System{lanit.System(), devicehub.System()} {
		o := w.organization(system)
		p := o.account()
		w.unchanged(func() {
			w.fieldError(o.in.SetPassword(o.ctx(), o.root.actor(), p.id, goodPassword()), "Password", "nobody sets another's")
		})
	}
}

func setPasswordOfMore(w *world) {
	system := devicehub.System()
	system.Rules.PasswordByOthers = true
	o := w.organization(system)
	admin, basic := o.account(devicehub.Admin), o.account(devicehub.Basic)
	w.ok(o.in.SetPassword(o.ctx(), admin.actor(), basic.id, goodPassword()))
	// A basic user who was given what the admin cannot do is no longer below.
	grant := policy.GrantPermission(devicehub.SettingsMailManage, policy.AtOrg(o.id))
	w.ok(second(o.root.actor().GiveGrant(o.ctx(), basic.id, grant)))
	before := basic.stored()
	w.refused(o.in.SetPassword(o.ctx(), admin.actor(), basic.id, goodPassword()), iam.ErrForbidden)
	equal(w, "the password", basic.stored(), before)
	w.ok(o.in.SetPassword(o.ctx(), o.root.actor(), basic.id, goodPassword()))
}

func wrongCurrent(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	token := p.signIn().Token
	for range 5 {
		w.refused(second(o.in.ChangePassword(o.ctx(), token, goodPassword(), goodPassword())), signin.ErrCredentials)
		w.refused(second(o.in.Confirm(o.ctx(), token, goodPassword())), signin.ErrCredentials)
	}
	w.refused(second(o.in.ChangePassword(o.ctx(), token, p.password, goodPassword())), iam.ErrThrottled)
	w.refused(second(o.in.Confirm(o.ctx(), token, p.password)), iam.ErrThrottled)
	w.refused(second(p.try(p.password)), iam.ErrThrottled) // one counter
	equal(w, "the session stays", o.holds(token), true)
	equal(w, "mails", len(p.mails(signin.MailLocked)), 1)
	o.clock.advance(time.Hour)
	// Meanwhile it ended by its idle time; a new one begins.
	must(o.in.ChangePassword(o.ctx(), p.signIn().Token, p.password, goodPassword()))(w)
}

func confirm(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	old := p.signIn()
	o.clock.advance(15 * time.Minute)
	w.refused(second(o.in.Enroll(o.ctx(), old.Token)), signin.ErrStale)
	w.refused(second(o.in.EndOtherSessions(o.ctx(), old.Token)), signin.ErrStale)
	w.refused(second(o.in.ChangeEmail(o.ctx(), old.Token, address("next"))), signin.ErrStale)
	opened := must(o.in.Confirm(o.ctx(), old.Token, p.password))(w)
	equal(w, "the old token", o.holds(old.Token), false)
	equal(w, "its end", opened.Session.Expires.Equal(old.Session.Expires), true)
	must(o.in.EndOtherSessions(o.ctx(), opened.Token))(w)
	must(o.in.Enroll(o.ctx(), opened.Token))(w)
	equal(w, "sign-ins in the log", len(p.about(iam.SignedIn)), 1)
	// Nobody confirms a session that waits for something else.
	q := o.account()
	q.enroll()
	w.staged(second(o.in.Confirm(o.ctx(), q.begin().Token, q.password)), iam.NeedsSecondFactor)
}

func unlock(w *world) {
	o := w.organization(lanit.System())
	p, admin := o.account(), o.account(lanit.Admin)
	session := admin.signIn()
	for _, q := range []*person{p, admin} {
		q.guess(10)
		w.refused(second(q.try(q.password)), iam.ErrThrottled)
	}
	w.refused(o.in.Unlock(o.ctx(), p.actor(), admin.id), iam.ErrForbidden)
	// Who has found an open session could guess the password for ever.
	w.refused(o.in.Unlock(o.ctx(), admin.actor(), admin.id), iam.ErrInvalid)
	w.refused(second(o.in.Confirm(o.ctx(), session.Token, admin.password)), iam.ErrThrottled)
	w.ok(o.in.Unlock(o.ctx(), admin.actor(), p.id))
	p.signIn()
	w.ok(o.in.Unlock(o.ctx(), o.root.actor(), admin.id))
	admin.signIn()
	equal(w, "events", len(p.about(iam.AccountUnlocked))+len(admin.about(iam.AccountUnlocked)), 2)
}
