package iam

import (
	"context"
	"fmt"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// HeldKind is a kind of resource that belongs to accounts, one holder each, as data (D5, D8, D9). Its
// permissions are asked of somebody's own: of what they hold themselves, and of what those below them
// hold. An empty one leaves it to System.
type HeldKind struct {
	// Kind is a base kind, such as device.
	Kind policy.Kind
	// Claim, Release and Transfer are the rows of the policy for becoming the holder, for being it no
	// more, and for making another account the holder. Share is the row for giving others permissions.
	Claim, Release, Transfer, Share policy.Permission
	// Manage is what somebody above the holder can take for itself (D9). Defaults to nothing.
	Manage []policy.Permission
	// Quota limits how many an account holds together with those below it (D5). Defaults to no limit.
	Quota bool
}

// acts are what the holder alone does, and who stands above it: they cannot be shared.
func (k HeldKind) acts() []policy.Permission {
	return []policy.Permission{k.Claim, k.Release, k.Transfer, k.Share}
}

// check reports what is wrong with the kind under a policy.
func (k HeldKind) check(p *policy.Policy) error {
	if k.Kind == "" || k.Kind != k.Kind.Base() {
		return fmt.Errorf("the rules hold the kind %q: want a base kind", k.Kind)
	}
	for _, name := range slices.Concat(k.acts(), k.Manage) {
		switch {
		case name == "":
		case !p.Knows(name.Kind(), name.Action()):
			return fmt.Errorf("the rules name the permission %q, which the policy does not declare", name)
		case name.Kind().Base() != k.Kind:
			return fmt.Errorf("the rules name the permission %q for the kind %q", name, k.Kind)
		}
	}
	return nil
}

// held returns the rules about a kind that accounts hold.
func (r Rules) held(kind policy.Kind) (HeldKind, error) {
	for _, k := range r.Holdings {
		if k.Kind == kind {
			return k, nil
		}
	}
	return HeldKind{}, invalid("Kind", "accounts hold no resources of the kind %q", kind)
}

// limited returns the rules about a kind that has quotas.
func (r Rules) limited(kind policy.Kind) (HeldKind, error) {
	k, err := r.held(kind)
	if err == nil && !k.Quota {
		err = invalid("Kind", "the kind %q has no quotas", kind)
	}
	return k, err
}

// onHeld guards a change about one resource by a row of the policy that its kind names. The row is
// asked of the actor's own resource: whether this one is, or is held below the actor, do must find out.
func (a Actor) onHeld(
	ctx context.Context, kind policy.Kind, id string, row func(HeldKind) policy.Permission, do func(c *change, k HeldKind) error,
) error {
	k, err := a.rules().held(kind)
	if err != nil {
		if refused := a.member(ctx); refused != nil {
			return refused
		}
		return err
	}
	need := row(k)
	return a.write(ctx, need, a.owned(need, id), func(c *change) error { return do(c, k) })
}

// owned is a resource for which a permission is asked, as if the actor held it.
func (a Actor) owned(need policy.Permission, id string) policy.Resource {
	return need.Kind().Of(a.org).Named(id).OwnedBy(a.sub.ID())
}
