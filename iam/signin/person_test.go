package signin_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// person is an account with somebody who knows its password.
type person struct {
	*org
	id       policy.AccountID
	email    string
	login    policy.OrgID // "" for root's own login address
	password iam.Secret
	secret   iam.Secret   // of the second factor; the zero Secret for none
	codes    []iam.Secret // recovery codes
}

// account makes an active account with a password. Without roles it has one with little to do.
func (o *org) account(roles ...policy.Role) *person {
	o.Helper()
	return o.accountAt(address("user"), iam.Active, roles...)
}

// accountAt makes an account of a status, with an address and a password.
func (o *org) accountAt(email string, status iam.Status, roles ...policy.Role) *person {
	o.Helper()
	if len(roles) == 0 {
		roles = []policy.Role{o.lowest()}
	}
	account, _, err := o.system().CreateAccount(o.Context(), iam.CreateAccountParams{Email: email, Roles: roles, Active: status != iam.Pending})
	o.ok(err)
	p := &person{org: o, id: account.ID, email: email, login: o.id}
	p.knows(goodPassword())
	if status == iam.Disabled {
		o.ok(second(o.system().Disable(o.Context(), p.id)))
	}
	return p
}

// knows gives the account a password, past everything.
func (p *person) knows(password iam.Secret) {
	p.Helper()
	p.password = password
	hash := must(p.in.HashPassword(p.Context(), password))(p)
	p.credential(func(c *iam.Credential) { c.Password, c.PasswordSet = hash, p.clock.now() })
}

// credential changes what is stored about the account's password and second factor, past everything.
func (p *person) credential(change func(c *iam.Credential)) {
	p.Helper()
	p.ok(p.st.Write(p.Context(), p.org.id, func(tx iam.Tx) error {
		c, err := tx.Credential(p.Context(), p.org.id, p.id)
		if err != nil {
			return err
		}
		change(&c)
		return tx.PutCredential(p.Context(), c)
	}))
}

// stored is the account's credential.
func (p *person) stored() iam.Credential {
	p.Helper()
	return must(p.st.Credential(p.Context(), p.org.id, p.id))(p)
}

// try signs in with a password, from the organisation's own peer.
func (p *person) try(password iam.Secret) (signin.Opened, error) {
	return p.in.SignIn(p.ctx(), signin.SignInParams{Org: p.login, Email: p.email, Password: password})
}

// begin signs in with the right password, to whatever stage.
func (p *person) begin() signin.Opened {
	p.Helper()
	return must(p.try(p.password))(p)
}

// signIn signs in, with a code where there is a second factor. The session is Full.
func (p *person) signIn() signin.Opened {
	p.Helper()
	opened := p.begin()
	if opened.Session.Stage == iam.NeedsSecondFactor {
		opened = must(p.in.SecondFactor(p.ctx(), opened.Token, p.code()))(p)
	}
	if opened.Session.Stage != iam.Full {
		p.Fatalf("the session has the stage %q, want %q", opened.Session.Stage, iam.Full)
	}
	return opened
}

// enroll gives the account a second factor, and returns the session in which that was done.
func (p *person) enroll() signin.Opened {
	p.Helper()
	opened := p.begin()
	made := must(p.in.Enroll(p.ctx(), opened.Token))(p)
	p.secret = made.Secret
	done := must(p.in.ConfirmEnrollment(p.ctx(), opened.Token, p.code()))(p)
	p.codes = done.Codes
	return done.Opened
}

// code is a code of the authenticator that was not used yet: the clock goes on to the next time step.
func (p *person) code() string {
	p.clock.advance(30 * time.Second)
	return signin.TOTP(p.secret, p.clock.now())
}

// wrongCode is none of the authenticator's of now.
func (p *person) wrongCode() string {
	for _, code := range []string{"000000", "111111", "222222"} {
		near := []string{signin.TOTP(p.secret, p.clock.now()), signin.TOTP(p.secret, p.clock.now().Add(-30*time.Second))}
		if !slices.Contains(near, code) {
			return code
		}
	}
	return ""
}

// guess is wrong so often.
func (p *person) guess(times int) {
	p.Helper()
	for range times {
		p.refused(second(p.try(iam.NewSecret("wrong "+rand.Text()))), signin.ErrCredentials)
	}
}

// subject loads the account as it stands.
func (p *person) subject() iam.Subject {
	p.Helper()
	return must(p.svc.Subject(p.Context(), p.id))(p)
}

// actor acts for the account as it stands.
func (p *person) actor() iam.Actor {
	p.Helper()
	return p.svc.As(p.subject())
}

// holds reports whether a token opens a Full session.
func (o *org) holds(token iam.Token) bool {
	o.Helper()
	_, _, err := o.in.Session(o.ctx(), token)
	if err != nil && !errors.Is(err, signin.ErrSession) {
		o.Fatal(err)
	}
	return err == nil
}

// open counts the account's sessions.
func (p *person) open() int {
	p.Helper()
	return len(must(p.st.Sessions(p.Context(), p.org.id, p.id, p.clock.now()))(p))
}

// about returns the events about the account.
func (p *person) about(types ...iam.EventType) []iam.Event {
	p.Helper()
	return slices.DeleteFunc(p.events(types...), func(e iam.Event) bool { return e.Target != string(p.id) })
}

// mails returns the mails about the account, the oldest first, of the templates or all.
func (p *person) mails(templates ...string) []iam.Mail {
	p.Helper()
	all := must(p.st.Mails(p.Context(), p.org.id, iam.MailQuery{Account: p.id, Limit: 1000}))(p)
	slices.Reverse(all)
	if len(templates) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(m iam.Mail) bool { return !slices.Contains(templates, m.Template) })
}
