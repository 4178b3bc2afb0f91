package storetest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// targets are the targets of the events that a query finds.
func (w *world) targets(q iam.EventQuery) []string {
	w.Helper()
	var all []string
	for _, e := range must(w.st.Events(w.ctx, w.org, q))(w) {
		all = append(all, e.Target)
	}
	return all
}

// log writes one event a minute, from noon on, with the targets e0, e1, …; every second one is ann's.
func (w *world) log(n int) {
	w.Helper()
	var all []iam.Event
	for i := range n {
		e := iam.Event{Type: "odd", Actor: "ann", Target: fmt.Sprint("e", i), Time: noon.Add(time.Duration(i) * time.Minute)}
		if i%2 == 0 {
			e.Type, e.Actor = "even", "bob"
		}
		all = append(all, e)
	}
	w.append(all...)
}

const eventsInOrder = "Events returns a page of the organisation's events, the newest first, or with Ascending the oldest first"

var eventPromises = []promise{
	{"AuditReader.Events", eventsInOrder, func(w *world) {
		w.append(iam.Event{Type: "t", Target: "1.1"}, iam.Event{Type: "t", Target: "1.2"})
		w.append(iam.Event{Type: "t", Target: "2.1", Time: time.Unix(0, 0)}) // by revision, whatever a clock said
		w.another().append(iam.Event{Type: "t", Target: "elsewhere"})
		w.equal(w.targets(iam.EventQuery{}), []string{"2.1", "1.2", "1.1"})
		w.equal(w.targets(iam.EventQuery{Ascending: true}), []string{"1.1", "1.2", "2.1"})
	}},
	{"Tx.Append", "Append writes an event to the audit log", func(w *world) {
		full := iam.Event{
			Time: noon, Type: "account.updated", Outcome: iam.Refused, Actor: w.id("ann"), Email: w.email("ann"), Role: "administrator project_admin",
			Reason: "why 😀 <b>\n", Peer: "2001:db8::1", Request: "req-1", Target: string(w.id("bob")), Changes: []iam.FieldChange{
				{Field: "note", Before: "", After: "a\"b\\c\x00\n<&>😀"}, {Field: "name", Before: "x", After: ""},
			},
		}
		w.append(full, iam.Event{Type: "t"})
		got := unlinked(must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w))
		full.Org, full.Revision, full.Ordinal = w.org, 2, 1
		w.equal(got, []iam.Event{{Org: w.org, Revision: 2, Ordinal: 2, Type: "t"}, full})
	}},
	{"Tx.Append", numbered, func(w *world) {
		forged := iam.Event{Type: "t", Org: "forged", Revision: 99, Ordinal: 99}
		w.append(forged, forged)
		w.append(forged)
		var got []iam.EventPosition
		for _, e := range must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w) {
			w.equal(e.Org, w.org)
			got = append(got, e.Position())
		}
		w.equal(got, []iam.EventPosition{{Revision: 3, Ordinal: 1}, {Revision: 2, Ordinal: 2}, {Revision: 2, Ordinal: 1}})
		w.equal(w.revision(), int64(3))
	}},
	{"Tx.Append", numbered, func(w *world) {
		// A WriteAside leaves the revision, and so goes on counting.
		one := iam.Event{Type: "t"}
		w.asides(one)
		w.append(one, one)
		w.asides(one, one)
		w.asides(one)
		w.append(one)
		var got []iam.EventPosition
		for _, e := range must(w.st.Events(w.ctx, w.org, iam.EventQuery{Ascending: true}))(w) {
			got = append(got, e.Position())
		}
		w.equal(got, []iam.EventPosition{{Revision: 1, Ordinal: 1}, {Revision: 2, Ordinal: 1}, {Revision: 2, Ordinal: 2}, {Revision: 2, Ordinal: 3},
			{Revision: 2, Ordinal: 4}, {Revision: 2, Ordinal: 5}, {Revision: 3, Ordinal: 1}})
	}},
	{"Tx.Append", numbered, func(w *world) {
		org := policy.OrgID("org-events-" + w.tag)
		w.ok(w.st.Create(w.ctx, iam.Organization{ID: org}, func(tx iam.Tx) error { return tx.Append(w.ctx, iam.Event{Type: "t"}, link) }))
		w.equal(unlinked(must(w.st.Events(w.ctx, org, iam.EventQuery{}))(w)), []iam.Event{{Org: org, Revision: 1, Ordinal: 1, Type: "t"}})
	}},
}

