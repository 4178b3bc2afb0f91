package policystore

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// PutRole makes a custom role of the organisation be exactly as it is given, whether there was one
// of its name or not. It writes the difference, all of it or nothing. Of two calls at once for the
// same role the later one wins whole, and never is a mix of both there.
//
// The role is refused when the shipped policy in the table does not declare a permission, when the
// config does not have a condition, when a giver is no role of the organisation, or when a field does
// not fit the columns of casbin_rule: [policy.Mistakes] name everything that is wrong, by the
// number of the row: the title, then the permissions, then the givers.
//
// Who may define a role is not asked here: see [CustomRole.Missing]. Policies that were compiled
// before do not have the change: load the policy again.
func (s *Store) PutRole(ctx context.Context, org policy.OrgID, role CustomRole) error {
	doc, err := role.document(org)
	if err == nil {
		err = s.write(ctx, func(tx *gorm.DB) error {
			if err := s.checkRole(tx, doc, role.GivenBy); err != nil {
				return err
			}
			return replace(tx, policy.CustomRole(org, role.Name), doc.Rows())
		})
	}
	if err != nil {
		return fmt.Errorf("policystore: role %s of %q: %w", role.Name, org, err)
	}
	return nil
}

// checkRole compiles the role beside what it may refer to: the shipped vocabulary and its givers.
func (s *Store) checkRole(tx *gorm.DB, doc *policy.Document, givers []policy.Role) error {
	self := doc.Rows()[0].Fields[0]
	names := make([]string, 0, len(givers))
	for _, giver := range givers {
		if string(giver) != self {
			names = append(names, string(giver))
		}
	}
	var lines []gormadapter.CasbinRule
	err := current(tx).Where("ptype = 'p3' OR ptype = 'p4' AND v0 IN ?", names).Order("id").Find(&lines).Error
	if err != nil {
		return err
	}
	if bad := badRows(lines); len(bad) > 0 {
		return &BadRowsError{bad}
	}
	declared := make([]policy.Row, 0, len(lines))
	for _, line := range lines {
		// A collation without regard to case finds more than what was asked for.
		if k := keyOf(line); k[0] == "p3" || slices.Contains(names, k[1]) {
			declared = append(declared, k.row(0))
		}
	}
	base, err := policy.NewDocument(table, declared)
	if err != nil {
		return err
	}
	p, err := policy.Compile(s.config, base)
	if err != nil {
		return err
	}
	_, err = p.With(doc)
	return err
}

// replace makes the rows that define the role be these. Rows by which the role gives others are
// part of their definition.
func replace(tx *gorm.DB, role policy.Role, want []policy.Row) error {
	lines, err := naming(current(tx), role)
	if err != nil {
		return err
	}
	wanted := make(map[key]bool, len(want))
	for _, row := range want {
		wanted[keyOfRow(row)] = true
	}
	var gone []gormadapter.CasbinRule
	for _, line := range lines {
		k := keyOf(line)
		switch {
		case wanted[k]:
			delete(wanted, k)
		case defined(k) == string(role):
			gone = append(gone, line)
		}
	}
	if err := remove(tx, gone); err != nil {
		return err
	}
	return insert(tx, slices.DeleteFunc(want, func(row policy.Row) bool { return !wanted[keyOfRow(row)] }))
}

// defined returns the role that the row is a part of the definition of.
func defined(k key) string {
	if k[0] == "p2" {
		return k[2]
	}
	return k[1]
}

// naming reads the rows that name the role.
func naming(db *gorm.DB, role policy.Role) ([]gormadapter.CasbinRule, error) {
	var lines []gormadapter.CasbinRule
	err := db.Where("ptype IN ('p4', 'p') AND v0 = ? OR ptype = 'p2' AND (v0 = ? OR v1 = ?)",
		string(role), string(role), string(role)).Order("id").Find(&lines).Error
	return slices.DeleteFunc(lines, func(line gormadapter.CasbinRule) bool {
		return !slices.Contains(keyOf(line).roles(), string(role)) // a collation may find more
	}), err
}

// DeleteRole removes a custom role of the organisation, with every row that names it. A role that
// the organisation does not have is [ErrNotFound]. Who held the role holds nothing by it any more,
// once the policy is loaded again; taking it from the accounts is the business of package iam.
func (s *Store) DeleteRole(ctx context.Context, org policy.OrgID, name string) error {
	role := policy.CustomRole(org, name)
	err := s.write(ctx, func(tx *gorm.DB) error {
		lines, err := naming(current(tx), role)
		if err != nil {
			return err
		}
		if len(lines) == 0 || role.Org() != org || org == "" {
			return ErrNotFound
		}
		return remove(tx, lines)
	})
	if err != nil {
		return fmt.Errorf("policystore: delete role %s of %q: %w", name, org, err)
	}
	return nil
}

// Roles returns the custom roles of the organisation, sorted by name; their permissions are sorted
// by permission, reach, effect and condition, and their givers by name. Condition and Effect are
// written out. An organisation without custom roles has an empty list. Malformed rows of the
// organisation are a [*BadRowsError].
func (s *Store) Roles(ctx context.Context, org policy.OrgID) ([]CustomRole, error) {
	suffix := "@" + url.QueryEscape(string(org))
	like := "%" + suffix // may find more: an escaped id has % and maybe _ in it, and LIKE may have no regard to case
	var lines []gormadapter.CasbinRule
	err := s.session(ctx).Where("ptype IN ('p4', 'p') AND v0 LIKE ? OR ptype = 'p2' AND v1 LIKE ?", like, like).
		Order("id").Find(&lines).Error
	if err != nil {
		return nil, fmt.Errorf("policystore: roles of %q: %w", org, err)
	}
	lines = slices.DeleteFunc(lines, func(line gormadapter.CasbinRule) bool {
		return !strings.HasSuffix(defined(keyOf(line)), suffix)
	})
	if bad := badRows(lines); len(bad) > 0 {
		return nil, fmt.Errorf("policystore: roles of %q: %w", org, &BadRowsError{bad})
	}
	byName := make(map[policy.Role][]key)
	for _, line := range lines {
		k := keyOf(line)
		byName[policy.Role(defined(k))] = append(byName[policy.Role(defined(k))], k)
	}
	roles := make([]CustomRole, 0, len(byName))
	for name, keys := range byName {
		roles = append(roles, readRole(name, keys))
	}
	slices.SortFunc(roles, func(a, b CustomRole) int { return strings.Compare(a.Name, b.Name) })
	return roles, nil
}
