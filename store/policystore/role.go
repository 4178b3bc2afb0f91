package policystore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// CustomRole is a role that one organisation has made for itself.
type CustomRole struct {
	// Name is the role's name within its organisation: lower-case letters, digits, underscores.
	// Elsewhere the role is called [policy.CustomRole](org, Name): support@acme.
	Name string
	// Title is what people read.
	Title string
	// Permissions are what the role may do.
	Permissions []RolePermission
	// GivenBy are the roles whose holders may give this role to others: shipped ones, or custom ones
	// of the same organisation. Defaults to none: nobody gives it.
	GivenBy []policy.Role
}

// RolePermission is one rule of a custom role.
type RolePermission struct {
	Permission policy.Permission
	Reach      policy.Extent
	// Condition is the name of a condition. Defaults to policy.Always.
	Condition string
	// Effect is what the rule does. Defaults to policy.Allow.
	Effect policy.Effect
}

// document writes the role as rows: its title, its rules, its givers.
func (r CustomRole) document(org policy.OrgID) (*policy.Document, error) {
	name := policy.CustomRole(org, r.Name)
	if name.Org() != org || org == "" {
		return nil, fmt.Errorf("%q is no name of a custom role of %q", r.Name, org)
	}
	rows := []policy.Row{{Section: "p4", Fields: []string{string(name), r.Title}}}
	for _, p := range r.Permissions {
		kind, action := string(p.Permission.Kind()), string(p.Permission.Action())
		if policy.NewPermission(p.Permission.Kind(), p.Permission.Action()) != p.Permission {
			return nil, fmt.Errorf("%q is not a permission: want kind:action", p.Permission)
		}
		rows = append(rows, policy.Row{Section: "p", Fields: []string{string(name), string(p.Reach), kind, action,
			string(cmp.Or(p.Effect, policy.Allow)), cmp.Or(p.Condition, policy.Always)}})
	}
	for _, giver := range r.GivenBy {
		if !giver.UsableIn(org) {
			return nil, fmt.Errorf("role %q is not of this organisation", giver)
		}
		rows = append(rows, policy.Row{Section: "p2", Fields: []string{string(giver), string(name)}})
	}
	return policy.NewDocument(string(name), rows)
}

// readRole makes a role of rows that define it, in the order of its contract.
func readRole(name policy.Role, keys []key) CustomRole {
	base, _, _ := strings.Cut(string(name), "@")
	role := CustomRole{Name: base}
	for _, k := range keys {
		switch k[0] {
		case "p4":
			role.Title = k[2]
		case "p2":
			role.GivenBy = append(role.GivenBy, policy.Role(k[1]))
		case "p":
			role.Permissions = append(role.Permissions, RolePermission{
				Permission: policy.NewPermission(policy.Kind(k[3]), policy.Action(k[4])),
				Reach:      policy.Extent(k[2]), Effect: policy.Effect(k[5]), Condition: k[6],
			})
		}
	}
	slices.Sort(role.GivenBy)
	slices.SortFunc(role.Permissions, func(a, b RolePermission) int {
		return cmp.Or(cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Reach, b.Reach),
			cmp.Compare(a.Effect, b.Effect), cmp.Compare(a.Condition, b.Condition))
	})
	return role
}

// Missing returns what the role would give that the definer itself lacks in its organisation. It is
// the check before [Store.PutRole] on behalf of somebody: who edits a role must not give by it what
// they do not have, to others or, holding the role, to themselves (SB-63). What the definer has
// is decided by the policy that the definer was made with: the role as it was before the edit.
//
// Missing reads memory only. Nobody lacks anything for a role that allows nothing. A role that the
// definer's policy cannot have is an error, as it is for PutRole.
func (r CustomRole) Missing(definer *policy.Holder) ([]policy.Permission, error) {
	p := definer.Policy()
	if p == nil {
		return nil, errors.New("policystore: a definer without a policy")
	}
	// The role may be there already, under its own name, and the definer may hold it.
	candidate := r
	for p.HasRole(policy.CustomRole(definer.Org(), candidate.Name)) {
		candidate.Name += "_"
	}
	doc, err := candidate.document(definer.Org())
	if err != nil {
		return nil, fmt.Errorf("policystore: role %s: %w", r.Name, err)
	}
	next, err := p.With(doc)
	if err != nil {
		return nil, fmt.Errorf("policystore: role %s: %w", r.Name, err)
	}
	h := next.Holder(policy.HolderParams{ID: definer.ID(), Org: definer.Org(), Grants: definer.Effective()})
	return h.Missing(policy.GrantRole(policy.CustomRole(definer.Org(), candidate.Name), policy.AtOrg(definer.Org()))), nil
}
