package iam_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// records is a Store that has nothing but subjects, in memory: what is measured on it is not the database's.
type records struct {
	iam.Store
	of map[policy.AccountID]iam.SubjectRecord
}

func (r records) Subject(_ context.Context, id policy.AccountID) (iam.SubjectRecord, error) {
	record, there := r.of[id]
	if !there {
		return iam.SubjectRecord{}, iam.ErrNotFound
	}
	return record, nil
}

// fresh is a store whose answers have texts of their own, as those of a database have.
type fresh struct{ records }

func (f fresh) Subject(ctx context.Context, id policy.AccountID) (iam.SubjectRecord, error) {
	r, err := f.records.Subject(ctx, id)
	r.Account, r.Org = policy.AccountID(strings.Clone(string(r.Account))), policy.OrgID(strings.Clone(string(r.Org)))
	r.Email, r.Status = iam.Email(strings.Clone(string(r.Email))), iam.Status(strings.Clone(string(r.Status)))
	r.Bindings = slices.Clone(r.Bindings)
	for i := range r.Bindings {
		r.Bindings[i].Project = policy.ProjectID(strings.Clone(string(r.Bindings[i].Project)))
	}
	return r, err
}

// The world of the benchmark is that of policy's: organisations of 1,000 accounts, each of one or two roles and
// up to five bindings among 50 projects; ids are UUIDs, as the library makes them.
const (
	benchPerOrg   = 1000
	benchProjects = 50
)

// hotAsk is a request as it comes: texts, and nothing that was looked up before.
type hotAsk struct {
	account      policy.AccountID
	org, project string
	kind, action string
}

type hotWorld struct {
	records records
	ids     []policy.AccountID
	table   map[[2]string][2]uint8 // kind and action: the roles that allow, in the organisation and in the project
	asks    []hotAsk
}

// benchRoles are the roles of the accounts, as often as there are.
var benchRoles = []policy.Role{
	emqx.Administrator, emqx.ProjectAdmin, emqx.ProjectUser, emqx.ProjectAdmin, emqx.ProjectUser, emqx.Accountant, emqx.Auditor,
}

func bitOf(role policy.Role) uint8 {
	for i, r := range []policy.Role{emqx.Administrator, emqx.ProjectAdmin, emqx.ProjectUser, emqx.Accountant, emqx.Auditor} {
		if r == role {
			return 1 << i
		}
	}
	return 0
}

func newID(random *rand.ChaCha8) string {
	var id uuid.UUID
	_, _ = random.Read(id[:])
	return id.String()
}

// newHotWorld makes n accounts, and asks of so many of them, half of which are allowed.
func newHotWorld(tb testing.TB, n int) *hotWorld {
	tb.Helper()
	source := rand.NewChaCha8([32]byte{1})
	random := rand.New(source)
	w := &hotWorld{records: records{of: make(map[policy.AccountID]iam.SubjectRecord, n)}, table: map[[2]string][2]uint8{}}
	var org policy.OrgID
	var projects []policy.ProjectID
	for i := range n {
		if i%benchPerOrg == 0 {
			org, projects = policy.OrgID(newID(source)), nil
			for range benchProjects {
				projects = append(projects, policy.ProjectID(newID(source)))
			}
		}
		r := iam.SubjectRecord{Account: policy.AccountID(newID(source)), Org: org, Status: iam.Active, Email: iam.Email(fmt.Sprintf("u%06d@acme.example", i)), Revision: 1}
		for range 1 + random.IntN(2) {
			role := benchRoles[random.IntN(len(benchRoles))]
			r.Roles = append(r.Roles, role)
			for range random.IntN(6) {
				if !emqx.System().Policy.Bindable(role) {
					break
				}
				r.Bindings = append(r.Bindings, iam.Binding{Account: r.Account, Role: role, Project: projects[random.IntN(len(projects))]})
			}
		}
		w.records.of[r.Account] = r
		w.ids = append(w.ids, r.Account)
	}
	w.ask(random)
	return w
}

