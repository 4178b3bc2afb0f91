package store_test

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// read returns everything that the program's own API says about every organisation, and how it decides.
func (a *author) read() map[string]any {
	a.Helper()
	all := make(map[string]any)
	for _, org := range a.orgs {
		all[string(org)] = a.readOrganization(org)
	}
	return all
}

func (a *author) readOrganization(org policy.OrgID) map[string]any {
	a.Helper()
	sees := a.bypass(org)
	o, err := sees.Organization(a.ctx())
	a.ok(err)
	accounts, err := sees.Accounts(a.ctx(), iam.AccountQuery{Limit: 1000})
	a.ok(err)
	projects, err := sees.Projects(a.ctx())
	a.ok(err)
	bindings, grants, decisions := make(map[string]any), make(map[string]any), make(map[string]any)
	for _, account := range accounts {
		id := string(account.ID)
		if bindings[id], err = sees.Bindings(a.ctx(), account.ID); err != nil {
			a.Fatal(err)
		}
		if grants[id], err = sees.Grants(a.ctx(), account.ID); err != nil {
			a.Fatal(err)
		}
		decisions[id] = a.decide(org, account.ID)
	}
	bound := make(map[string]any)
	for _, p := range []policy.ProjectID{"p1", "p2", "gone"} {
		if bound[string(p)], err = sees.ProjectBindings(a.ctx(), p, iam.AccountQuery{}); err != nil {
			a.Fatal(err)
		}
	}
	read := map[string]any{
		"organization": o, "accounts": accounts, "projects": projects, "bindings": bindings, "bound": bound,
		"grants": grants, "decisions": decisions, "events": a.events(sees),
	}
	a.readSignIn(org, accounts, read)
	a.readHoldings(org, accounts, read)
	return read
}

// decide answers a list of questions about an account.
func (a *author) decide(org policy.OrgID, id policy.AccountID) []string {
	a.Helper()
	type question struct {
		action policy.Action
		r      policy.Resource
	}
	var questions []question
	switch a.system[org] {
	case "emqx":
		for _, p := range []policy.ProjectID{"p1", "p2", "open", "closed"} {
			d := emqx.Deployment.In(org, p).Named("d'1")
			for _, action := range []policy.Action{emqx.View, emqx.StartStop, emqx.Rename, emqx.Delete} {
				questions = append(questions, question{action, d})
			}
		}
		questions = append(questions, question{emqx.View, emqx.Deployment.In("twin", "p1").Named("d'1")},
			question{emqx.Manage, emqx.Subaccount.In(org, "")}, question{emqx.View, emqx.AuditLog.In(org, "")})
	case "devicehub":
		for _, d := range []policy.Resource{devicehub.Device.In(org, "").Named("own").OwnedBy(a.ids["abe"]), devicehub.Device.In(org, "").Named("cam'1")} {
			for _, action := range []policy.Action{devicehub.View, devicehub.Reboot, devicehub.Share} {
				questions = append(questions, question{action, d})
			}
		}
		questions = append(questions, question{devicehub.Manage, devicehub.Subaccount.In(org, "")})
	case "lanit":
		r := lanit.Resource.In(org, "").Named("r1")
		questions = append(questions, question{lanit.View, r}, question{lanit.Edit, r}, question{lanit.Delete, r},
			question{lanit.View, lanit.Billing.In(org, "")}, question{lanit.Manage, lanit.Subaccount.In(org, "")})
	}
	sub, err := a.svc(org).Subject(a.ctx(), id)
	a.ok(err)
	var answers []string
	for _, q := range questions {
		d := a.svc(org).Explain(sub, q.action, q.r)
		if d.Allowed() || d.Reason == policy.Expired { // the others are denied
			answers = append(answers, fmt.Sprintf("%s %s %s/%s: %v", q.action, q.r.Kind, q.r.Project, q.r.ID, d.Reason))
		}
	}
	return answers
}
