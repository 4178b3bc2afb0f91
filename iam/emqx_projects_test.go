package iam_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestEMQXProjects(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E5: each binding gives its role in its project, and no more", roleByRole)
		w.run("E6: organisation roles reach every project, and are not bound", organizationRoles)
		w.run("E6: only a held project role is bound", heldRolesOnly)
		w.run("E8: a project role without a binding is warned of", projectsNeeded)
		w.run("E13: a disabled account is nowhere until it is enabled", disabledIsNowhere)
		w.run("E15: projects are authorised from both sides", bothSides)
		w.run("E16: a project is open to all roles when it was opened", openProjects)
		w.run("SB-61: who gives no role opens no project", openingIsGiving)
		w.run("a project that is forgotten leaves nothing", forgotten)
		w.run("a project's id in another organisation is another project", sameProjectID)
	})
}

func roleByRole(w *world) {
	o := w.organization(emqx.System())
	pete := o.account(emqx.ProjectAdmin, emqx.ProjectUser)
	o.bind(pete, emqx.ProjectAdmin, "a")
	o.bind(pete, emqx.ProjectUser, "b")
	p := o.svc.Policy()
	admin := p.Holder(policy.HolderParams{ID: pete, Org: o.id, Grants: []policy.Grant{policy.GrantRole(emqx.ProjectAdmin, policy.AtProject(o.id, "a"))}})
	user := p.Holder(policy.HolderParams{ID: pete, Org: o.id, Grants: []policy.Grant{policy.GrantRole(emqx.ProjectUser, policy.AtProject(o.id, "b"))}})
	sub := o.subject(pete)
	for _, plan := range []string{"premium", "byoc"} {
		at := func(project policy.ProjectID) policy.Resource {
			return emqx.Deployment.In(o.id, project).Named("d1").With(emqx.Plan, plan)
		}
		// Tickets hold in the organisation: bound or not, both roles have them.
		without := func(all []policy.Permission) []policy.Permission {
			return slices.DeleteFunc(all, func(p policy.Permission) bool { return p.Kind() == emqx.Ticket })
		}
		same(w, "in a", without(o.svc.Permissions(sub, at("a"))), without(admin.Permissions(at("a"))))
		same(w, "in b", without(o.svc.Permissions(sub, at("b"))), without(user.Permissions(at("b"))))
		same(w, "in c", without(o.svc.Permissions(sub, at("c"))), nil)
	}
	if !o.can(pete, emqx.DeploymentDelete, "a") || o.can(pete, emqx.DeploymentDelete, "b") || !o.can(pete, emqx.DeploymentRename, "b") {
		w.Error("project_admin in a and project_user in b are mixed up")
	}
}

func organizationRoles(w *world) {
	o := w.organization(emqx.System())
	for _, role := range []policy.Role{emqx.Administrator, emqx.Accountant, emqx.Auditor} {
		id := o.account(role, emqx.ProjectUser)
		equal(w, string(role)+" reads any project", o.can(id, emqx.DeploymentView, "anything"), true)
		equal(w, string(role)+" deletes there", o.can(id, emqx.DeploymentDelete, "anything"), role == emqx.Administrator)
		equal(w, string(role)+" reaches all", o.svc.Reach(o.subject(id), emqx.View, emqx.Deployment).IsAll(), true)
		o.unchanged(func() {
			w.wrong(o.root().Bind(o.Context(), iam.Binding{Account: id, Role: role, Project: "p1"}), "Role")
		})
	}
}

func heldRolesOnly(w *world) {
	o := w.organization(emqx.System())
	auditor, user := o.account(emqx.Auditor), o.account(emqx.ProjectUser)
	for _, b := range []iam.Binding{
		{Account: auditor, Role: emqx.ProjectUser, Project: "p1"},
		{Account: user, Role: emqx.ProjectAdmin, Project: "p1"},
		{Account: user, Role: "boss", Project: "p1"},
		{Account: user, Role: "", Project: "p1"},
		{Account: user, Role: policy.CustomRole("other", "helper"), Project: "p1"},
	} {
		o.unchanged(func() {
			// All or nothing: the good one does not stay either.
			good := iam.Binding{Account: user, Role: emqx.ProjectUser, Project: "p2"}
			err := o.root().Bind(o.Context(), good, b)
			w.wrong(err, "Role")
			var field *iam.FieldError
			if errors.As(err, &field) && field.Problem == "" {
				w.Errorf("%+v: the refusal says nothing", b)
			}
		})
	}
}

func projectsNeeded(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	account, warnings, err := o.root().CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.ProjectUser}, Active: true})
	w.ok(err)
	same(w, "warnings", warnings, []iam.Warning{iam.ProjectsNeeded})
	equal(w, "whether it sees a project", o.can(account.ID, emqx.ProjectList, "p1"), false)
	o.bind(account.ID, emqx.ProjectUser, "p1")
	equal(w, "whether it sees it when bound", o.can(account.ID, emqx.ProjectList, "p1"), true)

	// Each project role wants a binding of its own.
	_, warnings, err = o.root().SetRoles(ctx, account.ID, emqx.ProjectUser, emqx.Auditor)
	w.ok(err)
	same(w, "warnings when it is bound", warnings, nil)
	_, warnings, err = o.root().SetRoles(ctx, account.ID, emqx.ProjectUser, emqx.ProjectAdmin)
	w.ok(err)
	same(w, "warnings for another role", warnings, []iam.Warning{iam.ProjectsNeeded})
	_, warnings, err = o.root().SetRoles(ctx, account.ID, emqx.Accountant)
	w.ok(err)
	same(w, "warnings for none", warnings, nil)
}

