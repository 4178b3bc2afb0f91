package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// GiveGrant gives an account a single permission (D2), or a role for a while, on the organisation, a
// project or one resource. It must lie in the actor's organisation, and end later if it ends. Root
// needs no grant and gets none. On a resource that an account holds, only its holder gives, and who stands
// above the holder: see [Actor.Share].
func (a Actor) GiveGrant(ctx context.Context, account policy.AccountID, g policy.Grant) (Grant, error) {
	return a.giveGrant(ctx, account, g, func(c *change) error { return c.mayGive(g) })
}

// GiveGrantOn gives an account a single permission on one resource, which the host has before it with
// its project, owner and attributes, until a time or for ever (the zero time). The actor must be able to
// do it to that very resource: what GiveGrant, which knows no owner, lets only those give who may do it
// to everybody's. The grant stays when the resource changes hands, unless that is by Transfer: take it back
// then with RevokeGrant. On a resource that an account holds, only its holder gives, and who stands above.
func (a Actor) GiveGrantOn(ctx context.Context, account policy.AccountID, name policy.Permission, r policy.Resource, until time.Time) (Grant, error) {
	g := policy.GrantPermission(name, policy.AtResource(r.Org, r.Kind, r.ID)).Until(until)
	return a.giveGrant(ctx, account, g, func(c *change) error {
		if name.Kind().Base() != r.Kind.Base() {
			return invalid("Grant", "%q is no permission on a %q", name, r.Kind)
		}
		return c.ceiling(g, func() error { return c.holder.MayGrantOn(name, r, until) })
	})
}

// giveGrant guards a grant that somebody gives, and stores it.
func (a Actor) giveGrant(ctx context.Context, account policy.AccountID, g policy.Grant, mayGive func(c *change) error) (Grant, error) {
	need := a.rules().Permissions.GiveGrants
	g.Expires = storedTime(g.Expires) // first of all, so that what is checked is what is stored
	var given Grant
	err := a.write(ctx, need, a.orgWide(need), func(c *change) error {
		if err := c.checkGrant(g); err != nil {
			return err
		}
		if err := mayGive(c); err != nil {
			return err
		}
		if err := c.notShared(g); err != nil {
			return err
		}
		to, err := c.target(account)
		if err != nil {
			return err
		}
		if err := notRoot(to); err != nil {
			return err
		}
		given, err = c.insertGrant(account, g)
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	return given, nil
}

// insertGrant stores a grant that may be given, and its event.
func (c *change) insertGrant(to policy.AccountID, g policy.Grant) (Grant, error) {
	id, err := c.svc.ids.next(c.now)
	if err != nil {
		return Grant{}, err
	}
	given := Grant{ID: GrantID(id), Account: to, Grant: g, By: c.sub.ID(), Created: c.now}
	if err := c.tx.InsertGrant(c.ctx, given); err != nil {
		return Grant{}, err
	}
	return given, c.record(GrantGiven, string(to), changed("grant", "", g.String()))
}

// checkGrant refuses a grant that makes no sense, before anybody is asked whether it may be given.
func (c *change) checkGrant(g policy.Grant) error {
	if err := checkEnd("Grant.Expires", g.Expires, c.now); err != nil {
		return err
	}
	switch {
	case g.At.Org != c.org:
		return invalid("Grant.At", "the place must lie in the organisation")
	case c.system.rootOnly(g.Role):
		return invalid("Grant.Role", "the role %q belongs to root alone", g.Role)
	case g.At.Project != "":
		return checkID("Grant.At.Project", string(g.At.Project))
	case g.At.ID != "":
		return checkID("Grant.At.ID", g.At.ID)
	}
	return nil
}

// RevokeGrant takes a grant away. The actor must be able to manage the account that has it.
func (a Actor) RevokeGrant(ctx context.Context, id GrantID) error {
	need := a.rules().Permissions.GiveGrants
	return a.write(ctx, need, a.orgWide(need), func(c *change) error {
		if checkID("Grant", string(id)) != nil {
			return ErrNotFound
		}
		g, err := c.tx.Grant(c.ctx, c.org, id)
		if err != nil {
			return err
		}
		if _, err := c.target(g.Account); err != nil {
			return err
		}
		return c.revokeGrant(g)
	})
}

// revokeGrant removes a grant, and records it.
func (c *change) revokeGrant(g Grant) error {
	if err := c.tx.DeleteGrant(c.ctx, g.ID); err != nil {
		return err
	}
	return c.record(GrantRevoked, string(g.Account), changed("grant", g.Grant.String(), ""))
}

// Grants returns the grants of an account, also those that have ended. Everybody may see their own.
func (a Actor) Grants(ctx context.Context, account policy.AccountID) ([]Grant, error) {
	if err := a.readAbout(ctx, account); err != nil {
		return nil, err
	}
	if _, err := a.Account(ctx, account); err != nil {
		return nil, err
	}
	return a.svc.store.Grants(ctx, a.org, account)
}
