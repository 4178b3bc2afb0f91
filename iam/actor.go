package iam

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Actor changes an organisation on behalf of somebody. Every method asks, in this order: may the
// actor do this at all, by the policy's own rows ([Rules].Permissions); may it give what it gives,
// and does it give nothing that it lacks; is the target inside its organisation, and not above it.
// A refusal is a [*ForbiddenError]; what lies in another organisation is ErrNotFound, exactly as
// what does not exist. Inside the transaction of a change the actor is loaded anew, so that one who
// was demoted a moment ago changes nothing any more. Each change writes its audit event in its own
// transaction.
//
// The zero Actor may do nothing. An Actor is safe for concurrent use.
type Actor struct {
	svc    *Service
	org    policy.OrgID
	sub    Subject
	reason string // of the system; "" for a subject
}

// As returns the actor that acts for the subject, in the subject's organisation.
func (s *Service) As(sub Subject) Actor { return Actor{svc: s, org: sub.Org(), sub: sub} }

// SystemActor acts for nobody, past the policy: for migrations, seeds and the host's own
// administration. What must hold for the data still holds: organisations stay apart, root stays,
// the last administrator stays.
type SystemActor struct {
	svc    *Service
	reason string
}

// System returns the actor that passes every policy. The reason is recorded with each change.
func (s *Service) System(reason string) SystemActor {
	if reason == "" {
		reason = "no reason was given"
	}
	return SystemActor{svc: s, reason: reason}
}

// In returns the system's actor in one organisation.
func (s SystemActor) In(org policy.OrgID) Actor {
	return Actor{svc: s.svc, org: org, reason: s.reason}
}

// isSystem reports whether the actor passes the policy.
func (a Actor) isSystem() bool { return a.reason != "" }

// orgWide returns the resource that a permission about the whole organisation is asked for.
func (a Actor) orgWide(need policy.Permission) policy.Resource { return need.Kind().Of(a.org) }

// may asks the policy's own row for the actor as it was loaded by the caller.
func (a Actor) may(h *policy.Holder, need policy.Permission, r policy.Resource) error {
	if a.svc == nil {
		return refuse("", policy.NoSubject, "the zero Actor may do nothing")
	}
	if a.isSystem() {
		return nil
	}
	return authorize(h, need.Action(), r)
}

// read guards a method that only reads.
func (a Actor) read(ctx context.Context, need policy.Permission) error {
	return a.refused(ctx, need, a.may(a.sub.holder, need, a.orgWide(need)))
}

// rules are the service's, or none for the zero Actor, which the guard refuses.
func (a Actor) rules() Rules {
	if a.svc == nil {
		return Rules{}
	}
	return a.svc.Rules()
}

// change is one transaction of an actor.
type change struct {
	Actor
	ctx    context.Context
	tx     Tx
	system *System
	holder *policy.Holder // the actor as it stands inside the transaction; nil for the system
	now    time.Time
	name   *string // the actor's, once it was asked for
}

// write guards a method that changes something, and runs it in one transaction.
func (a Actor) write(ctx context.Context, need policy.Permission, r policy.Resource, do func(c *change) error) error {
	guard := func(h *policy.Holder) error { return a.may(h, need, r) }
	return a.refused(ctx, need, a.transact(ctx, a.storeWrite, guard, do))
}

// writeAside is write for what decides nothing: see [Store].WriteAside.
func (a Actor) writeAside(ctx context.Context, need policy.Permission, r policy.Resource, do func(c *change) error) error {
	guard := func(h *policy.Holder) error { return a.may(h, need, r) }
	return a.refused(ctx, need, a.transact(ctx, a.storeWriteAside, guard, do))
}

// own runs what everybody who is active may do about themselves. A key of theirs may not.
func (a Actor) own(ctx context.Context, do func(c *change) error) error {
	return a.refused(ctx, "", a.transact(ctx, a.storeWrite, a.inPerson, do))
}

// ownAside is own for what decides nothing.
func (a Actor) ownAside(ctx context.Context, do func(c *change) error) error {
	return a.refused(ctx, "", a.transact(ctx, a.storeWriteAside, a.inPerson, do))
}

// inPerson lets through whoever is active, and acts by no key.
func (a Actor) inPerson(h *policy.Holder) error {
	if err := notByKey(h, "changes nothing about its account"); err != nil {
		return err
	}
	return a.activeMember(h)
}

// activeMember lets through whoever is active, by name: the system has nothing of its own.
func (a Actor) activeMember(h *policy.Holder) error {
	switch {
	case a.svc == nil:
		return refuse("", policy.NoSubject, "the zero Actor may do nothing")
	case a.isSystem() || h.ID() == "":
		return refuse("", policy.NoSubject, "an account does this for itself")
	case !h.Active():
		return refuse(h.ID(), policy.Inactive, "the account is not active")
	}
	return nil
}

type transaction func(ctx context.Context, do func(tx Tx) error) error

func (a Actor) storeWrite(ctx context.Context, do func(tx Tx) error) error {
	return a.svc.write(ctx, a.org, do)
}

func (a Actor) storeWriteAside(ctx context.Context, do func(tx Tx) error) error {
	return a.svc.store.WriteAside(ctx, a.org, do)
}

