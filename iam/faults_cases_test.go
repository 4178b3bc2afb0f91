package iam_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"maps"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

const noStatement = "asks the database nothing"

// noFaults are the methods without a case, and why.
var noFaults = map[string]string{
	"SystemActor.In": noStatement, "Service.As": noStatement, "Service.Authorize": noStatement, "Service.Can": noStatement,
	"Service.Explain": noStatement, "Service.Keys": noStatement, "Service.Link": noStatement, "Service.LoginAddress": noStatement,
	"Service.NewID": noStatement, "Service.Now": noStatement, "Service.ParseEmail": noStatement, "Service.Permissions": noStatement,
	"Service.Policy": noStatement, "Service.Rand": noStatement, "Service.Reach": noStatement, "Service.RootLoginAddress": noStatement,
	"Service.Rules": noStatement, "Service.SetPolicy": noStatement, "Service.Store": noStatement, "Service.System": noStatement,
	"Service.WithStore": noStatement,
	"Service.Run":       "repeats Refresh: hot_database_test.go and nodes_test.go interrupt it, and take its database away",
	"Service.Pin":       "is given the transaction of another: signin's cases pin",
}

// faultCases are the methods under faults. A name is the method's; behind a blank it may say how it is called.
func faultCases() map[string]faultCase {
	all := map[string]faultCase{
		"CreateAccount": {call: byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return both(a.CreateAccount(ctx, iam.CreateAccountParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}}))
		}), again: iam.ErrExists},
		"Invite": {call: byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return both(a.Invite(ctx, iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}, Bindings: []iam.Binding{{Role: f.g.bindable, Project: "p1"}}}))
		}), again: iam.ErrExists},
		"Invite expired": {call: func(f *failing) func(ctx context.Context) (any, error) {
			_, _, err := f.system().Invite(f.Context(), iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}})
			f.ok(err)
			f.clock.advance(100 * 24 * time.Hour)
			return byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
				return both(a.Invite(ctx, iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}}))
			})(f)
		}, again: iam.ErrExists},
		"ImportInvitations": {call: byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			list := "email,roles\nann@acme.example," + string(f.g.least) + "\nbob@acme.example," + string(f.g.least) + "\n"
			return a.ImportInvitations(ctx, strings.NewReader(list), iam.ImportParams{})
		})},
		"ChangeEmail": {call: byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return a.ChangeEmail(ctx, f.x.account, "other@acme.example")
		})},
		"UpdateOrganization": {call: byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return a.UpdateOrganization(ctx, iam.OrganizationParams{Name: "Another"})
		})},
		"SetMailServer": {system: 2, call: byRoot(func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.SetMailServer(ctx, iam.MailServerParams{Host: "mail.example", Port: 25, Security: "plain", From: "us@acme.example"})
		})},
		"RemoveMailServer": {system: 2, again: iam.ErrNotFound},
		"TestMailServer":   {system: 2},
		"AcceptRoot": {call: func(f *failing) func(ctx context.Context) (any, error) {
			ann := f.member(f.g.least).ID
			must(f.root().OfferRoot(f.Context(), ann))(f)
			f.signIn(ann)
			f.resetToken(f.rootID)
			return f.by(ann, func(ctx context.Context, a iam.Actor) (any, error) { return a.AcceptRoot(ctx) })
		}, again: iam.ErrNotFound},
		"TakeManagement": {system: 2, call: func(f *failing) func(ctx context.Context) (any, error) {
			super, admin, _ := f.branch()
			f.claim(admin, "d1")
			return f.by(super, func(ctx context.Context, a iam.Actor) (any, error) {
				return a.TakeManagement(ctx, devicehub.Device, "d1")
			})
		}},
		"CreateAPIKey": {},
		"UpdateAPIKey": {},
		"DeleteAPIKey": {again: iam.ErrNotFound},
		"ExportEvents": {call: byRoot(func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return nil, a.ExportEvents(ctx, new(bytes.Buffer), iam.ExportParams{})
		})},
		"Bind in the host's transaction": {once: true, call: func(f *failing) func(ctx context.Context) (any, error) {
			root := f.subject(f.rootID)
			return func(ctx context.Context) (any, error) {
				return nil, f.broken.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
					// A host that goes on behind a failure, which may have been a deadlock.
					actor := f.svc.WithStore(f.store.In(tx)).As(root)
					return errors.Join(
						actor.Bind(ctx, iam.Binding{Account: f.x.account, Role: f.g.bindable, Project: "p1"}), actor.OpenProject(ctx, "p1"))
				})
			}
		}},
		"Delete full": {call: func(f *failing) func(ctx context.Context) (any, error) {
			f.x.account = f.member(f.g.least).ID
			f.signIn(f.x.account)
			f.resetToken(f.x.account)
			return byRoot(func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
				return nil, a.Delete(ctx, f.x.account)
			})(f)
		}, again: iam.ErrNotFound},
	}
	for name, again := range map[string]error{
		"UpdateProfile": nil, "SetRoles": nil, "Activate": nil, "Disable": nil, "Enable": nil, "Delete": iam.ErrNotFound, "Bind": nil,
		"Unbind": nil, "OpenProject": nil, "CloseProject": nil, "ForgetProject": nil, "GiveGrant": nil, "GiveGrantOn": nil,
		"RevokeGrant": iam.ErrNotFound, "ResendInvitation": iam.ErrThrottled, "RevokeInvitation": iam.ErrNotFound, "InvitationLink": nil,
		"CancelEmailChange": iam.ErrNotFound, "OfferRoot": nil, "WithdrawRootOffer": iam.ErrNotFound, "HandOver": nil, "Claim": iam.ErrExists,
		"Release": iam.ErrNotFound, "Transfer": iam.ErrInvalid, "Share": nil, "Unshare": iam.ErrNotFound, "SetQuota": nil, "Record": nil,
		"Manage": nil, "Own": nil,
	} {
		all[name] = faultCase{again: again}
	}
	maps.Copy(all, faultReads())
	maps.Copy(all, faultServices())
	maps.Copy(all, faultImports())
	maps.Copy(all, faultMemory())
	return all
}

