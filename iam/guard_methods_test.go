package iam_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
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
}

func guardedSystems() []guarded {
	return []guarded{{
		system: emqx.System(), strong: emqx.Administrator, least: emqx.ProjectUser, other: emqx.Auditor,
		task: emqx.DeploymentView, bindable: emqx.ProjectUser, bound: []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser},
	}, {
		system: lanit.System(), strong: lanit.Master, least: lanit.Member, other: lanit.BillingRole,
		task: lanit.ResourceView, bindable: lanit.Member,
	}, {
		system: devicehub.System(), strong: devicehub.SuperAdmin, least: devicehub.Basic, other: devicehub.Admin,
		task: devicehub.SubaccountList, bindable: devicehub.Basic,
	}}
}

// aimed is a method of Actor, called on a target. Its name is the method's; behind a blank it may
// say how it is called.
type aimed struct {
	// at says which id of the target it looks up: account, grant, or none.
	at   string
	call func(ctx context.Context, a iam.Actor, x target) error
}

// methods are all methods of Actor. TestGuardKnowsEveryMethod fails for one that is missing.
func (g guarded) methods() map[string]aimed {
	at := func(what string, call func(ctx context.Context, a iam.Actor, x target) error) aimed {
		return aimed{what, call}
	}
	return map[string]aimed{
		"Organization": at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Organization(ctx)) }),
		"Account":      at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Account(ctx, x.account)) }),
		"Accounts": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Accounts(ctx, iam.AccountQuery{}))
		}),
		"Bindings": at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Bindings(ctx, x.account)) }),
		"Grants":   at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Grants(ctx, x.account)) }),
		"Events":   at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Events(ctx, iam.EventQuery{})) }),
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
		"RevokeGrant": at("grant", func(ctx context.Context, a iam.Actor, x target) error { return a.RevokeGrant(ctx, x.grant) }),
	}
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
	account := o.create(iam.CreateAccountParams{Roles: []policy.Role{g.least}, Active: method != "Activate"})
	x := target{account: account.ID, project: "p1"}
	grant := policy.GrantPermission(g.task, policy.AtOrg(o.id)).Until(morning.Add(time.Hour))
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
	}
	return x
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
		{reflect.TypeFor[iam.SystemActor](), []string{"CreateOrganization", "In"}},
		{reflect.TypeFor[*iam.SystemActor](), []string{"CreateOrganization", "In"}},
	} {
		var got []string
		for i := range all.of.NumMethod() {
			got = append(got, all.of.Method(i).Name)
		}
		same(t, "the methods of "+all.of.String(), got, all.known)
	}
}
