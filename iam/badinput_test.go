package iam_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// impossible are ids that nothing has: no database stores them alike.
var impossible = map[string]string{
	"empty": "", "NUL": "a\x00", "newline": "a\nb", "escape": "\x1b[31m", "no UTF-8": "\xff\xfe", "DEL": "a\x7f", "C1": "a\u0085b",
	"10,000 bytes": strings.Repeat("a", 10_000), "256 bytes": strings.Repeat("a", 256),
}

// odd are ids that are fine, and only ever themselves.
var odd = []string{"a,b", "a, b", "administrator", "Administrator", "%61", "a%", "_", "' OR 1=1 --", "имя 🙂", "a ", " a", "org/acme", strings.Repeat("z", 255)}

func TestBadInput(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("ids that cannot be belong to nothing", impossibleIDs)
		w.run("odd ids are themselves", oddIDs)
		w.run("an account that is called like a role holds nothing by that", calledLikeARole)
		w.run("roles, permissions, places and texts that are none are refused", wrongParams)
		w.run("an organisation that is not there is not found", noOrganization)
		w.run("a cancelled context changes nothing", canceledContext)
		w.run("without randomness nothing is made", noRandomness)
	})
}

func impossibleIDs(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	ctx := o.Context()
	id := o.account(emqx.ProjectUser)
	for i, actor := range []iam.Actor{o.root(), o.system()} {
		o.unchanged(func() {
			for what, bad := range impossible {
				for name, m := range g.methods() {
					if m.at == "" || i == 1 && notBySystem[name] {
						continue
					}
					x := target{account: policy.AccountID(bad), grant: iam.GrantID(bad), device: bad, project: "p1"}
					x.binding = iam.Binding{Account: x.account, Role: emqx.ProjectUser, Project: "p1"}
					if err := m.call(inOrg(o), actor, x); !errors.Is(err, iam.ErrNotFound) {
						w.Errorf("%s with the id %s: got %v, want ErrNotFound", name, what, err)
					}
				}
				project := policy.ProjectID(bad)
				w.wrong(actor.Bind(ctx, iam.Binding{Account: id, Role: emqx.ProjectUser, Project: project}), "Project")
				w.wrong(actor.Unbind(ctx, iam.Binding{Account: id, Role: emqx.ProjectUser, Project: project}), "Project")
				w.wrong(actor.OpenProject(ctx, project), "Project")
				w.wrong(actor.CloseProject(ctx, project), "Project")
				w.wrong(actor.ForgetProject(ctx, project), "Project")
				same(w, "bindings of project "+what, must(actor.ProjectBindings(ctx, project, iam.AccountQuery{}))(w), nil)
				if bad != "" {
					w.wrong(second(actor.GiveGrant(ctx, id, policy.GrantPermission(emqx.DeploymentView, policy.AtProject(o.id, project)))), "Grant.At.Project")
					w.wrong(second(actor.GiveGrant(ctx, id, policy.GrantPermission(emqx.DeploymentView, policy.AtResource(o.id, emqx.Deployment, bad)))), "Grant.At.ID")
				}
			}
		})
	}
	for what, bad := range impossible {
		_, err := o.svc.Subject(ctx, policy.AccountID(bad))
		w.refused(err, iam.ErrNotFound)
		d := o.svc.Check(ctx, policy.AccountID(bad), emqx.View, emqx.Deployment.Of(o.id))
		equal(w, "the reason for the account "+what, d.Reason, policy.NoSubject)
		who := must(o.svc.WhoCan(ctx, emqx.View, emqx.Deployment.In(policy.OrgID(bad), "p1")))(w)
		equal(w, "those who can in the organisation "+what, len(who), 0)
		if bad != "" {
			_, err = o.svc.System("test").CreateOrganization(ctx, iam.CreateOrganizationParams{ID: policy.OrgID(bad)})
			w.wrong(err, "ID")
		}
	}
}

