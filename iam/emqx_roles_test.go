package iam_test

import (
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// subAccountRoles are the five of E1.
var subAccountRoles = []policy.Role{emqx.Accountant, emqx.Administrator, emqx.Auditor, emqx.ProjectAdmin, emqx.ProjectUser}

func TestEMQXRoles(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E1: an account has many roles, and a role many accounts", rolesAreManyToMany)
		w.run("E2: root is no sub-account, and stays", rootStays)
		w.run("E2: an administrator does what root does, and can be changed", administratorIsEqual)
		w.run("E4: what any role allows is allowed", rolesAddUp)
		w.run("E7: root and administrators manage, an auditor sees, nobody else", whoManages)
		w.run("E8: an account is created with address, roles and note", created)
		w.run("E12: roles and note are changed", changedLater)
		w.run("E14: what is deleted is gone, and its address starts anew", deletedForEver)
		w.run("E19: rows of a plan hold for its deployments", plans)
	})
}

func rolesAreManyToMany(w *world) {
	o := w.organization(emqx.System())
	all := o.account(slices.Repeat(subAccountRoles, 2)...)
	same(w, "the roles of one", o.get(all).Roles, subAccountRoles)
	same(w, "the subject's", slices.Sorted(slices.Values(o.subject(all).Roles())), subAccountRoles)
	for _, role := range subAccountRoles {
		one := o.account(role)
		found := must(o.root().Accounts(o.Context(), iam.AccountQuery{Role: role}))(w)
		same(w, "who has "+string(role), accountIDs(found), []policy.AccountID{all, one})
	}
}

func rootStays(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	for name, actor := range map[string]iam.Actor{"root": o.root(), "the system": o.system()} {
		ctx := o.Context()
		grant := policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))
		_, _, setRoles := actor.SetRoles(ctx, o.rootID, emqx.Auditor)
		for what, err := range map[string]error{
			"disable": second(actor.Disable(ctx, o.rootID)), "delete": actor.Delete(ctx, o.rootID),
			"set roles": setRoles, "give a grant": second(actor.GiveGrant(ctx, o.rootID, grant)),
		} {
			w.refused(err, iam.ErrRoot)
			if err == nil {
				w.Errorf("%s by %s", what, name)
			}
		}
		// Nobody else becomes root: the role is given to nobody, in no way.
		_, _, err := actor.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Root}})
		w.wrong(err, "Roles")
		_, _, err = actor.SetRoles(ctx, admin, emqx.Root)
		w.wrong(err, "Roles")
		w.wrong(second(actor.GiveGrant(ctx, admin, policy.GrantRole(emqx.Root, policy.AtOrg(o.id)))), "Grant.Role")
	}
	w.refused(second(o.as(admin).UpdateProfile(o.Context(), o.rootID, iam.Profile{Name: "Mallory"})), iam.ErrForbidden)

	mine := must(o.root().UpdateProfile(o.Context(), o.rootID, iam.Profile{Name: "Rosa"}))(w)
	if !mine.Root || mine.Name != "Rosa" || mine.Status != iam.Active || !slices.Equal(mine.Roles, []policy.Role{emqx.Root}) {
		w.Errorf("root is now %+v", mine)
	}
	equal(w, "the organisation's root", must(o.root().Organization(o.Context()))(w).Root, o.rootID)
	equal(w, "whether its subject is root", o.subject(o.rootID).Root(), true)
	equal(w, "whether an administrator is", o.subject(admin).Root(), false)
}

func administratorIsEqual(w *world) {
	o := w.organization(emqx.System())
	admin, other := o.account(emqx.Administrator), o.account(emqx.Administrator)
	for _, plan := range []string{"serverless", "dedicated", "premium", "byoc"} {
		around := emqx.Deployment.In(o.id, "p1").Named("d1").With(emqx.Plan, plan)
		got := o.svc.Permissions(o.subject(admin), around)
		want := o.svc.Permissions(o.subject(o.rootID), around)
		same(w, "permissions around a deployment of plan "+plan, got, want)
	}
	same(w, "roles given", o.svc.Policy().Gives(emqx.Administrator), o.svc.Policy().Gives(emqx.Root))

	ctx := o.Context()
	equal(w, "status", must(o.as(other).Disable(ctx, admin))(w).Status, iam.Disabled)
	equal(w, "status", must(o.as(other).Enable(ctx, admin))(w).Status, iam.Active)
	_, _, err := o.as(other).SetRoles(ctx, admin, emqx.Auditor)
	w.ok(err)
	w.ok(o.as(other).Delete(ctx, admin))
}

