package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/policy"
	"pgregory.net/rapid"
)

// Few names, so that random rules, grants and requests meet often.
var (
	randomKinds    = []policy.Kind{"a", "a.part", "b"}
	randomActions  = []policy.Action{"view", "manage"}
	randomProjects = []policy.ProjectID{"p0", "p1", "p2"}
	randomIDs      = []string{"x", "y"}
	randomAccounts = []policy.AccountID{"ann", "bob", "r0"} // the last is called like a role (P14)
	randomValues   = []string{"1", "2", "boom"}
	randomNow      = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
)

// randomConditions need one attribute, two of them, and panic at a value.
func randomConditions() []policy.Condition {
	return []policy.Condition{
		policy.OneOf("one", "m", "1"),
		{Name: "equal", Needs: []string{"m", "n"}, Holds: func(v policy.Values) bool { return v.Get("m") == v.Get("n") }},
		{Name: "fragile", Needs: []string{"n"}, Holds: func(v policy.Values) bool {
			if v.Get("n") == "boom" {
				panic("boom")
			}
			return v.Get("n") == "2"
		}},
	}
}

// dice is what random policies are drawn with: by rapid, which shrinks what fails, or from the bytes of a fuzzer.
type dice struct {
	reporter
	roll func(sides int) int // 0 up to sides-1
}

func rapidDice(t *rapid.T) *dice {
	return &dice{t, func(sides int) int { return rapid.IntRange(0, sides-1).Draw(t, "roll") }}
}

// byteDice takes a byte for each roll. When there are no more it rolls 0.
func byteDice(t reporter, bytes []byte) *dice {
	return &dice{t, func(sides int) int {
		if len(bytes) == 0 {
			return 0
		}
		roll := int(bytes[0]) % sides
		bytes = bytes[1:]
		return roll
	}}
}

// randomCSV draws the rows of a policy with up to four roles.
func randomCSV(t *dice) string {
	var b strings.Builder
	var roles, permissions []string
	for i := range 1 + t.roll(4) {
		roles = append(roles, fmt.Sprintf("r%d", i))
		fmt.Fprintf(&b, "p4, r%d, Role %d\n", i, i)
	}
	for _, kind := range randomKinds {
		for _, action := range randomActions {
			if t.roll(5) > 0 {
				permissions = append(permissions, fmt.Sprintf("%s, %s", kind, action))
				fmt.Fprintf(&b, "p3, %s, %s, Section, Title\n", kind, action)
			}
		}
	}
	for _, granter := range roles {
		for _, role := range roles {
			if t.roll(2) == 1 {
				fmt.Fprintf(&b, "p2, %s, %s\n", granter, role)
			}
		}
	}
	if len(permissions) == 0 {
		return b.String()
	}
	taken := make(map[string]bool)
	for range t.roll(13) {
		role, reach := pick(t, roles), pick(t, []string{"org", "project", "own"})
		permission := pick(t, permissions)
		effect := pick(t, []string{"allow", "allow", "allow", "deny"})
		when := pick(t, []string{"always", "always", "one", "equal", "fragile"})
		// The same rule twice, or with both effects, is refused.
		if key := role + reach + permission + when; !taken[key] {
			taken[key] = true
			fmt.Fprintf(&b, "p, %s, %s, %s, %s, %s\n", role, reach, permission, effect, when)
		}
	}
	return b.String()
}

func pick[T any](t *dice, from []T) T { return from[t.roll(len(from))] }

func randomPolicy(t *dice) *policy.Policy {
	csv := randomCSV(t)
	p, err := policy.Load("random.csv", []byte(csv), policy.Config{Conditions: randomConditions()})
	if err != nil {
		t.Fatalf("%v\n%s", err, csv)
	}
	return p
}

// randomPlace draws an organization — seldom another one — a project or a resource.
func randomPlace(t *dice) policy.Place {
	org := pick(t, []policy.OrgID{"acme", "acme", "acme", "acme", "globex"})
	switch t.roll(3) {
	case 0:
		return policy.AtOrg(org)
	case 1:
		return policy.AtProject(org, pick(t, randomProjects))
	default:
		return policy.AtResource(org, pick(t, randomKinds), pick(t, randomIDs))
	}
}

// randomGrant draws a grant that the policy knows; some have ended.
func randomGrant(t *dice, p *policy.Policy) policy.Grant {
	g := policy.GrantRole(pick(t, p.Roles()), randomPlace(t))
	if all := p.Vocabulary(); len(all) > 0 && t.roll(3) == 0 {
		g = policy.GrantPermission(pick(t, all), g.At)
	}
	return g.Until(pick(t, []time.Time{{}, {}, {}, randomNow, randomNow.Add(1)}))
}

func randomHolder(t *dice, p *policy.Policy, id policy.AccountID) *policy.Holder {
	return p.Holder(randomParams(t, p, id))
}

func randomParams(t *dice, p *policy.Policy, id policy.AccountID) policy.HolderParams {
	params := policy.HolderParams{ID: id, Org: "acme", Now: randomNow}
	for range t.roll(7) {
		params.Grants = append(params.Grants, randomGrant(t, p))
	}
	// More bindings than are searched one by one.
	if t.roll(10) == 0 {
		for i := range 12 {
			params.Grants = append(params.Grants, policy.GrantRole(pick(t, p.Roles()), policy.AtProject("acme", policy.ProjectID(fmt.Sprintf("p%d", i)))))
		}
	}
	for _, project := range randomProjects {
		if t.roll(5) == 0 {
			params.OpenProjects = append(params.OpenProjects, project)
		}
	}
	params.Inactive = t.roll(20) == 19
	return params
}

func randomResource(t *dice) policy.Resource {
	r := policy.Resource{
		Kind:    pick(t, randomKinds),
		Org:     pick(t, []policy.OrgID{"acme", "acme", "acme", "acme", "acme", "globex", ""}),
		Project: pick(t, append([]policy.ProjectID{""}, randomProjects...)),
		ID:      pick(t, append([]string{""}, randomIDs...)),
		Owner:   pick(t, append([]policy.AccountID{""}, randomAccounts...)),
	}
	for _, name := range []string{"m", "n"} {
		if value := pick(t, append([]string{""}, randomValues...)); value != "" {
			r = r.With(name, value)
		}
	}
	return r
}

// everyResource returns all resources of the kind that lie in the place, with each owner and each
// attribute of the random policies: what a promise about the whole place has to hold for.
func everyResource(at policy.Place, kind policy.Kind) []policy.Resource {
	var all []policy.Resource
	for _, project := range append([]policy.ProjectID{""}, randomProjects...) {
		for _, id := range append([]string{""}, randomIDs...) {
			r := policy.Resource{Kind: kind, Org: at.Org, Project: project, ID: id}
			if !at.Contains(r) {
				continue
			}
			for _, m := range randomValues[:2] {
				for _, n := range randomValues {
					all = append(all, r.With("m", m).With("n", n))
				}
			}
			all = append(all, r)
		}
	}
	return slices.Clip(all)
}
