package iam_test

import (
	"context"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// target is what the calls of the guard's tests are aimed at.
type target struct {
	account policy.AccountID
	project policy.ProjectID
	grant   iam.GrantID
	binding iam.Binding
	to      policy.AccountID // who takes over, where somebody hands over
	device  string           // what is held, where the system has such things
	key     iam.APIKeyID
}

// guarded is a system with what its calls need.
type guarded struct {
	system   iam.System
	strong   policy.Role       // of sub-accounts, the one that may do the most
	least    policy.Role       // what targets hold
	other    policy.Role       // what SetRoles makes of it
	task     policy.Permission // what GiveGrant gives, by those who may
	bindable policy.Role       // what Bind binds by: least, where it can be bound
	bound    []policy.Role     // the roles that are bound to projects
	kind     policy.Kind       // what accounts hold
	shared   policy.Permission // what is shared of it; none where they hold nothing
}

func guardedSystems() []guarded {
	return []guarded{{
		system: withHoldings(emqx.System()), kind: emqx.Deployment, shared: emqx.DeploymentView, strong: emqx.Administrator, least: emqx.ProjectUser, other: emqx.Auditor,
		task: emqx.DeploymentView, bindable: emqx.ProjectUser, bound: []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser},
	}, {
		system: lanit.System(), kind: "device", strong: lanit.Master, least: lanit.Member, other: lanit.BillingRole,
		task: lanit.ResourceView, bindable: lanit.Member,
	}, {
		system: devicehub.System(), kind: devicehub.Device, shared: devicehub.DeviceView, strong: devicehub.SuperAdmin, least: devicehub.Basic, other: devicehub.Admin,
		task: devicehub.SubaccountList, bindable: devicehub.Basic,
	}}
}

// aimed is a method of Actor, called on a target. Its name is the method's; behind a blank it may
// say how it is called.
type aimed struct {
	// at says which id of the target it looks up: account, grant, holding, key, or none.
	at   string
	call func(ctx context.Context, a iam.Actor, x target) error
}

