package policystore

import (
	"slices"
	"strings"

	gormadapter "github.com/casbin/gorm-adapter/v3"

	"github.com/castellan-iam/castellan/policy"
)

// key is everything that a row says: ptype, v0 … v5. Keys are compared byte by byte, whatever the
// collation of the database thinks.
type key [7]string

func keyOf(r gormadapter.CasbinRule) key {
	return key{r.Ptype, r.V0, r.V1, r.V2, r.V3, r.V4, r.V5}
}

// keyOfRow expects a row of a document: no section has more than six fields.
func keyOfRow(r policy.Row) key {
	k := key{r.Section}
	copy(k[1:], r.Fields)
	return k
}

func (k key) line() gormadapter.CasbinRule {
	return gormadapter.CasbinRule{Ptype: k[0], V0: k[1], V1: k[2], V2: k[3], V3: k[4], V4: k[5], V5: k[6]}
}

// row cuts empty fields off the end, as Casbin does when it loads (P11).
func (k key) row(line int) policy.Row {
	end := len(k)
	for end > 1 && k[end-1] == "" {
		end--
	}
	return policy.Row{Line: line, Section: k[0], Fields: slices.Clone(k[1:end])}
}

// subject is what the row speaks about. Two rows that say different things about one subject — two
// titles of a role, an allow and a deny of the same — cannot stand beside each other in a policy.
func (k key) subject() key {
	switch k[0] {
	case "p":
		k[5] = ""
	case "p3":
		k[3], k[4] = "", ""
	case "p4":
		k[2] = ""
	}
	return k
}

// roles are the fields of the row that name roles.
func (k key) roles() []string {
	switch k[0] {
	case "p", "p4":
		return k[1:2]
	case "p2":
		return k[1:3]
	default:
		return nil
	}
}

// custom reports whether the row names a role of one organisation.
func (k key) custom() bool {
	return slices.ContainsFunc(k.roles(), func(role string) bool { return strings.Contains(role, "@") })
}

// isPolicy reports whether the row is of a section of policies: others are never removed.
func (k key) isPolicy() bool {
	return slices.Contains(sections, k[0])
}
