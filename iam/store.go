package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Store is where the accounts live. Package store implements it on a GORM database; the exported
// suite iam/storetest proves every sentence of these comments for any implementation. A Store is
// safe for concurrent use. Ids are compared byte by byte, without regard to case or locale rules.
//
// Errors that are not named in a comment are failures of the database, and nothing has changed.
type Store interface {
	Reader
	SessionStore
	Throttle
	Outbox
	APIKeyStore
	Feed

	// Write runs do in one transaction on an organisation, which it holds against every other
	// Write on the same organisation, on every node, until it ends: what do reads through tx, no
	// other Write changes meanwhile. It raises the organisation's revision by one. When do returns an
	// error, or the commit fails, nothing has changed, and Write returns that error. An organisation
	// that does not exist is ErrNotFound. Write may run do again after a passing failure of the
	// database, such as a deadlock.
	Write(ctx context.Context, org policy.OrgID, do func(tx Tx) error) error

	// WriteAside is Write, but it leaves the organisation's revision as it is: for what decides nothing,
	// such as sessions, mail, and the events about them.
	WriteAside(ctx context.Context, org policy.OrgID, do func(tx Tx) error) error

	// Create inserts an organisation and runs do in the same transaction, as Write does. An id that
	// is taken is ErrExists.
	Create(ctx context.Context, org Organization, do func(tx Tx) error) error
}

// Feed is how the nodes of a host learn of each other's changes.
type Feed interface {
	// Revisions returns the revision of each of the organisations that exist, as it is committed.
	Revisions(ctx context.Context, orgs []policy.OrgID) (map[policy.OrgID]int64, error)

	// Announce lets those who listen to the database hear that an organisation has a revision, when the transaction
	// in which the Store works is committed. It does nothing where a database has no such means.
	Announce(ctx context.Context, org policy.OrgID, revision int64) error
}

// Reader is everything that is read. Lists without matches are empty and no error. What belongs
// to another organisation is not found.
type Reader interface {
	SubjectReader
	AccountReader
	BindingReader
	HoldingReader
	AuditReader
	InvitationReader
	CredentialReader
	MailReader
	APIKeyReader
}

// SubjectReader reads what decides.
type SubjectReader interface {
	// Subject returns the record of an account in one round trip, whatever its status: ErrNotFound
	// when there is none. Grants that have ended are among them. Bindings, grants and open
	// projects come in no particular order and without duplicates.
	Subject(ctx context.Context, account policy.AccountID) (SubjectRecord, error)

	// Candidates returns the records of the organisation's active accounts that meet at least one
	// of the query's criteria, in the order of their ids.
	Candidates(ctx context.Context, org policy.OrgID, q CandidateQuery) ([]SubjectRecord, error)
}

// CandidateQuery names who may come into question for a resource. Empty criteria match nobody.
type CandidateQuery struct {
	OrgRoles     []policy.Role // holds one of these roles in the organisation
	Project      policy.ProjectID
	ProjectRoles []policy.Role // is bound to Project with one of these, or holds one of them while Project is open
	Grants       bool          // holds any grant in Place, or in a place around it
	Place        policy.Place
}

// AccountReader reads accounts.
type AccountReader interface {
	// Organization returns one organisation, or ErrNotFound.
	Organization(ctx context.Context, org policy.OrgID) (Organization, error)

	// Account returns an account of the organisation, or ErrNotFound.
	Account(ctx context.Context, org policy.OrgID, id policy.AccountID) (Account, error)

	// AccountByEmail returns the organisation's account with the address, or ErrNotFound.
	AccountByEmail(ctx context.Context, org policy.OrgID, email Email) (Account, error)

	// Accounts returns a page of the organisation's accounts in the order of their ids.
	Accounts(ctx context.Context, org policy.OrgID, q AccountQuery) ([]Account, error)

	// Administrators counts the active accounts that hold one of the roles in the whole organisation.
	Administrators(ctx context.Context, org policy.OrgID, roles []policy.Role) (int, error)

	// RootEmail reports whether the address belongs to a root account of any organisation.
	RootEmail(ctx context.Context, email Email) (bool, error)

	// AccountEverywhere returns the account, of whatever organisation, that was stored with everywhere set
	// and has the address, or ErrNotFound.
	AccountEverywhere(ctx context.Context, email Email) (Account, error)

	// RootByEmail returns the root account, of whatever organisation, that has the address, or ErrNotFound.
	RootByEmail(ctx context.Context, email Email) (Account, error)
}