func disabledIsNowhere(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	id := o.account(emqx.ProjectUser, emqx.Auditor)
	o.bind(id, emqx.ProjectUser, "p1")
	must(o.root().GiveGrant(ctx, id, policy.GrantPermission(emqx.DeploymentDelete, policy.AtProject(o.id, "p1"))))(w)
	listed := func() int { return len(must(o.root().ProjectBindings(ctx, "p1", iam.AccountQuery{}))(w)) }
	who := func() int {
		return len(must(o.svc.WhoCan(ctx, emqx.Rename, emqx.Deployment.In(o.id, "p1").Named("d1")))(w))
	}
	around := emqx.Deployment.In(o.id, "p1").Named("d1")
	had := o.svc.Permissions(o.subject(id), around)
	equal(w, "listed before", listed(), 1)
	equal(w, "those who can, before", who(), 2)

	must(o.root().Disable(ctx, id))(w)
	sub := o.subject(id)
	same(w, "what it may", o.svc.Permissions(sub, around), nil)
	equal(w, "why not", o.svc.Explain(sub, emqx.View, around).Reason, policy.Inactive)
	equal(w, "what it reaches", o.svc.Reach(sub, emqx.View, emqx.Deployment).IsNone(), true)
	equal(w, "listed", listed(), 0)
	equal(w, "those who can", who(), 1)
	o.unchanged(func() {
		w.wrong(o.root().Bind(ctx, iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p2"}), "Account")
		w.wrong(o.system().Bind(ctx, iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p2"}), "Account")
		w.wrong(second(o.root().Activate(ctx, id)), "Status")
	})
	equal(w, "its data is kept", len(must(o.root().Bindings(ctx, id))(w)), 1)

	must(o.root().Enable(ctx, id))(w)
	same(w, "what it may again", o.svc.Permissions(o.subject(id), around), had)
	equal(w, "listed again", listed(), 1)
	equal(w, "those who can, again", who(), 2)
}

func bothSides(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	named := func(name, email string) policy.AccountID {
		return o.create(iam.CreateAccountParams{
			Email: email, Roles: []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser}, Active: true, Profile: iam.Profile{Name: name},
		}).ID
	}
	ann, bob, cid := named("Ann 100%", address("ann")), named("Bob_B", address("bob")), named("Cid", address("cid"))
	binding := func(id policy.AccountID, role policy.Role, project policy.ProjectID) iam.Binding {
		return iam.Binding{Account: id, Role: role, Project: project}
	}

	// From the account: its projects, role by role.
	w.ok(o.root().Bind(ctx, binding(ann, emqx.ProjectUser, "p2"), binding(ann, emqx.ProjectAdmin, "p1"), binding(ann, emqx.ProjectUser, "p1")))
	same(w, "Ann's", must(o.root().Bindings(ctx, ann))(w), []iam.Binding{
		binding(ann, emqx.ProjectAdmin, "p1"), binding(ann, emqx.ProjectUser, "p1"), binding(ann, emqx.ProjectUser, "p2"),
	})
	// From the project: its accounts, several in one go.
	w.ok(o.root().Bind(ctx, binding(bob, emqx.ProjectUser, "p1"), binding(cid, emqx.ProjectAdmin, "p1")))
	everybody := []iam.Binding{
		binding(ann, emqx.ProjectAdmin, "p1"), binding(ann, emqx.ProjectUser, "p1"),
		binding(bob, emqx.ProjectUser, "p1"), binding(cid, emqx.ProjectAdmin, "p1"),
	}
	of := func(ids ...policy.AccountID) []iam.Binding {
		return slices.DeleteFunc(slices.Clone(everybody), func(b iam.Binding) bool { return !slices.Contains(ids, b.Account) })
	}
	for keyword, want := range map[string][]iam.Binding{
		"": everybody, "ann": of(ann), "BOB": of(bob), "example": everybody, "%": of(ann), "_": of(bob), "nobody": nil,
		"bob@": of(bob), "100%": of(ann), "b_b": of(bob), "' OR 1=1 --": nil, "\x00": nil,
	} {
		got := must(o.root().ProjectBindings(ctx, "p1", iam.AccountQuery{Keyword: keyword}))(w)
		same(w, "those in p1 with "+keyword, got, want)
	}

	// And taken away again, from either side; what is not there is no error and no event.
	before := o.events()
	w.ok(o.root().Unbind(ctx, binding(ann, emqx.ProjectUser, "p1"), binding(bob, emqx.ProjectUser, "p1"), binding(cid, emqx.ProjectUser, "p9")))
	w.ok(o.root().Bind(ctx, binding(ann, emqx.ProjectAdmin, "p1")))
	same(w, "left in p1", must(o.root().ProjectBindings(ctx, "p1", iam.AccountQuery{}))(w), []iam.Binding{everybody[0], everybody[3]})
	equal(w, "events", len(o.since(before)), 2)
}
