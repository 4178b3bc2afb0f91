package iam

import (
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Invitation is how an account that was invited became one: a message to its address with a link,
// which proves the address when it is followed (E9, L5, D6).
type Invitation struct {
	Org      policy.OrgID
	Account  policy.AccountID
	Email    Email
	By       policy.AccountID // who invited; "" for the system
	Created  time.Time
	Renewed  time.Time // when it was sent last
	Renewals int       // how often it was sent again
	Expires  time.Time // the first moment at which its links are dead
	Accepted time.Time // zero while it is open
	MailID   MailID    // the last message
	// Mail is the state of that message, and Reply what the mail server said. They are read only.
	Mail  MailState
	Reply string
}

// InvitationState is where an invitation stands.
type InvitationState string

// The states of an invitation. One that is revoked is gone, with its account.
const (
	InvitationOpen    InvitationState = "open"
	InvitationExpired InvitationState = "expired"
	InvitationDone    InvitationState = "accepted"
)

// StateAt is where the invitation stands at a time.
func (i Invitation) StateAt(now time.Time) InvitationState {
	switch {
	case !i.Accepted.IsZero():
		return InvitationDone
	case !now.Before(i.Expires):
		return InvitationExpired
	default:
		return InvitationOpen
	}
}

// InviteParams describe somebody who is invited.
type InviteParams struct {
	// Email is where the invitation goes.
	Email string
	// Roles are what the account will hold: at least one, and one exactly where the system says so.
	Roles []policy.Role
	// Bindings are the projects that it is bound to from the start; their Account is ignored. Defaults to none.
	Bindings []Binding
	// Profile is everything else about the person. Defaults to nothing.
	Profile Profile
	// Quotas are how many resources of a kind the account may have: see [CreateAccountParams]. They are the
	// account's from the invitation on, accepted or not (SB-73). Defaults to none at all.
	Quotas map[policy.Kind]int
	// Also runs in the transaction, behind everything else: for rows that hang on the account, such as its
	// first password. Defaults to nothing.
	Also func(c Change) error
}

// Invite makes a pending account, and queues the message that activates it. An address whose
// invitation has expired is invited anew: the account that nobody activated goes, and nothing of it
// is inherited (L6). It is an error without Config.BaseURL.
func (a Actor) Invite(ctx context.Context, params InviteParams) (Invitation, []Warning, error) {
	need := a.rules().Permissions.ManageAccounts
	var invitation Invitation
	var warnings []Warning
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		invitation, warnings, err = c.invite(params)
		return err
	})
	if err != nil {
		return Invitation{}, nil, err
	}
	return invitation, warnings, nil
}

// invite checks everything before it writes anything, so that a refusal leaves nothing behind: many are
// invited in one transaction. Only quotas, which those many have none of, are looked at behind it.
func (c *change) invite(params InviteParams) (Invitation, []Warning, error) {
	account, err := c.invited(params)
	if err != nil {
		return Invitation{}, nil, err
	}
	err = c.put(account)
	if errors.Is(err, ErrExists) {
		err = c.replaceExpired(account, err)
	}
	if err != nil {
		return Invitation{}, nil, err
	}
	if err := c.allot(account, params.Quotas); err != nil {
		return Invitation{}, nil, err
	}
	for _, b := range params.Bindings {
		b.Account = account.ID
		if err := c.putBinding(b); err != nil {
			return Invitation{}, nil, err
		}
	}
	invitation := Invitation{Org: c.org, Account: account.ID, Email: account.Email, By: c.sub.ID(), Created: c.now}
	if err := c.send(&invitation, account, InvitationSent); err != nil {
		return Invitation{}, nil, err
	}
	if params.Also != nil {
		if err := params.Also(Change{c, account}); err != nil {
			return Invitation{}, nil, err
		}
	}
	return invitation, c.warningsWith(account, params.Bindings), nil
}

