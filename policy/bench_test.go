package policy_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// The world of the benchmarks: 100 organizations of 1,000 accounts; each account has one or two
// roles, and project roles up to five bindings among the 50 projects of its organization.
const (
	benchOrgs     = 100
	benchAccounts = 1000 // in each organization
	benchProjects = 50
)

// An ask is a request of the stream, ready for each contestant.
type ask struct {
	holder   *policy.Holder
	account  *byHand
	action   policy.Action
	resource policy.Resource
	casbin   []any
}

// byHand is what one would write instead of this library: bits for roles, a map of projects, and a
// map of permissions. No reasons, no conditions, no denies, no grants on resources, no owners.
type byHand struct {
	org      string
	roles    uint8
	projects map[string]uint8
}

type handKey struct{ kind, action string }

type handRow struct{ org, project uint8 } // the roles that allow: held in the organization, in the project

func (a *byHand) can(table map[handKey]handRow, org, project, kind, action string) bool {
	if org != a.org {
		return false
	}
	row, known := table[handKey{kind, action}]
	return known && (row.org&a.roles != 0 || project != "" && row.project&a.projects[project] != 0)
}

func handTable(p *policy.Policy) map[handKey]handRow {
	table := make(map[handKey]handRow)
	for _, r := range p.Rules() {
		key := handKey{string(r.Kind), string(r.Action)}
		row, bit := table[key], uint8(1)<<indexOf(p.Roles(), r.Role)
		row.project |= bit
		if r.Reach == policy.ReachOrg {
			row.org |= bit
		}
		table[key] = row
	}
	return table
}

func indexOf(roles []policy.Role, role policy.Role) int {
	for i := range roles {
		if roles[i] == role {
			return i
		}
	}
	return -1
}

type benchWorld struct {
	policy  *policy.Policy
	table   map[handKey]handRow
	holders []*policy.Holder
	hands   []*byHand
}

// newWorld makes the accounts; it is the same world for every policy that has the shipped roles.
func newWorld(p *policy.Policy, orgs int) *benchWorld {
	random := rand.New(rand.NewPCG(1, 2))
	w := &benchWorld{policy: p, table: handTable(p)}
	roles := []policy.Role{"administrator", "project_admin", "project_user", "project_admin", "project_user", "accountant", "auditor"}
	for i := range orgs * benchAccounts {
		org := policy.OrgID(fmt.Sprintf("org-%03d", i/benchAccounts))
		params := policy.HolderParams{ID: policy.AccountID(fmt.Sprintf("account-%06d", i)), Org: org}
		hand := &byHand{org: string(org), projects: make(map[string]uint8)}
		for range 1 + random.IntN(2) {
			role := roles[random.IntN(len(roles))]
			params.Grants = append(params.Grants, policy.GrantRole(role, policy.AtOrg(org)))
			hand.roles |= 1 << indexOf(p.Roles(), role)
			for range random.IntN(6) {
				if !p.Bindable(role) {
					break
				}
				project := policy.ProjectID(fmt.Sprintf("project-%03d", random.IntN(benchProjects)))
				params.Grants = append(params.Grants, policy.GrantRole(role, policy.AtProject(org, project)))
				hand.projects[string(project)] |= 1 << indexOf(p.Roles(), role)
			}
		}
		w.holders = append(w.holders, p.Holder(params))
		w.hands = append(w.hands, hand)
	}
	return w
}

