package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// TestRandomSequences does random things to organisations of EMQX, with root and without, and looks
// after each at what must always hold.
func TestRandomSequences(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		rapid.Check(t, func(t *rapid.T) {
			g := newSequence(t, w)
			for range 8 {
				g.actAndLook()
			}
		})
	})
}

func newSequence(t *rapid.T, w *world) *graph {
	g := &graph{T: t, roles: subAccountRoles, permissions: emqx.System().Policy.Vocabulary(), thing: emqx.Deployment}
	if rapid.Bool().Draw(t, "rootless") {
		g.org = w.rootless(emqx.System())
	} else {
		g.org = w.organization(emqx.System())
		g.accounts = append(g.accounts, g.rootID)
	}
	bound := g.account(emqx.ProjectAdmin, emqx.ProjectUser)
	g.bind(bound, emqx.ProjectAdmin, "p0", "p1")
	g.bind(bound, emqx.ProjectUser, "p0")
	g.accounts = append(g.accounts, bound, g.account(emqx.Administrator), g.account(g.someRoles()...))
	return g
}

func (g *graph) actAndLook() {
	actor := g.system()
	if often(g.T) {
		actor = g.as(pick(g.T, g.accounts))
	}
	act := randomActs[pick(g.T, slices.Sorted(maps.Keys(randomActs)))]
	target := pick(g.T, g.accounts)
	state, revision, log := g.state(), g.revision(), g.events()
	hadAdministrator := g.countAdministrators() > 0
	what, err := act(g, actor, &target)
	switch {
	case err != nil && g.state() != state:
		g.Fatalf("%s was refused with %v, and has changed:\n%s", what, err, difference(state, g.state()))
	case err == nil && g.revision() <= revision:
		g.Fatalf("%s was done, and the revision is %d as before", what, revision)
	case hadAdministrator && g.countAdministrators() == 0:
		g.Fatalf("%s took the last administrator away", what)
	}
	now := g.events()
	if !slices.Equal(saidAll(now[:len(log)]), saidAll(log)) {
		g.Fatalf("%s has changed the past", what)
	}
	g.oneRoot(what)
	g.boundByHeldRoles(what)
	g.inactiveMayNothing(what)
	if replayed, actual := replay(now), g.summary(); replayed != actual {
		g.Fatalf("after %s the events tell another story than the accounts:\n%s", what, difference(replayed, actual))
	}
}

func (g *graph) all() []iam.Account {
	accounts, err := g.system().Accounts(g.Context(), iam.AccountQuery{})
	g.ok(err)
	return accounts
}

func (g *graph) countAdministrators() (n int) {
	for _, a := range g.all() {
		if a.Status == iam.Active && (a.HasRole(emqx.Administrator) || a.HasRole(emqx.Root)) {
			n++
		}
	}
	return n
}

func (g *graph) oneRoot(what string) {
	roots := slices.DeleteFunc(g.all(), func(a iam.Account) bool { return !a.Root && !a.HasRole(emqx.Root) })
	switch {
	case g.rootID == "" && len(roots) == 0:
	case len(roots) == 1 && roots[0].ID == g.rootID && roots[0].Root && roots[0].Status == iam.Active && slices.Equal(roots[0].Roles, []policy.Role{emqx.Root}):
	default:
		g.Fatalf("after %s the root accounts are %+v", what, roots)
	}
}

func (g *graph) bindingsOf(id policy.AccountID) []iam.Binding {
	bindings, err := g.system().Bindings(g.Context(), id)
	g.ok(err)
	return bindings
}

func (g *graph) boundByHeldRoles(what string) {
	for _, a := range g.all() {
		for _, b := range g.bindingsOf(a.ID) {
			if !a.HasRole(b.Role) || !g.svc.Policy().Bindable(b.Role) {
				g.Fatalf("after %s there is the binding %+v of an account with the roles %v", what, b, a.Roles)
			}
		}
	}
}

func (g *graph) inactiveMayNothing(what string) {
	for _, a := range g.all() {
		if a.Status == iam.Active {
			continue
		}
		for _, project := range graphProjects {
			around := emqx.Deployment.In(g.id, project).Named("x").With(emqx.Plan, "premium")
			if may := g.svc.Permissions(g.subject(a.ID), around); len(may) > 0 {
				g.Fatalf("after %s an account that is %s may %v", what, a.Status, may)
			}
			listed, err := g.system().ProjectBindings(g.Context(), project, iam.AccountQuery{})
			g.ok(err)
			if a.Status == iam.Disabled && slices.ContainsFunc(listed, func(b iam.Binding) bool { return b.Account == a.ID }) {
				g.Fatalf("after %s a disabled account is among those of %s", what, project)
			}
		}
	}
}

// summary says what the organisation has, as replay does.
func (g *graph) summary() string {
	s := newStory()
	for _, a := range g.all() {
		s.accounts[string(a.ID)] = map[string]string{"status": string(a.Status), "roles": fmt.Sprint(a.Roles), "email": string(a.Email), "name": a.Name}
		for _, b := range g.bindingsOf(a.ID) {
			s.bound[[3]string{string(a.ID), string(b.Project), string(b.Role)}] = true
		}
		grants, err := g.system().Grants(g.Context(), a.ID)
		g.ok(err)
		for _, grant := range grants {
			s.granted[[2]string{string(a.ID), grant.Grant.String()}]++
		}
	}
	projects, err := g.system().Projects(g.Context())
	g.ok(err)
	for _, p := range projects {
		s.open[string(p.ID)] = fmt.Sprint(p.Open)
	}
	return s.String()
}
