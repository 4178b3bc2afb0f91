package signin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// tokenCall is a method that takes a token, and the stages in which it does something.
type tokenCall struct {
	accepted []iam.Stage
	call     func(ctx context.Context, p *person, token iam.Token) error
}

// tokenCalls are the methods that take a session's token, each with what is right otherwise: so that the stage
// is all that it can be refused for.
var tokenCalls = map[string]tokenCall{
	"Session": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return third(p.in.Session(ctx, token))
	}},
	"SignOut": {everyStage, func(ctx context.Context, p *person, token iam.Token) error { return p.in.SignOut(ctx, token) }},
	"Fresh":   {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error { return p.in.Fresh(ctx, token) }},
	"Sessions": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.Sessions(ctx, token))
	}},
	"EndSession": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		session := must(p.st.Session(ctx, token.Hash()))(p)
		return p.in.EndSession(ctx, token, session.ID)
	}},
	"EndOtherSessions": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.EndOtherSessions(ctx, token))
	}},
	"SecondFactor": {[]iam.Stage{iam.NeedsSecondFactor}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.SecondFactor(ctx, token, p.code()))
	}},
	"RecoveryCode": {[]iam.Stage{iam.NeedsSecondFactor}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.RecoveryCode(ctx, token, p.codes[0].Reveal()))
	}},
	"Enroll": {[]iam.Stage{iam.Full, iam.NeedsEnrollment}, func(ctx context.Context, p *person, token iam.Token) error {
		p.credential(func(c *iam.Credential) { c.Secret = "" })
		return second(p.in.Enroll(ctx, token))
	}},
	"ConfirmEnrollment": {[]iam.Stage{iam.Full, iam.NeedsEnrollment}, func(ctx context.Context, p *person, token iam.Token) error {
		p.credential(func(c *iam.Credential) { c.Enrolling, c.Secret = c.Secret, "" })
		return second(p.in.ConfirmEnrollment(ctx, token, p.code()))
	}},
	"NewRecoveryCodes": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.NewRecoveryCodes(ctx, token, p.code()))
	}},
	"RemoveSecondFactor": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.RemoveSecondFactor(ctx, token, p.code()))
	}},
	"ReplaceSecondFactor": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.ReplaceSecondFactor(ctx, token, p.code()))
	}},
	"HasSecondFactor": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return third(p.in.HasSecondFactor(ctx, token))
	}},
	"Confirm": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.Confirm(ctx, token, p.password))
	}},
	"ChangePassword": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.ChangePassword(ctx, token, p.password, goodPassword()))
	}},
	"ChooseNewPassword": {[]iam.Stage{iam.NeedsPasswordReset}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.ChooseNewPassword(ctx, token, goodPassword()))
	}},
	"ChangeEmail": {[]iam.Stage{iam.Full}, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.ChangeEmail(ctx, token, address("new")))
	}},
	// These take a token of another purpose: a session's opens none of them, whatever its stage (SB-12).
	"LookReset": {nil, func(ctx context.Context, p *person, token iam.Token) error { return second(p.in.LookReset(ctx, token)) }},
	"ResetPassword": {nil, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.ResetPassword(ctx, token, goodPassword()))
	}},
	"Accept": {nil, func(ctx context.Context, p *person, token iam.Token) error {
		return second(p.in.Accept(ctx, token, signin.AcceptParams{Password: goodPassword()}))
	}},
}

var everyStage = []iam.Stage{iam.Full, iam.NeedsSecondFactor, iam.NeedsEnrollment, iam.NeedsPasswordReset}

