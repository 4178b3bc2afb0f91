package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// RecordParams describe an event of the host's own.
type RecordParams struct {
	// Type is the host's name for what happened, such as DeploymentCreated: ASCII letters, digits, and
	// dots, colons, dashes and underscores between them. The library's own namespaces, such as
	// "account.", are refused, in whatever case.
	Type EventType
	// Target is the id of what it happened to. Defaults to none.
	Target string
	// Outcome says how it ended. Defaults to Done.
	Outcome Outcome
	// Changes are what is different now: at most 100, each value at most MaxText bytes. No secret may be among
	// them: the log is read by many, and never changed. Defaults to none.
	Changes []FieldChange
}

// Record writes an event of the host's own into the audit log, in the name of the actor: any active
// account, or the system. It is the host that decides that something is recorded, so the policy is
// not asked. To commit it together with what it tells of, call it on a service with the host's
// transaction: see [Service.WithStore].
func (a Actor) Record(ctx context.Context, params RecordParams) error {
	guard := func(h *policy.Holder) error {
		if a.isSystem() {
			return nil
		}
		return a.activeMember(h)
	}
	return a.refused(ctx, "", a.transact(ctx, a.storeWriteAside, guard, func(c *change) error {
		if err := params.check(); err != nil {
			return err
		}
		return c.append(Event{Type: params.Type, Outcome: params.Outcome, Target: params.Target, Changes: slices.Clone(params.Changes)})
	}))
}

const maxChanges = 100

func (p RecordParams) check() error {
	if err := checkHostType(p.Type); err != nil {
		return err
	}
	if p.Target != "" {
		if err := checkID("Target", p.Target); err != nil {
			return err
		}
	}
	if !slices.Contains([]Outcome{Done, Refused, Failed}, p.Outcome) {
		return invalid("Outcome", "there is no outcome %.40q", p.Outcome)
	}
	if len(p.Changes) > maxChanges {
		return invalid("Changes", "there are %d changes: at most %d", len(p.Changes), maxChanges)
	}
	for _, c := range p.Changes {
		if err := checkID("Changes", c.Field); err != nil {
			return err
		}
		for _, value := range []string{c.Before, c.After} {
			if err := checkText("Changes", value); err != nil {
				return err
			}
		}
	}
	return nil
}

// namespaces are what the types of the library's own events begin with.
var namespaces = [...]string{
	"organization.", "account.", "invitation.", "project.", "grant.", "session.", "password.", "second_factor.",
	"events.", "authorization.", "api_key.", "holding.", "quota.",
}

const typeBytes = letters + digits + ".:-_"

// checkHostType refuses a type that could be taken for one of the library's, by a program or by eye.
func checkHostType(what EventType) error {
	if err := checkID("Type", string(what)); err != nil {
		return err
	}
	if strings.Trim(string(what), typeBytes) != "" || !strings.ContainsRune(letters+digits, rune(what[0])) {
		return invalid("Type", "want ASCII letters, digits, and .:-_ between them")
	}
	for _, own := range namespaces {
		if strings.HasPrefix(asciiLower(string(what)), own) {
			return invalid("Type", "types that begin with %q are the library's own", own)
		}
	}
	return nil
}
