package iam

import (
	"errors"
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Sentinels to branch on with errors.Is. Their texts are for logs; none of them is matched.
var (
	// ErrForbidden is wrapped by every refusal of a policy: see [ForbiddenError].
	ErrForbidden = errors.New("iam: forbidden")
	// ErrNotFound says that there is no such thing, or none in the actor's organisation: which of
	// the two is never told.
	ErrNotFound = errors.New("iam: not found")
	// ErrInvalid is wrapped by everything that is wrong with a parameter: see [FieldError].
	ErrInvalid = errors.New("iam: invalid")
	// ErrExists says that there is one already, where there may be one only.
	ErrExists = errors.New("iam: already exists")
	// ErrRoot says that root cannot be changed like this: it is not disabled, deleted or given roles.
	ErrRoot = errors.New("iam: the root account cannot be changed this way")
	// ErrLastAdministrator says that nobody would be left to manage the organisation.
	ErrLastAdministrator = errors.New("iam: the last administrator must stay")
	// ErrHolds says that an account still holds resources: they are handed over or released first.
	ErrHolds = errors.New("iam: the account still holds resources")
	// ErrQuota says that a limit would be exceeded: see [Quota].
	ErrQuota = errors.New("iam: the quota is exceeded")
	// ErrConflict says that somebody else changed the organisation meanwhile: read again and repeat.
	ErrConflict = errors.New("iam: changed meanwhile")
	// ErrBehind says that the database does not have the revision that was asked for.
	ErrBehind = errors.New("iam: the database is behind that revision")
	// ErrToken says that a link or a code is worth nothing: never was, was used, expired, taken back. Which of
	// them is never told.
	ErrToken = errors.New("iam: the link is not valid any more")
	// ErrThrottled is wrapped by everything that was asked too often: see [ThrottledError].
	ErrThrottled = errors.New("iam: too often")
)

// ThrottledError says until when something is not done again.
type ThrottledError struct{ Until time.Time }

// Error says nothing of the time, which is for a header.
func (e *ThrottledError) Error() string { return ErrThrottled.Error() }

// Unwrap makes it an ErrThrottled.
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// FieldError names the parameter that is wrong, and what was expected of it. It speaks of the
// caller's own input alone, so that it may be shown to the caller.
type FieldError struct {
	Field   string // as it is called in the Params struct: Email, Roles, Project
	Problem string
	// Reason is a more special sentinel, such as ErrExists. Defaults to none.
	Reason error
}

// Error names the field and the problem.
func (e *FieldError) Error() string { return fmt.Sprintf("iam: %s: %s", e.Field, e.Problem) }

// Is makes every FieldError an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Unwrap returns Reason.
func (e *FieldError) Unwrap() error { return e.Reason }

// refuse is a refusal without a decision of the policy.
func refuse(subject policy.AccountID, reason policy.Reason, detail string) error {
	return &ForbiddenError{Decision: policy.Decision{Subject: subject, Reason: reason}, Detail: detail}
}

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// ForbiddenError is a refusal with its facts. Its text is dull, for the outside; the facts are
// for the log.
type ForbiddenError struct {
	// Decision says why, and who was refused. It has no action when the refusal is about managing others.
	Decision policy.Decision
	// Ceiling says what could not be given, when that was the reason.
	Ceiling *policy.CeilingError
	// Detail says in words why, where neither of them does: the target is the root account.
	Detail string
	// Hidden is set when the subject may not even see the resource: to the outside it does not exist.
	Hidden bool

	event *Event // by which the refusal was recorded; nil for not yet
}

// Error says nothing but "forbidden".
func (e *ForbiddenError) Error() string { return ErrForbidden.Error() }

// Unwrap makes it an ErrForbidden.
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }

// Facts says the refusal in full, for the log.
func (e *ForbiddenError) Facts() string {
	switch {
	case e.Ceiling != nil:
		return e.Ceiling.Error()
	case e.Detail != "":
		return fmt.Sprintf("iam: %q is refused: %s", e.Decision.Subject, e.Detail)
	default:
		return e.Decision.String()
	}
}
