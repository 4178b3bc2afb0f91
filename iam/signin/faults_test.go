package signin_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// failing is an organisation, and the same services on a pool that fails when it is told to.
type failing struct {
	*org
	in  *signin.Service // in place of the healthy one
	svc *iam.Service
}

// faultCall is a method, called the same way each time.
type faultCall func(ctx context.Context) (any, error)

// faultCase is a method under faults: what is prepared for it, and what it answers. See testdb.Trial.
type faultCase struct {
	call    func(f *failing) faultCall
	reads   bool
	again   error
	steps   string
	goes    []string
	forgoes string
}

// TestFaults puts every method of Service to faults at every statement: nobody is let in by a failure (SB-35), no
// change is without its event and its mail or the reverse, and the same call succeeds afterwards.
// CASTELLAN_FAULTS=all tries every fault at every statement of every database: see testdb.AllFaults.
func TestFaults(t *testing.T) {
	t.Parallel()
	cases := faultCases()
	tally := new(testdb.Tally)
	t.Cleanup(func() {
		t.Logf("%d operations of %d statements, %d faults", tally.Trials.Load(), tally.Statements.Load(), tally.Faults.Load())
	})
	for _, database := range testdb.Reachable(t) {
		lanes := 2
		if database == testdb.SQLite {
			lanes = 6
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
	empty := testdb.ReadRows(t, db)
	defer empty.Restore(t, db)
	o := newWorld(t, db).organization(emqx.System())
	st := store.New(broken)
	call := c.call(&failing{o, o.in.WithStore(st), o.svc.WithStore(st)})
	testdb.Trial{
		Name: name, DB: db, Faults: faults, Reads: c.reads, Again: c.again, Steps: c.steps, GoesOn: c.goes, Forgoes: c.forgoes,
		Call: func(ctx context.Context) (any, error) { return call(iam.WithOrigin(ctx, iam.OriginOf(o.ctx()))) },
		Wants: func(tb testing.TB) {
			tb.Helper()
			must(o.system().VerifyEvents(tb.Context(), iam.Checkpoint{}))(tb)
		},
	}.Run(t, tally)
}

// TestFaultsKnowEveryMethod fails when a method is added that nobody has put to faults.
func TestFaultsKnowEveryMethod(t *testing.T) {
	t.Parallel()
	var known, got []string
	for name := range faultCases() {
		method, _, _ := strings.Cut(name, " ")
		known = append(known, method)
	}
	slices.Sort(known)
	for of, i := reflect.TypeFor[*signin.Service](), 0; i < of.NumMethod(); i++ {
		if name := of.Method(i).Name; !slices.Contains(noFaults, name) {
			got = append(got, name)
		}
	}
	if known = slices.Compact(known); !slices.Equal(got, known) {
		t.Errorf("the methods are %v, and those under faults %v", got, known)
	}
}

// noFaults ask the database nothing; all but the first are for tests.
var noFaults = []string{"WithStore", "HashPassword", "OnHash", "Params"}

// answered makes no error of the answer to a wrong password or code, if nothing else has failed.
func answered(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 && errors.Is(err, signin.ErrCredentials) {
		return nil
	}
	return err
}
