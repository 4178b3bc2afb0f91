package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

func TestHandOverHoldings(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("D9: a hand-over moves what is held", handOverHoldings)
		w.run("D5: what does not fit is left over", handOverRoom)
		w.run("D9: managing an account is not disposing of what it holds", handOverApart)
		w.run("D8: shares go over by those who could share", handOverShares)
	})
}

func handOverHoldings(w *world) {
	for _, then := range []iam.Departure{iam.ThenKeep, iam.ThenDisable, iam.ThenDelete} {
		o := w.organization(devicehub.System())
		_, admin, basic := o.branch()
		next := o.under(admin, devicehub.Basic, 10)
		o.claim(admin, "d1", "d2", "d3")
		w.ok(o.transfer(admin, "d1", basic))
		w.ok(o.transfer(admin, "d2", basic))
		must(o.share(admin, "d1", next, devicehub.DeviceView))(w)
		before := o.events()
		done := must(o.as(admin).HandOver(o.Context(), iam.HandOverParams{From: basic, To: next, Then: then}))(w)
		same(w, "handed over", done.Holdings, must(o.root().Holdings(o.Context(), iam.HoldingQuery{Account: next}))(w))
		equal(w, "devices", len(done.Holdings), 2)
		equal(w, "the rest", len(done.Rest.Holdings), 0)
		same(w, "grants on them", must(o.as(next).Shares(o.Context(), devicehub.Device, "d1"))(w), nil)
		var moved int
		for _, e := range o.since(before) {
			if e.Type == iam.ResourceTransferred {
				moved++
			}
		}
		equal(w, "events", moved, 2)
	}
}

func handOverRoom(w *world) {
	o := w.organization(devicehub.System())
	_, admin, basic := o.branch()
	next := o.under(admin, devicehub.Basic, 1)
	o.claim(admin, "d1", "d2", "d3")
	for _, device := range []string{"d1", "d2", "d3"} {
		w.ok(o.transfer(admin, device, basic))
	}
	params := iam.HandOverParams{From: basic, To: next, Then: iam.ThenDelete}
	o.unchanged(func() {
		done, err := o.as(admin).HandOver(o.Context(), params)
		w.wrong(err, "DropRest")
		equal(w, "left over", len(done.Rest.Holdings), 2)
		equal(w, "handed over", len(done.Holdings), 0)
	})
	params.DropRest = true
	before := o.events()
	done := must(o.as(admin).HandOver(o.Context(), params))(w)
	equal(w, "left over", len(done.Rest.Holdings), 2)
	equal(w, "handed over", o.holder("d1"), next)
	equal(w, "released", o.holder("d2")+o.holder("d3"), "")
	equal(w, "events of it", len(slices.DeleteFunc(types(o.since(before)), func(e iam.EventType) bool { return e != iam.ResourceReleased })), 2)

	// The creator takes over what it gave the room for, though it has no other.
	full := o.under(o.rootID, devicehub.Admin, 2)
	sub := o.under(full, devicehub.Basic, 2)
	for _, device := range []string{"f1", "f2"} {
		o.claim(o.rootID, device)
		w.ok(o.transfer(o.rootID, device, sub))
	}
	w.refused(o.transfer(full, "f1", full), iam.ErrQuota)
	done = must(o.root().HandOver(o.Context(), iam.HandOverParams{From: sub, To: full, Then: iam.ThenDelete}))(w)
	equal(w, "handed over to the creator", len(done.Holdings), 2)
	o.quota(full, iam.Quota{Most: 2, Held: 2})
}

func handOverApart(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	stranger := o.under(super, devicehub.Admin, 20)
	theirs := o.under(stranger, devicehub.Basic, 10)
	params := iam.HandOverParams{From: basic, To: theirs, Then: iam.ThenDelete}
	o.claim(admin, "d1")
	w.ok(o.transfer(admin, "d1", basic))
	o.unchanged(func() {
		for _, by := range []policy.AccountID{stranger, admin} {
			w.refused(second(o.as(by).HandOver(o.Context(), params)), iam.ErrForbidden)
		}
		params.DropRest = true
		w.refused(second(o.as(stranger).HandOver(o.Context(), params)), iam.ErrForbidden)
	})
	must(o.as(super).HandOver(o.Context(), params))(w)
	equal(w, "the holder", o.holder("d1"), theirs)
}

func handOverShares(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	next := o.under(admin, devicehub.Basic, 0)
	o.claim(admin, "d1")
	o.claim(super, "s1")
	must(o.share(admin, "d1", basic, devicehub.DeviceView))(w)
	received := must(o.share(super, "s1", basic, devicehub.DeviceView))(w)
	done := must(o.as(admin).HandOver(o.Context(), iam.HandOverParams{From: basic, To: next}))(w)
	equal(w, "shares handed over", len(done.Grants), 1)
	same(w, "those of who is above stay", done.Rest.Grants, received)
	may := func(id policy.AccountID, device string) bool {
		return o.svc.Can(o.subject(id), devicehub.View, o.device(device))
	}
	equal(w, "who sees what", fmt.Sprint(may(next, "d1"), may(next, "s1"), may(basic, "d1"), may(basic, "s1")), "true false false true")
}
