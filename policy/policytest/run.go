package policytest

import (
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Run asks every case of the fixture and reports, as file:line, each answer that is not the one
// that is wanted. One request is asked in every way that there is:
//
//   - [policy.Holder.Decide] gives the reason, and the rule and grant when the case names them;
//   - [policy.Holder.Can], the [policy.Reach] of the subject, its [policy.Holder.Permissions] and
//     Casbin, as [policy.Policy.Enforcer] sets it up with all accounts of the world, agree;
//   - each [policy.Remedy] of a denial, given to the subject, does allow, and whoever holds one of
//     the roles that it names may give it.
//
// What the accounts hold must be known to the policy: a misspelled role is reported, and not just without effect.
func Run(t testing.TB, p *policy.Policy, f *Fixture) {
	t.Helper()
	r := runner{TB: t, policy: p, fixture: f, holders: f.Holders(p)}
	r.checkGrants()
	holders := make([]*policy.Holder, 0, len(f.Accounts))
	for _, a := range f.Accounts {
		holders = append(holders, r.holders[a.ID])
	}
	var err error
	if r.enforcer, err = p.Enforcer(holders...); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Cases {
		r.check(c)
	}
}

type runner struct {
	testing.TB
	policy   *policy.Policy
	fixture  *Fixture
	holders  map[policy.AccountID]*policy.Holder
	enforcer interface {
		Enforce(request ...any) (bool, error)
	}
}

func (r *runner) wrong(line int, format string, args ...any) {
	r.Helper()
	r.Errorf("%s:%d: "+format, append([]any{r.fixture.Name, line}, args...)...)
}

func (r *runner) checkGrants() {
	r.Helper()
	for _, a := range r.fixture.Accounts {
		for _, role := range a.Roles {
			if err := r.policy.CheckGrant(policy.GrantRole(role, policy.AtOrg(a.Org))); err != nil {
				r.wrong(a.Line, "%v", err)
			}
		}
	}
	for _, h := range slices.Concat(r.fixture.Bindings, r.fixture.Grants) {
		if err := r.policy.CheckGrant(h.Grant); err != nil {
			r.wrong(h.Line, "%v", err)
		}
	}
}

func (r *runner) check(c Case) {
	r.Helper()
	h := r.holders[c.Account] // nil for nobody
	d := h.Decide(c.Action, c.Resource)
	if d.Reason != c.Want {
		r.wrong(c.Line, "%s: got %s, want %s (%s)", c, d.Reason, c.Want, d)
	}
	if c.Rule != "" && d.Rule.String() != c.Rule {
		r.wrong(c.Line, "%s: got the rule %q, want %q", c, d.Rule, c.Rule)
	}
	if through := d.Grant.Until(c.Through.Expires); !c.Through.IsZero() && through != c.Through {
		r.wrong(c.Line, "%s: got it through %s, want %s", c, d.Grant, c.Through)
	}
	byCasbin, err := r.enforcer.Enforce(policy.Request(c.Account, c.Action, c.Resource)...)
	if err != nil {
		r.wrong(c.Line, "%s: Casbin: %v", c, err)
	}
	for _, answer := range []struct {
		way string
		got bool
	}{
		{"Can", h.Can(c.Action, c.Resource)},
		{"Decide", d.Allowed()},
		{"Reach", h.Reach(c.Action, c.Resource.Kind).Contains(c.Resource)},
		{"Permissions", slices.Contains(h.Permissions(c.Resource), c.Permission())},
		{"Casbin", byCasbin},
	} {
		if answer.got != c.Allowed() {
			r.wrong(c.Line, "%s: %s answers %t, want %t", c, answer.way, answer.got, c.Allowed())
		}
	}
	r.checkRemedies(c, d)
}

func (r *runner) checkRemedies(c Case, d policy.Decision) {
	r.Helper()
	for _, remedy := range d.Remedies() {
		params := r.fixture.HolderParams(c.Account)
		params.Grants = append(params.Grants, remedy.Grant)
		if !r.policy.Holder(params).Can(c.Action, c.Resource) {
			r.wrong(c.Line, "%s: the remedy %s does not allow it", c, remedy.Grant)
		}
		for _, role := range remedy.Givers {
			giver := r.policy.Holder(policy.HolderParams{
				ID: "giver", Org: c.Resource.Org,
				Grants: []policy.Grant{policy.GrantRole(role, policy.AtOrg(c.Resource.Org))},
			})
			if err := giver.MayGrant(remedy.Grant); err != nil {
				r.wrong(c.Line, "%s: the remedy %s should be one that %s may give: %v", c, remedy.Grant, role, err)
			}
		}
	}
}
