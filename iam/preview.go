package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// Removal is what disabling or deleting an account ends. Its bindings, grants and API keys are gone with
// Delete, and rest while it is disabled; the rest ends with either.
type Removal struct {
	Account Account
	// Refusal is the error that Delete returns, such as ErrRoot, ErrLastAdministrator or ErrHolds; nil when it deletes.
	Refusal     error
	Sessions    int
	APIKeys     int          // they go with Delete, and rest while it is disabled
	Bindings    []Binding    // sorted by project and role
	Grants      []Grant      // those that have not ended, sorted by id
	Holdings    []Holding    // sorted by kind and id; they keep it from being deleted
	Invitations []Invitation // the open ones that it sent: their links die with its right to invite (SB-18)
	EmailChange *EmailChange // the change of its address that waits; nil for none
	RootOffer   *RootOffer   // the offer to it that waits; nil for none
}

// Preview says what deleting or disabling an account would end, as of one moment, to who may do that. It changes
// nothing.
func (a Actor) Preview(ctx context.Context, id policy.AccountID) (Removal, error) {
	need := a.rules().Permissions.ManageAccounts
	guard := func(h *policy.Holder) error { return a.may(h, need, a.orgWide(need)) }
	var removal Removal
	err := a.refused(ctx, need, a.transact(ctx, a.storeLook, guard, func(c *change) error {
		account, err := c.target(id)
		if err != nil {
			return err
		}
		removal, err = c.preview(account)
		return err
	}))
	if err != nil {
		return Removal{}, err
	}
	return removal, nil
}

func (c *change) preview(account Account) (Removal, error) {
	removal := Removal{Account: account}
	sessions, err := c.tx.Sessions(c.ctx, c.org, account.ID, c.now)
	if err != nil {
		return Removal{}, err
	}
	removal.Sessions = len(sessions)
	if removal.APIKeys, err = c.keysOf(account.ID); err != nil {
		return Removal{}, err
	}
	if removal.Bindings, err = c.tx.Bindings(c.ctx, c.org, account.ID); err != nil {
		return Removal{}, err
	}
	if removal.Grants, err = c.liveGrants(account.ID); err != nil {
		return Removal{}, err
	}
	if removal.Holdings, err = c.holdings(account.ID); err != nil {
		return Removal{}, err
	}
	if removal.Invitations, err = c.openInvitations(account.ID); err != nil {
		return Removal{}, err
	}
	pending, err := c.tx.EmailChange(c.ctx, account.ID)
	switch {
	case err == nil && c.now.Before(pending.Expires):
		removal.EmailChange = &pending
	case err != nil && !errors.Is(err, ErrNotFound):
		return Removal{}, err
	}
	offer, err := c.openOffer()
	switch {
	case err == nil && offer.To == account.ID:
		removal.RootOffer = &offer
	case err != nil && !errors.Is(err, ErrNotFound):
		return Removal{}, err
	}
	// Whether it goes is tried, for then there is one rule about it: the transaction is taken back.
	err = c.remove(account)
	if err != nil && !errors.Is(err, ErrRoot) && !errors.Is(err, ErrLastAdministrator) && !errors.Is(err, ErrHolds) {
		return Removal{}, err
	}
	removal.Refusal = err
	return removal, nil
}

// liveGrants are an account's grants that have not ended.
func (c *change) liveGrants(id policy.AccountID) ([]Grant, error) {
	grants, err := c.tx.Grants(c.ctx, c.org, id)
	var live []Grant
	for _, g := range grants {
		if !g.Grant.ExpiredAt(c.now) {
			live = append(live, g)
		}
	}
	return live, err
}

// holdings is everything that an account holds.
func (c *change) holdings(id policy.AccountID) ([]Holding, error) {
	var all []Holding
	q := HoldingQuery{Account: id, Limit: 1000}
	for {
		page, err := c.tx.Holdings(c.ctx, c.org, q)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
		q.After = page[len(page)-1].Position()
	}
}

// openInvitations are those that an account sent and that can still be accepted by their times.
func (c *change) openInvitations(by policy.AccountID) ([]Invitation, error) {
	var open []Invitation
	q := InvitationQuery{Open: true, By: by, Limit: 1000}
	for {
		page, err := c.tx.Invitations(c.ctx, c.org, q)
		if err != nil || len(page) == 0 {
			return open, err
		}
		for _, i := range page {
			if i.StateAt(c.now) == InvitationOpen {
				open = append(open, i)
			}
		}
		q.After = page[len(page)-1].Account
	}
}
