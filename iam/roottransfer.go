package iam

import (
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// rootOfferLifetime is how long the receiver of an organisation has for accepting it.
const rootOfferLifetime = 72 * time.Hour

// OfferRoot offers the organisation to another account, by mail: it is for the root account alone. Nothing
// changes until the receiver accepts, within 72 hours (SB-66). The receiver is active, has an
// address that no other root has, and is not changed meanwhile: an offer is off when its receiver is
// disabled, is given other roles, or goes. An earlier offer is off too. Rules.FormerRoot must say what becomes of the
// account that was root.
func (a Actor) OfferRoot(ctx context.Context, to policy.AccountID) (RootOffer, error) {
	var offer RootOffer
	err := a.own(ctx, func(c *change) error {
		root, err := c.rootItself()
		if err != nil {
			return err
		}
		offer, err = c.offerRoot(root, to)
		return err
	})
	if err != nil {
		return RootOffer{}, err
	}
	return offer, nil
}

// rootItself returns the account that acts, which must be root.
func (c *change) rootItself() (Account, error) {
	account, err := c.account(c.sub.ID())
	if err == nil && !account.Root {
		return Account{}, refuse(account.ID, policy.NoGrant, "only the root account offers the organisation")
	}
	return account, err
}

func (c *change) offerRoot(root Account, to policy.AccountID) (RootOffer, error) {
	if err := c.svc.links.configured(); err != nil {
		return RootOffer{}, err
	}
	receiver, err := c.account(to)
	if err != nil {
		return RootOffer{}, err
	}
	if err := c.mayReceive(receiver); err != nil {
		return RootOffer{}, err
	}
	if err := c.dropOffer(); err != nil {
		return RootOffer{}, err
	}
	offer := RootOffer{From: root.ID, To: to, Created: c.now, Expires: c.now.Add(rootOfferLifetime)}
	if err := c.tx.PutRootOffer(c.ctx, offer); err != nil {
		return RootOffer{}, err
	}
	by, err := c.actorName()
	if err != nil {
		return RootOffer{}, err
	}
	err = c.queue(Mail{Account: to, To: receiver.Email, Template: MailRootOffer, Expires: offer.Expires, Data: MailData{Actor: by}})
	if err != nil {
		return RootOffer{}, err
	}
	return offer, c.record(RootOffered, string(to),
		changed("root", string(root.ID), string(to)), changed("expires", "", offer.Expires.Format(time.RFC3339)))
}

// mayReceive refuses an account that cannot become root, and every one where root cannot be handed over.
func (c *change) mayReceive(to Account) error {
	rules := c.system.Rules
	switch {
	case rules.RootRole == "":
		return invalid("Root", "the system %q has no root role", c.system.Name)
	case rules.FormerRoot == "":
		return invalid("Root", "the system %q does not hand root over: its rules name no role for the former root", c.system.Name)
	case to.Root:
		return invalid("To", "the account is root already")
	case to.Status != Active:
		return invalid("To", "the account is %s", to.Status)
	case to.Email == "" || to.Activated.IsZero():
		return invalid("To", "the account has no address that was verified")
	}
	taken, err := c.tx.RootEmail(c.ctx, to.Email)
	if err == nil && taken {
		return &FieldError{Field: "To", Problem: "the account's address cannot be used for a root account", Reason: ErrExists}
	}
	return err
}

// openOffer returns the offer that can be accepted now, or ErrNotFound.
func (c *change) openOffer() (RootOffer, error) {
	offer, err := c.tx.RootOffer(c.ctx)
	if err == nil && !c.now.Before(offer.Expires) {
		return RootOffer{}, ErrNotFound
	}
	return offer, err
}

// dropOffer removes the organisation's offer, if there is one, and its mail that is on its way.
func (c *change) dropOffer() error {
	offer, err := c.tx.RootOffer(c.ctx)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.tx.DropMails(c.ctx, offer.To, c.now, MailRootOffer); err != nil {
		return err
	}
	_, err = c.tx.DeleteRootOffer(c.ctx)
	return err
}

// endOffer ends an offer that is from the account or to it, if there is one: it was made to the account as it was.
func (c *change) endOffer(id policy.AccountID) error {
	offer, err := c.openOffer()
	if errors.Is(err, ErrNotFound) || err == nil && offer.To != id && offer.From != id {
		return nil
	}
	if err != nil {
		return err
	}
	return c.withdraw(offer)
}

func (c *change) withdraw(offer RootOffer) error {
	if err := c.dropOffer(); err != nil {
		return err
	}
	return c.record(RootOfferWithdrawn, string(offer.To), changed("root", string(offer.To), string(offer.From)))
}

// RootOffer returns the offer that waits, to root and to the receiver. For everybody else there is none: ErrNotFound.
func (a Actor) RootOffer(ctx context.Context) (RootOffer, error) {
	var offer RootOffer
	guard := func(h *policy.Holder) error {
		if a.svc != nil && a.isSystem() {
			return nil
		}
		return a.activeMember(h)
	}
	err := a.refused(ctx, "", a.transact(ctx, a.storeLook, guard, func(c *change) (err error) {
		offer, err = c.openOffer()
		if id := c.sub.ID(); err == nil && !c.isSystem() && id != offer.From && id != offer.To {
			return ErrNotFound
		}
		return err
	}))
	if err != nil {
		return RootOffer{}, err
	}
	return offer, nil
}

// WithdrawRootOffer takes an offer back, by root, or declines it, by the receiver. For everybody else there is
// none: ErrNotFound.
func (a Actor) WithdrawRootOffer(ctx context.Context) error {
	return a.own(ctx, func(c *change) error {
		offer, err := c.openOffer()
		if id := c.sub.ID(); err == nil && id != offer.From && id != offer.To {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.withdraw(offer)
	})
}

// AcceptRoot makes the account that the organisation was offered to its root, in one transaction (SB-66): there is
// exactly one root at every moment. The new root holds Rules.RootRole alone, and the former one
// Rules.FormerRoot alone; bindings of other roles go, grants stay. The sessions of both end (SB-37). Without an offer
// to the account that holds still it is ErrNotFound.
func (a Actor) AcceptRoot(ctx context.Context) (Account, error) {
	var root Account
	err := a.own(ctx, func(c *change) error {
		offer, err := c.openOffer()
		if err != nil {
			return err
		}
		org, err := c.tx.Organization(c.ctx, c.org)
		if err != nil {
			return err
		}
		if offer.To != c.sub.ID() || offer.From != org.Root {
			return ErrNotFound
		}
		root, err = c.transferRoot(offer.From, offer.To)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return root, nil
}

// TransferRoot makes another account the root of its organisation at once, without an offer: for the host's
// support, when the root account is out of its owner's reach. What AcceptRoot asks for and does holds here
// too, but for the receiver's consent.
func (s SystemActor) TransferRoot(ctx context.Context, org policy.OrgID, to policy.AccountID) (Account, error) {
	if s.svc == nil {
		return Account{}, refuse("", policy.NoSubject, "the zero SystemActor may do nothing")
	}
	a := s.In(org)
	var root Account
	err := a.transact(ctx, a.storeWrite, func(*policy.Holder) error { return nil }, func(c *change) error {
		org, err := c.tx.Organization(c.ctx, c.org)
		if err != nil {
			return err
		}
		root, err = c.transferRoot(org.Root, to)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return root, nil
}
