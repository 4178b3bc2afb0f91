package policy

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Role is a named bundle of permissions, such as project_admin. A role of one
// organisation's own carries that organisation behind an at sign: see [CustomRole].
type Role string

// Kind is a sort of resource, such as deployment. A dot names a facet of it:
// deployment.tls is a part of a deployment, and a grant on one deployment covers its facets.
type Kind string

// Action is a verb, such as view or manage.
type Action string

// The two actions that the library itself gives a meaning to: who may view, but not do what was
// asked, is denied with [ReadOnly]. List counts as reading too, when a matrix is printed.
const (
	View Action = "view"
	List Action = "list"
)

// Permission is a kind and an action, printed deployment.tls:manage.
type Permission string

// OrgID identifies an organisation.
type OrgID string

// ProjectID identifies a project within its organisation.
type ProjectID string

// AccountID identifies an account. It is unique in the whole system.
type AccountID string

// Extent says how far a rule goes: the column reach of a policy.
type Extent string

// The three extents of a rule.
const (
	// ReachOrg is everything in the place where the role is held.
	ReachOrg Extent = "org"
	// ReachProject is a project in which the role is held; the role held in the organisation alone does not suffice.
	ReachProject Extent = "project"
	// ReachOwn is a resource whose owner is the subject, in the place where the role is held.
	ReachOwn Extent = "own"
)

// Effect is what a matching rule does. Deny overrides every allow.
type Effect string

// The two effects of a rule.
const (
	Allow Effect = "allow"
	Deny  Effect = "deny"
)

// Always is the condition of a rule that has none.
const Always = "always"

const (
	maxName  = 64  // bytes of a role's, kind's, action's or condition's name
	maxField = 100 // bytes of a field: the column size of gorm-adapter's casbin_rule table
)

var (
	wordPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	kindPattern = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
)

func validWord(s string) bool { return len(s) <= maxName && wordPattern.MatchString(s) }
func validKind(s string) bool { return len(s) <= maxName && kindPattern.MatchString(s) }

func validRole(s string) bool {
	name, org, custom := strings.Cut(s, "@")
	if !custom {
		return validWord(name)
	}
	raw, err := url.QueryUnescape(org)
	return validWord(name) && err == nil && raw != "" && url.QueryEscape(raw) == org
}

// CustomRole names a role that exists in one organisation only: CustomRole("acme", "support")
// is support@acme. The organisation is written in URL query escaping, so that any id fits.
func CustomRole(org OrgID, name string) Role {
	return Role(name + "@" + url.QueryEscape(string(org)))
}

// Org returns the organisation of a custom role, and "" for a role that every organisation has.
func (r Role) Org() OrgID {
	_, org, custom := strings.Cut(string(r), "@")
	if !custom {
		return ""
	}
	raw, err := url.QueryUnescape(org)
	if err != nil {
		return ""
	}
	return OrgID(raw)
}

// UsableIn reports whether the role may be held in the organisation.
func (r Role) UsableIn(org OrgID) bool {
	return !strings.Contains(string(r), "@") || r.Org() == org
}

// Base returns the kind that k is a facet of, and k itself when it is no facet:
// the base of deployment.tls is deployment.
func (k Kind) Base() Kind {
	base, _, _ := strings.Cut(string(k), ".")
	return Kind(base)
}

// NewPermission joins a kind and an action.
func NewPermission(k Kind, a Action) Permission {
	return Permission(string(k) + ":" + string(a))
}

// Kind returns the part before the colon.
func (p Permission) Kind() Kind {
	k, _, _ := strings.Cut(string(p), ":")
	return Kind(k)
}

// Action returns the part behind the colon.
func (p Permission) Action() Action {
	_, a, _ := strings.Cut(string(p), ":")
	return Action(a)
}

// ParsePermission reads kind:action and refuses everything else.
func ParsePermission(s string) (Permission, error) {
	k, a, ok := strings.Cut(s, ":")
	if !ok || !validKind(k) || !validWord(a) {
		return "", fmt.Errorf("policy: %q is not a permission: want kind:action, such as deployment.tls:manage", s)
	}
	return Permission(s), nil
}
