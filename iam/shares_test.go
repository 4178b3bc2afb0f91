package iam_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

func TestShares(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("D8: chosen permissions on a device, for a sub-account", shares)
		w.run("D8: for a while", sharesForAWhile)
		w.run("D8: a share that was received is not shared on", sharesNotOn)
		w.run("D8: shares are listed and ended by who may", unshares)
		w.run("D8: what cannot be shared", badShares)
		w.run("D9: management of a sub-account's device", takesManagement)
	})
}

// uses is what an account may do with a device, whoever holds it.
func (o *org) uses(id policy.AccountID, device string) []policy.Permission {
	o.Helper()
	all := o.svc.Permissions(o.subject(id), o.device(device).OwnedBy(o.holder(device)))
	return slices.DeleteFunc(all, func(p policy.Permission) bool { return p.Kind() != devicehub.Device })
}

func shares(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(admin, "d1", "d2")
	before := o.events()
	given := must(o.share(admin, "d1", basic, devicehub.DeviceView, devicehub.DeviceReboot, devicehub.DeviceView))(w)
	equal(w, "one share a permission", len(given), 2)
	at := policy.AtResource(o.id, devicehub.Device, "d1")
	equal(w, "the first", given[0].Grant, policy.GrantPermission(devicehub.DeviceView, at))
	equal(w, "by whom", given[0].By, admin)
	same(w, "events", types(o.since(before)), []iam.EventType{iam.GrantGiven, iam.GrantGiven})
	same(w, "on the device", o.uses(basic, "d1"), []policy.Permission{devicehub.DeviceView, devicehub.DeviceReboot})
	same(w, "on another", o.uses(basic, "d2"), nil)

	// A new permission is a new share; the same one takes the place of the old.
	more := must(o.share(super, "d1", basic, devicehub.DeviceConfigure))(w)
	again := must(o.share(admin, "d1", basic, devicehub.DeviceView))(w)
	same(w, "the shares", must(o.as(admin).Shares(o.Context(), devicehub.Device, "d1"))(w), []iam.Grant{given[1], more[0], again[0]})
	same(w, "nothing of it is the quota's", must(o.root().Quotas(o.Context(), basic))(w), []iam.Quota{{Kind: devicehub.Device, Most: 10}})
	_, err := o.system().Share(o.Context(), devicehub.Device, "d2", iam.ShareParams{To: basic, Permissions: []policy.Permission{devicehub.DeviceView}})
	w.ok(err)
}

func sharesForAWhile(w *world) {
	o := w.organization(devicehub.System())
	_, admin, basic := o.branch()
	o.claim(admin, "d1")
	until := func(end time.Time) error {
		return second(o.as(admin).Share(o.Context(), devicehub.Device, "d1", iam.ShareParams{
			To: basic, Permissions: []policy.Permission{devicehub.DeviceView}, Until: end,
		}))
	}
	o.unchanged(func() {
		for _, end := range []time.Time{o.clock.now(), o.clock.now().Add(time.Microsecond), o.clock.now().Add(-time.Hour), unwritable()} {
			w.wrong(until(end), "Until")
		}
	})
	w.ok(until(o.clock.now().Add(time.Hour)))
	w.ok(until(o.clock.now().Add(time.Minute))) // it is the last word
	o.clock.advance(time.Minute - time.Millisecond)
	equal(w, "a moment before the end", len(o.uses(basic, "d1")), 1)
	o.clock.advance(time.Millisecond)
	equal(w, "at the end", len(o.uses(basic, "d1")), 0)
	equal(w, "what has ended is still listed", len(must(o.as(admin).Shares(o.Context(), devicehub.Device, "d1"))(w)), 1)
}

func sharesNotOn(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(super, "d1")
	must(o.share(super, "d1", admin, devicehub.DeviceView, devicehub.DeviceReboot))(w)
	never := time.Time{}
	at := policy.AtResource(o.id, devicehub.Device, "d1")
	owned := o.device("d1").OwnedBy(admin) // as a host might have it wrongly
	o.unchanged(func() {
		w.refused(second(o.share(admin, "d1", basic, devicehub.DeviceView)), iam.ErrForbidden)
		w.refused(second(o.as(admin).GiveGrantOn(o.Context(), basic, devicehub.DeviceView, o.device("d1"), never)), iam.ErrForbidden)
		w.refused(second(o.as(admin).GiveGrantOn(o.Context(), basic, devicehub.DeviceView, owned, never)), iam.ErrForbidden)
		w.refused(second(o.as(admin).GiveGrant(o.Context(), basic, policy.GrantPermission(devicehub.DeviceView, at))), iam.ErrForbidden)
		w.refused(o.transfer(admin, "d1", admin), iam.ErrForbidden)
		w.refused(o.as(admin).Release(o.Context(), devicehub.Device, "d1"), iam.ErrForbidden)
		for _, act := range []policy.Permission{devicehub.DeviceShare, devicehub.DeviceTransfer, devicehub.DeviceDelete, devicehub.DeviceAdd} {
			w.wrong(second(o.share(super, "d1", admin, act)), "Permissions")
		}
	})
	// Whoever holds it gives by those calls too, and who is above.
	must(o.as(super).GiveGrantOn(o.Context(), basic, devicehub.DeviceView, o.device("d1").OwnedBy(super), never))(w)
	must(o.root().GiveGrant(o.Context(), basic, policy.GrantPermission(devicehub.DeviceReboot, at)))(w)
	// Where nobody holds the device, its owner is as the host says.
	must(o.as(admin).GiveGrantOn(o.Context(), basic, devicehub.DeviceView, o.device("d9").OwnedBy(admin), never))(w)
}

