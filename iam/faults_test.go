package iam_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// failing is an organisation, and the same service on a pool that fails when it is told to.
type failing struct {
	*org
	g      guarded
	x      target
	svc    *iam.Service // in place of the healthy one
	store  *store.Store
	broken *gorm.DB     // the pool
	kept   *iam.Service // with memory, of the latest call; nil where calls have none
}

// faultCase is a method under faults: what is prepared for it, and what it answers.
type faultCase struct {
	system  int // of guardedSystems
	call    func(f *failing) func(ctx context.Context) (any, error)
	reads   bool
	again   error  // see testdb.Trial, as are these
	steps   string //
	partial string //
	unheard string //
	once    bool   //
}

// TestFaults puts every method of Actor, SystemActor and Service to faults at every statement: no half state, no
// event without its change or the reverse, no mail without a commit, and the same call succeeds afterwards.
// CASTELLAN_FAULTS=all tries every fault at every statement of every database: see testdb.AllFaults.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := faultCases()
	tally := new(testdb.Tally)
	t.Cleanup(func() {
		t.Logf("%d operations of %d statements, %d faults", tally.Trials.Load(), tally.Statements.Load(), tally.Faults.Load())
	})
	for _, database := range testdb.Reachable(t) {
		lanes := 3
		if database == testdb.SQLite {
			lanes = 8
		}
		names := slices.Sorted(maps.Keys(cases))
		for lane := range lanes {
			t.Run(fmt.Sprint(database, lane), func(t *testing.T) {
				t.Parallel()
				db := testdb.Open(t, database)
				broken, faults := testdb.Faulty(t, db)
				for i := lane; i < len(names); i += lanes {
					t.Run(names[i], func(t *testing.T) { cases[names[i]].run(t, names[i], db, broken, faults, tally) })
				}
			})
		}
	}
}

func (c faultCase) run(t *testing.T, name string, db, broken *gorm.DB, faults *testdb.Faults, tally *testdb.Tally) {
	w := newWorld(t, db)
	empty := testdb.ReadRows(t, db)
	defer empty.Restore(t, db)
	g := guardedSystems()[c.system]
	o := w.organization(g.system)
	f := &failing{org: o, g: g, store: store.New(broken), broken: broken}
	f.svc = o.svc.WithStore(f.store)
	method, _, _ := strings.Cut(name, " ")
	f.x = g.target(o, method)
	var call func(ctx context.Context) (any, error)
	if c.call == nil {
		call = f.by(o.rootID, func(ctx context.Context, a iam.Actor) (any, error) { return nil, g.methods()[method].call(ctx, a, f.x) })
	} else {
		call = c.call(f)
	}
	testdb.Trial{
		Name: name, DB: db, Faults: faults, Reads: c.reads, Again: c.again, Steps: c.steps, Partial: c.partial, Unheard: c.unheard, Once: c.once,
		Call:   func(ctx context.Context) (any, error) { return call(context.WithValue(ctx, orgKey{}, o.id)) },
		Behind: f.remembersRightly,
		Wants: func(tb testing.TB) {
			tb.Helper()
			if report := must(o.system().VerifyEvents(tb.Context(), iam.Checkpoint{}))(tb); report.Unchained > 0 {
				tb.Errorf("%s: %d events have no hash", name, report.Unchained)
			}
		},
	}.Run(t, tally)
}

// by acts for an account as it stands before the faults.
func (f *failing) by(id policy.AccountID, do func(ctx context.Context, a iam.Actor) (any, error)) func(ctx context.Context) (any, error) {
	f.Helper()
	actor := f.svc.As(f.subject(id))
	return func(ctx context.Context) (any, error) { return do(ctx, actor) }
}

// root makes a case of what root does.
func byRoot(do func(ctx context.Context, a iam.Actor, f *failing) (any, error)) func(f *failing) func(ctx context.Context) (any, error) {
	return func(f *failing) func(ctx context.Context) (any, error) {
		return f.by(f.rootID, func(ctx context.Context, a iam.Actor) (any, error) { return do(ctx, a, f) })
	}
}

// pair is two results as one.
type pair[T, U any] struct {
	first T
	rest  U
}

func both[T, U any](first T, rest U, err error) (any, error) {
	result := pair[T, U]{first, rest}
	if reflect.ValueOf(rest).Kind() == reflect.Slice && reflect.ValueOf(rest).IsNil() || err != nil {
		return result, err
	}
	return result, nil
}

// TestFaultsKnowEveryMethod fails when a method is added that nobody has put to faults, or said why not.
func TestFaultsKnowEveryMethod(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for name := range faultCases() {
		method, _, _ := strings.Cut(name, " ")
		known[method] = true
	}
	for prefix, of := range map[string]reflect.Type{
		"": reflect.TypeFor[*iam.Actor](), "SystemActor.": reflect.TypeFor[*iam.SystemActor](), "Service.": reflect.TypeFor[*iam.Service](),
	} {
		for i := range of.NumMethod() {
			name := prefix + of.Method(i).Name
			if (noFaults[name] == "") == !known[name] {
				t.Errorf("%s: want a case in faultCases, or a reason in noFaults", name)
			}
			delete(known, name)
		}
	}
	for name := range known {
		t.Errorf("%s is no method", name)
	}
}