// methods are all methods of Actor. TestGuardKnowsEveryMethod fails for one that is missing.
func (g guarded) methods() map[string]aimed {
	at := func(what string, call func(ctx context.Context, a iam.Actor, x target) error) aimed {
		return aimed{what, call}
	}
	all := map[string]aimed{
		"Organization": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Organization(ctx)) }),
		"Account":      at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Account(ctx, x.account)) }),
		"Accounts": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Accounts(ctx, iam.AccountQuery{}))
		}),
		"Bindings":   at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Bindings(ctx, x.account)) }),
		"Grants":     at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Grants(ctx, x.account)) }),
		"Events":     at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Events(ctx, iam.EventQuery{})) }),
		"Checkpoint": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Checkpoint(ctx)) }),
		"VerifyEvents": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.VerifyEvents(ctx, iam.Checkpoint{}))
		}),
		"ExportEvents": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return a.ExportEvents(ctx, io.Discard, iam.ExportParams{})
		}),
		"Record": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Record(ctx, iam.RecordParams{Type: "Tested", Target: string(x.account)})
		}),
		"Projects": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Projects(ctx)) }),
		"ProjectBindings": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.ProjectBindings(ctx, x.project, iam.AccountQuery{}))
		}),

		"CreateAccount": at("", func(ctx context.Context, a iam.Actor, x target) error {
			_, _, err := a.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{g.least}})
			return err
		}),
		"UpdateProfile": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.UpdateProfile(ctx, x.account, iam.Profile{Note: "changed"}))
		}),
		"SetRoles": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			_, _, err := a.SetRoles(ctx, x.account, g.other)
			return err
		}),
		"Activate": at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Activate(ctx, x.account)) }),
		"Disable":  at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Disable(ctx, x.account)) }),
		"Enable":   at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Enable(ctx, x.account)) }),
		"Delete":   at("account", func(ctx context.Context, a iam.Actor, x target) error { return a.Delete(ctx, x.account) }),

		"Bind": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Bind(ctx, iam.Binding{Account: x.account, Role: g.bindable, Project: x.project})
		}),
		"Unbind": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Unbind(ctx, iam.Binding{Account: x.account, Role: x.binding.Role, Project: x.binding.Project})
		}),
		"OpenProject":   at("", func(ctx context.Context, a iam.Actor, x target) error { return a.OpenProject(ctx, x.project) }),
		"CloseProject":  at("", func(ctx context.Context, a iam.Actor, x target) error { return a.CloseProject(ctx, x.project) }),
		"ForgetProject": at("", func(ctx context.Context, a iam.Actor, x target) error { return a.ForgetProject(ctx, x.project) }),

		"GiveGrant": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.GiveGrant(ctx, x.account, policy.GrantPermission(g.task, policy.AtOrg(orgOf(ctx)))))
		}),
		"GiveGrantOn": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.GiveGrantOn(ctx, x.account, g.task, g.task.Kind().Of(orgOf(ctx)).Named("r1"), time.Time{}))
		}),
		"Invite": at("", func(ctx context.Context, a iam.Actor, x target) error {
			_, _, err := a.Invite(ctx, iam.InviteParams{Email: address("new"), Roles: []policy.Role{g.least}})
			return err
		}),
		"ImportInvitations": at("", func(ctx context.Context, a iam.Actor, x target) error {
			list := strings.NewReader("email,roles\n" + address("new") + "," + string(g.least) + "\n")
			return second(a.ImportInvitations(ctx, list, iam.ImportParams{}))
		}),
		"ResendInvitation": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.ResendInvitation(ctx, x.account))
		}),
		"RevokeInvitation": at("account", func(ctx context.Context, a iam.Actor, x target) error { return a.RevokeInvitation(ctx, x.account) }),
		"InvitationLink": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.InvitationLink(ctx, x.account))
		}),
		"Invitations": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Invitations(ctx, iam.InvitationQuery{}))
		}),
		"Mails": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Mails(ctx, iam.MailQuery{})) }),
		"Manage": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Manage(ctx, x.account, func(c iam.Change) error { return c.Record(iam.AccountUnlocked, iam.Done) })
		}),
		"Own": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Own(ctx, func(c iam.Change) error { return c.Record(iam.PasswordChanged, iam.Done) })
		}),

		"ChangeEmail": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.ChangeEmail(ctx, x.account, address("other")))
		}),
		"CancelEmailChange": at("account", func(ctx context.Context, a iam.Actor, x target) error { return a.CancelEmailChange(ctx, x.account) }),
		"OfferRoot":         at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.OfferRoot(ctx, x.account)) }),
		"RootOffer":         at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.RootOffer(ctx)) }),
		"WithdrawRootOffer": at("", func(ctx context.Context, a iam.Actor, x target) error { return a.WithdrawRootOffer(ctx) }),
		"AcceptRoot":        at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.AcceptRoot(ctx)) }),
		"Preview":           at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Preview(ctx, x.account)) }),
		"HandOver": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.HandOver(ctx, iam.HandOverParams{From: x.account, To: x.to}))
		}),
		"UpdateOrganization": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.UpdateOrganization(ctx, iam.OrganizationParams{Name: address("name")}))
		}),
		"MailServer": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.MailServer(ctx)) }),
		"SetMailServer": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.SetMailServer(ctx, iam.MailServerParams{Host: "mail.example", Port: 25, Security: "plain", From: address("from")}))
		}),
		"RemoveMailServer": at("", func(ctx context.Context, a iam.Actor, x target) error { return a.RemoveMailServer(ctx) }),
		"TestMailServer": at("", func(ctx context.Context, a iam.Actor, x target) error {
			_, _, _, err := a.TestMailServer(ctx)
			return err
		}),

		"RevokeGrant": at("grant", func(ctx context.Context, a iam.Actor, x target) error { return a.RevokeGrant(ctx, x.grant) }),
	}
	maps.Copy(all, g.holdingMethods())
	maps.Copy(all, g.keyMethods())
	return all
}

