package iam_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

func TestHoldings(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("who adds a device holds it, and nobody else can", claims)
		w.run("D2: a task lets a basic user claim", claimsByTask)
		w.run("D9: a device goes from account to account below who moves it", transfers)
		w.run("D9: in another tree nobody moves anything", transfersApart)
		w.run("D8, SB-69: what was shared ends with the holder", sharesEndWithTheHolder)
		w.run("D9: who is above in the tree and below in rank has no say", aboveAndBelow)
		w.run("lists are paged and narrowed", holdingLists)
		w.run("E14: who holds is not deleted", holdersStay)
		w.run("whose creator goes moves up", movesUp)
	})
}

// device is a place for a device.
func (o *org) device(id string) policy.Resource { return devicehub.Device.Of(o.id).Named(id) }

// under makes an active account that another created, with a quota of devices.
func (o *org) under(creator policy.AccountID, role policy.Role, quota int) policy.AccountID {
	o.Helper()
	account, _, err := o.as(creator).CreateAccount(o.Context(), iam.CreateAccountParams{
		Roles: []policy.Role{role}, Active: true, Quotas: map[policy.Kind]int{devicehub.Device: quota},
	})
	o.ok(err)
	return account.ID
}

// claim lets an account claim devices.
func (o *org) claim(id policy.AccountID, devices ...string) {
	o.Helper()
	for _, device := range devices {
		must(o.as(id).Claim(o.Context(), devicehub.Device, device))(o)
	}
}

// holder is who holds a device; "" for nobody.
func (o *org) holder(device string) policy.AccountID {
	o.Helper()
	return must(o.svc.Holder(o.Context(), o.id, devicehub.Device, device))(o)
}

// transfer lets an account move a device.
func (o *org) transfer(by policy.AccountID, device string, to policy.AccountID) error {
	o.Helper()
	return second(o.as(by).Transfer(o.Context(), devicehub.Device, device, to))
}

func (o *org) share(by policy.AccountID, device string, to policy.AccountID, permissions ...policy.Permission) ([]iam.Grant, error) {
	o.Helper()
	return o.as(by).Share(o.Context(), devicehub.Device, device, iam.ShareParams{To: to, Permissions: permissions})
}

// branch is a Super Admin, an Admin and a Basic user, each made by the one before, with room for devices.
func (o *org) branch() (super, admin, basic policy.AccountID) {
	o.Helper()
	super = o.under(o.rootID, devicehub.SuperAdmin, 100)
	admin = o.under(super, devicehub.Admin, 50)
	return super, admin, o.under(admin, devicehub.Basic, 10)
}

func claims(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	before := o.events()
	got := must(o.as(admin).Claim(o.Context(), devicehub.Device, "d1"))(w)
	want := iam.Holding{Org: o.id, Kind: devicehub.Device, ID: "d1", Account: admin, Since: got.Since}
	equal(w, "the holding", got, want)
	equal(w, "since", got.Since.Equal(o.clock.now()), true)
	same(w, "events", saidAll(o.since(before)), []string{fmt.Sprintf(`holding.claimed, kind "device" to "device", holder "" to %q`, admin)})
	equal(w, "the holder", o.holder("d1"), admin)
	own := o.device("d1").OwnedBy(o.holder("d1"))
	equal(w, "whether it may use it", o.svc.Can(o.subject(admin), devicehub.Reboot, own), true)
	equal(w, "whether another may", o.svc.Can(o.subject(super), devicehub.Reboot, own), false)

	o.unchanged(func() {
		for _, id := range []policy.AccountID{admin, super, o.rootID} {
			err := second(o.as(id).Claim(o.Context(), devicehub.Device, "d1"))
			w.wrong(err, "ID")
			w.refused(err, iam.ErrExists)
			equal(w, "the text, which names nobody", err.Error(), "iam: ID: the resource is held already")
		}
		w.refused(second(o.as(basic).Claim(o.Context(), devicehub.Device, "d2")), iam.ErrForbidden)
		w.refused(second(o.system().Claim(o.Context(), devicehub.Device, "d2")), iam.ErrForbidden)
		w.wrong(second(o.as(admin).Claim(o.Context(), "deviec", "d2")), "Kind")
		w.wrong(second(o.as(admin).Claim(o.Context(), devicehub.Device, "d\n2")), "ID")
		w.refused(o.as(admin).Release(o.Context(), devicehub.Device, "d2"), iam.ErrNotFound)
	})
	// The id of another organisation's device is another device.
	other := o.sibling()
	other.claim(other.rootID, "d1")

	w.ok(o.as(admin).Release(o.Context(), devicehub.Device, "d1"))
	equal(w, "the holder afterwards", o.holder("d1"), "")
	equal(w, "the other organisation's", other.holder("d1"), other.rootID)
	o.claim(super, "d1")
}

