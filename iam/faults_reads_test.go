package iam_test

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// faultReads are the methods that only read: what fails answers nothing, and a denial is no answer to it.
func faultReads() map[string]faultCase {
	all := map[string]faultCase{}
	for name, read := range map[string]func(ctx context.Context, a iam.Actor, f *failing) (any, error){
		"Organization": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) { return a.Organization(ctx) },
		"Account":      func(ctx context.Context, a iam.Actor, f *failing) (any, error) { return a.Account(ctx, f.x.account) },
		"Accounts": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.Accounts(ctx, iam.AccountQuery{})
		},
		"Bindings": func(ctx context.Context, a iam.Actor, f *failing) (any, error) { return a.Bindings(ctx, f.x.account) },
		"Grants":   func(ctx context.Context, a iam.Actor, f *failing) (any, error) { return a.Grants(ctx, f.x.account) },
		"Events": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.Events(ctx, iam.EventQuery{})
		},
		"Checkpoint": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) { return a.Checkpoint(ctx) },
		"VerifyEvents": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.VerifyEvents(ctx, iam.Checkpoint{})
		},
		"Projects": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) { return a.Projects(ctx) },
		"ProjectBindings": func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return a.ProjectBindings(ctx, f.x.binding.Project, iam.AccountQuery{})
		},
		"Invitations": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.Invitations(ctx, iam.InvitationQuery{})
		},
		"Mails":     func(ctx context.Context, a iam.Actor, _ *failing) (any, error) { return a.Mails(ctx, iam.MailQuery{}) },
		"RootOffer": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) { return a.RootOffer(ctx) },
		"Preview":   func(ctx context.Context, a iam.Actor, f *failing) (any, error) { return a.Preview(ctx, f.x.account) },
		"Holdings": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.Holdings(ctx, iam.HoldingQuery{})
		},
		"Quotas": func(ctx context.Context, a iam.Actor, f *failing) (any, error) { return a.Quotas(ctx, f.x.account) },
		"Shares": func(ctx context.Context, a iam.Actor, f *failing) (any, error) {
			return a.Shares(ctx, f.g.kind, f.x.device)
		},
		"APIKeys": func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
			return a.APIKeys(ctx, iam.APIKeyQuery{})
		},
		"Service.Subject": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			sub, err := f.svc.Subject(ctx, f.x.account)
			return sub.Revision(), err
		},
		"Service.SubjectAtLeast": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			sub, err := f.svc.SubjectAtLeast(ctx, f.x.account, 2)
			return sub.Revision(), err
		},
		"Service.SubjectAtLeast behind": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			sub, err := f.svc.SubjectAtLeast(ctx, f.x.account, 1<<40)
			if errors.Is(err, iam.ErrBehind) { // the answer, and no failure
				return err.Error(), nil
			}
			return sub.Revision(), err
		},
		"Service.Revision": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			return f.svc.Revision(ctx, f.id)
		},
		"Service.SubjectOf": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			sub, err := f.svc.SubjectOf(ctx, iam.SessionRecord{Session: iam.Session{Org: f.id, Account: f.x.account}, Status: iam.Active})
			return sub.Revision(), err
		},
		"Service.SubjectOfKey": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			sub, err := f.svc.SubjectOfKey(ctx, iam.APIKey{ID: "key", Org: f.id, Account: f.rootID, Scope: policy.Scope{AllProjects: true}})
			return sub.Revision(), err
		},
		"Service.AccountAt": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			return f.svc.AccountAt(ctx, "", f.get(f.rootID).Email)
		},
		"Service.WhoCan": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			need := f.g.system.Rules.Permissions.ManageAccounts
			found, err := f.svc.WhoCan(ctx, need.Action(), need.Kind().Of(f.id))
			return len(found), err
		},
		"Service.Payer": func(ctx context.Context, _ iam.Actor, f *failing) (any, error) {
			return f.svc.Payer(ctx, f.id, f.x.account)
		},
	} {
		all[name] = faultCase{reads: true, call: byRoot(read)}
	}
	verify := all["VerifyEvents"]
	verify.partial = "what was checked so far is reported"
	all["VerifyEvents"] = verify
	all["MailServer"] = faultCase{system: 2, reads: true, call: byRoot(func(ctx context.Context, a iam.Actor, _ *failing) (any, error) {
		return a.MailServer(ctx)
	})}
	for name, call := range map[string]func(f *failing) func(ctx context.Context) (any, error){
		"Service.MailServer": func(f *failing) func(ctx context.Context) (any, error) {
			f.g.prepareLife(f.org, "MailServer", &f.x)
			return func(ctx context.Context) (any, error) { return both(f.svc.MailServer(ctx, f.id)) }
		},
		"Service.Holder": func(f *failing) func(ctx context.Context) (any, error) {
			f.x.to = f.account(f.g.least)
			f.g.hold(f.org, &f.x)
			return func(ctx context.Context) (any, error) { return f.svc.Holder(ctx, f.id, f.g.kind, f.x.device) }
		},
		"Service.Token": func(f *failing) func(ctx context.Context) (any, error) {
			token := f.resetToken(f.rootID)
			return func(ctx context.Context) (any, error) { return f.svc.Token(ctx, token, iam.ForReset) }
		},
		"Service.LookInvitation": func(f *failing) func(ctx context.Context) (any, error) {
			i, _, err := f.root().Invite(f.Context(), iam.InviteParams{Email: "new@acme.example", Roles: []policy.Role{f.g.least}})
			f.ok(err)
			token := f.follow(i.Account, iam.ForInvitation)
			return func(ctx context.Context) (any, error) { return f.svc.LookInvitation(ctx, token) }
		},
		"Service.LookEmailChange": func(f *failing) func(ctx context.Context) (any, error) {
			token := f.asking(iam.ForOldEmail)
			return func(ctx context.Context) (any, error) { return f.svc.LookEmailChange(ctx, token) }
		},
	} {
		all[name] = faultCase{reads: true, call: call}
	}
	return all
}
