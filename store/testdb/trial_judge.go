package testdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

func sameError(got, want error) bool {
	return (got == nil) == (want == nil) && (want == nil || got.Error() == want.Error() || reflect.TypeOf(got) == reflect.TypeOf(want))
}

// judgeError wants an error that says what went wrong, and nothing beside it.
func (r *trialRun) judgeError(point Crossing, fault Fault, result any, err error, failed func(string, ...any)) {
	if err == nil {
		forgone := r.forgoes(point)
		switch {
		case (r.Reads || forgone) && !reflect.DeepEqual(result, r.result):
			failed("it returns %v, want %v or an error", result, r.result)
		case slices.Contains([]Fault{Refuse, Lose, CutAfter, Down}, fault) && point.Kind != Close && r.Unheard == "" && !forgone:
			failed("nobody was told")
		}
		return
	}
	if result != nil && r.Partial == "" && !reflect.ValueOf(result).IsZero() {
		failed("beside the error %v it returns %v", err, result)
	}
	var causes []error
	switch fault {
	case Cancel, CancelAfter:
		causes = []error{context.Canceled}
	case CutBefore:
		causes = []error{driver.ErrBadConn, ErrInjected}
	case Pass:
		if (point.InTx || point.Kind == Begin) && !r.Once {
			failed("it passes, and was not tried again: %v", err)
		}
		return
	default:
		causes = []error{ErrInjected}
	}
	if !slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) }) {
		failed("the error %q does not say why", err)
	}
}

// judgeRows wants the rows to be those behind one of the steps, and reports whether it is the last one.
func (r *trialRun) judgeRows(n int, fault Fault, now Rows, err error, failed func(string, ...any)) (whole bool) {
	last := len(r.steps) - 1
	lines := r.base.since(now)
	if err == nil {
		if executed := fault != Refuse && fault != Down; !executed && r.forgoes(r.trace[n-1]) {
			r.forgone = true
			r.wantRows("it went on without", lines, r.known[r.step[n-1]], failed)
			return false
		}
		if !r.Reads {
			r.wantRows("it succeeded", lines, r.after, failed)
		}
		r.forgone = r.forgone || fault == Lose && r.forgoes(r.trace[n-1])
		return true
	}
	if r.GoesOn != nil {
		for _, name := range now.Changed(r.before) {
			if !slices.Contains(r.GoesOn, name) {
				failed("it failed with %v, and changed %s", err, name)
			}
		}
		return false
	}
	allowed := r.stepsAt(n, fault)
	for _, i := range allowed {
		if slices.Equal(lines, r.known[i]) {
			return i == last && last > 0
		}
	}
	r.wantRows("it failed with "+err.Error(), lines, r.known[allowed[0]], failed)
	return false
}

// forgoes reports whether a crossing is the statement that the operation can do without.
func (r *trialRun) forgoes(c Crossing) bool {
	return r.Forgoes != "" && strings.HasPrefix(c.Query, r.Forgoes)
}

// stepsAt are the steps that may have been committed when a fault at the n-th crossing was an error: those before
// it, and the one whose answer was lost. Who hangs up may find that something was done all the same, such
// as counting a guess.
func (r *trialRun) stepsAt(n int, fault Fault) []int {
	first, end := r.step[n-1], r.step[n-1]
	switch fault {
	case Cancel, CancelAfter:
		end = len(r.steps) - 1
	case Lose, CutAfter:
		if r.trace[n-1].Commits() {
			end = min(first+1, len(r.steps)-1)
		}
	}
	var all []int
	for i := first; i <= end; i++ {
		all = append(all, i)
	}
	return all
}

func (r *trialRun) wantRows(when string, got, want []string, failed func(string, ...any)) {
	if !slices.Equal(got, want) {
		failed("%s, and the rows are not as they should be:\n- %v\n+ %v", when, without(want, got), without(got, want))
	}
}

// without are the lines that another list has not.
func without(lines, other []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(other, line) })
}

var asides = regexp.MustCompile(` asides=\d+`)

// uncounted are the rows without what is counted again when a call is: guesses, and how often the organisation
// was held.
func uncounted(lines []string) []string {
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, "iam_throttles ") {
			kept = append(kept, asides.ReplaceAllString(line, ""))
		}
	}
	return kept
}

// quiet waits for the pool's only connection: whoever has lost it has it for ever.
func (r *trialRun) quiet(failed func(string, ...any)) {
	ctx, cancel := context.WithTimeout(r.tb.Context(), patience)
	defer cancel()
	conn, err := r.Faults.pool.Conn(ctx)
	if err != nil {
		failed("a connection is lost: %v", err)
		return
	}
	if err := conn.Close(); err != nil {
		failed("the connection that came back: %v", err)
	}
}

// verify asks once about each state.
func (r *trialRun) verify(now Rows) {
	r.tb.Helper()
	key := fmt.Sprint(now.Lines())
	if r.Wants == nil || r.verified[key] {
		return
	}
	r.verified[key] = true
	r.Wants(r.tb)
}
