package iam_test

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// withHoldings is EMQX as a host could have it that lets accounts own deployments.
func withHoldings(system iam.System) iam.System {
	system.Rules.Permissions.ChangeQuotas = emqx.SubaccountManage
	system.Rules.Holdings = []iam.HeldKind{{
		Kind: emqx.Deployment, Claim: emqx.DeploymentCreate, Release: emqx.DeploymentDelete, Transfer: emqx.DeploymentMove,
		Share: emqx.DeploymentMove, Manage: []policy.Permission{emqx.DeploymentView}, Quota: true,
	}}
	return system
}

// holdingMethods are those of Actor about what accounts hold, and how much they may.
func (g guarded) holdingMethods() map[string]aimed {
	at := func(what string, call func(ctx context.Context, a iam.Actor, x target) error) aimed {
		return aimed{what, call}
	}
	return map[string]aimed{
		"Claim":   at("", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Claim(ctx, g.kind, x.device)) }),
		"Release": at("holding", func(ctx context.Context, a iam.Actor, x target) error { return a.Release(ctx, g.kind, x.device) }),
		"Transfer": at("holding", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Transfer(ctx, g.kind, x.device, x.to))
		}),
		"Share": at("holding", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Share(ctx, g.kind, x.device, iam.ShareParams{To: x.to, Permissions: []policy.Permission{g.shared}}))
		}),
		"Unshare": at("holding", func(ctx context.Context, a iam.Actor, x target) error {
			return a.Unshare(ctx, g.kind, x.device, x.grant)
		}),
		"Shares": at("holding", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Shares(ctx, g.kind, x.device))
		}),
		"TakeManagement": at("holding", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.TakeManagement(ctx, g.kind, x.device))
		}),
		"Holdings": at("", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.Holdings(ctx, iam.HoldingQuery{}))
		}),
		"Quotas": at("account", func(ctx context.Context, a iam.Actor, x target) error { return second(a.Quotas(ctx, x.account)) }),
		"SetQuota": at("account", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.SetQuota(ctx, x.account, g.kind, 1))
		}),
	}
}

// prepareHolding makes the target hold something that is shared with another, where the method is about that.
func (g guarded) prepareHolding(o *org, method string, x *target) {
	o.Helper()
	x.device = address("device")
	if g.holdingMethods()[method].at != "holding" || g.shared == "" {
		return
	}
	if x.to == "" {
		x.to = o.account(g.least)
	}
	g.hold(o, x)
}

// hold makes the target's account hold its device, past the policy, which is shared with another.
func (g guarded) hold(o *org, x *target) {
	o.Helper()
	given := policy.GrantPermission(g.shared, policy.AtResource(o.id, g.kind, x.device))
	x.grant = iam.GrantID(address("share"))
	o.ok(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
		if err := tx.PutLimit(o.Context(), x.to, g.kind, 1); err != nil {
			return err
		}
		holding := iam.Holding{Org: o.id, Kind: g.kind, ID: x.device, Account: x.account, Since: o.clock.now()}
		if err := tx.InsertHolding(o.Context(), holding); err != nil {
			return err
		}
		return tx.InsertGrant(o.Context(), iam.Grant{ID: x.grant, Account: x.to, Grant: given, Created: o.clock.now()})
	}))
}

// holdingAims are the targets that need a look of a method about what somebody holds: who holds it.
func (g guarded) holdingAims(foreignly aim) []aim {
	if g.shared == "" {
		return []aim{foreignly}
	}
	heldBy := func(name string, id func(o *org, a asker) policy.AccountID) aim {
		return aim{name: name, each: name == "oneself", at: func(o *org, a asker, usual target) target {
			usual.device, usual.to = address("device"), o.account(g.least)
			if usual.account = id(o, a); usual.account == "" {
				usual.account = o.account(g.least)
			}
			g.hold(o, &usual)
			return usual
		}}
	}
	return []aim{
		foreignly,
		heldBy("the strong", func(o *org, _ asker) policy.AccountID { return o.account(g.strong) }),
		heldBy("root", func(o *org, _ asker) policy.AccountID { return o.rootID }),
		heldBy("oneself", func(_ *org, a asker) policy.AccountID { return a.id }),
	}
}