func claimsByTask(w *world) {
	o := w.organization(devicehub.System())
	_, admin, basic := o.branch()
	w.refused(second(o.as(basic).Claim(o.Context(), devicehub.Device, "d1")), iam.ErrForbidden)
	must(o.root().GiveGrant(o.Context(), basic, policy.GrantPermission(devicehub.DeviceAdd, policy.AtOrg(o.id))))(w)
	o.claim(basic, "d1")
	// To share and to transfer takes tasks of their own; who stands above it has them by its role.
	w.refused(o.transfer(basic, "d1", admin), iam.ErrForbidden)
	w.refused(o.as(basic).Release(o.Context(), devicehub.Device, "d1"), iam.ErrForbidden)
	w.ok(o.transfer(admin, "d1", admin))
}

func transfers(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	sibling := o.under(admin, devicehub.Basic, 1)
	o.claim(admin, "d1")
	before := o.events()
	o.clock.advance(time.Hour)
	moved := must(o.as(admin).Transfer(o.Context(), devicehub.Device, "d1", basic))(w)
	equal(w, "since", moved.Since.Equal(o.clock.now()), true)
	same(w, "events", saidAll(o.since(before)), []string{fmt.Sprintf(`holding.transferred, kind "device" to "device", holder %q to %q`, admin, basic)})
	equal(w, "the holder", o.holder("d1"), basic)

	w.ok(o.transfer(admin, "d1", sibling)) // from one sub-account to another
	w.ok(o.transfer(super, "d1", basic))   // two levels down
	w.ok(o.transfer(super, "d1", super))   // to oneself
	w.ok(o.transfer(o.rootID, "d1", sibling))
	_, err := o.system().Transfer(o.Context(), devicehub.Device, "d1", admin)
	w.ok(err)
	equal(w, "the holder in the end", o.holder("d1"), admin)

	pending := o.create(iam.CreateAccountParams{Roles: []policy.Role{devicehub.Basic}}).ID
	o.unchanged(func() {
		w.refused(o.transfer(basic, "d1", basic), iam.ErrForbidden)
		w.refused(o.transfer(admin, "d1", super), iam.ErrForbidden) // not below it
		w.refused(o.transfer(admin, "d1", o.rootID), iam.ErrForbidden)
		w.wrong(o.transfer(super, "d1", admin), "To") // which holds it
		w.wrong(o.transfer(o.rootID, "d1", pending), "To")
		w.refused(o.transfer(admin, "d1", "nobody"), iam.ErrNotFound)
		w.refused(o.transfer(admin, "d2", basic), iam.ErrNotFound)
		w.wrong(second(o.as(admin).Transfer(o.Context(), "deviec", "d1", basic)), "Kind")
	})
	must(o.root().Disable(o.Context(), basic))(w)
	o.unchanged(func() { w.wrong(o.transfer(admin, "d1", basic), "To") })
	// What a disabled account holds it goes on holding, until somebody above takes it.
	o.claim(super, "d2")
	w.ok(o.transfer(super, "d2", sibling))
	must(o.root().Disable(o.Context(), sibling))(w)
	equal(w, "the holder, who is disabled", o.holder("d2"), sibling)
	w.ok(o.transfer(admin, "d2", admin))
}

