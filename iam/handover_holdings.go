package iam

import (
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// moveHoldings makes To the holder of what From holds, as far as To's quota goes. The actor must stand above From,
// or be it, and so with To: to manage an account is not yet to dispose of what it holds (D9).
func (c *change) moveHoldings(done *Handover, from, to Account, then Departure) error {
	all, err := c.holdings(from.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := c.ofOwn(all[0]); err != nil {
		return err
	}
	if _, err := c.receiver(to.ID); err != nil {
		return err
	}
	if then == ThenDelete {
		if err := c.freeLimits(from); err != nil {
			return err
		}
	}
	room := map[policy.Kind]int{}
	for _, k := range c.system.Rules.Holdings {
		room[k.Kind] = len(all)
		if k.Quota {
			q, err := c.quota(to.ID, k.Kind)
			if err != nil {
				return err
			}
			if q.Most != Unlimited {
				room[k.Kind] = q.Left()
			}
		}
	}
	for _, h := range all {
		if room[h.Kind] == 0 {
			done.Rest.Holdings = append(done.Rest.Holdings, h)
			continue
		}
		room[h.Kind]--
		if err := c.mayDo(h, func(k HeldKind) policy.Permission { return k.Transfer }); err != nil {
			return err
		}
		moved, err := c.transfer(h, to.ID)
		if err != nil {
			return err
		}
		done.Holdings = append(done.Holdings, moved)
	}
	return nil
}

// mayDo asks a row of the policy about a resource that the actor has the say about.
func (c *change) mayDo(h Holding, row func(HeldKind) policy.Permission) error {
	k, err := c.system.Rules.held(h.Kind)
	if err != nil {
		k = HeldKind{} // whose rows are System's
	}
	return c.may(c.holder, row(k), c.owned(row(k), h.ID))
}

// freeLimits gives back what an account that goes has not given on: that is its creator's now, who may be the
// one that takes over.
func (c *change) freeLimits(from Account) error {
	for _, k := range c.system.Rules.Holdings {
		if !k.Quota {
			continue
		}
		q, err := c.quota(from.ID, k.Kind)
		if err != nil {
			return err
		}
		if err := c.setLimit(from.ID, k, q.Given); err != nil {
			return err
		}
	}
	return nil
}

// dropAndRemove releases the resources that could not be handed over, and removes the account.
func (c *change) dropAndRemove(rest Rest, from Account) error {
	for _, h := range rest.Holdings {
		if err := c.mayDo(h, func(k HeldKind) policy.Permission { return k.Release }); err != nil {
			return err
		}
		if err := c.release(h); err != nil {
			return err
		}
	}
	return c.remove(from)
}

// passes reports whether a grant goes over, and refuses an actor that could not give it. One on a resource that
// somebody holds is a share: it goes over by those who could share it, and stays otherwise.
func (c *change) passes(g policy.Grant) (bool, error) {
	need := c.system.Rules.Permissions.GiveGrants
	if err := c.may(c.holder, need, c.orgWide(need)); err != nil {
		return false, err
	}
	_, shared, err := c.holdingOn(g)
	if err != nil {
		return false, err
	}
	if !shared || g.Permission == "" || c.isSystem() {
		return true, c.mayGive(g)
	}
	for _, ask := range []func(policy.Grant) error{c.notShared, c.mayGiveOwn} {
		if err := ask(g); err != nil {
			if errors.Is(err, ErrForbidden) {
				err = nil
			}
			return false, err
		}
	}
	return true, nil
}
