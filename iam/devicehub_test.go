package iam_test

import (
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

func TestDeviceHub(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("D2: a basic user may what was granted, task by task", tasks)
		w.run("D2: a task for a while", taskForAWhile)
		w.run("D2: tasks on a device, by its owner", tasksOnOnesOwn)
		w.run("D4: a sub-account has its fields", fields)
	})
}

func tasks(w *world) {
	o := w.organization(devicehub.System())
	ctx := o.Context()
	basic := o.account(devicehub.Basic)
	mine := devicehub.Device.Of(o.id).Named("d1").OwnedBy(basic)
	other := devicehub.Device.Of(o.id).Named("d2")
	same(w, "without a task", o.svc.Permissions(o.subject(basic), mine), nil)

	all := []policy.Permission{
		devicehub.DeviceView, devicehub.DeviceConfigure, devicehub.DeviceReboot, devicehub.DeviceUpgrade,
		devicehub.DeviceRemoteAccess, devicehub.DeviceShare, devicehub.DeviceTransfer, devicehub.DeviceDelete, devicehub.DeviceAdd,
	}
	var given []iam.Grant
	for i, task := range all {
		grant := must(o.root().GiveGrant(ctx, basic, policy.GrantPermission(task, policy.AtResource(o.id, devicehub.Device, "d1"))))(w)
		equal(w, "giver", grant.By, o.rootID)
		given = append(given, grant)
		same(w, "after "+string(task), o.svc.Permissions(o.subject(basic), mine), all[:i+1])
		same(w, "on another device", o.svc.Permissions(o.subject(basic), other), nil)
	}
	same(w, "the grants", must(o.as(basic).Grants(ctx, basic))(w), given)
	for i, grant := range given {
		w.ok(o.root().RevokeGrant(ctx, grant.ID))
		same(w, "without "+string(all[i]), o.svc.Permissions(o.subject(basic), mine), append([]policy.Permission(nil), all[i+1:]...))
	}

	// A task on every device, given by who has it on every device, and by nobody else (SB-61).
	everywhere := policy.GrantPermission(devicehub.DeviceReboot, policy.AtOrg(o.id))
	super, admin := o.account(devicehub.SuperAdmin), o.account(devicehub.Admin)
	o.unchanged(func() {
		for _, id := range []policy.AccountID{super, admin} {
			w.refused(second(o.as(id).GiveGrant(ctx, basic, everywhere)), iam.ErrForbidden)
		}
	})
	must(o.root().GiveGrant(ctx, basic, everywhere))(w)
	same(w, "everywhere", o.svc.Permissions(o.subject(basic), other), []policy.Permission{devicehub.DeviceReboot})
}

func taskForAWhile(w *world) {
	o := w.organization(devicehub.System())
	ctx := o.Context()
	basic := o.account(devicehub.Basic)
	d1 := devicehub.Device.Of(o.id).Named("d1")
	reboot := policy.GrantPermission(devicehub.DeviceReboot, policy.AtOrg(o.id))
	why := func() policy.Reason { return o.svc.Explain(o.subject(basic), devicehub.Reboot, d1).Reason }

	o.unchanged(func() {
		for _, end := range []time.Time{o.clock.now(), o.clock.now().Add(time.Microsecond), o.clock.now().Add(-time.Hour), unwritable()} {
			w.wrong(second(o.root().GiveGrant(ctx, basic, reboot.Until(end))), "Grant.Expires")
		}
	})
	// The end is kept to the millisecond, in any zone.
	end := o.clock.now().Add(time.Hour).In(time.FixedZone("east", 3600))
	grant := must(o.root().GiveGrant(ctx, basic, reboot.Until(end)))(w)
	equal(w, "the end", grant.Grant.Expires.Equal(end), true)
	o.clock.advance(time.Hour - time.Millisecond)
	equal(w, "a moment before the end", why(), policy.Allowed)
	o.clock.advance(time.Millisecond)
	equal(w, "at the end", why(), policy.Expired)
	equal(w, "what has ended is still listed", len(must(o.root().Grants(ctx, basic))(w)), 1)
}

