package testdb

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
)

// Trial is an operation that is tried with every fault at every statement. Behind a fault the rows are what
// they were before, as a whole, or what they are behind a success where the answer alone was lost; the error
// says what went wrong; and the same call succeeds as soon as nothing goes wrong any more.
type Trial struct {
	// Name is the operation's.
	Name string
	// DB sees the rows, and Faults are those of the pool that Call works on.
	DB     *gorm.DB
	Faults *Faults
	// Call is the operation: the same call each time. It is given rows as they were when Run began. What it
	// returns beside an error must be a zero value, unless Partial is set.
	Call func(ctx context.Context) (any, error)
	// Reads says that the operation changes nothing, and that without an error it returns the same whatever goes wrong.
	Reads bool
	// Partial says why something is returned beside an error. Defaults to "": nothing is.
	Partial string
	// Steps says why the operation commits more than once. Defaults to "": it does so once at most.
	Steps string
	// Again is the error of the same call behind a success. Defaults to none: it succeeds again.
	Again error
	// Unheard says why a failure may go without an error. Defaults to "": no failure does.
	Unheard string
	// Forgoes is the beginning of the one statement behind whose failure the operation may go on without an error, with
	// the same result: the rows lack what it writes, where it was not executed. Defaults to "": there is none.
	Forgoes string
	// GoesOn are the tables in which something is left by a failure behind which the operation goes on, such as
	// the log of a wrong guess. Defaults to none.
	GoesOn []string
	// Once says that nothing is tried again, as in a transaction of the host: a passing failure is an error.
	Once bool
	// Behind is called behind each call, however it ended, with nothing going wrong any more and the connection back.
	Behind func(tb testing.TB)
	// Wants is called with nothing going wrong, behind each state that was not there before: the log verifies, say.
	Wants func(tb testing.TB)
}

// Tally counts what trials did. It is safe for concurrent use.
type Tally struct{ Trials, Statements, Faults atomic.Int64 }

// AllFaults reports whether every fault is tried at every statement of every database. Without it, every
// statement on SQLite is refused, every second has one more fault, and the servers get a fixed sample.
func AllFaults() bool { return os.Getenv("CASTELLAN_FAULTS") == "all" }

// patience is for how long a call may take: longer only when it hangs.
const patience = time.Minute

// faults are those of a trial. A Delay is left out: who waits until the context ends is canceled.
var faults = []Fault{Refuse, Lose, CutBefore, CutAfter, Cancel, CancelAfter, Pass, Down}

// trialRun is a Trial with what is known of it without a fault.
type trialRun struct {
	Trial
	tb       testing.TB
	before   Rows
	base     baseline
	steps    []Rows // what was committed, one after the other, from before on
	trace    []Crossing
	step     []int // of each crossing: how many steps were committed before it
	result   any
	after    []string // the last of the steps
	again    error
	twice    []string   // behind the same call again
	known    [][]string // the steps as text
	verified map[string]bool
	forgone  bool // the operation went on behind a failure of what it Forgoes
}

// Run tries everything, and counts it.
func (t Trial) Run(tb testing.TB, tally *Tally) {
	tb.Helper()
	r := &trialRun{Trial: t, tb: tb, before: ReadRows(tb, t.DB), verified: map[string]bool{}}
	r.base = r.before.baseline()
	r.probe()
	defer r.before.Restore(tb, t.DB)
	if tb.Failed() {
		return
	}
	tally.Trials.Add(1)
	tally.Statements.Add(int64(len(r.trace)))
	for _, fault := range faults {
		for _, n := range r.points(fault) {
			r.try(n, fault)
			tally.Faults.Add(1)
			if tb.Failed() {
				return // one is enough to look at
			}
		}
	}
	if r.Forgoes != "" && !r.forgone {
		tb.Errorf("%s: it is said to go on without %q, and never did", r.Name, r.Forgoes)
	}
}

// probe calls without a fault, twice.
func (r *trialRun) probe() {
	r.tb.Helper()
	r.steps = []Rows{r.before}
	r.Faults.Heal()
	r.Faults.Watch(func(c Crossing) {
		r.step = append(r.step, len(r.steps)-1)
		if !c.Commits() {
			return
		}
		if now := r.before.Again(r.tb, r.DB); !now.Equal(r.steps[len(r.steps)-1]) {
			r.steps = append(r.steps, now)
		}
	})
	result, err := r.call()
	r.trace = r.Faults.Trace()
	r.Faults.Heal()
	last := r.steps[len(r.steps)-1]
	switch {
	case err != nil:
		r.tb.Fatalf("%s: without a fault: %v", r.Name, err)
	case len(r.step) != len(r.trace):
		r.tb.Fatalf("%s: without a fault, %d of %d crossings succeeded", r.Name, len(r.step), len(r.trace))
	case !last.Equal(r.before.Again(r.tb, r.DB)):
		r.tb.Fatalf("%s: something was written behind the last commit", r.Name)
	case r.Reads && len(r.steps) > 1:
		r.tb.Errorf("%s: it is said to read, and changes %v", r.Name, last.Changed(r.before))
	case !r.Reads && len(r.steps) == 1:
		r.tb.Errorf("%s: it changes nothing, and proves nothing", r.Name)
	case len(r.steps) > 2 && r.Steps == "":
		r.tb.Errorf("%s: it commits %d times, and nobody has said why", r.Name, len(r.steps)-1)
	case len(r.steps) <= 2 && r.Steps != "":
		r.tb.Errorf("%s: it commits once, and is said to do so more often: %s", r.Name, r.Steps)
	}
	r.result = result
	for _, step := range r.steps {
		r.known = append(r.known, r.base.since(step))
	}
	r.after = r.known[len(r.known)-1]
	r.verify(last)
	r.behind()
	if _, r.again = r.call(); !errors.Is(r.again, r.Again) {
		r.tb.Errorf("%s: behind a success it answers %v, want %v", r.Name, r.again, r.Again)
	}
	r.behind()
	r.twice = r.base.since(r.before.Again(r.tb, r.DB))
	r.before.Restore(r.tb, r.DB)
}

