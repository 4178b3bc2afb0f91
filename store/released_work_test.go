package store_test

import (
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// work goes on with an upgraded database as people do who know nothing of versions.
func (a *author) work(f fixture) {
	a.Helper()
	a.verify("before")
	if f.Version >= 2 {
		a.comeBack()
	} else {
		a.comeFirst()
	}
	if f.Version >= 4 {
		a.useHoldings()
	}
	a.beginHoldings()
	a.change()
	a.verify("after")
	a.keepsApart()
}

// verify reads the whole log of every organisation.
func (a *author) verify(when string) {
	a.Helper()
	for _, org := range a.orgs {
		report, err := a.bypass(org).VerifyEvents(a.ctx(), iam.Checkpoint{})
		if err != nil {
			a.Errorf("the log of %s %s: %v (%+v)", org, when, err, report)
		}
	}
}

// comeBack uses everything that people of version 2 and later have kept.
func (a *author) comeBack() {
	a.Helper()
	in, acme := a.in("acme"), a.svc("acme")
	kept := func(what string) iam.Token { return iam.ParseToken(a.handles[what]) }
	sub, _, err := in.Session(a.ctx(), kept("ada session"))
	if a.ok(err); sub.ID() != a.ids["ada"] || !sub.Root() {
		a.Errorf("ada's session is %s's", sub.ID())
	}
	sub, _, err = a.in("cloud").Session(a.ctx(), kept("mia session"))
	now, err2 := a.svc("cloud").Subject(a.ctx(), a.ids["mia"])
	a.ok(err2)
	bill := lanit.Billing.In("cloud", "")
	if a.ok(err); a.svc("cloud").Can(sub, lanit.View, bill) || !a.svc("cloud").Can(now, lanit.View, bill) {
		a.Error("L10: mia's session does not keep the rights that it was opened with")
	}
	opened, err := in.SecondFactor(a.ctx(), kept("adam stage"), a.code("adam"))
	if a.ok(err); opened.Session.Stage != iam.Full {
		a.Errorf("a second factor's code: got the stage %s", opened.Session.Stage)
	}
	if opened, err = in.RecoveryCode(a.ctx(), a.signIn("acme", "adam").Token, a.handles["adam recovery code"]); err != nil {
		a.Errorf("a recovery code: %v", err)
	}
	_, err = in.RecoveryCode(a.ctx(), a.signIn("acme", "adam").Token, a.handles["adam recovery code"])
	a.refused(err, signin.ErrCredentials)

	_, done, err := acme.ConfirmEmail(a.ctx(), kept("uma address"))
	if a.ok(err); !done {
		a.Error("the second half of a change of address did not end it")
	}
	account, err := acme.AccountAt(a.ctx(), "acme", "uma.new@acme.example")
	if a.ok(err); account.ID != a.ids["uma"] {
		a.Errorf("uma's new address is %s's", account.ID)
	}
	_, err = a.trySignIn("acme", "uma") // by the old one
	a.refused(err, signin.ErrCredentials)

	_, err = in.Accept(a.ctx(), kept("ivy invitation"), signin.AcceptParams{})
	a.ok(err)
	first := a.signIn("acme", "ivy")
	if _, err = in.ChooseNewPassword(a.ctx(), first.Token, iam.NewSecret("Another lantern, bay 10")); err != nil {
		a.Error(err)
	}
	_, err = in.Accept(a.ctx(), kept("ivy invitation"), signin.AcceptParams{})
	a.refused(err, iam.ErrToken)
	_, err = a.in("hub").Accept(a.ctx(), kept("rex invitation"), signin.AcceptParams{Password: iam.NewSecret("Another lantern, bay 11")})
	a.ok(err)
	_, err = in.ResetPassword(a.ctx(), kept("aud reset"), iam.NewSecret("Another lantern, bay 12"))
	a.ok(err)
	if _, is := a.deliver("cloud")["reset"]; !is {
		a.Error("a reset that was asked for before is not mailed")
	}
	var since iam.Checkpoint
	a.ok(since.UnmarshalText([]byte(a.handles["acme checkpoint"])))
	if report, err := a.bypass("acme").VerifyEvents(a.ctx(), since); err != nil || report.Events == 0 {
		a.Errorf("the log behind an old checkpoint: %v (%+v)", err, report)
	}
	o, err := a.as("acme", "adam").AcceptRoot(a.ctx())
	if a.ok(err); o.ID != a.ids["adam"] || !o.Root {
		a.Errorf("the root account changed hands: got %+v", o)
	}
	a.ids["ada"], a.ids["adam"] = a.ids["adam"], a.ids["ada"]
}

// comeFirst gives people of version 1 their first passwords.
func (a *author) comeFirst() {
	a.Helper()
	for _, p := range []struct {
		org, login policy.OrgID
		name       string
	}{{"acme", "acme", "uma"}, {"acme", "", "ada"}, {"hub", "hub", "dora"}, {"cloud", "", "mia"}} {
		a.ok(a.in(p.org).RequestReset(a.ctx(), signin.ResetParams{Org: p.login, Email: p.name + "@" + string(p.org) + ".example"}))
		reset, is := a.deliver(p.org)["reset"]
		if !is {
			a.Errorf("%s gets no link to a first password", p.name)
			continue
		}
		a.password(p.org, p.name, reset)
		a.signIn(p.org, p.name)
	}
	// Two roots had one address then: neither can be meant by it alone.
	a.ok(a.in("hub").RequestReset(a.ctx(), signin.ResetParams{Email: "dora@hub.example"}))
	if _, is := a.deliver("hub")["reset"]; is {
		a.Error("an address that two roots have is one's")
	}
}

// useHoldings uses API keys and holdings of version 4.
func (a *author) useHoldings() {
	a.Helper()
	d := emqx.Deployment.In("acme", "p1").Named("d'1")
	for key, may := range map[string]bool{"ada key": false, "adam key": true} {
		sub, _, err := a.in("acme").Key(a.ctx(), iam.NewSecret(a.handles[key]))
		if a.ok(err); a.svc("acme").Can(sub, emqx.StartStop, d) != may || !a.svc("acme").Can(sub, emqx.View, d) {
			a.Errorf("the %s may something else than before", key)
		}
	}
	a.refused(a.as("hub", "dora").Delete(a.ctx(), a.ids["abe"]), iam.ErrHolds)
	_, err := a.as("hub", "bob").Claim(a.ctx(), devicehub.Device, "one too many")
	if err == nil {
		a.Error("bob holds more than its quota")
	}
	for _, id := range []string{"cam'1", "cam2"} {
		a.ok(a.as("hub", "abe").Release(a.ctx(), devicehub.Device, id))
	}
}

// beginHoldings does what nobody could before version 4.
func (a *author) beginHoldings() {
	a.Helper()
	_, err := a.as("hub", "dora").SetQuota(a.ctx(), a.ids["sam"], devicehub.Device, 9)
	a.ok(err)
	_, err = a.as("hub", "sam").Claim(a.ctx(), devicehub.Device, "cam9")
	a.ok(err)
	_, secret, err := a.as("acme", "ada").CreateAPIKey(a.ctx(), iam.APIKeyParams{Description: "new", Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView}, Projects: []policy.ProjectID{"p1"},
	}})
	a.ok(err)
	if _, _, err = a.in("acme").Key(a.ctx(), secret); err != nil {
		a.Error(err)
	}
}

