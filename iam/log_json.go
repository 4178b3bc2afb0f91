package iam

import (
	"encoding/json"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// eventJSON is an event as a JSON object.
type eventJSON struct {
	Org      policy.OrgID     `json:"org"`
	Revision int64            `json:"revision"`
	Ordinal  int              `json:"ordinal"`
	Time     time.Time        `json:"time"`
	Type     EventType        `json:"type"`
	Outcome  Outcome          `json:"outcome"`
	Actor    policy.AccountID `json:"actor"`
	Email    Email            `json:"email"`
	Role     string           `json:"role"`
	Reason   string           `json:"reason"`
	Peer     string           `json:"peer"`
	Request  string           `json:"request"`
	Target   string           `json:"target"`
	Changes  []FieldChange    `json:"changes"`
	Hash     string           `json:"hash"`
}

// MarshalJSON writes all of the event as an object whose keys are the names of the fields in lower
// case, with the time in UTC: a line of an export.
func (e Event) MarshalJSON() ([]byte, error) {
	line := eventJSON(e)
	line.Time = e.Time.UTC()
	if line.Changes == nil {
		line.Changes = []FieldChange{} // an empty list, and not null
	}
	return json.Marshal(line)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Event) UnmarshalJSON(text []byte) error {
	var line eventJSON
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	*e = Event(line)
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	return nil
}