// faultServices are the methods of SystemActor and Service that change something.
func faultServices() map[string]faultCase {
	return map[string]faultCase{
		"SystemActor.CreateOrganization": {call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				return f.svc.System("test").CreateOrganization(ctx, iam.CreateOrganizationParams{
					ID: "another", Root: &iam.CreateAccountParams{Email: "root@another.example"},
				})
			}
		}, again: iam.ErrExists},
		"SystemActor.TransferRoot": {call: func(f *failing) func(ctx context.Context) (any, error) {
			ann := f.member(f.g.least).ID
			return func(ctx context.Context) (any, error) { return f.svc.System("test").TransferRoot(ctx, f.id, ann) }
		}, again: iam.ErrInvalid},
		"Service.AcceptInvitation": {call: func(f *failing) func(ctx context.Context) (any, error) {
			i, _, err := f.root().Invite(f.Context(), iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}})
			f.ok(err)
			token := f.follow(i.Account, iam.ForInvitation)
			return func(ctx context.Context) (any, error) {
				return f.svc.AcceptInvitation(ctx, token, iam.AcceptParams{Name: "Ann"})
			}
		}, again: iam.ErrToken},
		"Service.ConfirmEmail": {call: func(f *failing) func(ctx context.Context) (any, error) {
			token := f.asking(iam.ForOldEmail)
			return func(ctx context.Context) (any, error) { return both(f.svc.ConfirmEmail(ctx, token)) }
		}, again: iam.ErrToken},
		"Service.ConfirmEmail the second": {call: func(f *failing) func(ctx context.Context) (any, error) {
			token := f.asking(iam.ForNewEmail)
			return func(ctx context.Context) (any, error) { return both(f.svc.ConfirmEmail(ctx, token)) }
		}, again: iam.ErrToken},
		"Service.Attend": {call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				return nil, f.svc.Attend(ctx, f.id, f.x.account, func(c iam.Change) error {
					return errors.Join(c.Mail("new_sign_in_locked", iam.MailData{}), c.Record(iam.SignedIn, iam.Failed))
				})
			}
		}},
		"Service.RecordDenial": {call: func(f *failing) func(ctx context.Context) (any, error) {
			sub := f.subject(f.x.account)
			need := f.g.system.Rules.Permissions.ManageAccounts
			denied := f.svc.Authorize(sub, need.Action(), need.Kind().Of(f.id))
			return func(ctx context.Context) (any, error) { return nil, f.svc.RecordDenial(ctx, sub, denied) }
		}},
		"Service.Sweep": {call: func(f *failing) func(ctx context.Context) (any, error) {
			f.signIn(f.x.account)
			f.resetToken(f.rootID)
			must(f.st.Attempt(f.Context(), "key", iam.Limit{Attempts: 1, Pause: time.Hour}, f.clock.now()))(f)
			f.clock.advance(100 * time.Hour)
			return func(ctx context.Context) (any, error) { return f.svc.Sweep(ctx) }
		}, steps: "what is over counts for nothing, whether or not it is there", partial: "what was removed so far is counted"},
		"Service.ReadyMail": {call: func(f *failing) func(ctx context.Context) (any, error) {
			_, _, err := f.root().Invite(f.Context(), iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}})
			f.ok(err)
			mails := must(f.st.LeaseMails(f.Context(), "lease", f.clock.now(), f.clock.now().Add(time.Minute), 100))(f)
			return func(ctx context.Context) (any, error) { return f.svc.ReadyMail(ctx, mails[len(mails)-1], "lease") }
		}},
		"Service.Check": {reads: true, call: func(f *failing) func(ctx context.Context) (any, error) {
			need := f.g.system.Rules.Permissions.ManageAccounts
			return func(ctx context.Context) (any, error) {
				d := f.svc.Check(ctx, f.rootID, need.Action(), need.Kind().Of(f.id))
				if d.Reason == policy.Unavailable && !d.Allowed() { // what the database said is not told
					return nil, errors.Join(testdb.ErrInjected, context.Canceled, driver.ErrBadConn)
				}
				return d, nil
			}
		}},
	}
}

