package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Change is one transaction of an actor about one account, for packages that keep rows of their own
// beside the accounts, as iam/signin does. What it is about was guarded before it was handed out. It
// is valid until the function that it was given to returns, and for one goroutine.
type Change struct {
	c       *change
	account Account
}

// Account returns the account that the change is about, as it stands in the transaction.
func (c Change) Account() Account { return c.account }

// Tx returns the transaction.
func (c Change) Tx() Tx { return c.c.tx }

// Now returns the time of the change.
func (c Change) Now() time.Time { return c.c.now }

// NewID makes an id, as all of the library's are.
func (c Change) NewID() (string, error) { return c.c.svc.ids.next(c.c.now) }

// MayBecome refuses an actor who could do more as the account than as themselves: for what would let
// them in as the account, such as setting its password (SB-62). Beside its roles, which Manage has
// asked about, the account may hold single permissions.
func (c Change) MayBecome() error { return c.c.mayBecome(c.account) }

// By returns who acts, and "" for the system.
func (c Change) By() policy.AccountID { return c.c.sub.ID() }

// ByRoot reports whether the organisation's root acts, or the system.
func (c Change) ByRoot() bool { return c.c.isSystem() || c.c.sub.Root() }

// Record writes an audit event about the account.
func (c Change) Record(what EventType, outcome Outcome, changes ...FieldChange) error {
	return c.c.append(Event{Type: what, Outcome: outcome, Target: string(c.account.ID), Changes: changes})
}

// RecordAttempt writes an audit event about something that was tried in vain by somebody who has proven
// nothing: nobody has acted, and Email is the address that was given.
func (c Change) RecordAttempt(what EventType, email Email, changes ...FieldChange) error {
	nobody := Actor{svc: c.c.svc, org: c.c.org}
	e := nobody.signs(Event{Type: what, Outcome: Failed, Target: string(c.account.ID), Changes: changes}, c.c.ctx)
	e.Email = email
	return c.c.svc.append(c.c.ctx, c.c.tx, e, c.c.now)
}

// Mail queues a mail to the account's address, and does nothing for an account without one.
func (c Change) Mail(template string, data MailData) error {
	return c.c.mail(c.account, template, data)
}

// MailLink queues a mail with a link for a purpose, which is worth nothing from a time on.
func (c Change) MailLink(template string, purpose TokenPurpose, expires time.Time, data MailData) error {
	return c.c.queue(Mail{Account: c.account.ID, To: c.account.Email, Template: template, Data: data, Token: purpose, Expires: expires})
}

// Manage runs do in a transaction of the actor's, who may manage the account and is not below it (SB-62).
func (a Actor) Manage(ctx context.Context, id policy.AccountID, do func(c Change) error) error {
	need := a.rules().Permissions.ManageAccounts
	return a.writeAside(ctx, need, a.orgWide(need), func(c *change) error {
		account, err := c.target(id)
		if err != nil {
			return err
		}
		return do(Change{c, account})
	})
}

// Own runs do in a transaction of an active account's, about itself.
func (a Actor) Own(ctx context.Context, do func(c Change) error) error {
	return a.ownAside(ctx, func(c *change) error {
		account, err := c.account(c.sub.ID())
		if err != nil {
			return err
		}
		return do(Change{c, account})
	})
}

// Attend runs do in a transaction about an account that has proven nothing yet, such as one that signs in:
// whatever its status, and in its own name. Without an account, id is "" and nobody acts.
func (s *Service) Attend(ctx context.Context, org policy.OrgID, id policy.AccountID, do func(c Change) error) error {
	return s.store.WriteAside(ctx, org, func(tx Tx) error {
		c, err := s.attend(ctx, tx, org, id)
		if err != nil {
			return err
		}
		return do(c)
	})
}

// attend makes the change of somebody who acts without a Subject.
func (s *Service) attend(ctx context.Context, tx Tx, org policy.OrgID, id policy.AccountID) (Change, error) {
	c := &change{Actor: Actor{svc: s, org: org}, ctx: ctx, tx: tx, system: s.system.Load(), now: s.now()}
	if id == "" {
		return Change{c: c}, nil
	}
	account, err := c.account(id)
	if err != nil {
		return Change{}, err
	}
	// What the account may do is not asked: its roles are for the events.
	c.sub = s.subject(&SubjectRecord{
		Account: id, Org: org, Root: account.Root, Status: account.Status, Email: account.Email, Roles: account.Roles,
	}, c.now)
	c.holder = c.sub.holder
	return Change{c, account}, nil
}