var eventQueryPromises = []promise{
	{"EventQuery", "The zero query is the newest page", func(w *world) {
		w.log(3)
		w.equal(w.targets(iam.EventQuery{}), []string{"e2", "e1", "e0"})
	}},
	{"EventQuery.Actor", "Actor must have acted", func(w *world) {
		w.log(4)
		w.equal(w.targets(iam.EventQuery{Actor: "ann"}), []string{"e3", "e1"})
	}},
	{"EventQuery.Actor", "Defaults to anybody", func(w *world) { w.log(2); w.equal(len(w.targets(iam.EventQuery{})), 2) }},
	{"EventQuery.Target", "Target must have been changed", func(w *world) {
		w.log(3)
		w.equal(w.targets(iam.EventQuery{Target: "e1"}), []string{"e1"})
		w.equal(len(w.targets(iam.EventQuery{Target: "E1"})), 0)
	}},
	{"EventQuery.Target", "Defaults to anything", func(w *world) { w.log(2); w.equal(len(w.targets(iam.EventQuery{})), 2) }},
	{"EventQuery.Type", "Type must be the event's", func(w *world) {
		w.log(3)
		w.equal(w.targets(iam.EventQuery{Type: "even"}), []string{"e2", "e0"})
		w.equal(len(w.targets(iam.EventQuery{Type: "even", Actor: "ann"})), 0)
	}},
	{"EventQuery.Type", "Defaults to any", func(w *world) { w.log(2); w.equal(len(w.targets(iam.EventQuery{})), 2) }},
	{"EventQuery.From,To", "From is the earliest time, and To the first time that is too late", func(w *world) {
		w.log(4)
		at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Minute) }
		w.equal(w.targets(iam.EventQuery{From: at(1), To: at(3)}), []string{"e2", "e1"})
		w.equal(w.targets(iam.EventQuery{From: at(1).Add(1), To: at(3).Add(1)}), []string{"e3", "e2"}) // a nanosecond counts
		w.equal(w.targets(iam.EventQuery{From: at(3)}), []string{"e3"})
		w.equal(w.targets(iam.EventQuery{To: at(1).In(time.FixedZone("", 3600))}), []string{"e0"})
	}},
	{"EventQuery.From,To", "They default to no bounds", func(w *world) { w.log(2); w.equal(len(w.targets(iam.EventQuery{})), 2) }},
	{"EventQuery.Outcomes", "Outcomes are those that the event may have ended with", func(w *world) {
		w.append(iam.Event{Type: "t", Target: "done"}, iam.Event{Type: "t", Target: "refused", Outcome: iam.Refused}, iam.Event{Type: "t", Target: "failed", Outcome: iam.Failed})
		w.equal(w.targets(iam.EventQuery{Outcomes: []iam.Outcome{iam.Done}}), []string{"done"})
		w.equal(w.targets(iam.EventQuery{Outcomes: []iam.Outcome{iam.Failed, iam.Done}}), []string{"failed", "done"})
		w.equal(len(w.targets(iam.EventQuery{Outcomes: []iam.Outcome{"REFUSED"}})), 0)
		w.equal(len(w.targets(iam.EventQuery{Outcomes: []iam.Outcome{"\x00"}})), 0)
		w.equal(w.targets(iam.EventQuery{Outcomes: []iam.Outcome{"\x00", iam.Refused}}), []string{"refused"})
		w.equal(len(w.targets(iam.EventQuery{})), 3)
	}},
	{"EventQuery.Outcomes", "Defaults to any", func(w *world) { w.log(2); w.equal(len(w.targets(iam.EventQuery{})), 2) }},
	{"EventQuery.Ascending", "Ascending asks for the oldest first", func(w *world) {
		w.log(3)
		w.equal(w.targets(iam.EventQuery{Ascending: true, Limit: 2}), []string{"e0", "e1"})
	}},
	{"EventQuery.Ascending", "Defaults to the newest first", func(w *world) { w.log(2); w.equal(w.targets(iam.EventQuery{}), []string{"e1", "e0"}) }},
	{"EventQuery.After", "After is the position of the last event of the page before, with Ascending", func(w *world) {
		w.log(3)
		w.log(2)
		var got []string
		q := iam.EventQuery{Ascending: true, Limit: 2}
		for {
			page := must(w.st.Events(w.ctx, w.org, q))(w)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.Target)
			}
			q.After = page[len(page)-1].Position()
		}
		w.equal(got, []string{"e0", "e1", "e2", "e0", "e1"})
	}},
	{"EventQuery.After", "Defaults to the oldest page", func(w *world) {
		w.log(2)
		w.equal(w.targets(iam.EventQuery{Ascending: true, Limit: 1}), []string{"e0"})
	}},
	{"EventQuery.Before", "Before is the position of the last event of the page before", func(w *world) {
		w.log(3)
		w.log(2)
		var got []string
		q := iam.EventQuery{Limit: 2}
		for {
			page := must(w.st.Events(w.ctx, w.org, q))(w)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.Target)
			}
			q.Before = page[len(page)-1].Position()
		}
		w.equal(got, []string{"e1", "e0", "e2", "e1", "e0"})
	}},
	{"EventQuery.Before", "Defaults to the newest page", func(w *world) { w.log(2); w.equal(w.targets(iam.EventQuery{Limit: 1}), []string{"e1"}) }},
	{"EventPosition", "The zero position is its end", func(w *world) {
		w.log(2)
		w.equal(w.targets(iam.EventQuery{Before: iam.EventPosition{}}), []string{"e1", "e0"})
	}},
	{"EventQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.log(1001)
		w.equal(len(w.targets(iam.EventQuery{Limit: 7})), 7)
		w.equal(len(w.targets(iam.EventQuery{Limit: -1})), 1)
		w.equal(len(w.targets(iam.EventQuery{Limit: 1001})), 1000)
	}},
	{"EventQuery.Limit", "Defaults to 100", func(w *world) {
		w.log(101)
		w.equal(len(w.targets(iam.EventQuery{})), 100)
	}},
}