func unshares(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	stranger := o.under(super, devicehub.Admin, 20)
	o.claim(admin, "d1", "d2")
	share := must(o.share(admin, "d1", basic, devicehub.DeviceView))(w)[0]
	elsewhere := must(o.share(admin, "d2", basic, devicehub.DeviceView))(w)[0]
	unshare := func(by policy.AccountID, device string, id iam.GrantID) error {
		return o.as(by).Unshare(o.Context(), devicehub.Device, device, id)
	}
	management := must(o.as(super).TakeManagement(o.Context(), devicehub.Device, "d1"))(w)
	o.unchanged(func() {
		w.refused(unshare(stranger, "d1", share.ID), iam.ErrForbidden)
		w.refused(unshare(basic, "d1", share.ID), iam.ErrForbidden)
		w.refused(unshare(admin, "d1", elsewhere.ID), iam.ErrNotFound)
		w.refused(unshare(admin, "d1", "none"), iam.ErrNotFound)
		w.refused(unshare(admin, "d3", share.ID), iam.ErrNotFound)
		w.refused(unshare(admin, "d1", management[0].ID), iam.ErrForbidden) // who is above keeps it
	})
	w.ok(unshare(admin, "d1", share.ID))
	same(w, "what is left", o.uses(basic, "d1"), nil)
	w.ok(unshare(super, "d2", elsewhere.ID))
	w.ok(unshare(super, "d1", management[0].ID))

	w.refused(second(o.as(basic).Shares(o.Context(), devicehub.Device, "d1")), iam.ErrForbidden)
	w.refused(second(o.as(basic).Shares(o.Context(), devicehub.Device, "d7")), iam.ErrForbidden) // as if it were there
	w.refused(second(o.as(admin).Shares(o.Context(), devicehub.Device, "d7")), iam.ErrNotFound)
	w.wrong(second(o.as(admin).Shares(o.Context(), "deviec", "d1")), "Kind")
	equal(w, "listed to who sees the accounts", len(must(o.as(stranger).Shares(o.Context(), devicehub.Device, "d1"))(w)), len(management)-1)
	w.ok(o.transfer(admin, "d1", basic))
	same(w, "to the holder, whoever that is", must(o.as(basic).Shares(o.Context(), devicehub.Device, "d1"))(w), nil)
}

func badShares(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(admin, "d1")
	disabled := o.under(admin, devicehub.Basic, 0)
	must(o.root().Disable(o.Context(), disabled))(w)
	o.unchanged(func() {
		view := devicehub.DeviceView
		w.wrong(second(o.share(admin, "d1", basic)), "Permissions")
		w.wrong(second(o.share(admin, "d1", basic, devicehub.SubaccountList)), "Permissions")
		w.wrong(second(o.share(admin, "d1", basic, "device:fly")), "Grant")
		w.wrong(second(o.share(admin, "d1", disabled, view)), "To")
		w.wrong(second(o.share(super, "d1", admin, view)), "To") // who holds it
		w.refused(second(o.share(admin, "d1", super, view)), iam.ErrForbidden)
		w.refused(second(o.share(admin, "d1", admin, view)), iam.ErrForbidden)
		w.refused(second(o.share(admin, "d1", o.rootID, view)), iam.ErrForbidden)
		w.refused(second(o.share(admin, "d1", "nobody", view)), iam.ErrNotFound)
		w.refused(second(o.share(admin, "d7", basic, view)), iam.ErrNotFound)
		_, err := o.system().Share(o.Context(), devicehub.Device, "d1", iam.ShareParams{To: o.rootID, Permissions: []policy.Permission{view}})
		w.refused(err, iam.ErrRoot)
	})
	// A holder gives no more than it could do itself (SB-61): by single tasks, a basic user may share and view.
	for _, task := range []policy.Permission{devicehub.DeviceShare, devicehub.DeviceView, devicehub.SubaccountManage} {
		must(o.root().GiveGrant(o.Context(), basic, policy.GrantPermission(task, policy.AtOrg(o.id))))(w)
	}
	w.ok(o.transfer(admin, "d1", basic))
	w.refused(second(o.share(basic, "d1", disabled, devicehub.DeviceReboot)), iam.ErrForbidden)
}

func takesManagement(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(admin, "d1")
	w.ok(o.transfer(admin, "d1", basic))
	same(w, "before", o.uses(super, "d1"), nil)
	manage := o.svc.Rules().Holdings[0].Manage
	taken := must(o.as(super).TakeManagement(o.Context(), devicehub.Device, "d1"))(w)
	equal(w, "permissions taken", len(taken), len(manage))
	same(w, "what it may", o.uses(super, "d1"), manage)
	must(o.as(super).TakeManagement(o.Context(), devicehub.Device, "d1"))(w) // again, in place of it
	equal(w, "grants", len(must(o.root().Grants(o.Context(), super))(w)), len(manage))
	equal(w, "the holder stays", o.holder("d1"), basic)
	o.unchanged(func() {
		w.refused(second(o.as(basic).TakeManagement(o.Context(), devicehub.Device, "d1")), iam.ErrForbidden)
		w.refused(second(o.root().TakeManagement(o.Context(), devicehub.Device, "d1")), iam.ErrRoot)
		w.refused(second(o.system().TakeManagement(o.Context(), devicehub.Device, "d1")), iam.ErrForbidden)
		w.refused(second(o.as(super).TakeManagement(o.Context(), devicehub.Device, "d7")), iam.ErrNotFound)
	})
	w.ok(o.transfer(admin, "d1", admin))
	same(w, "when the device has moved", o.uses(super, "d1"), nil)
	w.wrong(second(o.as(admin).TakeManagement(o.Context(), devicehub.Device, "d1")), "ID")
	equal(w, "who manages", fmt.Sprint(len(o.uses(admin, "d1")) > len(manage)), "true")
}
