package signin_test

import (
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// adminOf is a role of the system that manages accounts, and is not root's.
func adminOf(o *org) policy.Role {
	for _, role := range []policy.Role{emqx.Administrator, lanit.Admin, devicehub.Admin} {
		if o.svc.Policy().HasRole(role) {
			return role
		}
	}
	o.Fatal("the system has none of the roles")
	return ""
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-50: each is good once, for its own account, and its use is told", recoverOnce)
		w.run("SB-50: a new set kills the old one", newRecoveryCodes)
	})
}

func recoverOnce(w *world) {
	o := w.organization(emqx.System())
	p, q := o.account(), o.account()
	p.enroll()
	q.enroll()
	use := func(p *person, code string) error {
		w.ok(o.in.Unlock(o.ctx(), o.root.actor(), p.id)) // what was guessed before is another test's
		return second(o.in.RecoveryCode(o.ctx(), p.begin().Token, code))
	}
	w.ok(use(p, p.codes[0].Reveal()))
	w.refused(use(p, p.codes[0].Reveal()), signin.ErrCredentials)
	w.refused(use(p, q.codes[0].Reveal()), signin.ErrCredentials) // of another account
	w.refused(use(p, ""), signin.ErrCredentials)
	w.refused(use(p, p.code()), signin.ErrCredentials)                                                         // that is the authenticator's
	w.refused(second(o.in.SecondFactor(o.ctx(), p.begin().Token, p.codes[1].Reveal())), signin.ErrCredentials) // and this is not
	w.ok(use(p, strings.ToLower(strings.ReplaceAll(p.codes[1].Reveal(), "-", " "))))
	w.ok(use(q, q.codes[0].Reveal()))
	has, left, err := o.in.HasSecondFactor(o.ctx(), p.signIn().Token)
	w.ok(err)
	equal(w, "has one", has, true)
	equal(w, "codes left", left, 8)
	mails := p.mails(signin.MailRecoveryCodeUsed)
	equal(w, "mails", len(mails), 2)
	equal(w, "what they say is left", mails[0].Data.CodesLeft*100+mails[1].Data.CodesLeft, 908)
	equal(w, "events", len(p.about(iam.RecoveryCodeUsed)), 2)
}

func newRecoveryCodes(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	token := p.signIn().Token
	w.refused(second(o.in.NewRecoveryCodes(o.ctx(), token, p.wrongCode())), signin.ErrCredentials)
	used := p.code()
	codes := must(o.in.NewRecoveryCodes(o.ctx(), token, used))(w)
	w.refused(second(o.in.NewRecoveryCodes(o.ctx(), token, used)), signin.ErrCredentials) // SB-46: one function
	for _, old := range p.codes {
		half := p.begin().Token
		w.refused(second(o.in.RecoveryCode(o.ctx(), half, old.Reveal())), signin.ErrCredentials)
		must(o.in.SecondFactor(o.ctx(), half, p.code()))(w)
	}
	must(o.in.RecoveryCode(o.ctx(), p.begin().Token, codes[9].Reveal()))(w)
	equal(w, "events", len(p.about(iam.RecoveryCodesMade)), 1)
	equal(w, "mails", len(p.mails(signin.MailRecoveryCodesNew)), 1)
	q := o.account()
	w.refused(second(o.in.NewRecoveryCodes(o.ctx(), q.signIn().Token, "123456")), signin.ErrCredentials) // there is no factor
}
