package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Missing returns what the grant would give to another that the holder itself lacks there: the
// counter-example to "nobody gives what they do not have". A role counts with all of its rules,
// also those that hold in projects only: a binding may bring them to life at any time. What the
// holder has for a while covers nothing that would last longer.
func (h *Holder) Missing(g Grant) []Permission {
	if h == nil || h.policy == nil {
		return nil
	}
	t := h.policy.tableOf(g)
	if t == nil {
		return nil
	}
	var missing []Permission
	for pi, info := range h.policy.permissions {
		if !h.covers(t.entriesOf(int32(pi)), int32(pi), g) {
			missing = append(missing, info.permission())
		}
	}
	return missing
}

// tableOf returns everything that a grant gives, and nil for one that the policy does not know.
func (p *Policy) tableOf(g Grant) *roleTable {
	if p.CheckGrant(g) != nil {
		return nil
	}
	if g.Permission == "" {
		return p.roles[g.Role]
	}
	pi, _ := p.permission(g.Permission)
	return p.direct[pi]
}

// covers reports whether the holder has at the grant's place whatever the entries allow there.
func (h *Holder) covers(entries []entry, pi int32, g Grant) bool {
	for i := range entries {
		e := &entries[i]
		if e.denies {
			continue
		}
		for _, own := range []bool{false, true} {
			if e.where&anyLevel(own) != 0 && !h.has(pi, g, own, e.condition) {
				return false
			}
		}
	}
	return true
}

// anyLevel is every situation in which the subject owns the resource, or every one in which it does not.
func anyLevel(own bool) situationSet {
	var s situationSet
	for l := range levels {
		s |= situationOf(l, own).set()
	}
	return s
}

// has reports whether the holder may do it with every resource of the grant's place, for as long as
// the grant lasts: always, or at least whenever the condition holds. Any deny that can meet a
// resource of the place, conditional or not, counts against it.
func (h *Holder) has(pi int32, g Grant, own bool, condition *Condition) bool {
	at := g.At
	if !h.leaves(pi, at.Project) {
		return false // and of a single resource, the project is anyone's guess
	}
	if !h.active || at.Org != h.org || h.deniedWithin(pi, at, own) {
		return false
	}
	r := Resource{Org: at.Org, Project: at.Project, ID: at.ID, Kind: at.Kind}
	if own {
		r.Owner = h.id
	}
	allowed := false
	h.each(pi, &r, func(x held, e *entry) bool {
		if e.denies {
			allowed = false
			return false
		}
		holds := e.condition == nil || e.condition == condition
		allowed = allowed || holds && x.lasts(g.Expires)
		return true
	})
	return allowed
}

// deniedWithin reports whether something that is held in a narrower place, or across the place,
// denies it. A resource may lie in any project.
func (h *Holder) deniedWithin(pi int32, at Place, own bool) bool {
	denies := func(table *roleTable, l level) bool {
		return slices.ContainsFunc(table.entriesOf(pi), func(e entry) bool {
			return e.denies && e.where&situationOf(l, own).set() != 0
		})
	}
	if at.level() != levelProject {
		for i := range h.bound {
			if denies(h.bound[i].table, levelProject) {
				return true
			}
		}
		if len(h.rest().open) > 0 {
			for table := range h.roleTables() {
				if denies(table, levelProject) {
					return true
				}
			}
		}
	}
	base := h.policy.permissions[pi].kind.Base()
	for x := range h.rest().leases() {
		switch x.grant.At.level() {
		case levelProject:
			if at.level() != levelProject && denies(x.table, levelProject) {
				return true
			}
		case levelResource: // what is held on the resource itself stands in each
			if at.level() != levelResource && x.grant.At.Kind == base && denies(x.table, levelResource) {
				return true
			}
		}
	}
	return false
}

// CeilingError says why somebody may not give something to another.
type CeilingError struct {
	Giver AccountID
	Grant Grant
	// Invalid is what is wrong with the grant itself, if anything.
	Invalid error
	// NotGiven is set when no role of the giver may give the role (the p2 rows of the policy).
	NotGiven bool
	// Narrowed is set when the giver is narrowed to a scope: such a holder gives nothing.
	Narrowed bool
	// Missing is what the grant would give that the giver lacks.
	Missing []Permission
}