// stream draws 1,000 requests of 1,000 accounts, half of them allowed. Only rules without a
// condition are asked for: the lookup by hand knows none.
func (w *benchWorld) stream() []ask {
	random := rand.New(rand.NewPCG(3, 4))
	conditional := make(map[policy.Permission]bool)
	for _, r := range w.policy.Rules() {
		conditional[r.Permission()] = conditional[r.Permission()] || r.Condition != policy.Always
	}
	var all []ask
	left := map[bool]int{true: 500, false: 500}
	for left[true]+left[false] > 0 {
		i, name := random.IntN(len(w.holders)), w.policy.Vocabulary()[random.IntN(len(w.policy.Vocabulary()))]
		h := w.holders[i]
		project := policy.ProjectID(fmt.Sprintf("project-%03d", random.IntN(benchProjects)))
		if grants := h.Grants(); random.IntN(2) == 0 {
			if at := grants[random.IntN(len(grants))].At; at.Project != "" {
				project = at.Project
			}
		}
		r := name.Kind().In(h.Org(), project).Named("id-000001")
		can := h.Can(name.Action(), r)
		if conditional[name] || left[can] == 0 {
			continue
		}
		left[can]--
		all = append(all, ask{h, w.hands[i], name.Action(), r, policy.Request(h.ID(), name.Action(), r)})
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// run asks the requests round and round.
func run(b *testing.B, asks []ask, can func(*ask) bool) {
	b.Helper()
	b.ReportAllocs()
	allowed, i := 0, 0
	for b.Loop() {
		if can(&asks[i]) {
			allowed++
		}
		if i++; i == len(asks) {
			i = 0
		}
	}
	if b.N > 100 && (allowed < b.N/4 || allowed > b.N*3/4) {
		b.Fatalf("%d of %d requests are allowed", allowed, b.N)
	}
}

func (a *ask) byHand(table map[handKey]handRow) bool {
	return a.account.can(table, string(a.resource.Org), string(a.resource.Project), string(a.resource.Kind), string(a.action))
}

func canOf(a *ask) bool { return a.holder.Can(a.action, a.resource) }

// nothing takes a request and decides nothing: what is left of a figure without it is the decision's.
//
//go:noinline
func nothing(_ *policy.Holder, _ policy.Action, _ policy.Resource, answer bool) bool { return answer }

func BenchmarkPolicy(b *testing.B) {
	p := platform(b)
	w := newWorld(p, benchOrgs)
	asks := w.stream()
	b.Run("decide/nothing, the stream alone", func(b *testing.B) {
		answer := false
		run(b, asks, func(a *ask) bool {
			answer = !answer
			return nothing(a.holder, a.action, a.resource, answer)
		})
	})
	b.Run("decide/by hand, no reasons or conditions", func(b *testing.B) {
		run(b, asks, func(a *ask) bool { return a.byHand(w.table) })
	})
	b.Run("decide/Can", func(b *testing.B) { run(b, asks, canOf) })
	b.Run("decide/Decide, with the reason", func(b *testing.B) {
		run(b, asks, func(a *ask) bool { return a.holder.Decide(a.action, a.resource).Allowed() })
	})
	// Casbin gets the accounts of the stream only: what it is asked about costs the same, and
	// 100,000 accounts would take it seconds to load.
	b.Run("decide/stock Casbin, 1,000 accounts", func(b *testing.B) {
		var holders []*policy.Holder
		for i := range asks {
			holders = append(holders, asks[i].holder)
		}
		e, err := p.Enforcer(holders...)
		if err != nil {
			b.Fatal(err)
		}
		run(b, asks, func(a *ask) bool {
			ok, err := e.Enforce(a.casbin...)
			return ok && err == nil
		})
	})
	b.Run("decide/Can, under a condition", func(b *testing.B) {
		h := holding(p, policy.GrantRole("project_admin", p1))
		yes := policy.Kind("deployment.cluster_linking").In("acme", "p1").With("plan", "premium")
		no := yes.With("plan", "basic")
		run(b, []ask{{holder: h, action: "manage", resource: yes}, {holder: h, action: "manage", resource: no}}, canOf)
	})
	b.Run("decide/Can, narrowed to a scope", func(b *testing.B) {
		scope := policy.Scope{Permissions: p.Vocabulary()}
		for i := range benchProjects {
			scope.Projects = append(scope.Projects, policy.ProjectID(fmt.Sprintf("project-%03d", i)))
		}
		narrowed := slices.Clone(asks)
		for i := range narrowed {
			narrowed[i].holder = narrowed[i].holder.Within(scope)
		}
		run(b, narrowed, canOf)
	})
	tenfold := newWorld(tenfold(b), benchOrgs)
	b.Run("decide/by hand, 10 times the rows", func(b *testing.B) {
		run(b, tenfold.stream(), func(a *ask) bool { return a.byHand(tenfold.table) })
	})
	b.Run("decide/Can, 10 times the rows", func(b *testing.B) {
		run(b, tenfold.stream(), canOf)
	})
	b.Run("decide/Can, custom roles of 1,000 organizations", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		custom := customRoles(b, 1000)
		runtime.GC()
		runtime.ReadMemStats(&after)
		run(b, newWorld(custom, benchOrgs).stream(), canOf)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1000, "B/role")
	})
	benchSetup(b, p, w)
}

