package policy

import (
	"errors"
	"fmt"
	"time"
)

// Grant is a role, or a single permission, held at a place. Exactly one of Role and Permission is set.
//
// A single permission is held under the conditions with which the policy knows it: if every rule
// that allows it names a condition, one of those conditions must hold for the grant too.
type Grant struct {
	Role       Role
	Permission Permission
	At         Place
	Expires    time.Time // the first moment at which it no longer holds; zero for never
}

// GrantRole is a role held at a place.
func GrantRole(role Role, at Place) Grant { return Grant{Role: role, At: at} }

// GrantPermission is a single permission held at a place.
func GrantPermission(p Permission, at Place) Grant { return Grant{Permission: p, At: at} }

// Until returns the grant with an end.
func (g Grant) Until(end time.Time) Grant {
	g.Expires = end
	return g
}

// ExpiredAt reports whether the grant has ended.
func (g Grant) ExpiredAt(now time.Time) bool {
	return !g.Expires.IsZero() && !now.Before(g.Expires)
}

// lasts reports whether the grant holds until the end; the zero end is never.
func (g Grant) lasts(end time.Time) bool {
	return g.Expires.IsZero() || !end.IsZero() && !g.Expires.Before(end)
}

// IsZero reports whether g grants nothing, as in the Decision of a denial.
func (g Grant) IsZero() bool { return g.Role == "" && g.Permission == "" }

// String says what is granted and where: project_admin at org/acme/project/p1.
func (g Grant) String() string {
	if g.IsZero() {
		return "nothing"
	}
	s := plainly(string(g.Role)+string(g.Permission)) + " at " + g.At.String()
	if !g.Expires.IsZero() {
		s += " until " + g.Expires.UTC().Format(time.RFC3339)
	}
	return s
}

// CheckGrant reports what is wrong with a grant under this policy: an unknown role or permission,
// both or neither of them, a place that is none, a custom role of another organisation.
func (p *Policy) CheckGrant(g Grant) error {
	switch {
	case (g.Role == "") == (g.Permission == ""):
		return errors.New("policy: a grant names a role or a permission, and not both")
	case !g.At.Valid():
		return fmt.Errorf("policy: a grant needs a place: an organisation, a project of it, or a resource by its base kind and id; got %+v", g.At)
	case g.Permission != "":
		if !p.Knows(g.Permission.Kind(), g.Permission.Action()) {
			return fmt.Errorf("policy: unknown permission %q", g.Permission)
		}
	case !p.HasRole(g.Role) || !g.Role.UsableIn(g.At.Org):
		return fmt.Errorf("policy: unknown role %q", g.Role)
	}
	return nil
}
