package iam

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/castellan-iam/castellan/policy"
)

// Limits of quotas.
const (
	Unlimited = -1            // root's, unless System has limited it
	MaxQuota  = math.MaxInt32 // the largest limit
)

// Quota is how many resources of a kind an account may have: what it holds itself and what it has given to its
// sub-accounts, whether they use it or not, never exceeds Most (D5).
type Quota struct {
	Kind  policy.Kind
	Most  int // Unlimited for root without a limit; 0 for another account to which nobody gave any
	Held  int // by the account itself
	Given int // the sum of the limits of the accounts right below it, also of those that are pending or disabled
}

// Left is how many more the account may hold or give: Unlimited where there is no limit, and never less than
// zero otherwise.
func (q Quota) Left() int {
	if q.Most == Unlimited {
		return Unlimited
	}
	return max(0, q.Most-q.Held-q.Given)
}

// within reports whether the quota is kept.
func (q Quota) within() bool { return q.Most == Unlimited || q.Held+q.Given <= q.Most }

// Quotas returns an account's quotas, one for each kind that has them, in the order of the Rules. Everybody may
// see their own.
func (a Actor) Quotas(ctx context.Context, account policy.AccountID) ([]Quota, error) {
	if err := a.readAbout(ctx, account); err != nil {
		return nil, err
	}
	if _, err := a.Account(ctx, account); err != nil {
		return nil, err
	}
	var all []Quota
	for _, k := range a.rules().Holdings {
		if !k.Quota {
			continue
		}
		q, err := quotaOf(ctx, a.svc.store, a.org, account, k.Kind)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// SetQuota changes how many resources of a kind an account may have (D7): by who stands above it. A limit
// below what the account holds and has given is refused, and one for which its creator has not enough
// left: both are ErrQuota. Root's own limit is System's to set, and to take away with Unlimited.
func (a Actor) SetQuota(ctx context.Context, account policy.AccountID, kind policy.Kind, most int) (Quota, error) {
	need := a.rules().Permissions.ChangeQuotas
	var set Quota
	err := a.write(ctx, need, a.orgWide(need), func(c *change) error {
		of, err := c.below(account)
		if err != nil {
			return err
		}
		k, err := c.system.Rules.limited(kind)
		if err != nil {
			return err
		}
		if err := checkMost("Most", of, most); err != nil {
			return err
		}
		if err := c.setLimit(of.ID, k, most); err != nil {
			return err
		}
		if err := c.withinQuota(k, of.ID, "Most"); err != nil {
			return err
		}
		if err := c.parentWithin(k, of, "Most"); err != nil {
			return err
		}
		set, err = c.quota(of.ID, kind)
		return err
	})
	if err != nil {
		return Quota{}, err
	}
	return set, nil
}

// checkMost refuses what is no limit of the account.
func checkMost(field string, account Account, most int) error {
	switch {
	case most == Unlimited && account.Root:
		return nil
	case most < 0 || most > MaxQuota:
		return invalid(field, "want a limit from 0 to %d: got %d", MaxQuota, most)
	}
	return nil
}

// allot gives a new account its limits, which are its creator's to give. It is asked behind the insertion of
// the account.
func (c *change) allot(account Account, quotas map[policy.Kind]int) error {
	for _, kind := range slices.Sorted(maps.Keys(quotas)) {
		k, err := c.system.Rules.limited(kind)
		if err != nil {
			return &FieldError{Field: "Quotas", Problem: fmt.Sprintf("the kind %q has no quotas", kind)}
		}
		if err := checkMost("Quotas", account, quotas[kind]); err != nil {
			return err
		}
		if err := c.setLimit(account.ID, k, quotas[kind]); err != nil {
			return err
		}
		if err := c.parentWithin(k, account, "Quotas"); err != nil {
			return err
		}
	}
	return nil
}

// setLimit writes a limit and its event, when it is another one. Whether it can be is for the caller to look at.
func (c *change) setLimit(account policy.AccountID, k HeldKind, most int) error {
	before, err := c.quota(account, k.Kind)
	if err != nil || before.Most == most {
		return err
	}
	if most == Unlimited {
		err = c.tx.DropLimit(c.ctx, account, k.Kind)
	} else {
		err = c.tx.PutLimit(c.ctx, account, k.Kind, int64(most))
	}
	if err != nil {
		return err
	}
	return c.record(QuotaChanged, string(account), changed("kind", string(k.Kind), string(k.Kind)), changed("most", limitText(before.Most), limitText(most)))
}

func limitText(most int) string {
	if most == Unlimited {
		return "unlimited"
	}
	return strconv.Itoa(most)
}

// quota reads an account's quota of a kind.
func (c *change) quota(account policy.AccountID, kind policy.Kind) (Quota, error) {
	return quotaOf(c.ctx, c.tx, c.org, account, kind)
}

func quotaOf(ctx context.Context, from HoldingReader, org policy.OrgID, account policy.AccountID, kind policy.Kind) (Quota, error) {
	a, err := from.Allotment(ctx, org, account, kind)
	if err != nil {
		return Quota{}, err
	}
	q := Quota{Kind: kind, Most: int(a.Most), Held: int(a.Held), Given: int(a.Given)}
	if !a.Limited {
		q.Most = 0
		if a.Root {
			q.Most = Unlimited
		}
	}
	return q, nil
}

// withinQuota refuses a change that took an account above its quota. It is asked behind the change; the
// transaction's hold on the organisation keeps others from counting the same room twice (SB-73).
func (c *change) withinQuota(k HeldKind, account policy.AccountID, field string) error {
	if !k.Quota {
		return nil
	}
	q, err := c.quota(account, k.Kind)
	if err != nil || q.within() {
		return err
	}
	return &FieldError{Field: field, Reason: ErrQuota, Problem: fmt.Sprintf(
		"the quota of %d is exceeded: with this the account would hold %d of the kind %q itself and have given %d to its sub-accounts", q.Most, q.Held, k.Kind, q.Given)}
}

// parentWithin is withinQuota for who stands right above an account. Nobody does above those whom the system
// created in an organisation without root.
func (c *change) parentWithin(k HeldKind, account Account, field string) error {
	parent, err := c.parent(account)
	if err != nil || parent == "" {
		return err
	}
	return c.withinQuota(k, parent, field)
}