func rolesAddUp(w *world) {
	o := w.organization(emqx.System())
	accountant, auditor := o.account(emqx.Accountant), o.account(emqx.Auditor)
	both := o.account(emqx.Accountant, emqx.Auditor)
	around := emqx.Deployment.In(o.id, "p1").Named("d1")
	for _, p := range o.svc.Policy().Vocabulary() {
		either := o.can(accountant, p, "p1") || o.can(auditor, p, "p1")
		if got := slices.Contains(o.svc.Permissions(o.subject(both), around), p); got != either {
			w.Errorf("%s: with both roles %t, with either %t", p, got, either)
		}
	}
	if o.canOrg(accountant, emqx.AuditLogView) || o.canOrg(auditor, emqx.BillingInvoicesDownload) {
		w.Error("one role alone has what only the other brings")
	}
	if !o.canOrg(both, emqx.AuditLogView) || !o.canOrg(both, emqx.BillingInvoicesDownload) {
		w.Error("both roles have not what each of them brings")
	}
}

func whoManages(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	for _, role := range append([]policy.Role{emqx.Root}, subAccountRoles...) {
		id := o.rootID
		if role != emqx.Root {
			id = o.account(role)
		}
		manages := role == emqx.Root || role == emqx.Administrator
		_, _, err := o.as(id).CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Auditor}})
		equal(w, string(role)+" creates", err == nil, manages)
		_, err = o.as(id).Accounts(ctx, iam.AccountQuery{})
		equal(w, string(role)+" sees the list", err == nil, manages || role == emqx.Auditor)
		self := must(o.as(id).Account(ctx, id))(w)
		equal(w, string(role)+" sees itself", self.ID, id)
	}
}

func created(w *world) {
	o := w.organization(emqx.System())
	email := address("Ann")
	account, warnings, err := o.root().CreateAccount(o.Context(), iam.CreateAccountParams{
		Email: email, Roles: []policy.Role{emqx.ProjectUser, emqx.Auditor}, Profile: iam.Profile{Note: "night shift"},
	})
	w.ok(err)
	same(w, "warnings", warnings, []iam.Warning{iam.ProjectsNeeded})
	want := iam.Account{
		ID: account.ID, Org: o.id, Status: iam.Pending, Email: must(iam.ParseEmail(email))(w),
		Roles: []policy.Role{emqx.Auditor, emqx.ProjectUser}, Note: "night shift",
		CreatedBy: o.rootID, Created: morning, Updated: morning,
	}
	sameAccount(w, account, want)
	sameAccount(w, o.get(account.ID), want)
	equal(w, "whether it may before it is active", o.canOrg(account.ID, emqx.AuditLogView), false)

	must(o.root().Activate(o.Context(), account.ID))(w)
	equal(w, "whether it may then", o.canOrg(account.ID, emqx.AuditLogView), true)
	equal(w, "whether it sees a project", o.can(account.ID, emqx.DeploymentRename, "p1"), false)

	_, warnings, err = o.root().CreateAccount(o.Context(), iam.CreateAccountParams{Roles: []policy.Role{emqx.Accountant}})
	w.ok(err)
	same(w, "warnings for an organisation role", warnings, nil)

	o.unchanged(func() {
		_, _, err = o.root().CreateAccount(o.Context(), iam.CreateAccountParams{Email: email})
		w.wrong(err, "Roles")
	})
}

// sameAccount compares all fields.
func sameAccount(w *world, got, want iam.Account) {
	w.Helper()
	same(w, "roles", got.Roles, want.Roles)
	got.Roles, want.Roles = nil, nil
	got.Created, got.Updated = got.Created.UTC(), got.Updated.UTC()
	if a, b := printedAccount(got), printedAccount(want); a != b {
		w.Errorf("got the account %s\nwant %s", a, b)
	}
}

func changedLater(w *world) {
	o := w.organization(emqx.System())
	id := o.account(emqx.ProjectUser, emqx.Auditor)
	o.bind(id, emqx.ProjectUser, "p1", "p2")
	admin := o.account(emqx.Administrator)
	before := o.events()

	account, warnings, err := o.as(admin).SetRoles(o.Context(), id, emqx.Accountant, emqx.ProjectAdmin)
	w.ok(err)
	same(w, "warnings", warnings, []iam.Warning{iam.ProjectsNeeded})
	same(w, "roles", account.Roles, []policy.Role{emqx.Accountant, emqx.ProjectAdmin})
	same(w, "roles as stored", o.get(id).Roles, account.Roles)
	same(w, "bindings of the role that went", must(o.system().Bindings(o.Context(), id))(w), nil)

	o.clock.advance(time.Second)
	account = must(o.as(admin).UpdateProfile(o.Context(), id, iam.Profile{Note: "moved to billing"}))(w)
	equal(w, "note", account.Note, "moved to billing")
	same(w, "events", saidAll(o.since(before)), []string{
		`project.unbound, project "p1" to "", role "project_user" to ""`,
		`project.unbound, project "p2" to "", role "project_user" to ""`,
		`account.roles_changed, roles "auditor project_user" to "accountant project_admin"`,
		`account.updated, note "" to "moved to billing"`,
	})

	// What changes nothing leaves no event.
	before = o.events()
	_, _, err = o.as(admin).SetRoles(o.Context(), id, emqx.ProjectAdmin, emqx.Accountant)
	w.ok(err)
	must(o.as(admin).UpdateProfile(o.Context(), id, iam.Profile{Note: "moved to billing"}))(w)
	equal(w, "events of no change", len(o.since(before)), 0)
}