func oddIDs(w *world) {
	o := w.organization(emqx.System())
	for _, one := range odd {
		id := o.account(emqx.ProjectUser)
		o.bind(id, emqx.ProjectUser, policy.ProjectID(one))
		grant := policy.GrantPermission(emqx.DeploymentDelete, policy.AtResource(o.id, emqx.Deployment, one))
		must(o.root().GiveGrant(o.Context(), id, grant))(w)
		sub := o.subject(id)
		for _, other := range odd {
			inProject := emqx.Deployment.In(o.id, policy.ProjectID(other)).Named("d")
			equal(w, "bound to "+one+" and in "+other, o.svc.Can(sub, emqx.View, inProject), one == other)
			named := emqx.Deployment.Of(o.id).Named(other)
			equal(w, "granted "+one+" and at "+other, o.svc.Can(sub, emqx.Delete, named), one == other)
		}
	}
}

func calledLikeARole(w *world) {
	o := w.organization(emqx.System())
	ctx := o.Context()
	for _, role := range o.svc.Policy().Roles() {
		id := policy.AccountID(role)
		w.ok(o.st.Write(ctx, o.id, func(tx iam.Tx) error {
			return tx.InsertAccount(ctx, iam.Account{ID: id, Org: o.id, Status: iam.Active}, false)
		}))
		same(w, "what "+string(id)+" may", o.svc.Permissions(o.subject(id), emqx.Deployment.In(o.id, "p1").Named("d")), nil)
		_, _, err := o.as(id).CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Auditor}})
		w.refused(err, iam.ErrForbidden)
	}
	who := must(o.svc.WhoCan(ctx, emqx.View, emqx.Deployment.In(o.id, "p1").Named("d")))(w)
	equal(w, "those who can", len(who), 1)
}

func wrongParams(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	ctx, root := o.Context(), o.root()
	id := o.account(emqx.ProjectUser)
	here := policy.AtOrg(o.id)
	auditor := []policy.Role{emqx.Auditor}
	creates := func(p iam.CreateAccountParams) error {
		_, _, err := root.CreateAccount(ctx, p)
		return err
	}
	gives := func(g policy.Grant) error { return second(root.GiveGrant(ctx, id, g)) }
	long := strings.Repeat("x", iam.MaxText+1)
	for _, c := range []struct {
		field string
		err   func() error
	}{
		{"Roles", func() error { return creates(iam.CreateAccountParams{Roles: []policy.Role{"boss"}}) }},
		{"Roles", func() error { return creates(iam.CreateAccountParams{Roles: []policy.Role{""}}) }},
		{"Roles", func() error { return creates(iam.CreateAccountParams{Roles: []policy.Role{"Auditor"}}) }},
		{"Roles", func() error {
			return creates(iam.CreateAccountParams{Roles: []policy.Role{"auditor@" + policy.Role(o.id)}})
		}},
		{"Email", func() error { return creates(iam.CreateAccountParams{Roles: auditor, Email: "no address"}) }},
		{"Name", func() error {
			return creates(iam.CreateAccountParams{Roles: auditor, Profile: iam.Profile{Name: long}})
		}},
		{"Username", func() error {
			return creates(iam.CreateAccountParams{Roles: auditor, Profile: iam.Profile{Username: "a\x00"}})
		}},
		{"Phone", func() error { return second(root.UpdateProfile(ctx, id, iam.Profile{Phone: "\xff"})) }},
		{"Company", func() error { return second(root.UpdateProfile(ctx, id, iam.Profile{Company: "\x1b[2J"})) }},
		{"Note", func() error { return second(root.UpdateProfile(ctx, id, iam.Profile{Note: long})) }},
		{"Grant", func() error { return gives(policy.Grant{At: here}) }},
		{"Grant", func() error { return gives(policy.Grant{Role: emqx.Auditor, Permission: emqx.TicketView, At: here}) }},
		{"Grant", func() error { return gives(policy.GrantPermission("deployment:explode", here)) }},
		{"Grant", func() error { return gives(policy.GrantPermission("deployment", here)) }},
		{"Grant", func() error { return gives(policy.GrantRole("boss", here)) }},
		{"Grant", func() error {
			return gives(policy.GrantPermission(emqx.TicketView, policy.Place{Org: o.id, ID: "no kind"}))
		}},
		{"Grant", func() error {
			return gives(policy.GrantPermission(emqx.TicketView, policy.Place{Org: o.id, Kind: emqx.DeploymentTLS, ID: "d"}))
		}},
		{"Grant.At", func() error { return gives(policy.GrantPermission(emqx.TicketView, policy.Place{})) }},
		{"Grant.At", func() error { return gives(policy.GrantPermission(emqx.TicketView, policy.AtOrg(other.id))) }},
	} {
		o.unchanged(func() { w.wrong(c.err(), c.field) })
	}
	equal(w, "what a rocket may be done to", o.svc.Can(o.subject(o.rootID), emqx.View, policy.Kind("rocket").Of(o.id)), false)
}

