package iam

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// ShareParams say what is shared with whom.
type ShareParams struct {
	// To is an account below the actor, which is not disabled.
	To policy.AccountID
	// Permissions are what it may do with the resource: at least one, and none of those that are the
	// holder's alone (HeldKind's Claim, Release, Transfer and Share).
	Permissions []policy.Permission
	// Until is the first moment at which the share has ended. Defaults to never.
	Until time.Time
}

// Share gives a sub-account chosen permissions on a resource (D8): by the resource's holder, or by who
// stands above the holder. Nobody else does, so that a share that was received is not shared on. Each
// permission is a share of its own, a [Grant], which takes the place of the account's share of the
// same permission. Shares end when the resource is transferred or released.
func (a Actor) Share(ctx context.Context, kind policy.Kind, id string, params ShareParams) ([]Grant, error) {
	until := storedTime(params.Until) // first of all, so that what is checked is what is stored
	var shared []Grant
	err := a.onHeld(ctx, kind, id, shareRow, func(c *change, k HeldKind) error {
		h, err := c.held(kind, id)
		if err != nil {
			return err
		}
		permissions, err := k.shareable(params.Permissions)
		if err != nil {
			return err
		}
		to, err := c.below(params.To)
		switch {
		case err != nil:
			return err
		case to.Status == Disabled:
			return invalid("To", "the account is disabled")
		case to.ID == h.Account:
			return invalid("To", "the account holds the resource itself")
		}
		if err := checkEnd("Until", until, c.now); err != nil {
			return err
		}
		if err := notRoot(to); err != nil {
			return err
		}
		shared, err = c.giveOn(h, to.ID, until, permissions)
		return err
	})
	if err != nil {
		return nil, err
	}
	return shared, nil
}

// TakeManagement gives the actor the kind's permissions to manage a resource that somebody below it holds
// (D9), as shares do, for as long as that one holds it: the holder cannot take them back. Root may do
// everything without, which is ErrRoot.
func (a Actor) TakeManagement(ctx context.Context, kind policy.Kind, id string) ([]Grant, error) {
	var taken []Grant
	row := func(HeldKind) policy.Permission { return a.rules().Permissions.ManageAccounts }
	err := a.onHeld(ctx, kind, id, row, func(c *change, k HeldKind) error {
		if c.isSystem() {
			return refuse("", policy.NoSubject, "an account takes management for itself")
		}
		h, err := c.held(kind, id)
		if err != nil {
			return err
		}
		me, err := c.account(c.sub.ID())
		if err != nil {
			return err
		}
		if err := notRoot(me); err != nil {
			return err
		}
		if h.Account == me.ID {
			return invalid("ID", "the account holds the resource itself")
		}
		taken, err = c.giveOn(h, me.ID, time.Time{}, k.Manage)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// Unshare ends a share of a resource: by the resource's holder, or by who stands above the holder. What an
// account above the actor has on the resource stays.
func (a Actor) Unshare(ctx context.Context, kind policy.Kind, id string, share GrantID) error {
	return a.onHeld(ctx, kind, id, shareRow, func(c *change, k HeldKind) error {
		h, err := c.held(kind, id)
		if err != nil {
			return err
		}
		if checkID("Grant", string(share)) != nil {
			return ErrNotFound
		}
		g, err := c.tx.Grant(c.ctx, c.org, share)
		if err != nil {
			return err
		}
		if g.Grant.At != policy.AtResource(h.Org, h.Kind, h.ID) {
			return ErrNotFound
		}
		if _, err := c.receiver(g.Account); err != nil {
			return err
		}
		return c.revokeGrant(g)
	})
}

// Shares returns the grants on a resource, also those that have ended, sorted by id: to its holder, and to
// who may see the accounts.
func (a Actor) Shares(ctx context.Context, kind policy.Kind, id string) ([]Grant, error) {
	if err := a.member(ctx); err != nil {
		return nil, err
	}
	if _, err := a.rules().held(kind); err != nil {
		return nil, err
	}
	h, err := a.svc.store.Holding(ctx, a.org, kind, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if refused := a.readAbout(ctx, h.Account); refused != nil {
		return nil, refused // the same whether somebody holds it or not
	}
	if err != nil {
		return nil, err
	}
	return a.svc.store.GrantsOn(ctx, a.org, kind, id)
}

func shareRow(k HeldKind) policy.Permission { return k.Share }

// shareable returns the permissions, each once, when all of them can be shared.
func (k HeldKind) shareable(permissions []policy.Permission) ([]policy.Permission, error) {
	if len(permissions) == 0 {
		return nil, invalid("Permissions", "a share needs a permission")
	}
	var all []policy.Permission
	for _, name := range permissions {
		switch {
		case name.Kind().Base() != k.Kind:
			return nil, invalid("Permissions", "%q is no permission on a %q", name, k.Kind)
		case slices.Contains(k.acts(), name):
			return nil, invalid("Permissions", "%q is the holder's alone", name)
		case !slices.Contains(all, name):
			all = append(all, name)
		}
	}
	return all, nil
}

// giveOn gives permissions on a resource that the actor has the say about, each in place of an earlier grant of
// the same permission. The actor itself must be able to do as much to what it holds (SB-61).
func (c *change) giveOn(h Holding, to policy.AccountID, until time.Time, permissions []policy.Permission) ([]Grant, error) {
	there, err := c.tx.GrantsOn(c.ctx, c.org, h.Kind, h.ID)
	if err != nil {
		return nil, err
	}
	var given []Grant
	for _, name := range permissions {
		g := policy.GrantPermission(name, policy.AtResource(h.Org, h.Kind, h.ID)).Until(until)
		if err := c.mayGiveOwn(g); err != nil {
			return nil, err
		}
		for _, old := range there {
			if old.Account != to || old.Grant.Permission != name {
				continue
			}
			if err := c.revokeGrant(old); err != nil {
				return nil, err
			}
		}
		one, err := c.insertGrant(to, g)
		if err != nil {
			return nil, err
		}
		given = append(given, one)
	}
	return given, nil
}

// mayGiveOwn refuses a single permission on a resource that the actor could not use if it held the resource.
func (c *change) mayGiveOwn(g policy.Grant) error {
	return c.ceiling(g, func() error {
		return c.holder.MayGrantOn(g.Permission, c.owned(g.Permission, g.At.ID), g.Expires)
	})
}

// notShared refuses a grant on a single resource that somebody holds who is not the actor, nor below it: what
// was shared is not shared on, by whatever call (D8).
func (c *change) notShared(g policy.Grant) error {
	h, there, err := c.holdingOn(g)
	if err != nil || !there || c.isSystem() {
		return err
	}
	return c.ofOwn(h)
}

// holdingOn returns the holding of the single resource that a grant is on, if somebody holds it.
func (c *change) holdingOn(g policy.Grant) (h Holding, there bool, err error) {
	if _, err := c.system.Rules.held(g.At.Kind); err != nil || g.At.ID == "" {
		return Holding{}, false, nil
	}
	h, err = c.tx.Holding(c.ctx, c.org, g.At.Kind, g.At.ID)
	if errors.Is(err, ErrNotFound) {
		return Holding{}, false, nil
	}
	return h, err == nil, err
}
