package policy

// Reason says why a decision came out as it did. The zero Reason is a denial.
type Reason uint8

// The reasons. All but Allowed deny; where several apply, the first of this list is given.
const (
	NoSubject         Reason = iota // the zero Holder, or the zero Decision
	Inactive                        // the account is not active
	NoOrganization                  // the resource names no organisation
	OtherOrganization               // the resource belongs to another organisation
	UnknownKind                     // the policy declares no such kind
	UnknownAction                   // the policy declares the kind, but not this action of it
	DeniedByRule                    // a rule with the effect deny matches
	Allowed                         // a rule allows, and none denies
	ConditionNotMet                 // a rule would allow, but its condition does not hold
	Expired                         // a grant would allow, but it has ended
	ReadOnly                        // the subject may view this, but not do what was asked
	NoGrant                         // nothing that the subject holds here allows it
	OutOfScope                      // what the subject holds allows it, but the scope that it is narrowed to does not
	Unavailable                     // the facts to decide by could not be read
	reasons
)

var reasonNames = [reasons]string{
	NoSubject:         "no_subject",
	Inactive:          "inactive_account",
	NoOrganization:    "no_organization",
	OtherOrganization: "other_organization",
	UnknownKind:       "unknown_kind",
	UnknownAction:     "unknown_action",
	DeniedByRule:      "denied_by_rule",
	Allowed:           "allowed",
	ConditionNotMet:   "condition_not_met",
	Expired:           "expired",
	ReadOnly:          "read_only",
	NoGrant:           "no_grant",
	OutOfScope:        "out_of_scope",
	Unavailable:       "unavailable",
}

// String returns the reason in the snake case of logs and fixtures: read_only.
func (r Reason) String() string {
	if r >= reasons {
		return "invalid_reason"
	}
	return reasonNames[r]
}

// ParseReason reads what String wrote.
func ParseReason(s string) (Reason, bool) {
	for r, name := range reasonNames {
		if name == s {
			return Reason(r), true
		}
	}
	return 0, false
}
