package outbox

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/castellan-iam/castellan/iam"
)

// errExpired is what becomes of a mail whose time is over.
var errExpired = errors.New("outbox: nobody took the mail in time")

// databaseError is a failure that says nothing about the mail. Its cause is for the log alone.
type databaseError struct{ cause error }

func (e *databaseError) Error() string { return "outbox: the mail could not be made ready" }

// panicError is what remains of a panic in a mailer, a template or another piece of the host's: one mail
// must not end the program, and again each time that it is tried.
type panicError struct{ what, stack string }

func (e *panicError) Error() string { return "outbox: sending the mail panicked: " + e.what }

func newPanicError(panicked any) *panicError {
	what := fmt.Sprintf("%T", panicked) // the value may be anything, also the mail
	if e, ok := panicked.(runtime.Error); ok {
		what = e.Error()
	}
	return &panicError{what, string(debug.Stack())}
}

// refusedError is what a mailer says, without the link. It wraps nothing: the error of the mailer has it.
type refusedError struct {
	text    string
	bounced bool
}

func (e *refusedError) Error() string { return e.text }

func (e *refusedError) Is(target error) bool { return e.bounced && target == iam.ErrBounced }
