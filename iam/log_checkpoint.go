package iam

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// Checkpoint is where an organisation's audit log ended at some time. Kept in another place than the
// database, it proves later that nothing up to there was taken away: see [Actor.VerifyEvents]. As a text
// it is one line, and no secret. The zero Checkpoint is the beginning of any log.
type Checkpoint struct {
	Org      policy.OrgID
	Count    int64         // of the events with a hash
	Position EventPosition // of the last of them; zero for none
	Hash     string        // of the last of them; "" for none
}

// Checkpoint returns where the log ends. It asks for the permission to read the log, and checks
// nothing: the checkpoint in the report of VerifyEvents is one whose events were.
func (a Actor) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if err := a.read(ctx, a.rules().Permissions.ReadEvents); err != nil {
		return Checkpoint{}, err
	}
	head, err := a.svc.store.LogHead(ctx, a.org)
	if err != nil {
		return Checkpoint{}, err
	}
	end := Checkpoint{Org: a.org, Count: head.Count, Hash: head.Hash}
	if head.Count == 0 {
		return end, nil
	}
	// Others may have written since, so the head is not always the newest event.
	var q EventQuery
	for {
		page, err := a.svc.store.Events(ctx, a.org, q)
		if err != nil {
			return Checkpoint{}, err
		}
		if len(page) == 0 {
			return Checkpoint{}, &LogError{Org: a.org, Problem: "the last event that was written is not in it"}
		}
		for _, e := range page {
			if e.Hash == head.Hash {
				end.Position = e.Position()
				return end, nil
			}
		}
		q.Before = page[len(page)-1].Position()
	}
}

// MarshalText writes the checkpoint as one line: count, position, hash and organisation.
func (c Checkpoint) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d %v %s %s", c.Count, c.Position, c.Hash, c.Org), nil
}

// UnmarshalText reads what MarshalText wrote. An error is a [*FieldError] for Checkpoint.
func (c *Checkpoint) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCheckpoint(string(text))
	return err
}

// ParseCheckpoint reads what MarshalText wrote. An error is a [*FieldError] for Checkpoint.
func ParseCheckpoint(text string) (Checkpoint, error) {
	bad := invalid("Checkpoint", "want count, position, hash and organisation, as MarshalText writes them")
	parts := strings.SplitN(text, " ", 4)
	if len(parts) != 4 {
		return Checkpoint{}, bad
	}
	revision, ordinal, _ := strings.Cut(parts[1], ".")
	c := Checkpoint{Hash: parts[2], Org: policy.OrgID(parts[3])}
	var errs [3]error
	c.Count, errs[0] = strconv.ParseInt(parts[0], 10, 64)
	c.Position.Revision, errs[1] = strconv.ParseInt(revision, 10, 64)
	c.Position.Ordinal, errs[2] = strconv.Atoi(ordinal)
	if errs != [3]error{} || c.check() != nil {
		return Checkpoint{}, bad
	}
	if again, _ := c.MarshalText(); string(again) != text {
		return Checkpoint{}, bad // a number that is written in another way
	}
	return c, nil
}

// check reports a checkpoint that no log can have had.
func (c Checkpoint) check() error {
	sum, err := hex.DecodeString(c.Hash)
	chained := c.Org != "" && c.Count > 0 && c.Position.Revision > 0 && c.Position.Ordinal > 0 && err == nil && len(sum) == 32
	empty := c == Checkpoint{Org: c.Org}
	if !chained && !empty || c.Org != "" && checkID("", string(c.Org)) != nil {
		return invalid("Since", "this is no checkpoint of a log")
	}
	return nil
}

// String writes the position as revision and ordinal: 17.3.
func (p EventPosition) String() string { return fmt.Sprintf("%d.%d", p.Revision, p.Ordinal) }

// behind reports whether the position is behind the other one.
func (p EventPosition) behind(q EventPosition) bool {
	return p.Revision > q.Revision || p.Revision == q.Revision && p.Ordinal > q.Ordinal
}

// next reports whether the position can be that of the event right behind the other one's. Revisions
// without an event leave gaps, ordinals do not.
func (p EventPosition) next(last EventPosition) bool {
	if p.Revision == last.Revision {
		return p.Ordinal == last.Ordinal+1
	}
	return p.Ordinal == 1
}
