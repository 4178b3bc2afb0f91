package iam_test

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func deletedForEver(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	email := address("ann")
	params := iam.CreateAccountParams{Email: email, Roles: []policy.Role{emqx.ProjectUser}, Active: true}
	old := o.create(params).ID
	o.bind(old, emqx.ProjectUser, "p1")
	grant := must(o.root().GiveGrant(ctx, old, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))))(w)
	stale := o.as(old)

	w.ok(o.root().Delete(ctx, old))
	w.refused(second(o.root().Account(ctx, old)), iam.ErrNotFound)
	w.refused(second(o.svc.Subject(ctx, old)), iam.ErrNotFound)
	w.refused(second(o.root().Enable(ctx, old)), iam.ErrNotFound)
	w.refused(o.root().Delete(ctx, old), iam.ErrNotFound)
	w.refused(o.root().RevokeGrant(ctx, grant.ID), iam.ErrNotFound)
	w.refused(stale.Delete(ctx, o.rootID), iam.ErrForbidden)
	equal(w, "its bindings in the project", len(must(o.root().ProjectBindings(ctx, "p1", iam.AccountQuery{}))(w)), 0)

	// The address can be used again and inherits nothing (SB-69).
	again := o.create(params).ID
	if again == old {
		w.Error("the id came back")
	}
	equal(w, "its bindings", len(must(o.root().Bindings(ctx, again))(w)), 0)
	equal(w, "its grants", len(must(o.root().Grants(ctx, again))(w)), 0)
	equal(w, "its access", o.can(again, emqx.DeploymentView, "p1"), false)
	mine := must(o.root().Events(ctx, iam.EventQuery{Target: string(again)}))(w)
	equal(w, "its events", len(mine), 1)
}

// plans proves E19: features of a plan, by what the host says of the deployment.
func plans(w *world) {
	o := w.organization(emqx.System())
	id := o.account(emqx.ProjectAdmin)
	o.bind(id, emqx.ProjectAdmin, "p1")
	sub := o.subject(id)
	for _, c := range []struct {
		p     policy.Permission
		plans []string // that have it
	}{
		{emqx.DeploymentClusterLinkingManage, []string{"premium"}},
		{emqx.DeploymentEventHistoryView, []string{"premium"}},
		{emqx.StreamingStreamsManage, []string{"premium"}},
		{emqx.DeploymentGatewayManage, []string{"dedicated", "premium"}},
		{emqx.DataHubSubscribe, []string{"dedicated", "premium"}},
		{emqx.DeploymentChangeSpendLimit, []string{"serverless"}},
		{emqx.DeploymentUpdateLicense, []string{"byoc"}},
		{emqx.DeploymentDelete, []string{"serverless", "dedicated", "premium", "byoc", "gold", ""}},
	} {
		has := map[string]bool{}
		for _, plan := range c.plans {
			has[plan] = true
		}
		for _, plan := range []string{"serverless", "dedicated", "premium", "byoc", "gold", ""} {
			r := c.p.Kind().In(o.id, "p1").Named("d1").With(emqx.Plan, plan)
			equal(w, string(c.p)+" on plan "+plan, o.svc.Can(sub, c.p.Action(), r), has[plan])
		}
		unsaid := c.p.Kind().In(o.id, "p1").Named("d1")
		equal(w, string(c.p)+" when no plan is given", o.svc.Can(sub, c.p.Action(), unsaid), has[""])
	}
}
