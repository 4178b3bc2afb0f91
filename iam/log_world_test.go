package iam_test

import (
	"context"
	"errors"
	"strconv"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// keyed makes an organisation of EMQX's whose log has a key, or none. Its log has a few events of every kind:
// of changes, of what decides nothing, refusals, and of the host's own.
func (w *world) keyed(key string) *org {
	w.Helper()
	clock := newClock()
	svc := must(iam.New(w.st, emqx.System(), iam.Config{Now: clock.now, AuditKey: []byte(key)}))(w)
	made := must(svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Email: address("root")},
	}))(w)
	o := &org{world: w, svc: svc, clock: clock, id: made.ID, rootID: made.Root}
	user := o.account(emqx.ProjectUser)
	o.bind(user, emqx.ProjectUser, "p1")
	w.refused(second(o.as(user).Events(w.Context(), iam.EventQuery{})), iam.ErrForbidden)
	o.host(3)
	must(o.root().Disable(w.Context(), user))(w)
	o.host(1)
	return o
}

// host records events of the host's own.
func (o *org) host(n int) {
	o.Helper()
	for i := range n {
		o.ok(o.root().Record(o.Context(), iam.RecordParams{Type: "DeploymentCreated", Target: "d" + strconv.Itoa(i)}))
	}
}

// log is all of the log, the oldest first, with what decides nothing.
func (o *org) log() []iam.Event {
	o.Helper()
	q := iam.EventQuery{Ascending: true, Limit: 1000}
	var all []iam.Event
	for {
		page := must(o.st.Events(o.Context(), o.id, q))(o)
		if len(page) == 0 {
			return all
		}
		all, q.After = append(all, page...), page[len(page)-1].Position()
	}
}

// many appends events in one transaction.
func (o *org) many(n int) {
	o.Helper()
	o.ok(o.svc.Attend(o.Context(), o.id, "", func(c iam.Change) error {
		for range n {
			if err := c.Record(iam.SignedIn, iam.Failed); err != nil {
				return err
			}
		}
		return nil
	}))
}

// verify checks the log since a checkpoint.
func (o *org) verify(since iam.Checkpoint) (iam.LogReport, error) {
	return o.system().VerifyEvents(o.Context(), since)
}

// checkpoint is the end of the log now.
func (o *org) checkpoint() iam.Checkpoint {
	o.Helper()
	return must(o.system().Checkpoint(o.Context()))(o)
}

// intact wants the log since a checkpoint to be right.
func (o *org) intact(what string, since iam.Checkpoint) iam.LogReport {
	o.Helper()
	report, err := o.verify(since)
	if err != nil {
		o.Errorf("%s: got the error %v, want none", what, err)
	}
	return report
}

// broken wants the log since a checkpoint to be wrong, and returns where.
func (o *org) broken(what string, since iam.Checkpoint) iam.EventPosition {
	o.Helper()
	var wrong *iam.LogError
	report, err := o.verify(since)
	if !errors.As(err, &wrong) || wrong.Org != o.id {
		o.Errorf("%s: got %+v and the error %v, want a LogError", what, report, err)
		return iam.EventPosition{}
	}
	return wrong.At
}

// sql changes the database past the library.
func (o *org) sql(statement string, args ...any) {
	o.Helper()
	o.ok(o.db.WithContext(o.Context()).Exec(statement, args...).Error)
}

// forget makes the organisation's row say that the log ends with the event; nil is none.
func (o *org) forget(last *iam.Event, count int) {
	o.Helper()
	hash := ""
	if last != nil {
		hash = last.Hash
	}
	o.sql("UPDATE iam_organizations SET log_count = ?, log_head = ? WHERE id = ?", count, hash, o.id)
}

// forger is a store that writes nothing: it shows what a service makes of events.
type forger struct {
	iam.Store
	before string
	events []iam.Event
}

func (f *forger) WriteAside(_ context.Context, _ policy.OrgID, do func(tx iam.Tx) error) error {
	return do(forgerTx{forger: f})
}

type forgerTx struct {
	iam.Tx
	forger *forger
}

func (tx forgerTx) Append(_ context.Context, _ iam.Event, link func(e iam.Event, before string) string) error {
	before := tx.forger.before
	for i := range tx.forger.events {
		e := &tx.forger.events[i]
		e.Hash = link(*e, before)
		before = e.Hash
	}
	return nil
}

// forge gives events new hashes, as somebody with the library makes them, who has the key or another one.
func (o *org) forge(key, before string, events []iam.Event) {
	o.Helper()
	f := &forger{before: before, events: events}
	svc := must(iam.New(f, emqx.System(), iam.Config{AuditKey: []byte(key)}))(o)
	o.ok(svc.System("forger").In(o.id).Record(o.Context(), iam.RecordParams{Type: "x"}))
	for _, e := range events {
		o.sql("UPDATE iam_events SET hash = ? WHERE org_id = ? AND revision = ? AND ordinal = ?", e.Hash, o.id, e.Revision, e.Ordinal)
	}
	last := events[len(events)-1]
	o.sql("UPDATE iam_organizations SET log_head = ? WHERE id = ?", last.Hash, o.id)
}