// Error says the refusal in a sentence.
func (e *CeilingError) Error() string {
	switch {
	case e.Invalid != nil:
		return e.Invalid.Error()
	case e.Narrowed:
		return fmt.Sprintf("policy: %s may not give %s: who is narrowed to a scope gives nothing", orNobody(e.Giver), e.Grant)
	case e.NotGiven:
		return fmt.Sprintf("policy: %s may not give %s", orNobody(e.Giver), e.Grant)
	default:
		names := make([]string, len(e.Missing))
		for i, m := range e.Missing {
			names[i] = string(m)
		}
		return fmt.Sprintf("policy: %s may not give %s: it lacks %s itself", orNobody(e.Giver), e.Grant, strings.Join(names, ", "))
	}
}

// Unwrap returns Invalid.
func (e *CeilingError) Unwrap() error { return e.Invalid }

// MayGrant returns nil when the holder may give the grant to another, and a [*CeilingError]
// otherwise. A role needs a p2 row for one of the holder's roles; a role and a single permission
// alike must give nothing that the holder lacks at that place (SB-61). A narrowed holder gives nothing: see
// [Holder.Within]. Whether the holder may
// manage the other account at all is not asked here.
func (h *Holder) MayGrant(g Grant) error {
	refusal := &CeilingError{Giver: h.ID(), Grant: g}
	switch {
	case h == nil || h.policy == nil || !h.active:
		refusal.NotGiven = true
		return refusal
	case h.policy.CheckGrant(g) != nil:
		refusal.Invalid = h.policy.CheckGrant(g)
		return refusal
	case h.narrowed:
		refusal.Narrowed = true
		return refusal
	case g.At.Org != h.org, g.Role != "" && !h.gives(g):
		refusal.NotGiven = true
		return refusal
	}
	if refusal.Missing = h.Missing(g); len(refusal.Missing) > 0 {
		return refusal
	}
	return nil
}

// MayGrantOn is MayGrant for a single permission on one resource that the host has before it, with its
// project, owner and attributes: so that somebody can give what they may do with what they own, or with
// what lies in their project (D2). Of the resource's facets the permission names one.
func (h *Holder) MayGrantOn(name Permission, r Resource, until time.Time) error {
	kind := r.Kind
	r.Kind = name.Kind()
	g := GrantPermission(name, AtResource(r.Org, r.Kind, r.ID)).Until(until)
	refusal := &CeilingError{Giver: h.ID(), Grant: g}
	switch {
	case h == nil || h.policy == nil || !h.active || r.Org != h.org:
		refusal.NotGiven = true
		return refusal
	case kind.Base() != r.Kind.Base():
		refusal.Invalid = fmt.Errorf("policy: %q is no permission on a %s", name, kind)
		return refusal
	case h.policy.CheckGrant(g) != nil:
		refusal.Invalid = h.policy.CheckGrant(g)
		return refusal
	case h.narrowed:
		refusal.Narrowed = true
		return refusal
	}
	pi, _ := h.policy.permission(name)
	allowed := false
	h.each(pi, &r, func(x held, e *entry) bool {
		met := e.condition == nil || e.condition.ask(r.attrs).matches(e.denies)
		if met && e.denies {
			allowed = false
			return false
		}
		allowed = allowed || met && !e.denies && x.lasts(until)
		return true
	})
	if !allowed {
		refusal.Missing = []Permission{name}
		return refusal
	}
	return nil
}

// gives reports whether a role that the holder has at the place, or around it, may give the role.
func (h *Holder) gives(g Grant) bool {
	for mine := range h.grants() {
		may := h.policy.gives[mine.Role][g.Role] && mine.lasts(g.Expires)
		if may && (mine.At.level() == levelOrg || mine.At == g.At) {
			return true
		}
	}
	return false
}