func transfersApart(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	stranger := o.under(super, devicehub.Admin, 20)
	theirs := o.under(stranger, devicehub.Basic, 10)
	o.claim(admin, "d1", "d2")
	w.ok(o.transfer(admin, "d2", basic))
	o.unchanged(func() {
		for _, device := range []string{"d1", "d2"} {
			for _, to := range []policy.AccountID{stranger, theirs, basic} {
				w.refused(o.transfer(stranger, device, to), iam.ErrForbidden)
			}
			w.refused(o.as(stranger).Release(o.Context(), devicehub.Device, device), iam.ErrForbidden)
			w.refused(second(o.as(stranger).TakeManagement(o.Context(), devicehub.Device, device)), iam.ErrForbidden)
			w.refused(second(o.share(stranger, device, theirs, devicehub.DeviceView)), iam.ErrForbidden)
		}
		w.refused(o.transfer(admin, "d1", theirs), iam.ErrForbidden)
		w.refused(second(o.share(admin, "d1", theirs, devicehub.DeviceView)), iam.ErrForbidden)
	})
	// Who stands above both trees moves from one to the other.
	w.ok(o.transfer(super, "d2", theirs))
}

func sharesEndWithTheHolder(w *world) {
	o := w.organization(devicehub.System())
	_, admin, basic := o.branch()
	next := o.under(admin, devicehub.Basic, 5)
	for _, end := range []func() error{
		func() error { return o.transfer(admin, "d1", next) },
		func() error { return o.as(admin).Release(o.Context(), devicehub.Device, "d1") },
	} {
		if o.holder("d1") == "" {
			o.claim(admin, "d1")
		}
		must(o.share(admin, "d1", basic, devicehub.DeviceView, devicehub.DeviceReboot))(w)
		must(o.share(admin, "d1", basic, devicehub.DeviceUpgrade))(w)
		o.claim(admin, "d2")
		kept := must(o.share(admin, "d2", basic, devicehub.DeviceView))(w)
		before := o.events()
		w.ok(end())
		same(w, "events", types(o.since(before))[:3], []iam.EventType{iam.GrantRevoked, iam.GrantRevoked, iam.GrantRevoked})
		equal(w, "whether it may", o.svc.Can(o.subject(basic), devicehub.View, o.device("d1").OwnedBy(o.holder("d1"))), false)
		same(w, "grants left", must(o.root().Grants(o.Context(), basic))(w), kept)
		w.ok(o.as(admin).Release(o.Context(), devicehub.Device, "d2"))
		if o.holder("d1") != "" {
			w.ok(o.transfer(admin, "d1", admin))
		}
	}
	o.claim(admin, "d1") // the same id: nobody has a share of it
	same(w, "grants on it", must(o.as(admin).Shares(o.Context(), devicehub.Device, "d1"))(w), nil)
}

func aboveAndBelow(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(admin, "d1")
	w.ok(o.transfer(admin, "d1", basic))
	_, _, err := o.root().SetRoles(o.Context(), basic, devicehub.SuperAdmin)
	w.ok(err)
	o.unchanged(func() {
		for _, id := range []policy.AccountID{admin, super} { // who created it can no longer manage it (SB-62)
			w.refused(o.transfer(id, "d1", id), iam.ErrForbidden)
			w.refused(o.as(id).Release(o.Context(), devicehub.Device, "d1"), iam.ErrForbidden)
			w.refused(second(o.as(id).TakeManagement(o.Context(), devicehub.Device, "d1")), iam.ErrForbidden)
			w.refused(second(o.as(id).SetQuota(o.Context(), basic, devicehub.Device, 5)), iam.ErrForbidden)
		}
	})
}

func holdingLists(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(super, "s1")
	o.claim(admin, "a1", "a2", "a3")
	ids := func(by policy.AccountID, q iam.HoldingQuery) []string {
		w.Helper()
		var all []string
		for _, h := range must(o.as(by).Holdings(o.Context(), q))(w) {
			all = append(all, h.ID)
		}
		return all
	}
	same(w, "all", ids(super, iam.HoldingQuery{}), []string{"a1", "a2", "a3", "s1"})
	same(w, "one's", ids(super, iam.HoldingQuery{Account: admin}), []string{"a1", "a2", "a3"})
	same(w, "those of one's sub-accounts", ids(super, iam.HoldingQuery{Below: super}), []string{"a1", "a2", "a3"})
	same(w, "another kind", ids(super, iam.HoldingQuery{Kind: "tunnel"}), nil)
	page := must(o.as(super).Holdings(o.Context(), iam.HoldingQuery{Limit: 2}))(w)
	same(w, "the next page", ids(super, iam.HoldingQuery{After: page[1].Position()}), []string{"a3", "s1"})
	w.ok(o.transfer(admin, "a1", basic))
	same(w, "one's own", ids(basic, iam.HoldingQuery{Account: basic}), []string{"a1"})
	w.refused(second(o.as(basic).Holdings(o.Context(), iam.HoldingQuery{Account: admin})), iam.ErrForbidden)
	w.refused(second(o.as(basic).Holdings(o.Context(), iam.HoldingQuery{})), iam.ErrForbidden)
	same(w, "of another organisation", must(o.sibling().root().Holdings(o.Context(), iam.HoldingQuery{Account: admin}))(w), nil)
}

