package signin_test

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// counted is why a guess commits twice.
const counted = "SB-35: a guess is counted before it is made, so that no failure gives it back"

// next is a password that nobody has yet.
var next = iam.NewSecret("Zz9! correct horse battery")

// faultCases are the methods under faults. A name is the method's; behind a blank it may say how it is called.
func faultCases() map[string]faultCase {
	return map[string]faultCase{
		"SignIn": {steps: counted, call: func(f *failing) faultCall {
			p := f.account()
			return func(ctx context.Context) (any, error) {
				return f.in.SignIn(ctx, signin.SignInParams{Org: p.login, Email: p.email, Password: p.password})
			}
		}},
		// A guess that was wrong is written down even when the database cannot say whether it was the last one.
		"SignIn wrongly": {steps: counted, goes: []string{"iam_throttles", "iam_events", "iam_organizations"}, call: func(f *failing) faultCall {
			p := f.account()
			return func(ctx context.Context) (any, error) {
				_, err := f.in.SignIn(ctx, signin.SignInParams{Org: p.login, Email: p.email, Password: next})
				return nil, answered(err)
			}
		}},
		"SecondFactor": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			p.enroll()
			token := p.begin().Token
			code := p.code()
			return func(ctx context.Context) (any, error) { return f.in.SecondFactor(ctx, token, code) }
		}},
		"RecoveryCode": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			p.enroll()
			token := p.begin().Token
			return func(ctx context.Context) (any, error) { return f.in.RecoveryCode(ctx, token, p.codes[0].Reveal()) }
		}},
		"Session": {reads: true, call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			return func(ctx context.Context) (any, error) {
				sub, session, err := f.in.Session(ctx, token)
				if sub.ID() != "" && err != nil {
					return sub.ID(), err
				}
				return session, err
			}
		}},
		// Who has a session or a key goes on where its use cannot be written down: nothing is decided by that.
		"Session touched": {forgoes: "UPDATE iam_sessions SET seen =", call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			f.clock.advance(5 * time.Minute)
			return func(ctx context.Context) (any, error) { return first(f.in.Session(ctx, token)) }
		}},
		"Fresh": {reads: true, call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			return func(ctx context.Context) (any, error) { return nil, f.in.Fresh(ctx, token) }
		}},
		"SignOut": {call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			return func(ctx context.Context) (any, error) { return nil, f.in.SignOut(ctx, token) }
		}},
		"Sessions": {reads: true, call: func(f *failing) faultCall {
			p := f.account()
			p.signIn()
			token := p.signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.Sessions(ctx, token) }
		}},
		"EndSession": {again: iam.ErrNotFound, call: func(f *failing) faultCall {
			p := f.account()
			other, token := p.signIn().Session.ID, p.signIn().Token
			return func(ctx context.Context) (any, error) { return nil, f.in.EndSession(ctx, token, other) }
		}},
		"EndOtherSessions": {call: func(f *failing) faultCall {
			p := f.account()
			p.signIn()
			token := p.signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.EndOtherSessions(ctx, token) }
		}},
		"SessionsOf": {call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
			return f.in.SessionsOf(ctx, a, p.id)
		})},
		"EndSessions": {call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
			return f.in.EndSessions(ctx, a, p.id)
		})},
		"Unlock": {call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
			return nil, f.in.Unlock(ctx, a, p.id)
		})},
		"SendReset": {call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
			return nil, f.in.SendReset(ctx, a, p.id)
		})},
		"ResetSecondFactor": {call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
			return nil, f.in.ResetSecondFactor(ctx, a, p.id)
		})},
		"SetPassword": {steps: "it is guarded twice, and the guard takes turns with the organisation's changes", call: byRoot(
			func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error) {
				return nil, f.in.SetPassword(ctx, a, p.id, next)
			})},
		"Invite": {again: iam.ErrExists, call: byRoot(func(ctx context.Context, f *failing, a iam.Actor, _ *person) (any, error) {
			params := iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.lowest()}}
			return first(f.in.Invite(ctx, a, params, f.firstPassword()))
		})},
		"Accept": {again: iam.ErrToken, call: func(f *failing) faultCall {
			guest := f.root.invite("new@acme.example")
			params := signin.AcceptParams{Name: "Ann"}
			if f.svc.Rules().FirstPassword == iam.ByInvitee {
				params.Password = next
			}
			return func(ctx context.Context) (any, error) { return f.in.Accept(ctx, guest.token, params) }
		}},
		"RequestReset": {steps: "SB-24: requests are counted, and queued without a look at who it is", call: func(f *failing) faultCall {
			p := f.account()
			return func(ctx context.Context) (any, error) {
				return nil, f.in.RequestReset(ctx, signin.ResetParams{Org: p.login, Email: p.email})
			}
		}},
		"LookReset": {reads: true, call: func(f *failing) faultCall {
			token := f.account().resetLink()
			return func(ctx context.Context) (any, error) { return f.in.LookReset(ctx, token) }
		}},
		"ResetPassword": {again: iam.ErrToken, call: func(f *failing) faultCall {
			p := f.account()
			p.signIn()
			p.guess(2)
			token := p.resetLink()
			return func(ctx context.Context) (any, error) { return f.in.ResetPassword(ctx, token, next) }
		}},
		"ChangePassword": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			p.signIn()
			token := p.signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.ChangePassword(ctx, token, p.password, next) }
		}},
		"ChooseNewPassword": {again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			p.credential(func(c *iam.Credential) { c.MustChange = true })
			token := p.begin().Token
			return func(ctx context.Context) (any, error) { return f.in.ChooseNewPassword(ctx, token, next) }
		}},
		"Confirm": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			token := p.signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.Confirm(ctx, token, p.password) }
		}},
		"ChangeEmail": {call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.ChangeEmail(ctx, token, "other@acme.example") }
		}},
		"Enroll": {call: func(f *failing) faultCall {
			token := f.account().signIn().Token
			return func(ctx context.Context) (any, error) { return f.in.Enroll(ctx, token) }
		}},
		"ConfirmEnrollment": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			p := f.account()
			token := p.signIn().Token
			p.secret = must(p.in.Enroll(p.ctx(), token))(p).Secret
			code := p.code()
			return func(ctx context.Context) (any, error) { return f.in.ConfirmEnrollment(ctx, token, code) }
		}},
		"ReplaceSecondFactor": {steps: counted, again: signin.ErrCredentials, call: withCode(func(ctx context.Context, f *failing, token iam.Token, code string) (any, error) {
			return f.in.ReplaceSecondFactor(ctx, token, code)
		})},
		"RemoveSecondFactor": {steps: counted, again: signin.ErrSession, call: func(f *failing) faultCall {
			token := f.root.enroll().Token // on EMQX nobody else removes one
			code := f.root.code()
			return func(ctx context.Context) (any, error) { return f.in.RemoveSecondFactor(ctx, token, code) }
		}},
		"NewRecoveryCodes": {steps: counted, again: signin.ErrCredentials, call: withCode(func(ctx context.Context, f *failing, token iam.Token, code string) (any, error) {
			return f.in.NewRecoveryCodes(ctx, token, code)
		})},
		"HasSecondFactor": {reads: true, call: withCode(func(ctx context.Context, f *failing, token iam.Token, _ string) (any, error) {
			return first(f.in.HasSecondFactor(ctx, token))
		})},
		"Key": {forgoes: "UPDATE iam_api_keys SET used =", call: func(f *failing) faultCall {
			_, secret, err := f.root.actor().CreateAPIKey(f.Context(), iam.APIKeyParams{
				Description: "a key", Scope: policy.Scope{Permissions: []policy.Permission{emqx.SubaccountList}, AllProjects: true},
			})
			f.ok(err)
			f.clock.advance(time.Hour)
			return func(ctx context.Context) (any, error) { return first(f.in.Key(ctx, secret)) }
		}},
	}
}

