package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestCustomRoles(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("a role of one organisation is given there, and nowhere else", customRole)
		w.run("a role that the policy no longer knows gives nothing", lostRole)
	})
}

// helper adds a role of the organisation's own: in bound projects it views and restarts deployments.
func (o *org) helper() policy.Role {
	o.Helper()
	role := policy.CustomRole(o.id, "helper")
	rules := fmt.Sprintf(`p4, %[1]s, Helper
p2, root, %[1]s
p2, administrator, %[1]s
p, %[1]s, project, deployment, view, allow, always
p, %[1]s, project, deployment, start_stop, allow, always
`, role)
	doc := must(policy.ReadDocument("helper.csv", []byte(rules)))(o)
	o.ok(o.svc.SetPolicy(must(o.svc.Policy().With(doc))(o)))
	return role
}

func customRole(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	ctx := o.Context()
	old := o.subject(o.rootID)
	role := o.helper()

	id := o.account(role)
	o.bind(id, role, "p1")
	equal(w, "bound", o.can(id, emqx.DeploymentStartStop, "p1"), true)
	equal(w, "bound elsewhere", o.can(id, emqx.DeploymentStartStop, "p2"), false)
	equal(w, "more than it has", o.can(id, emqx.DeploymentDelete, "p1"), false)
	user := o.account(emqx.ProjectUser)
	_, warnings, err := o.as(o.account(emqx.Administrator)).SetRoles(ctx, user, emqx.ProjectUser, role)
	w.ok(err)
	same(w, "warnings", warnings, []iam.Warning{iam.ProjectsNeeded})
	who := must(o.svc.WhoCan(ctx, emqx.StartStop, emqx.Deployment.In(o.id, "p1").Named("d1")))(w)
	equal(w, "whether WhoCan knows it", slices.ContainsFunc(who, func(d policy.Decision) bool { return d.Subject == id }), true)

	theirs := other.account(emqx.ProjectUser)
	for name, actor := range map[string]iam.Actor{"root": other.root(), "the system": other.system()} {
		other.unchanged(func() {
			_, _, err := actor.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{role}})
			w.wrong(err, "Roles")
			_, _, err = actor.SetRoles(ctx, theirs, emqx.ProjectUser, role)
			w.wrong(err, "Roles")
			w.wrong(actor.Bind(ctx, iam.Binding{Account: theirs, Role: role, Project: "p1"}), "Role")
			if err := second(actor.GiveGrant(ctx, theirs, policy.GrantRole(role, policy.AtProject(other.id, "p1")))); err == nil {
				w.Errorf("%s of another organisation gives the role by a grant", name)
			}
		})
	}

	// A subject keeps the policy with which it was loaded; what it changes goes by the new one.
	equal(w, "whether the old subject knows the role", old.Holder().Policy().HasRole(role), false)
	_, _, err = o.svc.As(old).CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{role}})
	w.ok(err)
}

func lostRole(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	before := o.svc.Policy()
	role := o.helper()
	id := o.account(role, emqx.Auditor)
	o.bind(id, role, "p1")
	w.ok(o.svc.SetPolicy(before))

	equal(w, "what the role gave", o.can(id, emqx.DeploymentStartStop, "p1"), false)
	equal(w, "what another gives", o.can(id, emqx.DeploymentView, "p1"), true)
	// The account is still somebody whom an administrator manages.
	_, _, err := o.as(o.account(emqx.Administrator)).SetRoles(ctx, id, emqx.Auditor)
	w.ok(err)
	same(w, "its bindings", must(o.root().Bindings(ctx, id))(w), nil)
}
