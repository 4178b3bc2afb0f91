package iam_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E17: a host's events stand beside the library's", hostEvents)
		w.run("E17: nobody fakes an event of the library's", fakedEvents)
		w.run("a host's event commits or vanishes with its transaction", hostEventTransaction)
		w.run("E17: the log is narrowed and paged while it grows", pagingWhileWriting)
	})
}

func hostEvents(w *world) {
	o := w.organization(emqx.System())
	user := o.account(emqx.ProjectUser)
	params := iam.RecordParams{
		Type: "DeploymentCreated", Target: "d 1", Outcome: iam.Failed,
		Changes: []iam.FieldChange{{Field: "plan", After: "premium\n<b>"}, {Field: "region", Before: "eu", After: ""}},
	}
	revision := o.revision()
	w.ok(o.as(user).Record(w.Context(), params))
	equal(w, "the revision", o.revision(), revision)
	all := o.log()
	got := all[len(all)-1]
	want := iam.Event{
		Org: o.id, Revision: got.Revision, Ordinal: got.Ordinal, Time: o.clock.now().UTC(), Type: "DeploymentCreated", Outcome: iam.Failed,
		Actor: user, Role: "project_user", Target: "d 1", Changes: params.Changes, Hash: got.Hash,
	}
	if !reflect.DeepEqual(got, want) {
		w.Errorf("got %+v, want %+v", got, want)
	}
	w.ok(o.svc.System("nightly").In(o.id).Record(w.Context(), iam.RecordParams{Type: "x"}))
	last := o.log()[len(all):][0]
	equal(w, "the system's reason and role", last.Reason+" "+last.Role, "nightly system")

	must(o.root().Disable(w.Context(), user))(w)
	w.refused(o.as(user).Record(w.Context(), params), iam.ErrForbidden)
	w.refused(iam.Actor{}.Record(w.Context(), params), iam.ErrForbidden)
	w.refused(o.svc.System("test").In("nowhere").Record(w.Context(), params), iam.ErrNotFound)
}

func fakedEvents(w *world) {
	o := w.organization(emqx.System())
	long := strings.Repeat("x", iam.MaxID+1)
	changes := make([]iam.FieldChange, 101)
	for i := range changes {
		changes[i].Field = "f"
	}
	for _, tt := range []struct {
		params iam.RecordParams
		field  string
	}{
		{iam.RecordParams{}, "Type"},
		{iam.RecordParams{Type: iam.AccountDeleted}, "Type"},
		{iam.RecordParams{Type: iam.AuthorizationDenied}, "Type"},
		{iam.RecordParams{Type: "account.frobbed"}, "Type"},
		{iam.RecordParams{Type: "Session.signed_in"}, "Type"},
		{iam.RecordParams{Type: "\u0430ccount.deleted"}, "Type"}, // a Cyrillic a
		{iam.RecordParams{Type: " account.deleted"}, "Type"},
		{iam.RecordParams{Type: "account.deleted\u200b"}, "Type"},
		{iam.RecordParams{Type: ".x"}, "Type"},
		{iam.RecordParams{Type: iam.EventType(long)}, "Type"},
		{iam.RecordParams{Type: "x", Target: long}, "Target"},
		{iam.RecordParams{Type: "x", Target: "a\x00"}, "Target"},
		{iam.RecordParams{Type: "x", Outcome: "maybe"}, "Outcome"},
		{iam.RecordParams{Type: "x", Changes: changes}, "Changes"},
		{iam.RecordParams{Type: "x", Changes: []iam.FieldChange{{}}}, "Changes"},
		{iam.RecordParams{Type: "x", Changes: []iam.FieldChange{{Field: long}}}, "Changes"},
		{iam.RecordParams{Type: "x", Changes: []iam.FieldChange{{Field: "f", After: strings.Repeat("x", iam.MaxText+1)}}}, "Changes"},
		{iam.RecordParams{Type: "x", Changes: []iam.FieldChange{{Field: "f", Before: "\xff"}}}, "Changes"},
	} {
		o.quiet(func() { w.wrong(o.root().Record(w.Context(), tt.params), tt.field) })
	}
	for _, fine := range []iam.RecordParams{
		{Type: "DeploymentCreated"}, {Type: "emqx.project.created"}, {Type: "account"}, {Type: "a-b_c:d.e"}, {Type: "x", Changes: changes[:100]},
		{Type: "x", Outcome: iam.Refused}, {Type: "x", Changes: []iam.FieldChange{{Field: "f", After: strings.Repeat("\u202e", iam.MaxText/3)}}},
	} {
		w.ok(o.root().Record(w.Context(), fine))
	}
	must(o.system().VerifyEvents(w.Context(), iam.Checkpoint{}))(w)
}

func hostEventTransaction(w *world) {
	o := w.organization(emqx.System())
	record := func(end error) error {
		return o.inHostTransaction(func(svc *iam.Service, _ *gorm.DB) error {
			w.ok(svc.System("test").In(o.id).Record(w.Context(), iam.RecordParams{Type: "DeploymentCreated"}))
			return end
		})
	}
	rollback := errors.New("the host thinks better of it")
	o.quiet(func() { w.refused(record(rollback), rollback) })
	before := o.log()
	w.ok(record(nil))
	equal(w, "events", len(o.log()[len(before):]), 1)
	must(o.system().VerifyEvents(w.Context(), iam.Checkpoint{}))(w)
}

func pagingWhileWriting(w *world) {
	o := w.organization(emqx.System())
	ann, bob := o.account(emqx.ProjectUser), o.account(emqx.ProjectUser)
	write := func(who policy.AccountID, what iam.EventType, target string) {
		o.clock.advance(time.Minute)
		w.ok(o.as(who).Record(w.Context(), iam.RecordParams{Type: what, Target: target}))
	}
	var start time.Time
	var want []string
	for i := range 7 {
		if i == 1 {
			start = o.clock.now().Add(time.Minute)
		}
		write(ann, "Login", fmt.Sprint("a", i))
		write(bob, "Login", fmt.Sprint("b", i))
		write(ann, "Logout", fmt.Sprint("o", i))
		if i > 0 {
			want = append(want, fmt.Sprint("a", i))
		}
	}
	q := iam.EventQuery{Actor: ann, Type: "Login", From: start, Limit: 2}
	page := func(q iam.EventQuery) (targets []string, last iam.EventPosition) {
		for _, e := range must(o.root().Events(w.Context(), q))(w) {
			targets, last = append(targets, e.Target), e.Position()
		}
		return targets, last
	}
	// Backwards nothing shifts when the log grows; forwards what comes is found at the end.
	var backwards, forwards []string
	for i := range 3 {
		targets, last := page(q)
		backwards, q.Before = append(backwards, targets...), last
		write(ann, "Login", fmt.Sprint("late", i))
	}
	same(w, "backwards", backwards, []string{"a6", "a5", "a4", "a3", "a2", "a1"})
	q.Before, q.Ascending = iam.EventPosition{}, true
	for {
		targets, last := page(q)
		if len(targets) == 0 {
			break
		}
		if forwards == nil {
			write(ann, "Login", "last")
		}
		forwards, q.After = append(forwards, targets...), last
	}
	same(w, "forwards", forwards, append(want, "late0", "late1", "late2", "last"))
	q.After, q.Limit, q.To = iam.EventPosition{}, 100, start.Add(4*time.Minute)
	targets, _ := page(q)
	same(w, "up to a time", targets, []string{"a1", "a2"})
}