// first is the first value of a call, as far as it may be compared, and its error.
func first[T, U any](value T, _ U, err error) (any, error) {
	if sub, ok := any(value).(iam.Subject); ok {
		return sub.ID(), err
	}
	return value, err
}

// byRoot is what root does to an account that has signed in, has a second factor, and was guessed at.
func byRoot(do func(ctx context.Context, f *failing, a iam.Actor, p *person) (any, error)) func(f *failing) faultCall {
	return func(f *failing) faultCall {
		p := f.account()
		p.enroll()
		p.guess(1)
		actor := f.svc.As(f.root.subject())
		return func(ctx context.Context) (any, error) { return do(ctx, f, actor, p) }
	}
}

// withCode is what somebody does with a code of their second factor.
func withCode(do func(ctx context.Context, f *failing, token iam.Token, code string) (any, error)) func(f *failing) faultCall {
	return func(f *failing) faultCall {
		p := f.account()
		token := p.enroll().Token
		code := p.code()
		return func(ctx context.Context) (any, error) { return do(ctx, f, token, code) }
	}
}

// firstPassword is one where the creator chooses it.
func (f *failing) firstPassword() iam.Secret {
	if f.svc.Rules().FirstPassword == iam.ByCreator {
		return next
	}
	return iam.Secret{}
}
