package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// MailID identifies a mail of the outbox.
type MailID string

// Mail is a line of the outbox: what will be sent, or was. It holds no token: the link is made when
// the mail is sent (SB-98).
type Mail struct {
	ID       MailID
	Org      policy.OrgID     // "" for a request from outside that is not known to concern anybody
	Account  policy.AccountID // whom it is about; "" as Org
	To       Email
	Template string // the name of a template of package iam/outbox
	Data     MailData
	Token    TokenPurpose     // what its link is good for; "" for a mail without one
	By       policy.AccountID // who caused it; "" for the system
	Created  time.Time
	Expires  time.Time // the first moment at which it is not worth sending, and its link worth nothing; zero for never

	State MailState
	Tries int       // how often it was handed to a server
	Next  time.Time // when it is tried again at the earliest
	Reply string    // the server's last reply, or what kept it from replying
	Ended time.Time // when it came to its last state; zero before
}

// MailData is what a template says beside the names of recipient and organisation.
type MailData struct {
	Actor           string   `json:"actor,omitempty"` // who caused it, as people know them
	Roles           []string `json:"roles,omitempty"` // titles
	InitialPassword bool     `json:"initial_password,omitempty"`
	OldEmail        Email    `json:"old_email,omitempty"`
	NewEmail        Email    `json:"new_email,omitempty"`
	CodesLeft       int      `json:"codes_left,omitempty"`
	Peer            string   `json:"peer,omitempty"` // where a request came from
}

// MailState is where a mail is on its way.
type MailState string

// The states of a mail. The last four are final.
const (
	MailQueued   MailState = "queued"
	MailDeferred MailState = "deferred" // was tried, and will be again
	MailSent     MailState = "sent"     // the server took it
	MailBounced  MailState = "bounced"  // the server refused it for good
	MailExpired  MailState = "expired"  // nobody took it in time
	MailDropped  MailState = "dropped"  // it was not wanted any more (SB-99)
)

// MailReader reads the outbox.
type MailReader interface {
	// Mails returns a page of the organisation's mails, the newest first: in the order of their ids,
	// backwards.
	Mails(ctx context.Context, org policy.OrgID, q MailQuery) ([]Mail, error)

	// CountMails counts the organisation's mails of a template that were caused since a time: by
	// somebody, or by anybody when by is ""; about an account, or about any when that is "".
	CountMails(ctx context.Context, org policy.OrgID, template string, by, account policy.AccountID, since time.Time) (int, error)

	// MailServer returns the organisation's own mail server, or ErrNotFound.
	MailServer(ctx context.Context, org policy.OrgID) (MailServer, error)
}

// MailQuery narrows a list of mails. The zero query is the newest page.
type MailQuery struct {
	// Account must be the one that it is about. Defaults to any.
	Account policy.AccountID
	// State must be the mail's. Defaults to any.
	State MailState
	// Before is the id of the last mail of the page before. Defaults to the newest page.
	Before MailID
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// MailWriter changes the outbox of one organisation.
type MailWriter interface {
	// InsertMail queues a mail. An id that is taken is ErrExists.
	InsertMail(ctx context.Context, m Mail) error

	// DropMails drops those mails about an account that are on their way, of the templates, or all when none
	// are named.
	DropMails(ctx context.Context, account policy.AccountID, at time.Time, templates ...string) error

	// HoldsMail reports whether the lease on a mail of the organisation holds still: nobody has dropped
	// it or taken it over. What it reports stays true until the Write ends.
	HoldsMail(ctx context.Context, id MailID, lease string) (bool, error)

	// PutMailServer writes the organisation's own mail server, in place of the one that it had.
	PutMailServer(ctx context.Context, s MailServer) error

	// DeleteMailServer removes it, if there is one.
	DeleteMailServer(ctx context.Context) error
}

// Outbox hands out the mails of all organisations to those who send them, on any node.
type Outbox interface {
	// RequestMail queues a mail from outside of every organisation's lock: for a request that must
	// take the same time whether or not it concerns anybody (SB-26). An id that is taken is ErrExists.
	RequestMail(ctx context.Context, m Mail) error

	// LeaseMails hands out at most limit mails that are due by now, the longest due first, each to one
	// caller until a time: a mail whose lease has run out is due again.
	LeaseMails(ctx context.Context, lease string, now, until time.Time, limit int) ([]Mail, error)

	// EndMail writes State, Tries, Next, Reply and Ended of a mail, gives the lease back, and reports
	// whether the lease held.
	EndMail(ctx context.Context, lease string, m Mail) (bool, error)
}

// MailServer is an organisation's own mail server (D3).
type MailServer struct {
	Host     string
	Port     int
	Security string // as package iam/smtp names it
	Username string
	Password string // sealed; "" for none
	From     string
	Updated  time.Time
}
