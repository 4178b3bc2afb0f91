package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// TestCeiling lets random accounts of random policies do random things to each other, and looks at
// what came of each that was accepted: nobody has gained what the actor lacked (SB-61), and
// nobody was changed by one who could not give what they hold (SB-62).
func TestCeiling(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		accepted := map[string]int{}
		rapid.Check(t, func(t *rapid.T) {
			g := newGraph(t, w)
			for range 12 {
				g.step(accepted)
			}
		})
		for _, name := range slices.Sorted(maps.Keys(randomActs)) {
			if accepted[name] == 0 {
				t.Errorf("%s was never accepted: its test proves nothing", name)
			}
		}
	})
}

// graph is an organisation with a random policy.
type graph struct {
	*rapid.T
	*org
	roles       []policy.Role // without root
	permissions []policy.Permission
	thing       policy.Kind // what a grant on one resource is about
	accounts    []policy.AccountID
	actor       policy.AccountID
}

var (
	graphPermissions = []policy.Permission{
		"subaccount:list", "subaccount:manage", "project:bind", "project:delete", "thing:view", "thing:manage", "thing.part:view",
	}
	graphProjects = []policy.ProjectID{"p0", "p1"}
)

// Fatalf and the like are rapid's, so that it can shrink what fails.
func (g *graph) Fatalf(format string, args ...any) { g.T.Helper(); g.T.Fatalf(format, args...) }

func (g *graph) ok(err error) {
	if err != nil {
		g.T.Fatalf("%v", err)
	}
}

func pick[T any](t *rapid.T, from []T) T { return from[rapid.IntRange(0, len(from)-1).Draw(t, "pick")] }

// often is true in most draws.
func often(t *rapid.T) bool { return rapid.IntRange(0, 3).Draw(t, "often") > 0 }

// newGraph draws a policy, and gives its roles to a few accounts.
func newGraph(t *rapid.T, w *world) *graph {
	g := &graph{T: t, permissions: graphPermissions, thing: "thing"}
	var b strings.Builder
	fmt.Fprintln(&b, "p4, root, Root")
	for i := range 4 {
		g.roles = append(g.roles, policy.Role(fmt.Sprintf("r%d", i)))
		fmt.Fprintf(&b, "p4, r%d, R\np2, root, r%d\n", i, i)
	}
	for _, p := range graphPermissions {
		fmt.Fprintf(&b, "p3, %s, %s, S, T\np, root, org, %s, %s, allow, always\n", p.Kind(), p.Action(), p.Kind(), p.Action())
		for _, role := range g.roles {
			// Managing is what the test is about, so most may.
			if p.Kind() == "subaccount" && often(t) {
				fmt.Fprintf(&b, "p, %s, org, %s, %s, allow, always\n", role, p.Kind(), p.Action())
			} else if rapid.Bool().Draw(t, "has") {
				reach := pick(t, []policy.Extent{policy.ReachOrg, policy.ReachOrg, policy.ReachProject, policy.ReachOwn})
				fmt.Fprintf(&b, "p, %s, %s, %s, %s, allow, always\n", role, reach, p.Kind(), p.Action())
			}
		}
	}
	for _, granter := range g.roles {
		for _, role := range g.roles {
			if rapid.Bool().Draw(t, "gives") {
				fmt.Fprintf(&b, "p2, %s, %s\n", granter, role)
			}
		}
	}
	p, err := policy.Load("random.csv", []byte(b.String()), policy.Config{})
	g.ok(err)
	g.org = w.organization(iam.System{Name: "random", Policy: p, Rules: iam.Rules{RootRole: "root", Permissions: iam.Permissions{
		ListAccounts: "subaccount:list", ManageAccounts: "subaccount:manage", ChangeRoles: "subaccount:manage", GiveGrants: "subaccount:manage",
		BindProjects: "project:bind", ForgetProjects: "project:delete", ReadEvents: "subaccount:list",
	}}})
	for range 4 {
		id := g.account(g.someRoles()...)
		g.accounts = append(g.accounts, id)
		// Past the policy, so that some hold what nobody could have given them.
		if _, err := g.system().GiveGrant(g.Context(), id, g.someGrant()); err != nil {
			g.Fatalf("%v", err)
		}
		_ = g.system().Bind(g.Context(), g.someBinding(id)) // where the role can be bound
	}
	return g
}