// benchSetup is what is paid once: for a request, for a list, for a process.
func benchSetup(b *testing.B, p *policy.Policy, w *benchWorld) {
	b.Run("load/Holder, of 7 grants", func(b *testing.B) {
		grants := []policy.Grant{policy.GrantRole("project_user", acme), policy.GrantRole("project_admin", acme)}
		for i := range 5 {
			grants = append(grants, policy.GrantRole("project_user", policy.AtProject("acme", policy.ProjectID(fmt.Sprintf("project-%03d", i)))))
		}
		b.ReportAllocs()
		for b.Loop() {
			holding(p, grants...)
		}
	})
	b.Run("list/Reach, of 1,000 projects", func(b *testing.B) {
		var grants []policy.Grant
		for i := range 1000 {
			grants = append(grants, policy.GrantRole("project_user", policy.AtProject("acme", policy.ProjectID(fmt.Sprintf("project-%03d", i)))))
		}
		h := holding(p, grants...)
		b.ReportAllocs()
		for b.Loop() {
			h.Reach("view", "deployment")
		}
	})
	b.Run("list/Permissions, the buttons of a page", func(b *testing.B) {
		h := w.holders[1]
		r := policy.Kind("deployment").In(h.Org(), "project-001").With("plan", "premium")
		b.ReportAllocs()
		for b.Loop() {
			h.Permissions(r)
		}
	})
	b.Run("compile/policy.csv", func(b *testing.B) {
		text := fileOf(b, "../policy.csv")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := policy.Load("policy.csv", text, policy.Config{Conditions: plans()}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compile/With, one custom role", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := with(b, p, support); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// tenfold is the shipped policy with every rule ten times: of ten sorts of each kind.
func tenfold(b *testing.B) *policy.Policy {
	var csv strings.Builder
	for _, line := range strings.Split(string(fileOf(b, "../policy.csv")), "\n") {
		csv.WriteString(line + "\n")
		f := strings.Split(line, ", ")
		column := map[string]int{"p": 3, "p3": 1}[f[0]]
		for i := 1; i < 10 && column > 0; i++ {
			sort := strings.Split(line, ", ")
			sort[column] = fmt.Sprintf("sort_%d.%s", i, f[column])
			csv.WriteString(strings.Join(sort, ", ") + "\n")
		}
	}
	return policy.Must(policy.Load("tenfold.csv", []byte(csv.String()), policy.Config{Conditions: plans()}))
}

// customRoles is the shipped policy with a role of ten rules for each of n organizations.
func customRoles(b *testing.B, n int) *policy.Policy {
	var rows []policy.Row
	for i := range n {
		role := string(policy.CustomRole(policy.OrgID(fmt.Sprintf("org-%03d", i)), "support"))
		rows = append(rows, policy.Row{Section: "p4", Fields: []string{role, "Support"}})
		for _, name := range platform(b).Vocabulary()[:10] {
			rows = append(rows, policy.Row{Section: "p", Fields: []string{role, "project", string(name.Kind()), string(name.Action()), "allow", "always"}})
		}
	}
	doc, err := policy.NewDocument("custom", rows)
	if err != nil {
		b.Fatal(err)
	}
	return policy.Must(platform(b).With(doc))
}
