package iam

import (
	"context"
	"errors"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// Invited is what a link shows to who follows it, before anything happens.
type Invited struct {
	Organization Organization
	Account      Account
	Invitation   Invitation
}

// LookInvitation returns what an invitation's link is about, and uses nothing up: mail scanners follow links
// too (SB-16). A link that is dead for whatever reason is ErrToken.
func (s *Service) LookInvitation(ctx context.Context, token Token) (Invited, error) {
	record, err := s.Token(ctx, token, ForInvitation)
	if err != nil {
		return Invited{}, err
	}
	var found Invited
	if found.Account, err = s.store.Account(ctx, record.Org, record.Account); err != nil {
		return Invited{}, deadWithout(err)
	}
	if found.Invitation, err = s.store.Invitation(ctx, record.Org, record.Account); err != nil {
		return Invited{}, deadWithout(err)
	}
	if found.Organization, err = s.store.Organization(ctx, record.Org); err != nil {
		return Invited{}, deadWithout(err)
	}
	if record.Email != found.Account.Email {
		return Invited{}, ErrToken
	}
	var inviter *policy.Holder
	if by := found.Invitation.By; by != "" {
		record, err := s.store.Subject(ctx, by)
		if err != nil {
			return Invited{}, deadWithout(err)
		}
		inviter = record.holder(s.Policy(), s.now())
	}
	bindings, err := s.store.Bindings(ctx, record.Org, record.Account)
	if err != nil {
		return Invited{}, err
	}
	return found, s.stillMeant(found.Account, found.Invitation, bindings, inviter)
}

// AcceptParams describe who accepts an invitation.
type AcceptParams struct {
	// Name is how the person wants to be called. Defaults to what the inviter wrote.
	Name string
	// Also runs in the transaction, behind everything else: for rows that hang on the account, such as its
	// password. Defaults to nothing.
	Also func(c Change) error
}

// AcceptInvitation makes the account of an invitation active: of those who try at once with one link,
// exactly one succeeds (SB-13). The account is the invitation's, whoever is signed in at that moment
// (SB-17). Who invited must still be able to give what it gives (SB-18, SB-19). A link that is dead for
// whatever reason is ErrToken.
func (s *Service) AcceptInvitation(ctx context.Context, token Token, params AcceptParams) (Account, error) {
	record, err := s.Token(ctx, token, ForInvitation)
	if err != nil {
		return Account{}, err
	}
	if err := checkText("Name", params.Name); err != nil {
		return Account{}, err
	}
	var account Account
	err = s.write(ctx, record.Org, func(tx Tx) error {
		c, err := s.attend(ctx, tx, record.Org, record.Account)
		if err != nil {
			return deadWithout(err)
		}
		account, err = c.c.accept(c.account, record, params)
		return err
	})
	if err != nil {
		return Account{}, deadWithout(err)
	}
	return account, nil
}

func (c *change) accept(account Account, token TokenRecord, params AcceptParams) (Account, error) {
	i, err := c.tx.Invitation(c.ctx, c.org, account.ID)
	if err != nil {
		return Account{}, deadWithout(err)
	}
	inviter, err := c.inviter(i)
	if err != nil {
		return Account{}, err
	}
	bindings, err := c.tx.Bindings(c.ctx, c.org, account.ID)
	if err != nil {
		return Account{}, err
	}
	if err := c.svc.stillMeant(account, i, bindings, inviter); err != nil {
		return Account{}, err
	}
	used, err := c.tx.UseToken(c.ctx, token.Hash, ForInvitation, c.now)
	if err != nil {
		return Account{}, err
	}
	if !used || token.Email != account.Email || account.Status != Pending {
		return Account{}, ErrToken
	}
	i.Accepted = c.now
	if err := c.tx.PutInvitation(c.ctx, i); err != nil {
		return Account{}, err
	}
	if err := c.endLinks(account.ID, ForInvitation, MailInvitation); err != nil {
		return Account{}, err
	}
	before := account
	if params.Name != "" {
		account.Name = params.Name
	}
	account.Status, account.Activated, account.Updated = Active, c.now, c.now
	if err := c.tx.UpdateAccount(c.ctx, account, c.everywhere()); err != nil {
		return Account{}, err
	}
	changes := append([]FieldChange{changed("status", string(Pending), string(Active))}, profileChanges(before, account)...)
	if err := c.record(InvitationAccepted, string(account.ID), changes...); err != nil {
		return Account{}, err
	}
	if params.Also != nil {
		return account, params.Also(Change{c, account})
	}
	return account, nil
}

// inviter loads who invited; nil stands for the system.
func (c *change) inviter(i Invitation) (*policy.Holder, error) {
	if i.By == "" {
		return nil, nil
	}
	record, err := c.tx.Subject(c.ctx, i.By)
	if err != nil {
		return nil, deadWithout(err)
	}
	return record.holder(c.system.Policy, c.now), nil
}

// stillMeant refuses an invitation whose inviter could not send it today, or that would give a role that
// is no more.
func (s *Service) stillMeant(account Account, i Invitation, bindings []Binding, inviter *policy.Holder) error {
	system := s.system.Load()
	if i.StateAt(s.now()) != InvitationOpen || account.Status != Pending || len(account.Roles) == 0 {
		return ErrToken
	}
	given := make([]policy.Grant, 0, len(account.Roles)+len(bindings))
	for _, role := range account.Roles {
		given = append(given, policy.GrantRole(role, policy.AtOrg(account.Org)))
	}
	for _, b := range bindings {
		given = append(given, policy.GrantRole(b.Role, policy.AtProject(account.Org, b.Project)))
	}
	for _, g := range given {
		if system.Policy.CheckGrant(g) != nil || inviter != nil && inviter.MayGrant(g) != nil {
			return ErrToken
		}
	}
	need := system.Rules.Permissions.ManageAccounts
	if inviter != nil && !inviter.Can(need.Action(), need.Kind().Of(account.Org)) {
		return ErrToken
	}
	return nil
}

// Token returns what is stored of a link's token, and uses nothing up. One that is for none of the
// purposes, was used, has expired, or never was, is ErrToken.
func (s *Service) Token(ctx context.Context, token Token, purposes ...TokenPurpose) (TokenRecord, error) {
	if token.IsZero() {
		return TokenRecord{}, ErrToken
	}
	record, err := s.store.Token(ctx, token.Hash())
	if err != nil {
		return TokenRecord{}, deadWithout(err)
	}
	if !slices.Contains(purposes, record.Purpose) || !record.Used.IsZero() || !s.now().Before(record.Expires) {
		return TokenRecord{}, ErrToken
	}
	return record, nil
}

// deadWithout makes a dead link of what is not there any more.
func deadWithout(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrToken
	}
	return err
}
