package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// Holder returns the account that holds a resource, as a [policy.Resource] wants its owner, and ""
// where nobody holds it. In SQL it is store.JoinHolders.
func (s *Service) Holder(ctx context.Context, org policy.OrgID, kind policy.Kind, id string) (policy.AccountID, error) {
	h, err := s.store.Holding(ctx, org, kind, id)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return h.Account, err
}

// Holdings returns a page of what is held, in the order of the kinds and ids: to everybody what they
// hold themselves, and to who may see the accounts what anybody holds.
func (a Actor) Holdings(ctx context.Context, q HoldingQuery) ([]Holding, error) {
	if err := a.readAbout(ctx, q.Account); err != nil {
		return nil, err
	}
	return a.svc.store.Holdings(ctx, a.org, q)
}

// Claim makes the actor the holder of a resource that nobody holds: the id is the host's own. One that is
// held is ErrExists, and by whom is not told. It counts against the actor's quota: ErrQuota.
func (a Actor) Claim(ctx context.Context, kind policy.Kind, id string) (Holding, error) {
	var claimed Holding
	err := a.onHeld(ctx, kind, id, func(k HeldKind) policy.Permission { return k.Claim }, func(c *change, k HeldKind) error {
		if c.isSystem() {
			return refuse("", policy.NoSubject, "an account claims for itself")
		}
		if err := checkID("ID", id); err != nil {
			return err
		}
		claimed = Holding{Org: c.org, Kind: kind, ID: id, Account: c.sub.ID(), Since: c.now}
		switch err := c.tx.InsertHolding(c.ctx, claimed); {
		case errors.Is(err, ErrExists):
			return &FieldError{Field: "ID", Problem: "the resource is held already", Reason: ErrExists}
		case err != nil:
			return err
		}
		if err := c.withinQuota(k, claimed.Account, "ID"); err != nil {
			return err
		}
		return c.record(ResourceClaimed, id, heldBy(claimed, "", claimed.Account)...)
	})
	if err != nil {
		return Holding{}, err
	}
	return claimed, nil
}

// Release leaves a resource to nobody, as when the host deletes it: by its holder, or by who stands above
// the holder. All grants on it end, so that nobody inherits them with its id (SB-69).
func (a Actor) Release(ctx context.Context, kind policy.Kind, id string) error {
	return a.onHeld(ctx, kind, id, func(k HeldKind) policy.Permission { return k.Release }, func(c *change, k HeldKind) error {
		h, err := c.held(kind, id)
		if err != nil {
			return err
		}
		return c.release(h)
	})
}

// Transfer makes another account the holder of a resource (D9): by its holder, or by who stands above the
// holder. The receiver is active, and is the actor itself or stands below it. The resource counts against
// the receiver's quota from then on: ErrQuota. All grants on it end: what the old holder shared is
// not the new one's.
func (a Actor) Transfer(ctx context.Context, kind policy.Kind, id string, to policy.AccountID) (Holding, error) {
	var moved Holding
	err := a.onHeld(ctx, kind, id, func(k HeldKind) policy.Permission { return k.Transfer }, func(c *change, k HeldKind) error {
		h, err := c.held(kind, id)
		if err != nil {
			return err
		}
		receiver, err := c.receiver(to)
		if err != nil {
			return err
		}
		switch {
		case receiver.Status != Active:
			return invalid("To", "the account is %s", receiver.Status)
		case to == h.Account:
			return invalid("To", "the account holds the resource already")
		}
		if moved, err = c.transfer(h, to); err != nil {
			return err
		}
		return c.withinQuota(k, to, "To")
	})
	if err != nil {
		return Holding{}, err
	}
	return moved, nil
}

// held returns what the actor holds, or what somebody below it does.
func (c *change) held(kind policy.Kind, id string) (Holding, error) {
	if checkID("ID", id) != nil {
		return Holding{}, ErrNotFound
	}
	h, err := c.tx.Holding(c.ctx, c.org, kind, id)
	if err != nil {
		return Holding{}, err
	}
	return h, c.ofOwn(h)
}

// ofOwn refuses a resource that neither the actor holds nor anybody below it.
func (c *change) ofOwn(h Holding) error {
	if h.Account == c.sub.ID() {
		return nil
	}
	_, err := c.below(h.Account)
	return err
}

// receiver returns who can get what the actor passes on: itself, and those below it.
func (c *change) receiver(id policy.AccountID) (Account, error) {
	if id != "" && id == c.sub.ID() {
		return c.account(id)
	}
	return c.below(id)
}

// release ends a holding, and the grants on its resource.
func (c *change) release(h Holding) error {
	if err := c.endGrantsOn(h); err != nil {
		return err
	}
	if err := c.tx.DeleteHolding(c.ctx, h.Kind, h.ID); err != nil {
		return err
	}
	return c.record(ResourceReleased, h.ID, heldBy(h, h.Account, "")...)
}

// transfer changes the holder, and ends the grants on the resource. The quota is for the caller to look at.
func (c *change) transfer(h Holding, to policy.AccountID) (Holding, error) {
	if err := c.endGrantsOn(h); err != nil {
		return Holding{}, err
	}
	moved := h
	moved.Account, moved.Since = to, c.now
	if err := c.tx.MoveHolding(c.ctx, moved); err != nil {
		return Holding{}, err
	}
	return moved, c.record(ResourceTransferred, h.ID, heldBy(h, h.Account, to)...)
}

// endGrantsOn takes away every grant on the resource of a holding.
func (c *change) endGrantsOn(h Holding) error {
	grants, err := c.tx.GrantsOn(c.ctx, c.org, h.Kind, h.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if err := c.revokeGrant(g); err != nil {
			return err
		}
	}
	return nil
}

// heldBy says in an event whose a resource was, and whose it is.
func heldBy(h Holding, before, after policy.AccountID) []FieldChange {
	return []FieldChange{changed("kind", string(h.Kind), string(h.Kind)), changed("holder", string(before), string(after))}
}