func fields(w *world) {
	o := w.organization(devicehub.System())
	profile := iam.Profile{Name: "Ann", Username: "ann.lee", Phone: "+86 0592 000", Company: "Milesight & Söhne 🙂", Note: "two\nlines"}
	email := address("ann")
	account, warnings, err := o.root().CreateAccount(o.Context(), iam.CreateAccountParams{
		Email: email, Roles: []policy.Role{devicehub.Admin}, Active: true, Profile: profile,
	})
	w.ok(err)
	same(w, "warnings", warnings, nil)
	sameAccount(w, o.get(account.ID), account)
	stored := o.get(account.ID)
	got := iam.Profile{Name: stored.Name, Username: stored.Username, Phone: stored.Phone, Company: stored.Company, Note: stored.Note}
	equal(w, "profile", got, profile)
	equal(w, "e-mail", stored.Email, must(iam.ParseEmail(email))(w))
	same(w, "role", stored.Roles, []policy.Role{devicehub.Admin})

	// Each field is replaced, also by nothing (SB-A3).
	must(o.root().UpdateProfile(o.Context(), account.ID, iam.Profile{Username: "ann"}))(w)
	stored = o.get(account.ID)
	got = iam.Profile{Name: stored.Name, Username: stored.Username, Phone: stored.Phone, Company: stored.Company, Note: stored.Note}
	equal(w, "profile after the change", got, iam.Profile{Username: "ann"})
}

// Who holds a device's permissions as its owner gives them on that device, and on no other (D2, SB-61).
func tasksOnOnesOwn(w *world) {
	o := w.organization(devicehub.System())
	ctx := o.Context()
	admin, basic, equalOne := o.account(devicehub.Admin), o.account(devicehub.Basic), o.account(devicehub.Admin)
	own := devicehub.Device.Of(o.id).Named("d1").OwnedBy(admin)
	never := time.Time{}
	give := func(to policy.AccountID, task policy.Permission, r policy.Resource, until time.Time) error {
		return second(o.as(admin).GiveGrantOn(ctx, to, task, r, until))
	}
	o.unchanged(func() {
		w.refused(give(basic, devicehub.DeviceReboot, own.OwnedBy(equalOne), never), iam.ErrForbidden)
		w.refused(give(basic, devicehub.DeviceReboot, own.OwnedBy(""), never), iam.ErrForbidden)
		w.refused(give(basic, devicehub.SettingsMailManage, devicehub.SettingsMail.Of(o.id).Named("m"), never), iam.ErrForbidden)
		w.refused(give(equalOne, devicehub.DeviceReboot, own, never), iam.ErrForbidden) // not below it
		w.refused(second(o.as(basic).GiveGrantOn(ctx, basic, devicehub.DeviceReboot, own.OwnedBy(basic), never)), iam.ErrForbidden)
		w.wrong(give(basic, devicehub.DeviceReboot, devicehub.Subaccount.Of(o.id).Named("d1").OwnedBy(admin), never), "Grant")
		w.wrong(give(basic, devicehub.DeviceReboot, devicehub.Device.Of(o.id).OwnedBy(admin), never), "Grant")
		w.wrong(give(basic, devicehub.DeviceReboot, devicehub.Device.Of("elsewhere").Named("d1").OwnedBy(admin), never), "Grant.At")
		w.wrong(give(basic, devicehub.DeviceReboot, own, o.clock.now()), "Grant.Expires")
	})
	w.ok(give(basic, devicehub.DeviceReboot, own, o.clock.now().Add(time.Hour)))
	same(w, "on the device", o.svc.Permissions(o.subject(basic), own), []policy.Permission{devicehub.DeviceReboot})
	same(w, "on another", o.svc.Permissions(o.subject(basic), devicehub.Device.Of(o.id).Named("d2").OwnedBy(admin)), nil)
	o.clock.advance(time.Hour)
	same(w, "afterwards", o.svc.Permissions(o.subject(basic), own), nil)
}