// SB-43: a session that is not Full is accepted by nothing but what its stage is for.
func TestStages(t *testing.T) {
	t.Parallel()
	takesToken := 0
	service := reflect.TypeFor[*signin.Service]()
	for i := range service.NumMethod() {
		m := service.Method(i)
		for n := range m.Type.NumIn() {
			if m.Type.In(n) != reflect.TypeFor[iam.Token]() {
				continue
			}
			takesToken++
			if _, listed := tokenCalls[m.Name]; !listed {
				t.Errorf("%s takes a token, and no case says in which stage", m.Name)
			}
		}
	}
	equal(t, "methods that take a token", takesToken, len(tokenCalls))
	eachDatabase(t, func(w *world) {
		for name, c := range tokenCalls {
			w.run(name, func(w *world) {
				for _, stage := range everyStage {
					p, opened := w.organizationWith(emqx.System(), signin.Config{}).atStage(stage)
					accepted := slices.Contains(c.accepted, stage)
					before := p.stored()
					err := c.call(p.ctx(), p, opened.Token)
					var staged *signin.StageError
					switch {
					case accepted && err != nil:
						w.Errorf("in the stage %q: got the error %v", stage, err)
					case !accepted && !errors.Is(err, signin.ErrSession) && !errors.Is(err, iam.ErrToken):
						w.Errorf("in the stage %q: got the error %v, want one of a session", stage, err)
					case errors.As(err, &staged) && staged.Stage != stage:
						w.Errorf("in the stage %q: the error says that it needs %q", stage, staged.Stage)
					}
					if after := p.stored(); !accepted && after.Password != before.Password {
						w.Errorf("in the stage %q the password was changed", stage)
					}
					if record, err := p.st.Session(p.ctx(), opened.Token.Hash()); !accepted && (err != nil || record.Stage != stage) {
						w.Errorf("in the stage %q the session became %q, %v", stage, record.Stage, err)
					}
				}
			})
		}
	})
}

// atStage makes an account of EMQX's root with a second factor and its codes, and a session of it at a stage. (Only
// root removes a second factor there.)
func (o *org) atStage(stage iam.Stage) (*person, signin.Opened) {
	o.Helper()
	p := o.root
	p.enroll()
	var opened signin.Opened
	switch stage {
	case iam.NeedsSecondFactor:
		opened = p.begin()
	case iam.NeedsEnrollment:
		secret := p.stored().Secret
		p.credential(func(c *iam.Credential) { c.Secret = "" })
		o.require(iam.SecondFactorRequired)
		opened = p.begin()
		p.credential(func(c *iam.Credential) { c.Secret = secret })
	case iam.NeedsPasswordReset:
		p.credential(func(c *iam.Credential) { c.MustChange = true })
		opened = must(o.in.SecondFactor(o.ctx(), p.begin().Token, p.code()))(o)
	default:
		opened = p.signIn()
	}
	equal(o, "stage", opened.Session.Stage, stage)
	return p, opened
}

// Tokens that open nothing are refused by everything.
func TestDeadTokens(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		o.root.enroll()
		ended := o.root.signIn().Token
		w.ok(o.in.SignOut(o.ctx(), ended))
		random := must(iam.NewToken(rand.Reader))(w)
		flipped := iam.ParseToken(strings.Map(flipCase, o.root.signIn().Token.Reveal()))
		for name, c := range tokenCalls {
			for what, token := range map[string]iam.Token{"zero": {}, "ended": ended, "random": random, "case-flipped": flipped} {
				if name == "SignOut" || name == "EndSession" {
					continue // no error, or not callable without a session
				}
				err := c.call(o.ctx(), o.root, token)
				if !errors.Is(err, signin.ErrSession) && !errors.Is(err, iam.ErrToken) {
					w.Errorf("%s with a token that is %s: got the error %v", name, what, err)
				}
			}
		}
		w.ok(o.in.SignOut(o.ctx(), flipped))
	})
}

// FuzzSessionToken: whatever stands in a cookie opens no session but by a token that was handed out, and
// is no error of the database (SB-A1).
func FuzzSessionToken(f *testing.F) {
	w := &world{TB: f, st: store.New(testdb.Open(f, testdb.SQLite))}
	o := w.organization(emqx.System())
	token := o.account().signIn().Token
	for _, seed := range []string{"", token.Reveal(), strings.Map(flipCase, token.Reveal()), string(token.Hash()), token.Reveal() + "=", " " + token.Reveal(),
		"' OR 1=1 --", "\x00", strings.Repeat("A", 43), strings.Repeat("A", 1<<16)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, given := range []iam.Token{iam.ParseToken(text), {Secret: iam.NewSecret(text)}} {
			_, _, err := o.in.Session(t.Context(), given)
			switch {
			case given.Reveal() == token.Reveal() && err != nil:
				t.Errorf("the token was refused: %v", err)
			case given.Reveal() != token.Reveal() && !errors.Is(err, signin.ErrSession):
				t.Errorf("%q: got the error %v, want %v", text, err, signin.ErrSession)
			}
		}
	})
}