// change changes what was there, and takes accounts away.
func (a *author) change() {
	a.Helper()
	root := a.as("acme", "ada")
	a.ok(root.CloseProject(a.ctx(), "open"))
	a.ok(root.Bind(a.ctx(), iam.Binding{Account: a.ids["orf"], Role: emqx.ProjectUser, Project: "p1"}))
	a.ok(root.ForgetProject(a.ctx(), "p2"))
	_, err := root.Enable(a.ctx(), a.ids["dis"])
	a.ok(err)
	_, err = root.Activate(a.ctx(), a.ids["pen"])
	a.ok(err)
	i, _, err := a.in("acme").Invite(a.ctx(), root, iam.InviteParams{
		Email: "zoe@acme.example", Roles: []policy.Role{emqx.Auditor},
	}, iam.NewSecret("Given lantern, bay 13"))
	a.ok(err)
	a.ok(root.RevokeInvitation(a.ctx(), i.Account))
	for _, gone := range []struct {
		org      policy.OrgID
		by, name string
	}{{"acme", "ada", "uma"}, {"acme", "ada", "dis"}, {"hub", "dora", "abe"}, {"cloud", "lena", "mia"}} {
		a.ok(a.as(gone.org, gone.by).Delete(a.ctx(), a.ids[gone.name]))
		a.leavesNothing(gone.name)
	}
	low, err := a.as("hub", "dora").Account(a.ctx(), a.ids["bob"])
	if a.ok(err); low.CreatedBy != a.ids["sam"] {
		a.Errorf("bob stands below %q once abe is gone, want sam", low.CreatedBy)
	}
}

// leavesNothing wants no row of an account that was deleted, but for the log and the mails.
func (a *author) leavesNothing(name string) {
	a.Helper()
	for _, m := range store.Migrations(a.db.Name()) {
		for _, text := range m.SQL {
			made := createdTable.FindStringSubmatch(text)
			if made == nil || made[1] == "iam_mails" || !strings.Contains(text, "\n  account_id ") {
				continue
			}
			var n int64
			a.ok(a.db.Table(made[1]).Where("account_id = ?", string(a.ids[name])).Count(&n).Error)
			if n != 0 {
				a.Errorf("%s was deleted, and %s has %d rows of it", name, made[1], n)
			}
		}
	}
}

// keepsApart wants that the foreign keys hold in an upgraded database (SB-68).
func (a *author) keepsApart() {
	a.Helper()
	for _, insert := range []string{
		"INSERT INTO iam_bindings (org_id, account_id, project_id, role) VALUES ('hub', ?, 'p', 'r')",
		"INSERT INTO iam_account_roles (org_id, account_id, role) VALUES ('hub', ?, 'r')",
		"INSERT INTO iam_holdings (org_id, kind, resource_id, account_id, since) VALUES ('hub', 'device', 'x', ?, 0)",
		"INSERT INTO iam_quotas (org_id, account_id, kind, most) VALUES ('hub', ?, 'device', 1)",
		"INSERT INTO iam_recovery_codes (org_id, account_id, hash) VALUES ('hub', ?, 'h')",
	} {
		if err := a.db.Exec(insert, string(a.ids["pia"])).Error; err == nil {
			a.Errorf("of another organisation: %s was stored", insert)
		}
	}
}
