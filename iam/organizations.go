package iam

import (
	"context"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// CreateOrganizationParams describe a new organisation.
type CreateOrganizationParams struct {
	// Name is shown to people.
	Name string
	// ID is the host's own id of the organisation. Defaults to a new one.
	ID policy.OrgID
	// Root is the organisation's root account; its Roles default to the system's root role, and it
	// is active at once. Defaults to none: the host keeps the owner elsewhere.
	Root *CreateAccountParams
}

// CreateOrganization makes an organisation with its root account, if it is to have one.
func (s SystemActor) CreateOrganization(ctx context.Context, params CreateOrganizationParams) (Organization, error) {
	if s.svc == nil {
		return Organization{}, refuse("", policy.NoSubject, "the zero SystemActor may do nothing")
	}
	if err := checkText("Name", params.Name); err != nil {
		return Organization{}, err
	}
	org := Organization{ID: params.ID, Name: params.Name, Created: s.svc.now(), Revision: 1}
	if org.ID == "" {
		id, err := s.svc.ids.next(org.Created)
		if err != nil {
			return Organization{}, err
		}
		org.ID = policy.OrgID(id)
	}
	if err := checkID("ID", string(org.ID)); err != nil {
		return Organization{}, err
	}
	done := false
	err := s.svc.store.Create(ctx, org, func(tx Tx) (err error) {
		defer func() { done = err == nil }()
		c := &change{Actor: s.In(org.ID), ctx: ctx, tx: tx, system: s.svc.system.Load(), now: org.Created}
		if err := c.record(OrganizationCreated, string(org.ID), changed("name", "", org.Name)); err != nil {
			return err
		}
		if params.Root == nil {
			return nil
		}
		root, err := c.insertRoot(*params.Root)
		org.Root = root.ID
		return err
	})
	if done {
		err = s.svc.wrote(ctx, org.ID, org.Revision, err)
	}
	if err != nil {
		return Organization{}, err
	}
	return org, nil
}

// insertRoot makes the organisation's root account.
func (c *change) insertRoot(params CreateAccountParams) (Account, error) {
	rootRole := c.system.Rules.RootRole
	if rootRole == "" {
		return Account{}, invalid("Root", "the system %q has no root role", c.system.Name)
	}
	if len(params.Roles) == 0 {
		params.Roles = []policy.Role{rootRole}
	}
	if !slices.Contains(params.Roles, rootRole) {
		return Account{}, invalid("Root", "the root account holds the role %q", rootRole)
	}
	params.Active = true
	account, err := c.newAccount(params)
	if err != nil {
		return Account{}, err
	}
	account.Root = true
	if err := c.insert(account); err != nil {
		return Account{}, err
	}
	return account, c.allot(account, params.Quotas)
}

// Organization returns the actor's own organisation.
func (a Actor) Organization(ctx context.Context) (Organization, error) {
	if err := a.member(ctx); err != nil {
		return Organization{}, err
	}
	return a.svc.store.Organization(ctx, a.org)
}

// member lets everybody through who is active in the organisation.
func (a Actor) member(ctx context.Context) error {
	if a.svc == nil || !a.isSystem() && a.sub.Status() != Active {
		return a.refused(ctx, "", refuse(a.sub.ID(), policy.Inactive, "the account is not active"))
	}
	return nil
}

// changed is a FieldChange, in one line.
func changed(field, before, after string) FieldChange { return FieldChange{field, before, after} }
