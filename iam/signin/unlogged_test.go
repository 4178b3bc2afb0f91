package signin_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// fullStore is a store whose log takes nothing, or whose outbox.
type fullStore struct {
	iam.Store
	outbox bool
}

type fullTx struct {
	iam.Tx
	outbox bool
}

var errFull = errors.New("there is no more room")

func (f fullStore) Write(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return f.Store.Write(ctx, org, func(tx iam.Tx) error { return do(fullTx{tx, f.outbox}) })
}

func (f fullStore) WriteAside(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return f.Store.WriteAside(ctx, org, func(tx iam.Tx) error { return do(fullTx{tx, f.outbox}) })
}

func (f fullTx) Append(ctx context.Context, e iam.Event, link func(iam.Event, string) string) error {
	if f.outbox {
		return f.Tx.Append(ctx, e, link)
	}
	return errFull
}

func (f fullTx) InsertMail(ctx context.Context, m iam.Mail) error {
	if f.outbox {
		return errFull
	}
	return f.Tx.InsertMail(ctx, m)
}

func TestNothingHappensUnlogged(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.step("SB-80: what cannot be written down does not happen", func(w *world) { unlogged(w, false) })
		w.step("SB-54, SB-98: nor does what cannot be told", func(w *world) { unlogged(w, true) })
	})
}

// untold are the calls that tell nobody by mail.
var untold = []string{"Accept", "SecondFactor", "Unlock"}

// unlogged calls every method that changes something, with all that it needs, on a store whose log is full, or whose
// outbox.
func unlogged(w *world, outbox bool) {
	for name, prepare := range unloggedCalls() {
		o := w.organization(emqx.System())
		if name == "Accept" || name == "RemoveSecondFactor" { // where the invitee chooses, and members remove theirs
			o = w.organization(lanit.System())
		}
		p := o.account()
		call := prepare(o, p)
		if outbox && slices.Contains(untold, name) {
			w.ok(call(o.on(fullStore{o.st, outbox})))
			continue
		}
		w.unchanged(func() {
			if err := call(o.on(fullStore{o.st, outbox})); !isError(err, errFull) {
				w.Errorf("%s: got the error %v, want that of the store", name, err)
			}
		}, "iam_throttles")
		// With room, the same call is good.
		if err := call(o); err != nil {
			w.Errorf("%s: %v", name, err)
		}
	}
}

func unloggedCalls() map[string]func(o *org, p *person) func(o *org) error {
	return map[string]func(o *org, p *person) func(o *org) error{
		"Invite": func(o *org, _ *person) func(*org) error {
			params := iam.InviteParams{Email: address("guest"), Roles: []policy.Role{emqx.Auditor}}
			return func(on *org) error {
				return second2(on.in.Invite(o.ctx(), on.svc.As(o.root.subject()), params, goodPassword()))
			}
		},
		"Accept": func(o *org, _ *person) func(*org) error {
			guest := o.root.invite(address("guest"))
			return func(on *org) error {
				return second(on.in.Accept(o.ctx(), guest.token, signin.AcceptParams{Password: guest.good()}))
			}
		},
		"SecondFactor": func(o *org, p *person) func(*org) error {
			p.enroll()
			half, code := p.begin().Token, p.code()
			return func(on *org) error { return second(on.in.SecondFactor(o.ctx(), half, code)) }
		},
		"RecoveryCode": func(o *org, p *person) func(*org) error {
			p.enroll()
			half := p.begin().Token
			return func(on *org) error { return second(on.in.RecoveryCode(o.ctx(), half, p.codes[0].Reveal())) }
		},
		"ConfirmEnrollment": func(o *org, p *person) func(*org) error {
			token := p.signIn().Token
			p.secret = must(o.in.Enroll(o.ctx(), token))(o).Secret
			code := p.code()
			return func(on *org) error { return second(on.in.ConfirmEnrollment(o.ctx(), token, code)) }
		},
		"ReplaceSecondFactor": func(o *org, p *person) func(*org) error {
			p.enroll()
			token := p.signIn().Token
			return func(on *org) error { return second(on.in.ReplaceSecondFactor(o.ctx(), token, p.codes[0].Reveal())) }
		},
		"NewRecoveryCodes": func(o *org, p *person) func(*org) error {
			p.enroll()
			token, code := p.signIn().Token, p.code()
			return func(on *org) error { return second(on.in.NewRecoveryCodes(o.ctx(), token, code)) }
		},
		"RemoveSecondFactor": func(o *org, p *person) func(*org) error {
			p.enroll()
			token, code := p.signIn().Token, p.code()
			return func(on *org) error { return second(on.in.RemoveSecondFactor(o.ctx(), token, code)) }
		},
		"ResetSecondFactor": func(o *org, p *person) func(*org) error {
			p.enroll()
			return func(on *org) error { return on.in.ResetSecondFactor(o.ctx(), on.svc.As(o.root.subject()), p.id) }
		},
		"ChangePassword": func(o *org, p *person) func(*org) error {
			token := p.signIn().Token
			return func(on *org) error { return second(on.in.ChangePassword(o.ctx(), token, p.password, goodPassword())) }
		},
		"ChooseNewPassword": func(o *org, p *person) func(*org) error {
			p.credential(func(c *iam.Credential) { c.MustChange = true })
			token := p.begin().Token
			return func(on *org) error { return second(on.in.ChooseNewPassword(o.ctx(), token, goodPassword())) }
		},
		"SetPassword": func(o *org, p *person) func(*org) error {
			return func(on *org) error {
				return on.in.SetPassword(o.ctx(), on.svc.As(o.root.subject()), p.id, goodPassword())
			}
		},
		"ResetPassword": func(o *org, p *person) func(*org) error {
			token := p.resetLink()
			return func(on *org) error { return second(on.in.ResetPassword(o.ctx(), token, goodPassword())) }
		},
		"SendReset": func(o *org, p *person) func(*org) error {
			return func(on *org) error { return on.in.SendReset(o.ctx(), on.svc.As(o.root.subject()), p.id) }
		},
		"Unlock": func(o *org, p *person) func(*org) error {
			p.guess(10)
			return func(on *org) error { return on.in.Unlock(o.ctx(), on.svc.As(o.root.subject()), p.id) }
		},
	}
}