func noOrganization(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	for what, id := range map[string]policy.OrgID{"unknown": "nowhere", "in other letters": policy.OrgID(strings.ToUpper(string(o.id)))} {
		actor := o.svc.System("test").In(id)
		x := target{account: o.account(emqx.ProjectUser), project: "p1", grant: "g"}
		x.binding = iam.Binding{Account: x.account, Role: emqx.ProjectUser, Project: "p1"}
		ctx := context.WithValue(o.Context(), orgKey{}, id)
		for name := range changing {
			if notBySystem[name] {
				continue
			}
			if err := g.methods()[name].call(ctx, actor, x); !errors.Is(err, iam.ErrNotFound) {
				w.Errorf("%s in an organisation that is %s: got %v, want ErrNotFound", name, what, err)
			}
		}
		w.refused(second(actor.Organization(o.Context())), iam.ErrNotFound)
	}
	w.wrong(o.svc.System("test").In("").OpenProject(o.Context(), "p1"), "Organization")
	_, err := o.svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{ID: o.id})
	w.refused(err, iam.ErrExists)
}

func canceledContext(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	root := o.root()
	ctx := context.WithValue(w.canceled(), orgKey{}, o.id)
	for name, m := range g.methods() {
		x := g.target(o, name)
		o.unchanged(func() { w.refused(m.call(ctx, root, x), context.Canceled) })
	}
	w.refused(second(o.svc.Subject(ctx, o.rootID)), context.Canceled)
	w.refused(second(o.svc.WhoCan(ctx, emqx.View, emqx.Deployment.Of(o.id))), context.Canceled)
	d := o.svc.Check(ctx, o.rootID, emqx.View, emqx.Deployment.Of(o.id))
	equal(w, "the reason", d.Reason, policy.Unavailable)
	equal(w, "whether it may", d.Allowed(), false)
}

func noRandomness(w *world) {
	o := w.organization(emqx.System())
	broken := errors.New("no entropy")
	svc := must(iam.New(w.st, emqx.System(), iam.Config{Rand: iotest.ErrReader(broken)}))(w)
	root := svc.As(o.subject(o.rootID))
	id := o.account(emqx.ProjectUser)
	o.unchanged(func() {
		_, _, err := root.CreateAccount(o.Context(), iam.CreateAccountParams{Roles: []policy.Role{emqx.Auditor}})
		w.refused(err, broken)
		w.refused(second(root.GiveGrant(o.Context(), id, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id)))), broken)
	})
	w.refused(second(svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{})), broken)
}

// SB-60: a database that has gone away is an error for those who change, and a denial for those who ask.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		g := guardedSystems()[0]
		o := w.organization(g.system)
		root, x, ctx := o.root(), g.target(o, "Disable"), inOrg(o)
		w.ok(must(w.db.DB())(w).Close())
		for name, m := range g.methods() {
			for i, actor := range []iam.Actor{root, o.system()} {
				if [...]map[string]bool{notByRoot, notBySystem}[i][name] {
					continue
				}
				err := m.call(ctx, actor, x)
				if err == nil || errors.Is(err, iam.ErrForbidden) || errors.Is(err, iam.ErrNotFound) || errors.Is(err, iam.ErrInvalid) {
					w.Errorf("%s: got %v, want the database's error", name, err)
				}
			}
		}
		if err := second(o.svc.Subject(ctx, o.rootID)); err == nil || errors.Is(err, iam.ErrNotFound) {
			w.Errorf("Subject: got %v, want the database's error", err)
		}
		if err := second(o.svc.WhoCan(ctx, emqx.View, emqx.Deployment.Of(o.id))); err == nil {
			w.Error("WhoCan: got no error")
		}
		d := o.svc.Check(ctx, o.rootID, emqx.View, emqx.Deployment.Of(o.id))
		equal(w, "the reason", d.Reason, policy.Unavailable)
		equal(w, "whom it names", d.Subject, o.rootID)
		equal(w, "whether it may", d.Allowed(), false)
	})
}