// AccountQuery narrows a list of accounts. The zero query is everybody's first page.
type AccountQuery struct {
	// Keyword must occur in the address, name, username, phone, company or note: letters of either
	// case, and every character for itself. Defaults to no narrowing.
	Keyword string
	// Status must be the account's. Defaults to any.
	Status Status
	// Role must be held in the organisation. Defaults to any.
	Role policy.Role
	// Project must have a binding of the account. Defaults to any.
	Project policy.ProjectID
	// After is the last id of the page before. Defaults to the first page.
	After policy.AccountID
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// BindingReader reads bindings, grants and projects.
type BindingReader interface {
	// Bindings returns what an account is bound to, sorted by project and role.
	Bindings(ctx context.Context, org policy.OrgID, account policy.AccountID) ([]Binding, error)

	// ProjectBindings returns the bindings of a project's active accounts, sorted by account and
	// role; with a query, of those accounts only that it matches (its Project and Status do not count).
	ProjectBindings(ctx context.Context, org policy.OrgID, project policy.ProjectID, q AccountQuery) ([]Binding, error)

	// Grants returns the grants of an account, also those that have ended, sorted by id.
	Grants(ctx context.Context, org policy.OrgID, account policy.AccountID) ([]Grant, error)

	// Grant returns one grant of the organisation, or ErrNotFound.
	Grant(ctx context.Context, org policy.OrgID, id GrantID) (Grant, error)

	// Projects returns the projects of the organisation for which a choice was made, sorted by id.
	Projects(ctx context.Context, org policy.OrgID) ([]Project, error)
}

// AuditReader reads the audit log.
type AuditReader interface {
	// Events returns a page of the organisation's events, the newest first, or with Ascending the
	// oldest first.
	Events(ctx context.Context, org policy.OrgID, q EventQuery) ([]Event, error)

	// CountEvents counts the organisation's events of a type since a time: of an actor, or of anybody when
	// that is "".
	CountEvents(ctx context.Context, org policy.OrgID, what EventType, actor policy.AccountID, since time.Time) (int, error)

	// LogHead returns how many events with a hash the organisation's log has taken, and the hash of the
	// last of them: zero and "" when there are none, and ErrNotFound without the organisation.
	LogHead(ctx context.Context, org policy.OrgID) (LogHead, error)
}

// LogHead is the end of an organisation's log.
type LogHead struct {
	Count int64
	Hash  string
}

// Tx changes one organisation within a Write. Everything that it reads is as its own changes left
// it. Accounts, roles, bindings and grants of another organisation cannot be reached through it.
type Tx interface {
	Reader
	AccountWriter
	BindingWriter
	HoldingWriter
	InvitationWriter
	CredentialWriter
	MailWriter
	APIKeyWriter
	BulkWriter

	// Revision returns the organisation's revision as it is once the Write is committed.
	Revision() int64

	// UpdateOrganization writes the organisation's Name and SecondFactor. Another organisation is ErrNotFound.
	UpdateOrganization(ctx context.Context, o Organization) error

	// Append writes an event to the audit log. Organisation, Revision and Ordinal are filled in by
	// the store: the organisation's revision within this Write, and a count from 1 of the events at that
	// revision. Hash becomes what link returns for the event and the hash of the event before it, which is ""
	// for the first. Link is given the event as it will be read.
	Append(ctx context.Context, e Event, link func(e Event, before string) string) error
}

// AccountWriter changes accounts.
type AccountWriter interface {
	// InsertAccount adds an account with its roles. An id that is taken is ErrExists. An address
	// that another account has within the scope is a *FieldError for Email with Reason ErrExists;
	// the scope is the organisation, or the whole database when everywhere is set. So is the address of a
	// root account that another organisation's root has: root signs in by it alone (E10, E11).
	InsertAccount(ctx context.Context, a Account, everywhere bool) error

	// UpdateAccount writes status, profile, address, roles, Activated and Updated of an account. The rest of
	// it does not change. Errors are those of InsertAccount, and ErrNotFound.
	UpdateAccount(ctx context.Context, a Account, everywhere bool) error

	// MoveRoot makes another account of the organisation its root in place of the one that is: neither
	// changes otherwise. It is ErrNotFound when there is no such account, or no root. An address that
	// another organisation's root has is a *FieldError for Email with Reason ErrExists.
	MoveRoot(ctx context.Context, to policy.AccountID) error

	// DeleteAccount removes an account with everything that hangs on it: roles, bindings, grants,
	// holdings, limits, invitation, credential, recovery codes, sessions, API keys, tokens, a change of its
	// address, and an offer of the root account by it or to it. Its mails stay. The accounts that it created count
	// as created by its own creator from then on. It is ErrNotFound when there is no such account.
	DeleteAccount(ctx context.Context, id policy.AccountID) error
}

// BindingWriter changes bindings, grants and projects.
type BindingWriter interface {
	// InsertBinding adds a binding and reports whether it was new. An account that is not of the
	// organisation is ErrNotFound.
	InsertBinding(ctx context.Context, b Binding) (added bool, err error)

	// DeleteBinding removes a binding and reports whether there was one.
	DeleteBinding(ctx context.Context, b Binding) (removed bool, err error)

	// InsertGrant adds a grant. An account that is not of the organisation is ErrNotFound, an id that
	// is taken is ErrExists.
	InsertGrant(ctx context.Context, g Grant) error

	// DeleteGrant removes a grant, or returns ErrNotFound.
	DeleteGrant(ctx context.Context, id GrantID) error

	// PutProject writes the choice for a project, and reports whether that changed it.
	PutProject(ctx context.Context, p Project) (changed bool, err error)

	// ForgetProject removes everything about a project: its choice, its bindings, and the grants in it.
	// It returns the bindings and the grants that went.
	ForgetProject(ctx context.Context, project policy.ProjectID) (Forgotten, error)
}

// Forgotten is what a project took along.
type Forgotten struct {
	Bindings []Binding // sorted by account and role
	Grants   []Grant   // sorted by id
}

// Event is a line of the audit log: who did what to what, and when (E17).
type Event struct {
	Org      policy.OrgID
	Revision int64 // of the organisation, with the change in it
	Ordinal  int   // from 1, among the events of one change
	Time     time.Time
	Type     EventType
	Outcome  Outcome
	Actor    policy.AccountID // who acted; "" for the system, and for nobody known
	Email    Email            // the actor's address at that time
	Role     string           // what the actor was at that time: its roles, "system", "api key" with its id, or "" for nobody known
	Reason   string           // why the system acted; "" for an account
	Peer     string           // the IP address that the request came from; "" when the host does not say
	Request  string           // the host's id of the request; "" when the host does not say
	Target   string           // what was changed: the id of an account, project, grant, resource or organisation
	Changes  []FieldChange    // in a fixed order for each Type
	Hash     string           // links the event to the one before it; "" from before there was a chain
}

// Outcome says how what an event tells of has ended.
type Outcome string

// The outcomes.
const (
	Done    Outcome = ""        // it happened
	Refused Outcome = "refused" // it was not allowed
	Failed  Outcome = "failed"  // it was tried in vain: a wrong password, a dead link
)

// FieldChange is one value before and after. A value that was not there is "".
type FieldChange struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// EventQuery narrows the audit log. The zero query is the newest page.
type EventQuery struct {
	// Actor must have acted. Defaults to anybody.
	Actor policy.AccountID
	// Target must have been changed. Defaults to anything.
	Target string
	// Type must be the event's. Defaults to any.
	Type EventType
	// From is the earliest time, and To the first time that is too late. They default to no bounds.
	From, To time.Time
	// Outcomes are those that the event may have ended with. Defaults to any.
	Outcomes []Outcome
	// Ascending asks for the oldest first. Defaults to the newest first.
	Ascending bool
	// Before is the position of the last event of the page before. Defaults to the newest page.
	Before EventPosition
	// After is the position of the last event of the page before, with Ascending. Defaults to the oldest page.
	After EventPosition
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// EventPosition is a place in an organisation's log, for paging. The zero position is its end.
type EventPosition struct {
	Revision int64
	Ordinal  int
}

// Position returns where the event stands.
func (e Event) Position() EventPosition { return EventPosition{e.Revision, e.Ordinal} }