// points are the crossings, from 1, at which a fault makes a difference.
func (r *trialRun) points(fault Fault) []int {
	var all, commits []int
	for i, c := range r.trace {
		if slices.Contains(struck[fault], c.Kind) {
			all = append(all, i+1)
			if c.Commits() {
				commits = append(commits, i+1)
			}
		}
	}
	if AllFaults() || len(all) == 0 {
		return all
	}
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, r.Name)
	if r.DB.Name() == SQLite {
		// Every statement is refused, and every second has one of the other faults in turn; a commit has all of them.
		turn := slices.Index(faults, fault)
		return slices.DeleteFunc(all, func(n int) bool {
			return fault != Refuse && !slices.Contains(commits, n) && (n+int(h.Sum32()%uint32(len(faults))))%(2*len(faults)-2) != 2*turn-2
		})
	}
	// A sample: the lost answers to a commit, and one point each of a passing failure and of one of the rest.
	one := all[int(h.Sum32()/7%uint32(len(all)))]
	switch rest := []Fault{Refuse, CutBefore, Cancel, CancelAfter, Down}; fault {
	case Lose, CutAfter:
		if len(commits) > 0 {
			return commits[len(commits)-1:]
		}
	case Pass, rest[h.Sum32()%uint32(len(rest))]:
		return []int{one}
	}
	return nil
}

// struck are the kinds at which a fault is not the same as another.
var struck = map[Fault][]Kind{
	Refuse:      {Begin, Prepare, Exec, Query, Next, Close, Savepoint, Commit},
	Lose:        {Begin, Exec, Savepoint, Commit},
	CutBefore:   {Begin, Prepare, Exec, Query, Next, Savepoint, Commit},
	CutAfter:    {Exec, Savepoint, Commit},
	Cancel:      {Begin, Prepare, Exec, Query, Savepoint, Commit},
	CancelAfter: {Exec, Query, Savepoint, Commit},
	Pass:        {Begin, Exec, Query, Savepoint, Commit},
	Down:        {Begin, Exec, Query, Commit},
}

// call calls with nothing going wrong.
func (r *trialRun) call() (result any, err error) { return r.callWith(r.tb.Context()) }

// callWith calls, and wants an answer.
func (r *trialRun) callWith(ctx context.Context) (result any, err error) {
	r.tb.Helper()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		defer func() {
			if panicked := recover(); panicked != nil {
				err = fmt.Errorf("panicked: %v", panicked)
				r.tb.Errorf("%s: %v", r.Name, err)
			}
		}()
		result, err = r.Call(ctx)
	}()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-answered:
	case <-limit.C:
		r.tb.Fatalf("%s: no answer within %v", r.Name, patience)
	}
	return result, err
}

func (r *trialRun) behind() {
	r.tb.Helper()
	if r.Behind != nil {
		r.Behind(r.tb)
	}
}

// try is one fault, and the same call behind it.
func (r *trialRun) try(n int, fault Fault) {
	r.tb.Helper()
	point := r.trace[n-1]
	failed := func(format string, args ...any) {
		r.tb.Helper()
		r.tb.Errorf("%s, %s at %d of %d, %s %.80q: %s", r.Name, fault, n, len(r.trace), point.Kind, point.Query, fmt.Sprintf(format, args...))
	}
	ctx, cancel := context.WithCancel(r.tb.Context())
	defer cancel()
	r.Faults.Arm(n, fault, cancel)
	result, err := r.callWith(ctx)
	if !r.Faults.Heal() {
		failed("the fault was not reached: the statements are not the same each time")
	}
	r.quiet(failed)
	r.behind()
	if r.tb.Failed() {
		failed("behind it")
		return
	}
	now := r.before.Again(r.tb, r.DB)
	r.judgeError(point, fault, result, err, failed)
	whole := r.judgeRows(n, fault, now, err, failed)
	r.verify(now)
	_, err = r.call()
	r.behind()
	switch last := r.before.Again(r.tb, r.DB); {
	case whole && !sameError(err, r.again):
		failed("it was done, and the same call answers %v, want %v", err, r.again)
	case whole:
		r.wantRows("behind the same call again", r.base.since(last), r.twice, failed)
	case err != nil:
		failed("the same call behind it: %v", err)
	case r.GoesOn != nil:
	case len(r.steps) > 2: // what was committed before is committed again
		r.wantRows("behind the same call", uncounted(r.base.since(last)), uncounted(r.after), failed)
	default:
		r.wantRows("behind the same call", r.base.since(last), r.after, failed)
	}
	r.before.Restore(r.tb, r.DB)
}