// transact asks the guard about the actor as the caller has loaded it, and in the transaction again.
func (a Actor) transact(ctx context.Context, run transaction, guard func(h *policy.Holder) error, do func(c *change) error) error {
	if err := guard(a.sub.holder); err != nil {
		return err
	}
	if err := checkID("Organization", string(a.org)); err != nil {
		return err
	}
	return run(ctx, func(tx Tx) error {
		c := &change{Actor: a, ctx: ctx, tx: tx, system: a.svc.system.Load(), now: a.svc.now()}
		if !a.isSystem() {
			if err := c.reload(); err != nil {
				return err
			}
		}
		if err := guard(c.holder); err != nil {
			return err
		}
		return do(c)
	})
}

// reload loads the actor as it stands inside the transaction. One whose session keeps its permissions
// (L10) keeps them here too, as long as the account is active.
func (c *change) reload() error {
	record, err := c.tx.Subject(c.ctx, c.sub.ID())
	switch {
	case errors.Is(err, ErrNotFound):
		return refuse(c.sub.ID(), policy.NoSubject, "the account was deleted since the subject was loaded")
	case err != nil:
		return err
	case c.sub.known().pinned && record.Status == Active:
		c.holder = c.sub.holder
	default:
		c.holder = record.holder(c.system.Policy, c.now)
	}
	if c.sub.Key() != "" {
		return c.narrow()
	}
	return nil
}

// mayGive refuses what the actor could not give to another.
func (c *change) mayGive(g policy.Grant) error {
	return c.ceiling(g, func() error { return c.holder.MayGrant(g) })
}

// ceiling refuses a grant that the policy does not know, and one for which ask, who is asked for
// everybody but the system, has an error.
func (c *change) ceiling(g policy.Grant, ask func() error) error {
	if err := c.system.Policy.CheckGrant(g); err != nil {
		return &FieldError{Field: "Grant", Problem: err.Error()}
	}
	if c.isSystem() {
		return nil
	}
	if err := ask(); err != nil {
		refusal := new(ForbiddenError)
		errors.As(err, &refusal.Ceiling)
		return refusal
	}
	return nil
}

// target returns the account to change, when the actor is not below it. Nobody manages who holds a
// role, in the organisation or by a grant, that they could not give themselves, and nobody manages
// root but root itself (SB-62).
func (c *change) target(id policy.AccountID) (Account, error) {
	account, err := c.account(id)
	if err != nil || c.isSystem() {
		return account, err
	}
	if err := notByKey(c.holder, "manages no accounts"); err != nil {
		return Account{}, err
	}
	if account.Root {
		if id != c.holder.ID() {
			return Account{}, refuse(c.holder.ID(), policy.NoGrant, "nobody manages the root account but itself")
		}
		return account, nil
	}
	held := make([]policy.Grant, 0, len(account.Roles))
	for _, role := range account.Roles {
		held = append(held, policy.GrantRole(role, policy.AtOrg(c.org)))
	}
	grants, err := c.tx.Grants(c.ctx, c.org, id)
	if err != nil {
		return Account{}, err
	}
	for _, g := range grants {
		if g.Grant.Role != "" && !g.Grant.ExpiredAt(c.now) {
			held = append(held, g.Grant)
		}
	}
	for _, g := range held {
		if c.system.Policy.CheckGrant(g) != nil {
			continue // the policy no longer knows it, so it gives nothing
		}
		if err := c.mayGive(g); err != nil {
			return Account{}, err
		}
	}
	return account, nil
}

// mayBecome refuses an actor who could do more as an account that it manages than as itself. To
// manage it does not take that: an account may have been given tasks by others (D2).
func (c *change) mayBecome(account Account) error {
	if c.isSystem() || account.ID == c.holder.ID() {
		return nil
	}
	grants, err := c.tx.Grants(c.ctx, c.org, account.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.Grant.ExpiredAt(c.now) || c.system.Policy.CheckGrant(g.Grant) != nil {
			continue // it gives nothing
		}
		if err := c.mayGive(g.Grant); err != nil {
			return err
		}
	}
	return nil
}

// account returns an account of the organisation.
func (c *change) account(id policy.AccountID) (Account, error) {
	if checkID("Account", string(id)) != nil {
		return Account{}, ErrNotFound
	}
	return c.tx.Account(c.ctx, c.org, id)
}

// notRoot refuses what cannot be done to root, whoever asks (E2).
func notRoot(account Account) error {
	if account.Root {
		return ErrRoot
	}
	return nil
}

// isAdministrator reports whether the account counts among those of whom one must stay.
func (c *change) isAdministrator(a Account) bool {
	return a.Status == Active && slices.ContainsFunc(a.Roles, func(role policy.Role) bool {
		return slices.Contains(c.system.Rules.Administrators, role)
	})
}

// keepAdministrator refuses a change that took the last active administrator away. It is asked
// behind the change; the transaction's hold on the organisation keeps others from changing the
// count meanwhile (SB-65).
func (c *change) keepAdministrator(before Account) error {
	if !c.isAdministrator(before) {
		return nil
	}
	left, err := c.tx.Administrators(c.ctx, c.org, c.system.Rules.Administrators)
	if err != nil {
		return err
	}
	if left == 0 {
		return ErrLastAdministrator
	}
	return nil
}
