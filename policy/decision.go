package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Decision is an answer with its reason. The zero Decision denies.
type Decision struct {
	Reason   Reason
	Subject  AccountID
	Action   Action
	Resource Resource

	// Rule is the rule that decided: the one that allows, the one that denies, or the one whose
	// condition does not hold. It is zero when no rule matched, and for the grant of a single permission.
	Rule Rule
	// Grant is what the subject holds and the rule was reached through. For [Expired] it is the
	// grant that has ended, for [ReadOnly] the one that allows to view, for [OutOfScope] the one by
	// which the subject may, but for the scope.
	Grant Grant

	holder *Holder
}

// Allowed reports whether the subject may.
func (d Decision) Allowed() bool { return d.Reason == Allowed }

// Decide answers as [Holder.Can] does, and says why.
func (h *Holder) Decide(action Action, r Resource) Decision {
	d := Decision{Action: action, Resource: r}
	if h == nil || h.policy == nil || h.id == "" {
		return d
	}
	d.Subject, d.holder = h.id, h
	switch {
	case !h.active:
		d.Reason = Inactive
	case r.Org == "":
		d.Reason = NoOrganization
	case r.Org != h.org:
		d.Reason = OtherOrganization
	case !h.policy.kinds[r.Kind]:
		d.Reason = UnknownKind
	default:
		pi, known := h.policy.index.find(r.Kind, action)
		if !known {
			d.Reason = UnknownAction
			break
		}
		h.decide(&d, pi)
	}
	return d
}

func (h *Holder) decide(d *Decision, pi int32) {
	v := h.weigh(pi, &d.Resource)
	switch {
	case v.deny != nil:
		d.set(DeniedByRule, v.deny, v.denyHeld)
	case v.allow != nil && !h.leaves(pi, d.Resource.Project):
		d.set(OutOfScope, v.allow, v.allowHeld)
	case v.allow != nil:
		d.set(Allowed, v.allow, v.allowHeld)
	case v.unmet != nil:
		d.set(ConditionNotMet, v.unmet, v.unmetH)
	default:
		h.explainAbsence(d, pi)
	}
}

func (d *Decision) set(reason Reason, e *entry, x held) {
	d.Reason = reason
	d.Grant = x.grant(d.holder.org)
	if e.rule >= 0 {
		d.Rule = d.holder.policy.rules[e.rule]
	}
}

// explainAbsence looks for what comes closest when nothing that is held allows.
func (h *Holder) explainAbsence(d *Decision, pi int32) {
	for _, g := range h.rest().expired {
		if h.wouldAllow(g, pi, &d.Resource) {
			d.Reason, d.Grant = Expired, g
			return
		}
	}
	d.Reason = NoGrant
	if d.Action == View {
		return
	}
	if view, known := h.policy.index.find(d.Resource.Kind, View); known {
		if v := h.weigh(view, &d.Resource); v.allows() && h.leaves(view, d.Resource.Project) {
			d.set(ReadOnly, v.allow, v.allowHeld)
		}
	}
}

// wouldAllow reports whether the grant alone would allow the holder the permission on the resource.
func (h *Holder) wouldAllow(g Grant, pi int32, r *Resource) bool {
	if g.At.Org != h.org || r.Org != h.org {
		return false
	}
	alone := Holder{policy: h.policy, id: h.id, org: h.org, active: true, more: &more{open: h.rest().open}}
	alone.add(g)
	alone.group()
	v := alone.weigh(pi, r)
	return v.allows()
}

// String says the decision in a sentence, for logs and support; it is not for the outside. What
// came with the request is quoted where it is not plain, so that no id can break a log's line (SB-84).
func (d Decision) String() string {
	permission := plainly(string(NewPermission(d.Resource.Kind, d.Action)))
	what := fmt.Sprintf("%s may not %s", orNobody(d.Subject), permission)
	rule := fmt.Sprintf("%s:%d", d.Rule.File, d.Rule.Line)
	if d.Rule == (Rule{}) {
		rule = "a grant of the permission itself"
	}
	switch d.Reason {
	case Allowed:
		return fmt.Sprintf("%s may %s: by %s, holding %s", orNobody(d.Subject), permission, rule, d.Grant)
	case Inactive:
		return what + ": the account is not active"
	case NoOrganization:
		return what + ": the resource names no organisation"
	case OtherOrganization:
		return what + fmt.Sprintf(": the resource belongs to organisation %q", d.Resource.Org)
	case UnknownKind:
		return what + fmt.Sprintf(": the policy declares no kind %q", d.Resource.Kind)
	case UnknownAction:
		return what + fmt.Sprintf(": the policy declares no action %q for %s", d.Action, plainly(string(d.Resource.Kind)))
	case DeniedByRule:
		return what + fmt.Sprintf(": denied by %s, holding %s", rule, d.Grant)
	case ConditionNotMet:
		return what + fmt.Sprintf(": %s allows it only under the condition %s, which does not hold; holding %s", rule, d.conditions(), d.Grant)
	case Expired:
		return what + fmt.Sprintf(": %s has ended", d.Grant)
	case ReadOnly:
		return what + fmt.Sprintf(": read only, by %s, holding %s", rule, d.Grant)
	case NoGrant:
		return what + ": nothing that it holds there allows it"
	case OutOfScope:
		return what + fmt.Sprintf(": the scope to which it is narrowed does not reach that; without it, allowed by %s, holding %s", rule, d.Grant)
	case Unavailable:
		return what + ": the facts to decide by could not be read"
	default:
		return what + ": there is no subject"
	}
}

// conditions names the condition that was not met.
func (d Decision) conditions() string {
	if d.holder == nil {
		return d.Rule.Condition
	}
	if c := d.holder.policy.condition(d.Rule.Condition); c != nil {
		return c.String()
	}
	return "of the permission"
}

func orNobody(id AccountID) string {
	if id == "" {
		return "nobody"
	}
	return plainly(string(id))
}

// plainly returns s as it is when it is one plain word, and as a Go string otherwise.
func plainly(s string) string {
	if quoted := strconv.Quote(s); len(quoted) != len(s)+2 || strings.Contains(s, " ") {
		return quoted
	}
	return s
}
