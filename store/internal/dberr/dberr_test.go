package dberr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// What the drivers say is classified in the tests of package store, with real databases.
func TestRepeatEndsWithTheCause(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	changed := fmt.Errorf("row 7: %w", dberr.ErrChanged)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name   string
		ctx    context.Context
		causes []error // of the calls, the last one again and again
		calls  int
		want   error
	}{
		{"success is not repeated", t.Context(), []error{nil}, 1, nil},
		{"a failure is not repeated", t.Context(), []error{broken}, 1, broken},
		{"what was changed meanwhile is tried again", t.Context(), []error{changed, nil}, 2, nil},
		{"a failure ends it", t.Context(), []error{changed, broken}, 2, broken},
		{"and it ends at last", t.Context(), []error{changed}, 10, dberr.ErrChanged},
		{"an ended context is not waited for", ended, []error{changed}, 1, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			err, _ := dberr.Repeat(tt.ctx, func() (err, cause error) {
				cause = tt.causes[min(calls, len(tt.causes)-1)]
				calls++
				return cause, cause
			})
			if !errors.Is(err, tt.want) || calls != tt.calls {
				t.Errorf("got %v after %d calls, want %v after %d", err, calls, tt.want, tt.calls)
			}
		})
	}
}