// invited refuses whom the actor cannot invite, and makes an account of the rest.
func (c *change) invited(params InviteParams) (Account, error) {
	if err := c.svc.links.configured(); err != nil {
		return Account{}, err
	}
	if params.Email == "" {
		return Account{}, invalid("Email", "an invitation needs an address")
	}
	account, err := c.newAccount(CreateAccountParams{Email: params.Email, Roles: params.Roles, Profile: params.Profile})
	if err != nil {
		return Account{}, err
	}
	for _, role := range account.Roles {
		if err := c.mayHold(role); err != nil {
			return Account{}, err
		}
	}
	for _, b := range params.Bindings {
		b.Account = account.ID
		if err := c.mayBindNew(account, b); err != nil {
			return Account{}, err
		}
	}
	return account, c.reserved(account)
}

// replaceExpired stores an account whose address is taken, when it is by an invitation that was never
// accepted and holds no more: that account goes. Otherwise it returns taken.
func (c *change) replaceExpired(account Account, taken error) error {
	old, err := c.tx.AccountByEmail(c.ctx, c.org, account.Email)
	if errors.Is(err, ErrNotFound) {
		return taken // in another organisation
	}
	if err != nil {
		return err
	}
	invitation, err := c.tx.Invitation(c.ctx, c.org, old.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return taken
	case err != nil:
		return err
	case !old.Activated.IsZero() || old.Status != Pending || invitation.StateAt(c.now) != InvitationExpired:
		return taken
	}
	if old, err = c.target(old.ID); errors.Is(err, ErrForbidden) {
		return taken // it is above the actor, and stays
	}
	if err != nil {
		return err
	}
	if err := c.revoke(old); err != nil {
		return err
	}
	return c.put(account)
}

// send queues an invitation's message and writes the invitation. Earlier links are dead, and earlier
// messages that are on their way do not go out any more (SB-15).
func (c *change) send(i *Invitation, account Account, what EventType) error {
	lifetime := c.system.Rules.invitationLifetime()
	i.Renewed, i.Expires = c.now, c.now.Add(lifetime)
	if i.Renewals > 0 {
		if err := c.endLinks(account.ID, ForInvitation, MailInvitation); err != nil {
			return err
		}
	}
	id, err := c.svc.ids.next(c.now)
	if err != nil {
		return err
	}
	i.MailID, i.Mail, i.Reply = MailID(id), MailQueued, ""
	if err := c.tx.PutInvitation(c.ctx, *i); err != nil {
		return err
	}
	by, err := c.actorName()
	if err != nil {
		return err
	}
	err = c.queue(Mail{
		ID: i.MailID, Account: account.ID, To: account.Email, Template: MailInvitation, Token: ForInvitation, Expires: i.Expires,
		Data: MailData{Actor: by, Roles: c.titles(account.Roles), InitialPassword: c.system.Rules.FirstPassword == ByCreator},
	})
	if err != nil {
		return err
	}
	return c.record(what, string(account.ID), changed("email", "", string(account.Email)), changed("expires", "", i.Expires.Format(time.RFC3339)))
}

// endLinks makes an account's links for a purpose worthless, also those that are about to be mailed.
func (c *change) endLinks(id policy.AccountID, purpose TokenPurpose, templates ...string) error {
	if err := c.tx.DropTokens(c.ctx, id, purpose); err != nil {
		return err
	}
	return c.tx.DropMails(c.ctx, id, c.now, templates...)
}

// actorName is how people know who acts, and "" for the system.
func (c *change) actorName() (string, error) {
	if c.name != nil {
		return *c.name, nil
	}
	name, err := c.nameOf(c.sub.ID())
	if err == nil {
		c.name = &name
	}
	return name, err
}

// nameOf is how people know an account: by name, or else by address. It is "" for the system, and for one
// that is no more.
func (c *change) nameOf(id policy.AccountID) (string, error) {
	if id == "" {
		return "", nil
	}
	account, err := c.account(id)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	case account.Name != "":
		return account.Name, nil
	default:
		return string(account.Email), nil
	}
}

// titles are the names under which people know roles.
func (c *change) titles(roles []policy.Role) []string {
	all := make([]string, len(roles))
	for i, role := range roles {
		all[i] = c.system.Policy.Title(role)
	}
	return all
}

// How often an invitation is sent again, so that nobody can use the library to flood a mailbox (SB-15).
const (
	resendPause      = time.Minute // for one recipient
	resendsPerHour   = 100         // of one organisation
	resendsByOneHour = 50          // of one inviter
)

