package iam_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestDenials(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-80: every refusal of an actor is recorded once", everyDenial)
		w.run("SB-67: nobody writes into another organisation's log", foreignDenial)
		w.run("SB-80: a refusal stays one when the log takes nothing", deafDenial)
		w.run("SB-80: in the host's transaction too", hostDenial)
		w.run("SB-80: a host records what it refuses", recordedDenial)
	})
}

// logged counts the events of the organisation.
func (o *org) logged() int64 {
	o.Helper()
	return must(o.st.LogHead(o.Context(), o.id))(o).Count
}

// quiet wants that do leaves everything as it was, the log included.
func (o *org) quiet(do func()) {
	o.Helper()
	before := o.logged()
	o.unchanged(do)
	if n := o.logged() - before; n != 0 {
		o.Errorf("%d events were written", n)
	}
}

func everyDenial(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	sibling := o.sibling()
	elsewhere := sibling.logged()
	askers := slices.DeleteFunc(g.askers(o), func(a asker) bool { // TestGuard counts those of all of them
		return !slices.Contains([]string{"zero", "nobody", "nothing", "demoted", "deleted", "inactive"}, a.name)
	})
	refusals := 0
	for name, m := range g.methods() {
		x := g.target(o, name)
		for _, a := range askers {
			before := o.logged()
			ctx := iam.WithOrigin(inOrg(o), originOf("192.0.2.1", "req-7"))
			err := m.call(ctx, a.actor, x)
			n := o.logged() - before
			switch {
			case err == nil:
				x = g.target(o, name)
			case !errors.Is(err, iam.ErrForbidden):
				equal(w, name+" by "+a.name+": events", n, 0)
			case a.name == "zero" || a.name == "nobody": // nobody knows whose log it would be
				equal(w, name+" by "+a.name+": events", n, 0)
			default:
				refusals++
				equal(w, name+" by "+a.name+": events", n, 1)
				o.denied(name+" by "+a.name, a.id)
			}
		}
	}
	if refusals < 50 {
		w.Errorf("%d refusals: are these the methods?", refusals)
	}
	equal(w, "events of the other organisation", sibling.logged(), elsewhere)
	must(o.system().VerifyEvents(w.Context(), iam.Checkpoint{}))(w)
}

// denied wants the newest event to be a refusal of the account.
func (o *org) denied(what string, actor policy.AccountID) iam.Event {
	o.Helper()
	e := must(o.st.Events(o.Context(), o.id, iam.EventQuery{Limit: 1}))(o)[0]
	equal(o, what+": type", e.Type, iam.AuthorizationDenied)
	equal(o, what+": outcome", e.Outcome, iam.Refused)
	equal(o, what+": actor", e.Actor, actor)
	equal(o, what+": from where", e.Peer+" "+e.Request, "192.0.2.1 req-7")
	equal(o, what+": says why", slices.ContainsFunc(e.Changes, func(c iam.FieldChange) bool { return c.Field == "why" && c.After != "" }), true)
	return e
}

func foreignDenial(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	sibling := o.sibling()
	for name, m := range g.methods() {
		x := g.target(o, name)
		o.quiet(func() {
			for _, id := range []policy.AccountID{sibling.rootID, sibling.without()} {
				_ = m.call(inOrg(o), sibling.as(id), x)
			}
		})
	}
	// Nor does who decides about a resource of another organisation write into either log: what is hidden
	// from it is not told to those who read its own.
	sub := sibling.subject(sibling.rootID)
	err := o.svc.Authorize(sub, emqx.DeploymentView.Action(), emqx.Deployment.In(o.id, "p1").Named("d1"))
	w.refused(err, iam.ErrForbidden)
	for _, each := range []*org{o, sibling} {
		each.quiet(func() { w.ok(o.svc.RecordDenial(w.Context(), sub, err)) })
	}
}

// mute is a store whose log takes nothing that stands aside.
type mute struct{ iam.Store }

var errMute = errors.New("the disk is full")

func (mute) WriteAside(context.Context, policy.OrgID, func(iam.Tx) error) error { return errMute }

func deafDenial(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	svc := o.svc.WithStore(mute{w.st})
	actor := svc.As(o.subject(o.without()))
	x, refusals := g.target(o, ""), 0
	o.quiet(func() {
		for name, m := range g.methods() {
			err := m.call(inOrg(o), actor, x)
			if !errors.Is(err, iam.ErrForbidden) {
				continue
			}
			refusals++
			if !errors.Is(err, errMute) {
				w.Errorf("%s says nothing of the log: %v", name, err)
			}
			w.refused(svc.RecordDenial(w.Context(), o.subject(o.rootID), err), errMute)
		}
	})
	if refusals < 15 {
		w.Errorf("%d refusals: are these the methods?", refusals)
	}
}

func hostDenial(w *world) {
	o := w.organization(emqx.System())
	user := o.account(emqx.ProjectUser)
	rollback := errors.New("rolled back")
	var denial error
	refuse := func(end error) error {
		return o.inHostTransaction(func(svc *iam.Service, _ *gorm.DB) error {
			denial = second(svc.As(o.subject(user)).Disable(iam.WithOrigin(w.Context(), originOf("192.0.2.1", "req-7")), o.rootID))
			w.refused(denial, iam.ErrForbidden)
			return end
		})
	}
	ctx := iam.WithOrigin(w.Context(), originOf("192.0.2.1", "req-7"))
	before := o.logged()
	w.ok(refuse(nil))
	w.ok(o.svc.RecordDenial(ctx, o.subject(user), denial))
	equal(w, "events when the host commits", o.logged(), before+1)
	o.denied("committed", user)

	o.quiet(func() { w.refused(refuse(rollback), rollback) })
	o.host(1) // it stands now where the event that is lost would have stood
	w.ok(o.svc.RecordDenial(ctx, o.subject(user), denial))
	equal(w, "events when it rolls back, and records the refusal", o.logged(), before+3)
	o.denied("rolled back", user)
	must(o.system().VerifyEvents(w.Context(), iam.Checkpoint{}))(w)
}

func recordedDenial(w *world) {
	o := w.organization(emqx.System())
	user := o.subject(o.account(emqx.ProjectUser))
	ctx := iam.WithOrigin(w.Context(), originOf("192.0.2.1", "req-7"))
	d1 := emqx.Deployment.In(o.id, "p1").Named("d1")
	hidden := o.svc.Authorize(user, emqx.DeploymentDelete.Action(), d1)
	w.ok(o.svc.RecordDenial(ctx, user, hidden))
	e := o.denied("hidden", user.ID())
	equal(w, "what it says", said(e), `authorization.denied, permission "" to "deployment:delete", project "" to "p1", why "" to "`+
		string(user.ID())+` may not deployment:delete: nothing that it holds there allows it"`)
	equal(w, "its target", e.Target, "d1")
	before := o.logged()
	w.ok(o.svc.RecordDenial(ctx, user, hidden)) // a host may keep an error: each call is a refusal
	w.ok(o.svc.RecordDenial(ctx, user, iam.ErrForbidden))
	equal(w, "events", o.logged(), before+2)
	o.denied("a host's own", user.ID())

	o.quiet(func() {
		for _, nothing := range []error{nil, iam.ErrNotFound, iam.ErrRoot, errors.New("x"), &iam.ForbiddenError{Decision: policy.Decision{Reason: policy.Unavailable}}} {
			w.ok(o.svc.RecordDenial(ctx, user, nothing))
		}
		w.ok(o.svc.RecordDenial(ctx, iam.Subject{}, hidden))
	})
}