// asking lets an account ask for another address, and returns the link that is left when the other was followed.
func (f *failing) asking(purpose iam.TokenPurpose) iam.Token {
	f.Helper()
	ann := f.member(f.g.least)
	must(f.as(ann.ID).ChangeEmail(f.Context(), ann.ID, "later@acme.example"))(f)
	f.signIn(ann.ID)
	f.resetToken(ann.ID)
	if purpose == iam.ForNewEmail {
		f.confirm(f.follow(ann.ID, iam.ForOldEmail))
	}
	return f.follow(ann.ID, purpose)
}

// faultImports are the moves from another system. No row is reported of a transaction whose commit nobody has confirmed.
func faultImports() map[string]faultCase {
	return map[string]faultCase{
		"SystemActor.ImportAccounts": {call: func(f *failing) func(ctx context.Context) (any, error) {
			ann, bob := address("ann"), address("bob")
			return func(ctx context.Context) (any, error) {
				var m moved
				var err error
				m.summary, err = f.svc.System("test").ImportAccounts(ctx, f.id, rows(
					iam.AccountRow{Email: ann, Roles: []policy.Role{f.g.least}, Status: iam.Active},
					iam.AccountRow{ID: "bob-" + f.rootID, Email: bob, Roles: []policy.Role{f.g.least}},
					iam.AccountRow{Email: "nobody", Roles: []policy.Role{f.g.least}},
				), m.params())
				return m, err
			}
		}},
		"SystemActor.ImportBindings": {call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				var m moved
				var err error
				m.summary, err = f.svc.System("test").ImportBindings(ctx, f.id, rows(
					iam.BindingRow{Account: f.x.account, Role: f.g.bindable, Project: "p1"},
					iam.BindingRow{Account: f.x.account, Role: f.g.bindable, Project: "p3"},
					iam.BindingRow{Account: "nobody", Role: f.g.bindable, Project: "p3"},
				), m.params())
				return m, err
			}
		}},
	}
}