// ResendInvitation sends an invitation again, with another link and its whole lifetime; the links
// before are dead. One that is accepted is an ErrInvalid. ErrThrottled says that it was sent too often.
func (a Actor) ResendInvitation(ctx context.Context, id policy.AccountID) (Invitation, error) {
	var invitation Invitation
	err := a.onInvitation(ctx, id, func(c *change, i Invitation, account Account) error {
		if err := c.mayResend(i); err != nil {
			return err
		}
		i.Renewals++
		invitation = i
		return c.send(&invitation, account, InvitationResent)
	})
	if err != nil {
		return Invitation{}, err
	}
	return invitation, nil
}

func (c *change) mayResend(i Invitation) error {
	if err := c.svc.links.configured(); err != nil {
		return err
	}
	if wait := i.Renewed.Add(resendPause).Sub(c.now); wait > 0 {
		return &ThrottledError{Until: c.now.Add(wait)}
	}
	hour := c.now.Add(-time.Hour)
	for _, limit := range []struct {
		by  policy.AccountID
		max int
	}{{"", resendsPerHour}, {c.sub.ID(), resendsByOneHour}} {
		n, err := c.tx.CountEvents(c.ctx, c.org, InvitationResent, limit.by, hour)
		if err != nil {
			return err
		}
		if n >= limit.max {
			return &ThrottledError{Until: c.now.Add(time.Hour)}
		}
	}
	return nil
}

// RevokeInvitation takes an invitation back, and removes the account that it would have activated: its
// links are dead, and its address is free. One that is accepted is an ErrInvalid.
func (a Actor) RevokeInvitation(ctx context.Context, id policy.AccountID) error {
	return a.onInvitation(ctx, id, func(c *change, _ Invitation, account Account) error { return c.revoke(account) })
}

func (c *change) revoke(account Account) error {
	if err := c.remove(account); err != nil {
		return err
	}
	return c.record(InvitationRevoked, string(account.ID), changed("email", string(account.Email), ""))
}

// InvitationLink makes one more link for an open invitation, for those whom no mail reaches. It ends with the
// invitation; the links before stay good until one of them is used. Whoever has it can become the
// account: hand it to that person alone.
func (a Actor) InvitationLink(ctx context.Context, id policy.AccountID) (Secret, error) {
	var link Secret
	err := a.onInvitation(ctx, id, func(c *change, i Invitation, account Account) error {
		if i.StateAt(c.now) != InvitationOpen {
			return invalid("Account", "the invitation has expired: send it again")
		}
		if err := c.mayBecome(account); err != nil {
			return err
		}
		token, err := NewToken(c.svc.config.Rand)
		if err != nil {
			return err
		}
		if link, err = c.svc.Link(ForInvitation, token); err != nil {
			return err
		}
		err = c.tx.InsertToken(c.ctx, TokenRecord{
			Hash: token.Hash(), Purpose: ForInvitation, Org: c.org, Account: id, Email: i.Email, Created: c.now, Expires: i.Expires,
		})
		if err != nil {
			return err
		}
		return c.record(InvitationLinked, string(id))
	})
	if err != nil {
		return Secret{}, err
	}
	return link, nil
}

// onInvitation guards a change of an invitation that was not accepted.
func (a Actor) onInvitation(ctx context.Context, id policy.AccountID, do func(c *change, i Invitation, account Account) error) error {
	need := a.rules().Permissions.ManageAccounts
	return a.write(ctx, need, a.orgWide(need), func(c *change) error {
		account, err := c.target(id)
		if err != nil {
			return err
		}
		i, err := c.tx.Invitation(c.ctx, c.org, id)
		switch {
		case err != nil:
			return err
		case !i.Accepted.IsZero() || !account.Activated.IsZero():
			return invalid("Account", "the invitation was accepted")
		}
		return do(c, i, account)
	})
}

// Invitations returns a page of the organisation's invitations with the states of their mails, in the
// order of their accounts' making, to who may see the accounts.
func (a Actor) Invitations(ctx context.Context, q InvitationQuery) ([]Invitation, error) {
	if err := a.read(ctx, a.rules().Permissions.ListAccounts); err != nil {
		return nil, err
	}
	return a.svc.store.Invitations(ctx, a.org, q)
}
