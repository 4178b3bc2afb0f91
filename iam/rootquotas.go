package iam

// moveRoot makes another account root, and keeps the quotas right: the limit of the organisation goes with root.
func (c *change) moveRoot(former, next Account) error {
	for _, k := range c.system.Rules.Holdings {
		if !k.Quota {
			continue
		}
		if err := c.liftOut(k, former, next); err != nil {
			return err
		}
	}
	if err := c.tx.MoveRoot(c.ctx, next.ID); err != nil {
		return err
	}
	for _, k := range c.system.Rules.Holdings {
		if !k.Quota {
			continue
		}
		if err := c.lowerIn(k, former); err != nil {
			return err
		}
		if err := c.withinQuota(k, next.ID, "To"); err != nil {
			return err
		}
	}
	return nil
}

// liftOut takes the limit of who becomes root away from those above, who have given it no more, and puts root's own in
// its place.
func (c *change) liftOut(k HeldKind, former, next Account) error {
	organization, err := c.quota(former.ID, k.Kind)
	if err != nil {
		return err
	}
	own, err := c.quota(next.ID, k.Kind)
	if err != nil {
		return err
	}
	if err := c.shiftAbove(k, next, -own.Most); err != nil {
		return err
	}
	return c.setLimit(next.ID, k, organization.Most)
}

// lowerIn limits who was root to what it uses, and lets those above have given it.
func (c *change) lowerIn(k HeldKind, former Account) error {
	used, err := c.quota(former.ID, k.Kind)
	if err != nil {
		return err
	}
	if err := c.setLimit(former.ID, k, used.Held+used.Given); err != nil {
		return err
	}
	former.Root = false
	return c.shiftAbove(k, former, used.Held+used.Given)
}

// shiftAbove changes the limits of those above an account, but for root's.
func (c *change) shiftAbove(k HeldKind, account Account, by int) error {
	var all []Account
	err := c.above(account, func(a Account) bool {
		if !a.Root {
			all = append(all, a)
		}
		return !a.Root
	})
	if err != nil {
		return err
	}
	for _, a := range all {
		q, err := c.quota(a.ID, k.Kind)
		if err != nil {
			return err
		}
		if err := c.setLimit(a.ID, k, q.Most+by); err != nil {
			return err
		}
	}
	return nil
}