func (g *graph) someRoles() []policy.Role {
	roles := []policy.Role{pick(g.T, g.roles)}
	for _, role := range g.roles {
		if rapid.IntRange(0, 3).Draw(g.T, "more") == 0 {
			roles = append(roles, role)
		}
	}
	return roles
}

// step lets one account try one thing, and holds it against what everybody had before.
func (g *graph) step(accepted map[string]int) {
	g.actor = pick(g.T, append(g.accounts, g.rootID))
	name := pick(g.T, slices.Sorted(maps.Keys(randomActs)))
	act := randomActs[name]
	target := pick(g.T, append(g.accounts, g.rootID))
	before := map[policy.AccountID]map[string]bool{}
	for _, id := range append(g.accounts, g.rootID) {
		before[id] = g.effective(id)
	}
	below := g.isBelow(target)
	what, err := act(g, g.as(g.actor), &target)
	if err != nil {
		return
	}
	accepted[name]++
	if target != "" && !below {
		g.Fatalf("%s by %s was accepted, and its target is above", what, g.actor)
	}
	for _, id := range append(g.accounts, g.rootID) {
		for can := range g.effective(id) {
			if !before[id][can] && !before[g.actor][can] {
				g.Fatalf("%s by %s was accepted: %s has gained %s, which the actor had not", what, g.actor, id, can)
			}
		}
	}
}

// isBelow says by the policy's own rows whether the actor could give every role that the target holds.
func (g *graph) isBelow(id policy.AccountID) bool {
	if id == g.rootID {
		return g.actor == g.rootID
	}
	target, actor := g.subject(id).Holder(), g.subject(g.actor).Holder()
	for _, held := range target.Grants() {
		if held.Role == "" || held.At.Project != "" && slices.Contains(g.get(id).Roles, held.Role) {
			continue // a permission, or a binding of a role that counts anyhow
		}
		if !slices.ContainsFunc(actor.Grants(), func(mine policy.Grant) bool {
			return mine.Role != "" && slices.Contains(g.svc.Policy().Gives(mine.Role), held.Role) && (mine.At == policy.AtOrg(g.id) || mine.At == held.At)
		}) {
			return false
		}
	}
	return true
}

// asIfActive is what an account holds, whatever its status: disabling takes nothing away for good.
func (g *graph) asIfActive(id policy.AccountID) *policy.Holder {
	var open []policy.ProjectID
	projects, err := g.system().Projects(g.Context())
	g.ok(err)
	for _, project := range projects {
		if project.Open {
			open = append(open, project.ID)
		}
	}
	return g.svc.Policy().Holder(policy.HolderParams{ID: id, Org: g.id, Grants: g.subject(id).Holder().Grants(), OpenProjects: open})
}

// effective is everything that an account may do, anywhere, to what is its own and to what is not.
func (g *graph) effective(id policy.AccountID) map[string]bool {
	h := g.asIfActive(id)
	all := map[string]bool{}
	for _, p := range graphPermissions {
		for _, project := range append([]policy.ProjectID{""}, graphProjects...) {
			for _, name := range []string{"", "x", "y"} {
				for whose, owner := range map[string]policy.AccountID{"another's": "somebody", "its own": id} {
					if h.Can(p.Action(), p.Kind().In(g.id, project).Named(name).OwnedBy(owner)) {
						all[fmt.Sprintf("%s in %q on %s %q", p, project, whose, name)] = true
					}
				}
			}
		}
	}
	return all
}
