package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// InvitationReader reads invitations.
type InvitationReader interface {
	// Invitation returns the invitation of an account, or ErrNotFound.
	Invitation(ctx context.Context, org policy.OrgID, account policy.AccountID) (Invitation, error)

	// Invitations returns a page of the organisation's invitations, in the order of their accounts'
	// ids, each with the state of its last mail.
	Invitations(ctx context.Context, org policy.OrgID, q InvitationQuery) ([]Invitation, error)
}

// InvitationQuery narrows a list of invitations. The zero query is everybody's first page.
type InvitationQuery struct {
	// Open leaves out what was accepted. Defaults to all.
	Open bool
	// By must have invited. Defaults to anybody.
	By policy.AccountID
	// After is the last account of the page before. Defaults to the first page.
	After policy.AccountID
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// InvitationWriter changes invitations and tokens.
type InvitationWriter interface {
	// PutInvitation writes the invitation of an account, in place of the one that it had. An account
	// that is not of the organisation is ErrNotFound.
	PutInvitation(ctx context.Context, i Invitation) error

	// InsertToken adds a token. A hash that is taken is ErrExists, an account that is not of the
	// organisation is ErrNotFound.
	InsertToken(ctx context.Context, t TokenRecord) error

	// UseToken uses a token up, if it is one for the purpose that was not used before and has not
	// expired by now, and reports whether it was.
	UseToken(ctx context.Context, hash TokenHash, purpose TokenPurpose, now time.Time) (bool, error)

	// DropTokens removes the account's tokens for the purposes.
	DropTokens(ctx context.Context, account policy.AccountID, purposes ...TokenPurpose) error

	// EmailChange returns the change of address that waits for the account, or ErrNotFound.
	EmailChange(ctx context.Context, account policy.AccountID) (EmailChange, error)

	// PutEmailChange writes the change of address of an account, in place of the one that it had. An account
	// that is not of the organisation is ErrNotFound.
	PutEmailChange(ctx context.Context, c EmailChange) error

	// DeleteEmailChange removes what waits for the account, if anything does.
	DeleteEmailChange(ctx context.Context, account policy.AccountID) error

	// RootOffer returns the offer of the root account that waits, or ErrNotFound.
	RootOffer(ctx context.Context) (RootOffer, error)

	// PutRootOffer writes the organisation's one offer, in place of the one that it had. An account that is
	// not of the organisation is ErrNotFound.
	PutRootOffer(ctx context.Context, o RootOffer) error

	// DeleteRootOffer removes the offer and reports whether there was one.
	DeleteRootOffer(ctx context.Context) (bool, error)
}

// TokenPurpose is what a token is good for. One for another purpose is none (SB-12).
type TokenPurpose string

// The purposes.
const (
	ForInvitation TokenPurpose = "invitation"
	ForReset      TokenPurpose = "reset"
	ForOldEmail   TokenPurpose = "email_old"
	ForNewEmail   TokenPurpose = "email_new"
)

// TokenRecord is what is stored of a token that was mailed.
type TokenRecord struct {
	Hash    TokenHash
	Purpose TokenPurpose
	Org     policy.OrgID
	Account policy.AccountID
	Email   Email // the address that it was mailed to: it proves that one
	Created time.Time
	Expires time.Time // the first moment at which it is worth nothing
	Used    time.Time // zero when it was not
}

// EmailChange is a change of address that waits for both addresses to be confirmed.
type EmailChange struct {
	Account          policy.AccountID
	Email            Email // the new one
	OldDone, NewDone bool  // which of the two has confirmed
	By               policy.AccountID
	Created          time.Time
	Expires          time.Time
}

// RootOffer is root's offer to hand the organisation over.
type RootOffer struct {
	From    policy.AccountID
	To      policy.AccountID
	Created time.Time
	Expires time.Time
}

// CredentialReader reads what proves who somebody is.
type CredentialReader interface {
	// Credential returns the credential of an account, and the zero Credential of that account when it
	// has none.
	Credential(ctx context.Context, org policy.OrgID, account policy.AccountID) (Credential, error)

	// Sessions returns the sessions of an account that have not ended by now, the newest first.
	Sessions(ctx context.Context, org policy.OrgID, account policy.AccountID, now time.Time) ([]Session, error)
}

// Credential is how an account proves who it is. What is in it is package iam/signin's.
type Credential struct {
	Account     policy.AccountID
	Password    string // a hash as a PHC string; "" for none
	PasswordSet time.Time
	MustChange  bool   // the password was chosen by somebody else
	Secret      string // of the second factor, sealed; "" for none
	Enrolling   string // a secret that was not confirmed yet, sealed
	Step        int64  // the last time step whose code was used
	CodesLeft   int    // recovery codes; read only
}

// CredentialWriter changes credentials and sessions.
type CredentialWriter interface {
	// PutCredential writes the credential of an account, but for Step and CodesLeft. An account that is
	// not of the organisation is ErrNotFound.
	PutCredential(ctx context.Context, c Credential) error

	// UseStep writes the time step, if it is later than the last one, and reports whether it was. It
	// is the one guard against a code that is used twice (SB-46).
	UseStep(ctx context.Context, account policy.AccountID, step int64) (bool, error)

	// PutRecoveryCodes replaces the account's recovery codes by those with the hashes. An account that is
	// not of the organisation is ErrNotFound.
	PutRecoveryCodes(ctx context.Context, account policy.AccountID, hashes ...string) error

	// UseRecoveryCode removes one of the account's codes and reports whether there was such a one.
	UseRecoveryCode(ctx context.Context, account policy.AccountID, hash string) (bool, error)

	// InsertSession adds a session. An account that is not of the organisation is ErrNotFound, an id
	// that the account has already and a hash that is taken are ErrExists.
	InsertSession(ctx context.Context, s Session) error

	// HasSession reports whether the account has such a session.
	HasSession(ctx context.Context, account policy.AccountID, id SessionID) (bool, error)

	// DeleteSession ends one session of the account and reports whether there was such a one.
	DeleteSession(ctx context.Context, account policy.AccountID, id SessionID) (bool, error)

	// DeleteSessions ends all sessions of the account but one, or all when that is "", and counts them.
	DeleteSessions(ctx context.Context, account policy.AccountID, but SessionID) (int, error)

	// ForgiveAttempts forgets the attempts under a key, as [Throttle].Forgive does, when the Write commits.
	ForgiveAttempts(ctx context.Context, key string) error
}

// SessionID names a session to its owner. It opens nothing.
type SessionID string

// Stage is how far a session has come. Only a Full one does anything but go on to the next stage
// (SB-43).
type Stage string

// The stages.
const (
	Full               Stage = "full"
	NeedsSecondFactor  Stage = "second_factor"  // the password was right, the code is missing
	NeedsEnrollment    Stage = "enrollment"     // a second factor is required, and there is none yet (SB-52)
	NeedsPasswordReset Stage = "password_reset" // the password was chosen by somebody else (SB-10)
)

// Session is an account that is signed in.
type Session struct {
	ID           SessionID
	Org          policy.OrgID
	Account      policy.AccountID
	Hash         TokenHash
	Stage        Stage
	SecondFactor bool // a second factor was given
	Created      time.Time
	Seen         time.Time     // the last use, give or take a minute
	Fresh        time.Time     // when the password was last given
	Idle         time.Duration // it ends when it was not used for so long
	Expires      time.Time     // it ends then at the latest
	Peer         string        // the IP address that it was opened from
	Agent        string        // the program that it was opened with, as it calls itself
	Pinned       string        // the subject as it was when the session was opened, where the Rules say so (L10)
}

// EndedAt reports whether the session is over.
func (s Session) EndedAt(now time.Time) bool {
	return !now.Before(s.Expires) || now.Sub(s.Seen) >= s.Idle
}

// SessionRecord is a session with what may have ended it meanwhile.
type SessionRecord struct {
	Session
	Status           Status           // of the account
	SecondFactorRule SecondFactorRule // of the organisation
	Root             bool
}

// SessionStore reads and keeps sessions, and reads tokens. It takes no lock.
type SessionStore interface {
	// Session returns the session with the hash, of whatever organisation, in one round trip:
	// ErrNotFound when there is none. One that has ended by its times is returned too.
	Session(ctx context.Context, hash TokenHash) (SessionRecord, error)

	// TouchSession writes Seen of a session that is there, if it is later. What is not there stays away
	// (SB-39).
	TouchSession(ctx context.Context, hash TokenHash, seen time.Time) error

	// Token returns the token with the hash, of whatever organisation, also a used or expired one:
	// ErrNotFound when there is none.
	Token(ctx context.Context, hash TokenHash) (TokenRecord, error)

	// Sweep removes the sessions and tokens that expired by a time, and the counters that count no more
	// by then, and returns how many rows went. Nothing depends on its being called (SB-14).
	Sweep(ctx context.Context, over time.Time) (int, error)
}

// Throttle counts attempts, on all nodes together, and forgets nothing in a restart (SB-29).
type Throttle interface {
	// Attempt counts an attempt under a key before it is made, and returns the zero time. When there
	// were limit.Attempts already, each within limit.Pause of the next, it counts nothing and returns the
	// time until which no attempt is allowed: limit.Pause after the last. Of attempts at once it allows
	// no more than the limit. Any text is a key.
	Attempt(ctx context.Context, key string, limit Limit, now time.Time) (until time.Time, err error)

	// Blocked returns what Attempt would, and counts nothing.
	Blocked(ctx context.Context, key string, limit Limit, now time.Time) (until time.Time, err error)

	// Forgive forgets the attempts under a key.
	Forgive(ctx context.Context, key string) error
}

// Limit is how many attempts are allowed, and how long to wait after the last. The zero Limit allows
// none, and one without a Pause any number.
type Limit struct {
	Attempts int
	Pause    time.Duration
}
