package testdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

func sameError(got, want error) bool {
	return (got == nil) == (want == nil) && (want == nil || got.Error() == want.Error() || reflect.TypeOf(got) == reflect.TypeOf(want))
}

// judgeError wants an error that says what went wrong, and nothing beside it.
func (r *trialRun) judgeError(point Crossing, fault Fault, result any, err error, failed func(string, ...any)) {
	if err == nil {
		switch {
		case r.Reads && !reflect.DeepEqual(result, r.result):
			failed("it returns %v, want %v or an error", result, r.result)
		case slices.Contains([]Fault{Refuse, Lose, CutAfter, Down}, fault) && point.Kind != Close && r.Unheard == "":
			failed("nobody was told")
		}
		return
	}
	if result != nil && r.Partial == "" && !reflect.ValueOf(result).IsZero() {
		failed("beside the error %v it returns %v", err, result)
	}
	var causes []error
	switch fault {
	case Cancel, CancelAfter, Delay:
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
		if !r.Reads {
			r.wantRows("it succeeded", lines, r.after, failed)
		}
		return true
	}
	step := r.step[n-1]
	allowed := []int{step}
	if point := r.trace[n-1]; point.Commits() && step < last && !slices.Contains([]Fault{Refuse, CutBefore, Pass, Down, Delay}, fault) {
		allowed = append(allowed, step+1)
	}
	for _, i := range allowed {
		if slices.Equal(lines, r.known[i]) {
			return i == last && last > 0
		}
	}
	r.wantRows("it failed with "+err.Error(), lines, r.known[allowed[0]], failed)
	return false
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

// but are the rows of the other tables.
func but(lines []string, table string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return len(line) > len(table) && line[:len(table)+1] == table+" "
	})
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