func second[T any](_ T, err error) error { return err }

type orgKey struct{}

// inOrg tells the methods in which organisation they are called.
func inOrg(o *org) context.Context { return context.WithValue(o.Context(), orgKey{}, o.id) }

func orgOf(ctx context.Context) policy.OrgID {
	id, _ := ctx.Value(orgKey{}).(policy.OrgID)
	return id
}

// target makes what method is aimed at, in the state in which it would change something.
func (g guarded) target(o *org, method string) target {
	o.Helper()
	x := target{project: "p1"}
	if ofInvitations(method) {
		x.account = o.invited(g.least)
	} else {
		x.account = o.create(iam.CreateAccountParams{Roles: []policy.Role{g.least}, Active: method != "Activate"}).ID
	}
	grant := policy.GrantPermission(g.task, policy.AtOrg(o.id)).Until(o.clock.now().Add(time.Hour))
	x.grant = must(o.system().GiveGrant(o.Context(), x.account, grant))(o).ID
	x.binding = iam.Binding{Account: x.account, Role: g.bindable, Project: "p2"}
	if slices.Contains(g.bound, g.bindable) {
		o.ok(o.system().Bind(o.Context(), x.binding))
	}
	switch method {
	case "Enable":
		must(o.system().Disable(o.Context(), x.account))(o)
	case "OpenProject":
		o.ok(o.system().CloseProject(o.Context(), x.project))
	case "CloseProject":
		o.ok(o.system().OpenProject(o.Context(), x.project))
	case "CancelEmailChange", "OfferRoot", "RootOffer", "WithdrawRootOffer", "AcceptRoot", "HandOver", "MailServer", "RemoveMailServer", "TestMailServer":
		g.prepareLife(o, method, &x)
	}
	g.prepareHolding(o, method, &x)
	g.prepareKey(o, method, &x)
	return x
}

// notBySystem are methods that an account uses in its own name: the system has nothing to offer or to accept.
var notBySystem = map[string]bool{"Own": true, "OfferRoot": true, "WithdrawRootOffer": true, "AcceptRoot": true, "Claim": true, "TakeManagement": true, "CreateAPIKey": true}

// ofInvitations reports whether a method is about an account whose invitation is open.
func ofInvitations(method string) bool {
	return slices.Contains([]string{"ResendInvitation", "RevokeInvitation", "InvitationLink"}, method)
}

// invited invites somebody past the policy, long enough ago that it can be sent again.
func (o *org) invited(roles ...policy.Role) policy.AccountID {
	o.Helper()
	i, _, err := o.system().Invite(o.Context(), iam.InviteParams{Email: address("invited"), Roles: roles})
	o.ok(err)
	o.clock.advance(time.Minute)
	return i.Account
}

// TestGuardKnowsEveryMethod fails when a method is added to Actor or SystemActor that the guard's
// tests do not call.
func TestGuardKnowsEveryMethod(t *testing.T) {
	t.Parallel()
	for _, all := range []struct {
		of    reflect.Type
		known []string
	}{
		{reflect.TypeFor[iam.Actor](), slices.Sorted(maps.Keys(guarded{}.methods()))},
		{reflect.TypeFor[*iam.Actor](), slices.Sorted(maps.Keys(guarded{}.methods()))},
		{reflect.TypeFor[iam.SystemActor](), []string{"CreateOrganization", "ImportAccounts", "ImportBindings", "In", "TransferRoot"}},
		{reflect.TypeFor[*iam.SystemActor](), []string{"CreateOrganization", "ImportAccounts", "ImportBindings", "In", "TransferRoot"}},
	} {
		var got []string
		for i := range all.of.NumMethod() {
			got = append(got, all.of.Method(i).Name)
		}
		same(t, "the methods of "+all.of.String(), got, all.known)
	}
}
