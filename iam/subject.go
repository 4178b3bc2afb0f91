package iam

import (
	"context"

	"github.com/castellan-iam/castellan/policy"
)

// Subject is one who asks: an account with everything that decides what it may do, as it stood
// when it was loaded. It is immutable and safe for concurrent use. The zero Subject may do nothing.
type Subject struct {
	holder *policy.Holder
	facts  *facts // nil for the zero Subject
}

// facts are what is known of a subject beside what decides.
type facts struct {
	root     bool
	status   Status
	email    Email
	revision int64
	pinned   bool // as it was when its session was opened (L10)
	key      APIKeyID
}

// nothing is known of the zero Subject. It is never written to.
var nothing facts

func (s Subject) known() *facts {
	if s.facts == nil {
		return &nothing
	}
	return s.facts
}

// ID returns the account, and "" for the zero Subject.
func (s Subject) ID() policy.AccountID { return s.holder.ID() }

// Org returns the organisation that the account belongs to.
func (s Subject) Org() policy.OrgID { return s.holder.Org() }

// Key returns the API key by which the account acts, and "" when it acts itself.
func (s Subject) Key() APIKeyID { return s.known().key }

// Root reports whether it is the organisation's root account. A key of root's is not.
func (s Subject) Root() bool { return s.known().root && s.Key() == "" }

// Status returns the account's status.
func (s Subject) Status() Status { return s.known().status }

// Email returns the account's address.
func (s Subject) Email() Email { return s.known().email }

// Roles returns the roles that the account holds in its organisation. An API key has none.
func (s Subject) Roles() []policy.Role {
	if s.Key() != "" {
		return nil
	}
	return s.holder.Roles()
}

// Revision returns the revision of the organisation with which the subject was loaded.
func (s Subject) Revision() int64 { return s.known().revision }

// Holder returns the subject as the policy sees it.
func (s Subject) Holder() *policy.Holder { return s.holder }

type subjectKey struct{}

// NewContext returns a context that carries the subject to the handlers of a request.
func NewContext(ctx context.Context, sub Subject) context.Context {
	return context.WithValue(ctx, subjectKey{}, sub)
}

// FromContext returns the subject that NewContext put there, and the zero Subject, which may do
// nothing, when there is none.
func FromContext(ctx context.Context) Subject {
	sub, _ := ctx.Value(subjectKey{}).(Subject)
	return sub
}