func holdersStay(w *world) {
	o := w.organization(devicehub.System())
	_, admin, _ := o.branch()
	o.claim(admin, "d1", "d2")
	o.unchanged(func() {
		err := o.root().Delete(o.Context(), admin)
		w.wrong(err, "Account")
		w.refused(err, iam.ErrHolds)
		w.refused(o.system().Delete(o.Context(), admin), iam.ErrHolds)
		removal := must(o.root().Preview(o.Context(), admin))(w)
		w.refused(removal.Refusal, iam.ErrHolds)
		same(w, "what it holds", removal.Holdings, must(o.root().Holdings(o.Context(), iam.HoldingQuery{Account: admin}))(w))
	})
	w.ok(o.as(admin).Release(o.Context(), devicehub.Device, "d1"))
	w.ok(o.transfer(o.rootID, "d2", o.rootID))
	w.ok(o.root().Delete(o.Context(), admin))
}

func movesUp(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	o.claim(super, "d1")
	w.ok(o.transfer(super, "d1", basic))
	w.ok(o.root().Delete(o.Context(), admin))
	equal(w, "who stands above", o.get(basic).CreatedBy, super)
	w.ok(o.transfer(super, "d1", super))
	w.ok(o.transfer(super, "d1", basic))
	w.ok(o.transfer(super, "d1", super))
	w.ok(o.as(super).Release(o.Context(), devicehub.Device, "d1"))
	w.ok(o.root().Delete(o.Context(), super))
	equal(w, "who stands above", o.get(basic).CreatedBy, o.rootID)
	same(w, "the quota of root", must(o.root().Quotas(o.Context(), o.rootID))(w),
		[]iam.Quota{{Kind: devicehub.Device, Most: iam.Unlimited, Given: 10}})
}

// A rule about a kind that makes no sense is refused when the service is made.
func TestBadHoldings(t *testing.T) {
	t.Parallel()
	good := devicehub.System().Rules.Holdings[0]
	for say, edit := range map[string]func(k iam.HeldKind) []iam.HeldKind{
		`iam: system "devicehub": the rules hold the kind "": want a base kind`: func(k iam.HeldKind) []iam.HeldKind { k.Kind = ""; return []iam.HeldKind{k} },
		`iam: system "devicehub": the rules hold the kind "settings.mail": want a base kind`: func(k iam.HeldKind) []iam.HeldKind {
			return []iam.HeldKind{{Kind: devicehub.SettingsMail}}
		},
		`iam: system "devicehub": the rules hold the kind "device" twice`: func(k iam.HeldKind) []iam.HeldKind { return []iam.HeldKind{k, k} },
		`iam: system "devicehub": the rules name the permission "device:fly", which the policy does not declare`: func(k iam.HeldKind) []iam.HeldKind {
			k.Manage = []policy.Permission{"device:fly"}
			return []iam.HeldKind{k}
		},
		`iam: system "devicehub": the rules name the permission "subaccount:list" for the kind "device"`: func(k iam.HeldKind) []iam.HeldKind {
			k.Claim = devicehub.SubaccountList
			return []iam.HeldKind{k}
		},
	} {
		system := devicehub.System()
		system.Rules.Holdings = edit(good)
		if _, err := iam.New(none{}, system, iam.Config{}); err == nil || err.Error() != say {
			t.Errorf("got %v, want %s", err, say)
		}
	}
}
