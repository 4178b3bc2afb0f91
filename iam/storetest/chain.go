package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// link is a hash of everything in an event, and of the hash before it.
func link(e iam.Event, before string) string {
	e.Hash = before
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", e)))
}

// chained wants the organisation's whole log to hang together: nothing was changed, left out or moved,
// and it ends where LogHead says (SB-83). It returns the events.
func (w *world) chained() []iam.Event {
	w.Helper()
	var all []iam.Event
	q := iam.EventQuery{Ascending: true, Limit: 1000}
	for {
		page := must(w.st.Events(w.ctx, w.org, q))(w)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		q.After = page[len(page)-1].Position()
	}
	before := ""
	for _, e := range all {
		stored := e.Hash
		e.Hash = ""
		if link(e, before) != stored {
			w.Fatalf("the event %+v does not follow %q", e, before)
		}
		before = stored
	}
	w.equal(must(w.st.LogHead(w.ctx, w.org))(w), iam.LogHead{Count: int64(len(all)), Hash: before})
	return all
}

// unlinked leaves out the hashes, which are proven by themselves.
func unlinked(events []iam.Event) []iam.Event {
	for i := range events {
		events[i].Hash = ""
	}
	return events
}

const (
	numbered = "Organisation, Revision and Ordinal are filled in by the store: the organisation's revision within this Write, " +
		"and a count from 1 of the events at that revision"
	linked = "Hash becomes what link returns for the event and the hash of the event before it, which is \"\" for the first"
)

// asides appends events in a WriteAside.
func (w *world) asides(events ...iam.Event) {
	w.Helper()
	w.ok(w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error { return appendAll(w, tx, events) }))
}

func appendAll(w *world, tx iam.Tx, events []iam.Event) error {
	for _, e := range events {
		if err := tx.Append(w.ctx, e, link); err != nil {
			return err
		}
	}
	return nil
}

var chainPromises = []promise{
	{"Tx.Append", linked, func(w *world) {
		w.append(iam.Event{Type: "t", Target: "1"}, iam.Event{Type: "t", Target: "2"})
		w.asides(iam.Event{Type: "t", Target: "3"})
		w.write(func(iam.Tx) error { return nil }) // nothing is appended, and nothing lost
		w.asides(iam.Event{Type: "t", Target: "4"}, iam.Event{Type: "t", Target: "5"})
		w.append(iam.Event{Type: "t", Target: "6"})
		w.another().append(iam.Event{Type: "t"}) // has a chain of its own
		w.equal(len(w.chained()), 6)
	}},
	{"Tx.Append", linked, func(w *world) {
		// What is undone leaves no gap.
		w.append(iam.Event{Type: "t", Target: "1"})
		w.is(w.try(func(tx iam.Tx) error {
			w.ok(tx.Append(w.ctx, iam.Event{Type: "t", Target: "lost"}, link))
			return errOurs
		}), errOurs)
		w.is(w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
			w.ok(tx.Append(w.ctx, iam.Event{Type: "t", Target: "lost"}, link))
			return errOurs
		}), errOurs)
		w.asides(iam.Event{Type: "t", Target: "2"})
		w.equal(len(w.chained()), 2)
	}},
	{"Tx.Append", linked, func(w *world) {
		// SB-83: fifty writers of both kinds, and the chain does not fork.
		const writers = 50
		for _, err := range w.atOnce(writers, func(i int) error {
			run := w.st.Write
			if i%2 == 0 {
				run = w.st.WriteAside
			}
			return run(w.ctx, w.org, func(tx iam.Tx) error {
				return errors.Join(tx.Append(w.ctx, iam.Event{Type: "t"}, link), tx.Append(w.ctx, iam.Event{Type: "t"}, link))
			})
		}) {
			w.ok(err)
		}
		w.equal(len(w.chained()), 2*writers)
		w.equal(w.revision(), int64(1+writers/2))
	}},
	{"Tx.Append", "Link is given the event as it will be read", func(w *world) {
		// What no database keeps must not break the chain.
		odd := iam.Event{
			Type: "t", Org: "forged", Revision: 99, Ordinal: 99, Hash: "forged",
			Time: noon.Add(999).In(time.FixedZone("CET", 3600)), Changes: []iam.FieldChange{{Field: "\xff", Before: "a\x00b", After: "\u2028"}},
		}
		w.append(odd, iam.Event{Type: "t", Changes: []iam.FieldChange{}})
		w.equal(len(w.chained()), 2)
	}},
	{"AuditReader.LogHead", "LogHead returns how many events with a hash the organisation's log has taken, and the hash of the last of them: " +
		"zero and \"\" when there are none, and ErrNotFound without the organisation", func(w *world) {
		w.equal(must(w.st.LogHead(w.ctx, w.org))(w), iam.LogHead{})
		w.log(3)
		last := must(w.st.Events(w.ctx, w.org, iam.EventQuery{Limit: 1}))(w)[0]
		w.equal(must(w.st.LogHead(w.ctx, w.org))(w), iam.LogHead{Count: 3, Hash: last.Hash})
		w.write(func(tx iam.Tx) error {
			w.ok(tx.Append(w.ctx, iam.Event{Type: "t"}, func(iam.Event, string) string { return "ours" }))
			w.equal(must(tx.LogHead(w.ctx, w.org))(w), iam.LogHead{Count: 4, Hash: "ours"})
			w.equal(must(w.st.LogHead(w.ctx, w.org))(w).Count, int64(3)) // nobody else sees it yet
			return nil
		})
		w.equal(must(w.st.LogHead(w.ctx, w.org))(w), iam.LogHead{Count: 4, Hash: "ours"})
		for _, org := range append([]string{string(w.org) + "-not"}, unstorable...) {
			_, err := w.st.LogHead(w.ctx, policy.OrgID(org))
			w.is(err, iam.ErrNotFound)
		}
	}},
	{"AuditReader.CountEvents", "CountEvents counts the organisation's events of a type since a time: of an actor, or of anybody when that is \"\"", func(w *world) {
		w.log(5) // even at minutes 0, 2 and 4 by bob, odd at 1 and 3 by ann
		w.another().log(5)
		at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Minute) }
		for _, c := range []struct {
			what  iam.EventType
			actor policy.AccountID
			since time.Time
			want  int
		}{
			{"even", "", noon, 3}, {"even", "bob", noon, 3}, {"even", "ann", noon, 0}, {"odd", "ann", at(2), 1}, {"odd", "ann", at(4), 0},
			{"even", "", at(2), 2}, {"even", "", at(2).Add(1), 1}, {"EVEN", "", noon, 0}, {"", "", noon, 0}, {"even", "\x00", noon, 0}, {"even", "", time.Time{}, 3},
		} {
			if got := must(w.st.CountEvents(w.ctx, w.org, c.what, c.actor, c.since))(w); got != c.want {
				w.Errorf("of type %q by %q since %v: got %d, want %d", c.what, c.actor, c.since, got, c.want)
			}
		}
		w.equal(must(w.st.CountEvents(w.ctx, w.org+"-not", "even", "", noon))(w), 0)
	}},
}