// ask draws the requests. Only rules without a condition are asked for: the lookup by hand knows none.
func (w *hotWorld) ask(random *rand.Rand) {
	p := emqx.System().Policy
	conditional := map[policy.Permission]bool{}
	for _, r := range p.Rules() {
		conditional[r.Permission()] = conditional[r.Permission()] || r.Condition != policy.Always
		key := [2]string{string(r.Kind), string(r.Action)}
		row := w.table[key]
		row[1] |= bitOf(r.Role)
		if r.Reach == policy.ReachOrg {
			row[0] |= bitOf(r.Role)
		}
		w.table[key] = row
	}
	names := p.Vocabulary()
	size := max(len(w.ids), 1000)
	left := map[bool]int{true: size / 2, false: size / 2}
	for left[true]+left[false] > 0 {
		record := w.records.of[w.ids[random.IntN(len(w.ids))]]
		name := names[random.IntN(len(names))]
		project := policy.ProjectID("no project of anybody's")
		if len(record.Bindings) > 0 {
			project = record.Bindings[random.IntN(len(record.Bindings))].Project
		}
		a := hotAsk{account: record.Account, org: string(record.Org), project: string(project), kind: string(name.Kind()), action: string(name.Action())}
		can := w.can(record, a)
		if conditional[name] || left[can] == 0 {
			continue
		}
		left[can]--
		// A request has texts of its own: whoever looks something up reads them, and those that were kept.
		a.account, a.org, a.project = policy.AccountID(strings.Clone(string(a.account))), strings.Clone(a.org), strings.Clone(a.project)
		w.asks = append(w.asks, a)
	}
	random.Shuffle(len(w.asks), func(i, j int) { w.asks[i], w.asks[j] = w.asks[j], w.asks[i] })
}

func (w *hotWorld) can(r iam.SubjectRecord, a hotAsk) bool {
	row := w.table[[2]string{a.kind, a.action}]
	for _, role := range r.Roles {
		if bitOf(role)&row[0] != 0 {
			return true
		}
	}
	for _, b := range r.Bindings {
		if string(b.Project) == a.project && bitOf(b.Role)&row[1] != 0 {
			return true
		}
	}
	return false
}

// handAccount and handHeld are what one would write by hand: one map of what accounts hold where, one of what
// permissions take.
type handHeld struct{ account, project string }

type handAccount struct {
	org      string
	roles    uint8
	projects map[string]uint8
}

// BenchmarkHot asks 1,000 requests again and again, which is what the processor's caches hold, and as many as there are
// accounts, which they do not. All contestants have the same data and the same requests.
func BenchmarkHot(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		if n > 100_000 && testing.Short() {
			continue
		}
		w := newHotWorld(b, n)
		all := w.asks
		for _, asked := range []int{1000, n} {
			w.asks = all[:asked]
			b.Run(fmt.Sprintf("accounts=%d/asked=%d/by hand, bindings and permissions", n, asked), w.byHand)
			b.Run(fmt.Sprintf("accounts=%d/asked=%d/by hand, accounts and permissions", n, asked), w.byHandAccounts)
			b.Run(fmt.Sprintf("accounts=%d/asked=%d/Subject and Can", n, asked), w.subjectAndCan)
			b.Run(fmt.Sprintf("accounts=%d/asked=%d/Can", n, asked), w.canAlone)
		}
	}
}

func runAsks(b *testing.B, asks []hotAsk, can func(a *hotAsk) bool) {
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
	if b.N > 10_000 && (allowed < b.N/3 || allowed > b.N*2/3) {
		b.Fatalf("%d of %d requests are allowed", allowed, b.N)
	}
}

