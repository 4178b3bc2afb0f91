package iam_test

import (
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func openProjects(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	admin, user, auditor := o.account(emqx.ProjectAdmin), o.account(emqx.ProjectUser), o.account(emqx.Auditor)
	guest := o.account(emqx.Accountant)
	may := func() [4]bool {
		return [4]bool{
			o.can(admin, emqx.DeploymentDelete, "lab"), o.can(user, emqx.DeploymentRename, "lab"),
			o.can(user, emqx.DeploymentDelete, "lab"), o.can(auditor, emqx.DeploymentRename, "lab"),
		}
	}
	closed, open := [4]bool{}, [4]bool{true, true, false, false}
	equal(w, "by default it is closed", may(), closed)
	same(w, "choices", must(o.root().Projects(ctx))(w), nil)

	before := o.events()
	w.ok(o.root().OpenProject(ctx, "lab"))
	w.ok(o.root().OpenProject(ctx, "lab"))
	equal(w, "open to each role", may(), open)
	equal(w, "another stays closed", o.can(user, emqx.DeploymentRename, "p1"), false)
	same(w, "what is reached", o.svc.Reach(o.subject(user), emqx.View, emqx.Deployment).Projects(), []policy.ProjectID{"lab"})
	same(w, "choices", must(o.as(auditor).Projects(ctx))(w), []iam.Project{{ID: "lab", Open: true}})
	_, err := o.as(guest).Projects(ctx)
	w.refused(err, iam.ErrForbidden)

	w.ok(o.root().CloseProject(ctx, "lab"))
	equal(w, "closed again", may(), closed)
	same(w, "choices", must(o.root().Projects(ctx))(w), []iam.Project{{ID: "lab"}})
	same(w, "events", saidAll(o.since(before)), []string{
		`project.opened, open "false" to "true"`, `project.closed, open "true" to "false"`,
	})
}

// Who may bind in a project, and give no role, cannot open it: that would give the roles of all
// (SB-61), and to some their own (SB-63).
func openingIsGiving(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	user := o.account(emqx.ProjectUser)
	must(o.root().GiveGrant(ctx, user, policy.GrantPermission(emqx.ProjectBind, policy.AtProject(o.id, "lab"))))(w)
	o.unchanged(func() {
		w.refused(o.as(user).Bind(ctx, iam.Binding{Account: user, Role: emqx.ProjectUser, Project: "lab"}), iam.ErrForbidden)
		w.refused(o.as(user).OpenProject(ctx, "lab"), iam.ErrForbidden)
		w.refused(o.as(user).CloseProject(ctx, "lab"), iam.ErrForbidden)
	})
	equal(w, "whether the user has come in", o.can(user, emqx.DeploymentView, "lab"), false)
}

func forgotten(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	ann, bob := o.account(emqx.ProjectUser), o.account(emqx.ProjectUser, emqx.ProjectAdmin)
	o.bind(ann, emqx.ProjectUser, "p1", "p2")
	o.bind(bob, emqx.ProjectAdmin, "p1")
	w.ok(o.root().OpenProject(ctx, "p1"))
	inside := policy.GrantPermission(emqx.DeploymentDelete, policy.AtProject(o.id, "p1"))
	outside := policy.GrantPermission(emqx.DeploymentDelete, policy.AtProject(o.id, "p2"))
	must(o.root().GiveGrant(ctx, ann, inside))(w)
	kept := must(o.root().GiveGrant(ctx, ann, outside))(w)
	before := o.events()

	w.ok(o.root().ForgetProject(ctx, "p1"))
	same(w, "its bindings", must(o.root().ProjectBindings(ctx, "p1", iam.AccountQuery{}))(w), nil)
	same(w, "its choice", must(o.root().Projects(ctx))(w), nil)
	same(w, "Ann's bindings", must(o.root().Bindings(ctx, ann))(w), []iam.Binding{{Account: ann, Role: emqx.ProjectUser, Project: "p2"}})
	grants := must(o.root().Grants(ctx, ann))(w)
	if len(grants) != 1 || grants[0].ID != kept.ID {
		w.Errorf("grants left: %v, want that in p2", grants)
	}
	// A project that is made with the same id finds nothing of the old one.
	for _, id := range []policy.AccountID{ann, bob} {
		equal(w, "access to p1", o.can(id, emqx.DeploymentView, "p1"), false)
	}
	said := saidAll(o.since(before))
	slices.Sort(said[:2])
	same(w, "events", said, []string{
		`project.unbound, project "p1" to "", role "project_admin" to ""`,
		`project.unbound, project "p1" to "", role "project_user" to ""`,
		`grant.revoked, grant "` + inside.String() + `" to ""`,
		`project.forgotten`,
	})
}

// A project's id says nothing about its organisation (SB-67, SB-68).
func sameProjectID(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	ctx := o.Context()
	ann := o.account(emqx.ProjectUser)
	o.bind(ann, emqx.ProjectUser, "p1")
	theirs := other.account(emqx.ProjectUser)
	other.unchanged(func() {
		w.ok(o.root().OpenProject(ctx, "p1"))
		w.ok(o.root().ForgetProject(ctx, "p1"))
		grant := policy.GrantPermission(emqx.TicketView, policy.AtOrg(other.id))
		w.wrong(second(o.root().GiveGrant(ctx, ann, grant)), "Grant.At")
		w.wrong(second(o.system().GiveGrant(ctx, ann, grant)), "Grant.At")
		mixed := []iam.Binding{{Account: ann, Role: emqx.ProjectUser, Project: "p2"}, {Account: theirs, Role: emqx.ProjectUser, Project: "p2"}}
		w.refused(o.root().Bind(ctx, mixed...), iam.ErrNotFound)
	})
	equal(w, "bindings of a refused call", len(must(o.root().Bindings(ctx, ann))(w)), 0)
	theirDeployment := emqx.Deployment.In(other.id, "p1").Named("d1")
	equal(w, "access to the other's", o.svc.Explain(o.subject(ann), emqx.View, theirDeployment).Reason, policy.OtherOrganization)
}
