package iam_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// aim is a target that is not simply below everybody: a row of the golden file for each method.
type aim struct {
	name string
	at   func(o *org, a asker, usual target) target
	each bool // another one for each asker
}

// whatIsHit is the table of the targets that need a look: the asker itself, root, one who holds the
// strongest role, and ids of another organisation, which must be as if they did not exist.
func (g guarded) whatIsHit(o *org) string {
	o.Helper()
	methods := g.methods()
	askers := slices.DeleteFunc(g.askers(o), func(a asker) bool {
		return slices.Contains([]string{"zero", "nobody", "disabled", "deleted", "inactive", "demoted"}, a.name)
	})
	other := o.sibling()
	foreign := map[string]target{}
	for name := range methods {
		foreign[name] = g.target(other, name)
	}
	otherBefore := other.happened()

	rows := make(map[string]aim)
	var names []string
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		for _, aim := range g.aims(method, methods[method].at, foreign[method]) {
			names = append(names, method+" "+aim.name)
			rows[method+" "+aim.name] = aim
		}
	}
	table := drawn(g.system.Name+": at", names, askers, func(name string) []string {
		aim := rows[name]
		method := strings.TrimSuffix(name, " "+aim.name)
		usual := g.target(o, method)
		var row []string
		var x target
		for i, a := range askers {
			if i == 0 || aim.each {
				x = aim.at(o, a, usual)
			}
			answer, changed := o.ask(methods[method], a, x)
			row = append(row, answer)
			if changed {
				x = aim.at(o, a, usual)
			}
		}
		return row
	})
	if other.happened() != otherBefore {
		o.Errorf("another organisation was changed")
	}
	g.sameText(o, foreign)
	return table
}

// aims are the targets that need a look of one method.
func (g guarded) aims(method, at string, foreign target) []aim {
	if at == "" {
		return nil
	}
	foreignly := aim{name: "another's", at: func(_ *org, _ asker, usual target) target {
		usual.account, usual.grant, usual.device, usual.key = foreign.account, foreign.grant, foreign.device, foreign.key
		return usual
	}}
	if at == "key" {
		return []aim{foreignly}
	}
	if at == "holding" {
		return g.holdingAims(foreignly)
	}
	account := func(name string, id func(o *org, a asker) policy.AccountID) aim {
		return aim{name: name, each: name == "oneself", at: func(o *org, a asker, usual target) target {
			usual.account = id(o, a)
			if method == "CancelEmailChange" && usual.account != "" {
				o.waitsForEmail(usual.account)
			}
			if at == "grant" && usual.account != "" && usual.account != o.rootID {
				grant := policy.GrantPermission(g.task, policy.AtOrg(o.id))
				usual.grant = must(o.system().GiveGrant(o.Context(), usual.account, grant))(o).ID
			}
			return usual
		}}
	}
	all := []aim{foreignly, account("the strong", func(o *org, _ asker) policy.AccountID {
		if ofInvitations(method) {
			return o.invited(g.strong)
		}
		id := o.account(g.strong)
		switch method {
		case "OfferRoot":
			id = o.member(g.strong).ID
		case "Enable":
			must(o.system().Disable(o.Context(), id))(o)
		case "Activate":
			id = o.create(iam.CreateAccountParams{Roles: []policy.Role{g.strong}}).ID
		}
		return id
	})}
	if at == "account" {
		all = append(all, account("root", func(o *org, _ asker) policy.AccountID { return o.rootID }))
	}
	switch method {
	case "Account", "Bindings", "Grants", "Quotas", "ChangeEmail", "CancelEmailChange":
		all = append(all, account("oneself", func(_ *org, a asker) policy.AccountID { return a.id }))
	}
	return all
}

// sameText wants the errors for another organisation's ids to read as those for ids that are not there,
// and those that could not be there.
func (g guarded) sameText(o *org, foreign map[string]target) {
	o.Helper()
	for name, m := range g.methods() {
		if m.at == "" {
			continue
		}
		missing := foreign[name]
		missing.account, missing.grant, missing.device, missing.key = "nobody", "none", "none", "none"
		missing.binding.Account = "nobody"
		odd := missing
		odd.account, odd.grant, odd.device, odd.key = "a\x00", "g\x00", "d\x00", "k\x00"
		for _, a := range []asker{{name: "root", actor: o.root()}, {name: "system", actor: o.system()}} {
			want := m.call(inOrg(o), a.actor, missing)
			for what, x := range map[string]target{"another organisation's": foreign[name], "an impossible": odd} {
				got := m.call(inOrg(o), a.actor, x)
				if outcome(want) == "yes" || got == nil || want.Error() != got.Error() {
					o.Errorf("%s by %s: for %s id got %q, for a missing one %q: want one text", name, a.name, what, got, want)
				}
			}
		}
	}
}