// byHand looks up what an account holds in the organisation (the project is then its id) and in the project.
func (w *hotWorld) byHand(b *testing.B) {
	held := map[handHeld]uint8{}
	for id, r := range w.records.of {
		for _, role := range r.Roles {
			held[handHeld{string(id), string(r.Org)}] |= bitOf(role)
		}
		for _, x := range r.Bindings {
			held[handHeld{string(id), string(x.Project)}] |= bitOf(x.Role)
		}
	}
	runAsks(b, w.asks, func(a *hotAsk) bool {
		row, known := w.table[[2]string{a.kind, a.action}]
		return known && (row[0]&held[handHeld{string(a.account), a.org}] != 0 || row[1]&held[handHeld{string(a.account), a.project}] != 0)
	})
}

// byHandAccounts looks up an account, and then its project.
func (w *hotWorld) byHandAccounts(b *testing.B) {
	accounts := map[string]*handAccount{}
	for id, r := range w.records.of {
		hand := &handAccount{org: string(r.Org), projects: map[string]uint8{}}
		for _, role := range r.Roles {
			hand.roles |= bitOf(role)
		}
		for _, x := range r.Bindings {
			hand.projects[string(x.Project)] |= bitOf(x.Role)
		}
		accounts[string(id)] = hand
	}
	runAsks(b, w.asks, func(a *hotAsk) bool {
		hand := accounts[string(a.account)]
		if hand == nil || hand.org != a.org {
			return false
		}
		row, known := w.table[[2]string{a.kind, a.action}]
		return known && (row[0]&hand.roles != 0 || row[1]&hand.projects[a.project] != 0)
	})
}

func (w *hotWorld) service(b *testing.B) *iam.Service {
	b.Helper()
	svc, err := iam.New(fresh{w.records}, emqx.System(), iam.Config{MaxStaleness: time.Hour, SubjectMemory: max(64<<20, 640*len(w.ids))})
	if err != nil {
		b.Fatal(err)
	}
	return svc
}

func (w *hotWorld) subjectAndCan(b *testing.B) {
	svc, ctx := w.service(b), b.Context()
	for _, id := range w.ids {
		if _, err := svc.Subject(ctx, id); err != nil {
			b.Fatal(err)
		}
	}
	runAsks(b, w.asks, func(a *hotAsk) bool {
		sub, err := svc.Subject(ctx, a.account)
		return err == nil && svc.Can(sub, policy.Action(a.action), policy.Kind(a.kind).In(policy.OrgID(a.org), policy.ProjectID(a.project)))
	})
}

func (w *hotWorld) canAlone(b *testing.B) {
	svc := w.service(b)
	subjects := make([]iam.Subject, len(w.asks))
	for i := range w.asks {
		subjects[i], _ = svc.Subject(b.Context(), w.asks[i].account)
	}
	i := 0
	runAsks(b, w.asks, func(a *hotAsk) bool {
		sub := subjects[i]
		if i++; i == len(subjects) {
			i = 0
		}
		return svc.Can(sub, policy.Action(a.action), policy.Kind(a.kind).In(policy.OrgID(a.org), policy.ProjectID(a.project)))
	})
}

// BenchmarkHotMemory keeps 100,000 subjects of a role and five bindings each, all ids UUIDs, and says what one takes with
// everything: the table, its organisation, and the texts of its own.
func BenchmarkHotMemory(b *testing.B) {
	w := newHotWorld(b, 100_000)
	random := rand.New(rand.NewPCG(5, 6))
	projects := map[policy.OrgID][]policy.ProjectID{}
	source := rand.NewChaCha8([32]byte{2})
	for _, id := range w.ids {
		r := w.records.of[id]
		for len(projects[r.Org]) < benchProjects {
			projects[r.Org] = append(projects[r.Org], policy.ProjectID(newID(source)))
		}
		r.Roles, r.Bindings = []policy.Role{emqx.ProjectUser}, nil
		for _, i := range random.Perm(benchProjects)[:5] {
			r.Bindings = append(r.Bindings, iam.Binding{Account: id, Role: emqx.ProjectUser, Project: projects[r.Org][i]})
		}
		w.records.of[id] = r
	}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		svc := w.service(b)
		for _, id := range w.ids {
			if _, err := svc.Subject(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(w.ids)), "B/subject")
		runtime.KeepAlive(svc)
	}
}
