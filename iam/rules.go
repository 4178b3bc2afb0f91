package iam

import (
	"cmp"
	"fmt"
	"slices"
	"time"

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
	// UnicodeEmail allows addresses whose local part is not ASCII, which not every mail server takes (RFC
	// 6531, SB-91). Defaults to no.
	UnicodeEmail bool
	// SeparateRootLogin lets root accounts sign in at their own login address alone, apart from the
	// sub-accounts' (E10). Defaults to no: root can use both, at the price that who locks root at one of them finds
	// it locked at the other, and so learns whose root an address is.
	SeparateRootLogin bool
	// PasswordByOthers lets those above an account set its password (E12), at the price that two people know
	// it until the next sign-in, when it must be changed (SB-10). Defaults to no: they send a link.
	PasswordByOthers bool
	// InvitationLifetime is how long an invitation's link holds (E9, L6). Defaults to 24 hours.
	InvitationLifetime time.Duration
	// FirstPassword is who chooses an account's first password (E8, L5). Defaults to ByInvitee.
	FirstPassword FirstPassword
	// Password is what a password must be.
	Password PasswordRule
	// SecondFactor is whether accounts have one, where the organisation does not require it (L8). Defaults to
	// SecondFactorAllowed.
	SecondFactor SecondFactorRule
	// SecondFactorRemoval is who may take a second factor away. Defaults to ByOwnerAndAbove.
	SecondFactorRemoval SecondFactorRemoval
	// RoleChanges is when a change of roles, bindings and grants takes effect (L10). Defaults to AtOnce.
	RoleChanges RoleChanges
	// FormerRoot is the role of the account that was root, once another one is. Defaults to none: root cannot
	// be handed over.
	FormerRoot policy.Role
	// Holdings are the kinds of resources that belong to accounts (D5, D8, D9), each once. Defaults to none:
	// the host keeps owners itself.
	Holdings []HeldKind
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
	ChangeQuotas   policy.Permission // change the quotas of accounts that are there (D7)
	BindProjects   policy.Permission // bind accounts to a project, open it to all
	ForgetProjects policy.Permission // forget a project that the host deletes
	ReadEvents     policy.Permission // read the audit log
	ExportEvents   policy.Permission // take the audit log away as a file (SB-85)
	ReadMailServer policy.Permission // see the organisation's own mail server (D3)
	EditMailServer policy.Permission // change it
	TestMailServer policy.Permission // test it
	ListKeys       policy.Permission // see API keys (E18)
	ManageKeys     policy.Permission // make, change and delete them
}

// FirstPassword is who chooses an account's first password.
type FirstPassword uint8

// Who chooses the first password.
const (
	ByInvitee FirstPassword = iota // when the invitation is accepted (L5)
	ByCreator                      // who invites; it must be changed at the first sign-in (E8, SB-10)
)

// SecondFactorRule is whether accounts have a second factor.
type SecondFactorRule uint8

// The rules about second factors. The zero one stands for the system's own in an Organization.
const (
	SecondFactorAllowed SecondFactorRule = iota
	SecondFactorRequired
	SecondFactorUnavailable // in the Rules only: there is none
)

// SecondFactorRemoval is who may take a second factor away.
type SecondFactorRemoval uint8

// Who may take a second factor away.
const (
	ByOwnerAndAbove SecondFactorRemoval = iota // the account itself with a code, and those above it
	ByRootOnly                                 // root alone, also its own
)

// RoleChanges is when a change of roles, bindings and grants takes effect.
type RoleChanges uint8

// When a change takes effect. Disabling and deleting always do at once.
const (
	AtOnce       RoleChanges = iota
	AtNextSignIn             // a session keeps what it was opened with (L10)
)

// DefaultInvitationLifetime is how long a link holds when the Rules do not say.
const DefaultInvitationLifetime = 24 * time.Hour

// SecondFactorFor is the rule that holds in an organisation of the choice: the stricter of the two, but what the
// Rules do not have at all cannot be required.
func (r Rules) SecondFactorFor(choice SecondFactorRule) SecondFactorRule {
	if r.SecondFactor == SecondFactorAllowed && choice == SecondFactorRequired {
		return SecondFactorRequired
	}
	return r.SecondFactor
}

// invitationLifetime is how long a link holds.
func (r Rules) invitationLifetime() time.Duration {
	return cmp.Or(r.InvitationLifetime, DefaultInvitationLifetime)
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
	for _, role := range []policy.Role{s.Rules.RootRole, s.Rules.FormerRoot} {
		if role != "" {
			roles = append(roles, role)
		}
	}
	for _, role := range roles {
		if !s.Policy.HasRole(role) {
			return fmt.Errorf("iam: system %q: the rules name the role %q, which the policy does not declare", s.Name, role)
		}
	}
	if err := s.Rules.Password.check(); err != nil {
		return fmt.Errorf("iam: system %q: %w", s.Name, err)
	}
	needs := s.Rules.Permissions
	for _, name := range []policy.Permission{
		needs.ListAccounts, needs.ManageAccounts, needs.ChangeRoles, needs.GiveGrants, needs.ChangeQuotas,
		needs.BindProjects, needs.ForgetProjects, needs.ReadEvents, needs.ExportEvents,
		needs.ReadMailServer, needs.EditMailServer, needs.TestMailServer,
		needs.ListKeys, needs.ManageKeys,
	} {
		if name != "" && !s.Policy.Knows(name.Kind(), name.Action()) {
			return fmt.Errorf("iam: system %q: the rules name the permission %q, which the policy does not declare", s.Name, name)
		}
	}
	for i, k := range s.Rules.Holdings {
		if err := k.check(s.Policy); err != nil {
			return fmt.Errorf("iam: system %q: %w", s.Name, err)
		}
		if slices.ContainsFunc(s.Rules.Holdings[:i], func(before HeldKind) bool { return before.Kind == k.Kind }) {
			return fmt.Errorf("iam: system %q: the rules hold the kind %q twice", s.Name, k.Kind)
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
