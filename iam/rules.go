package iam

import (
	"fmt"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// System is a policy with the rules of its accounts' lives. Packages iam/emqx, iam/lanit and
// iam/devicehub each return one; a host makes its own as a value.
type System struct {
	Name   string
	Policy *policy.Policy
	Rules  Rules
}

// Rules are what a system decides about accounts beyond its policy, as data.
type Rules struct {
	// RootRole is the role of an organisation's root account. Defaults to none: organisations have no root.
	RootRole policy.Role
	// Administrators are the roles of which an organisation never loses its last active holder.
	// Defaults to none: nothing is kept.
	Administrators []policy.Role
	// OneRole allows an account exactly one role (L1). Defaults to one or more.
	OneRole bool
	// EmailScope is where an address belongs to one account only. Defaults to PerOrganization.
	EmailScope EmailScope
	// ReserveRootEmail refuses a sub-account the address of any root account (E11). Defaults to no.
	ReserveRootEmail bool
	// Permissions are the rows of the policy that an Actor needs.
	Permissions Permissions
}

// Permissions name the row of the policy that stands for each thing that an Actor does. An empty
// one leaves it to System: no row allows it.
type Permissions struct {
	ListAccounts   policy.Permission // see accounts, their roles, bindings and grants
	ManageAccounts policy.Permission // create, change, disable, delete
	ChangeRoles    policy.Permission // give and take roles
	GiveGrants     policy.Permission // give and take grants
	BindProjects   policy.Permission // bind accounts to a project, open it to all
	ForgetProjects policy.Permission // forget a project that the host deletes
	ReadEvents     policy.Permission // read the audit log
}

// EmailScope is where an address belongs to one account only.
type EmailScope uint8

// The scopes of an address.
const (
	PerOrganization EmailScope = iota // one account an organisation (E11)
	Everywhere                        // one account in the whole database (L4)
)

// check reports what the rules name that the policy does not know.
func (s System) check() error {
	if s.Policy == nil {
		return fmt.Errorf("iam: system %q: Policy is nil", s.Name)
	}
	roles := slices.Clone(s.Rules.Administrators)
	if s.Rules.RootRole != "" {
		roles = append(roles, s.Rules.RootRole)
	}
	for _, role := range roles {
		if !s.Policy.HasRole(role) {
			return fmt.Errorf("iam: system %q: the rules name the role %q, which the policy does not declare", s.Name, role)
		}
	}
	needs := s.Rules.Permissions
	for _, name := range []policy.Permission{
		needs.ListAccounts, needs.ManageAccounts, needs.ChangeRoles, needs.GiveGrants,
		needs.BindProjects, needs.ForgetProjects, needs.ReadEvents,
	} {
		if name != "" && !s.Policy.Knows(name.Kind(), name.Action()) {
			return fmt.Errorf("iam: system %q: the rules name the permission %q, which the policy does not declare", s.Name, name)
		}
	}
	return nil
}

// rootOnly reports whether the role is root's alone: nobody can give it.
func (s System) rootOnly(role policy.Role) bool {
	if role != s.Rules.RootRole {
		return false
	}
	return !slices.ContainsFunc(s.Policy.Roles(), func(granter policy.Role) bool {
		return slices.Contains(s.Policy.Gives(granter), role)
	})
}
