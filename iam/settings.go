package iam

import (
	"context"
	"errors"
	"fmt"

	"github.com/castellan-iam/castellan/policy"
)

// OrganizationParams are what an organisation decides about itself.
type OrganizationParams struct {
	// Name is shown to people.
	Name string
	// SecondFactor is SecondFactorRequired, or SecondFactorAllowed for what the system's Rules say (L8).
	SecondFactor SecondFactorRule
}

// UpdateOrganization replaces what the organisation decides about itself. It takes who may manage accounts and,
// where the Rules name Administrators, is one of them or root. A second factor that becomes required is asked of open
// sessions too (SB-52).
func (a Actor) UpdateOrganization(ctx context.Context, params OrganizationParams) (Organization, error) {
	need := a.rules().Permissions.ManageAccounts
	var org Organization
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		if err := c.asAdministrator(); err != nil {
			return err
		}
		org, err = c.updateOrganization(params)
		return err
	})
	if err != nil {
		return Organization{}, err
	}
	return org, nil
}

// asAdministrator refuses who manages accounts and does not answer for the organisation.
func (c *change) asAdministrator() error {
	if c.isSystem() || len(c.system.Rules.Administrators) == 0 {
		return nil
	}
	if err := notByKey(c.holder, "does not change the organisation"); err != nil {
		return err
	}
	account, err := c.account(c.sub.ID())
	if err == nil && !account.Root && !c.isAdministrator(account) {
		return refuse(account.ID, policy.NoGrant, "only root and the administrators change the organisation")
	}
	return err
}

func (c *change) updateOrganization(params OrganizationParams) (Organization, error) {
	if err := checkText("Name", params.Name); err != nil {
		return Organization{}, err
	}
	switch {
	case params.SecondFactor != SecondFactorAllowed && params.SecondFactor != SecondFactorRequired:
		return Organization{}, invalid("SecondFactor", "an organisation requires a second factor or leaves it to the system")
	case params.SecondFactor == SecondFactorRequired && c.system.Rules.SecondFactor == SecondFactorUnavailable:
		return Organization{}, invalid("SecondFactor", "there is no second factor in the system %q", c.system.Name)
	case params.SecondFactor == SecondFactorRequired && len(c.svc.config.Keys) == 0:
		// Nobody could enroll, and so nobody would get in any more.
		return Organization{}, fmt.Errorf("%w: a second factor needs Config.Keys", ErrKeys)
	}
	org, err := c.tx.Organization(c.ctx, c.org)
	if err != nil {
		return Organization{}, err
	}
	changes := differences(
		changed("name", org.Name, params.Name),
		changed("second_factor", ownRule(org.SecondFactor), ownRule(params.SecondFactor)),
	)
	if len(changes) == 0 {
		return org, nil
	}
	org.Name, org.SecondFactor = params.Name, params.SecondFactor
	if err := c.tx.UpdateOrganization(c.ctx, org); err != nil {
		return Organization{}, err
	}
	return org, c.record(OrganizationUpdated, string(c.org), changes...)
}

// ownRule is an organisation's choice in an event.
func ownRule(r SecondFactorRule) string {
	if r == SecondFactorRequired {
		return "required"
	}
	return ""
}

// differences are those of the changes that change something.
func differences(all ...FieldChange) []FieldChange {
	var changes []FieldChange
	for _, f := range all {
		if f.Before != f.After {
			changes = append(changes, f)
		}
	}
	return changes
}

// orNone is a value, and the zero value where there is none.
func orNone[T any](value T, err error) (T, error) {
	if errors.Is(err, ErrNotFound) {
		return *new(T), nil
	}
	return value, err
}
