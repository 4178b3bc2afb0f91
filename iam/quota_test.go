package iam_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("D4, D5: what is held and given never exceeds the quota", quotaAdds)
		w.run("D5, D7: a quota is changed within what is there", quotaChanges)
		w.run("D7: by whom", quotaBy)
		w.run("SB-73: an invitation reserves, and accepting counts once", quotaInvited)
		w.run("SB-73: who is disabled keeps it, and who goes gives it back", quotaLives)
		w.run("L6: who is invited again is not counted twice", quotaAgain)
		w.run("the System limits the organisation", quotaOfRoot)
		w.run("without root nobody limits those at the top", quotaRootless)
		w.run("SB-66: the organisation's limit goes with root", quotaMovesWithRoot)
		w.run("a device that moves counts where it is", quotaTransfer)
		w.run("limits that are none are refused", badQuotas)
	})
}

// quota wants an account's quota of devices.
func (o *org) quota(id policy.AccountID, want iam.Quota) {
	o.Helper()
	want.Kind = devicehub.Device
	same(o, "quotas of "+string(id), must(o.system().Quotas(o.Context(), id))(o), []iam.Quota{want})
}

// allow sets an account's quota of devices.
func (o *org) allow(by, id policy.AccountID, most int) error {
	o.Helper()
	return second(o.as(by).SetQuota(o.Context(), id, devicehub.Device, most))
}

// exceeds wants an ErrQuota about a field.
func (w *world) exceeds(err error, field string) {
	w.Helper()
	w.wrong(err, field)
	w.refused(err, iam.ErrQuota)
}

func (o *org) makes(by policy.AccountID, role policy.Role, quota int) error {
	o.Helper()
	_, _, err := o.as(by).CreateAccount(o.Context(), iam.CreateAccountParams{
		Roles: []policy.Role{role}, Quotas: map[policy.Kind]int{devicehub.Device: quota},
	})
	return err
}

func quotaAdds(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 5)
	o.quota(o.rootID, iam.Quota{Most: iam.Unlimited, Given: 5})
	admin := o.under(super, devicehub.Admin, 3)
	o.quota(super, iam.Quota{Most: 5, Given: 3})
	o.claim(super, "s1")
	o.unchanged(func() {
		err := o.makes(super, devicehub.Basic, 2)
		w.exceeds(err, "Quotas")
		equal(w, "the text, with the numbers", err.Error(), `iam: Quotas: the quota of 5 is exceeded: `+
			`with this the account would hold 1 of the kind "device" itself and have given 5 to its sub-accounts`)
	})
	basic := o.under(super, devicehub.Basic, 1)
	o.quota(super, iam.Quota{Most: 5, Held: 1, Given: 4})
	o.unchanged(func() {
		w.exceeds(second(o.as(super).Claim(o.Context(), devicehub.Device, "s2")), "ID")
		w.exceeds(o.makes(super, devicehub.Basic, 1), "Quotas")
		w.exceeds(o.makes(admin, devicehub.Basic, 4), "Quotas")
	})
	w.ok(o.makes(super, devicehub.Basic, 0))
	o.claim(admin, "a1", "a2", "a3")
	o.quota(admin, iam.Quota{Most: 3, Held: 3})
	w.exceeds(second(o.as(admin).Claim(o.Context(), devicehub.Device, "a4")), "ID")
	w.exceeds(o.makes(admin, devicehub.Basic, 1), "Quotas")
	// Everybody sees their own, and who sees the accounts those of all.
	must(o.as(basic).Quotas(o.Context(), basic))(w)
	w.refused(second(o.as(basic).Quotas(o.Context(), admin)), iam.ErrForbidden)
	must(o.as(admin).Quotas(o.Context(), super))(w)
	// Without one, an account holds nothing.
	none := o.account(devicehub.Admin)
	w.exceeds(second(o.as(none).Claim(o.Context(), devicehub.Device, "n1")), "ID")
	o.quota(none, iam.Quota{})
	for q, want := range map[iam.Quota]int{
		{Most: iam.Unlimited, Held: 9, Given: 9}: iam.Unlimited, {Most: 5, Held: 1, Given: 2}: 2, {Most: 5, Held: 3, Given: 2}: 0, {Held: 1}: 0,
	} {
		equal(w, fmt.Sprintf("left of %+v", q), q.Left(), want)
	}
}

func quotaChanges(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 10)
	admin := o.under(super, devicehub.Admin, 4)
	o.under(admin, devicehub.Basic, 1)
	o.claim(admin, "d1", "d2")
	before := o.events()
	set := must(o.as(super).SetQuota(o.Context(), admin, devicehub.Device, 6))(w)
	equal(w, "the quota", set, iam.Quota{Kind: devicehub.Device, Most: 6, Held: 2, Given: 1})
	same(w, "events", saidAll(o.since(before)), []string{`quota.changed, kind "device" to "device", most "4" to "6"`})
	w.ok(o.allow(super, admin, 10)) // all that there is
	o.unchanged(func() {
		w.exceeds(o.allow(super, admin, 11), "Most")
		w.exceeds(o.allow(super, admin, 2), "Most") // below what is in use
		w.exceeds(o.allow(o.rootID, super, 9), "Most")
		w.exceeds(o.allow(o.rootID, admin, 11), "Most") // its creator has not as many, whoever asks
		w.exceeds(second(o.system().SetQuota(o.Context(), admin, devicehub.Device, 11)), "Most")
	})
	w.ok(o.allow(super, admin, 3)) // exactly what is in use
	o.quota(super, iam.Quota{Most: 10, Given: 3})
	before = o.events()
	w.ok(o.allow(super, admin, 3)) // as it is
	equal(w, "events of a change that is none", len(o.since(before)), 0)
	w.ok(o.allow(o.rootID, super, 3))
	w.ok(o.allow(o.rootID, super, 300))
}

func quotaBy(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.branch()
	stranger := o.under(super, devicehub.Admin, 20)
	o.unchanged(func() {
		w.refused(o.allow(basic, basic, 5), iam.ErrForbidden)
		w.refused(o.allow(admin, admin, 60), iam.ErrForbidden) // its own
		w.refused(o.allow(admin, super, 200), iam.ErrForbidden)
		w.refused(o.allow(stranger, basic, 5), iam.ErrForbidden) // not below it
		w.refused(o.allow(o.rootID, o.rootID, 1000), iam.ErrForbidden)
		w.refused(o.allow(super, "nobody", 5), iam.ErrNotFound)
		w.refused(o.allow(super, o.sibling().rootID, 5), iam.ErrNotFound)
	})
	for _, by := range []policy.AccountID{admin, super, o.rootID} {
		w.ok(o.allow(by, basic, 5))
		w.ok(o.allow(by, basic, 6))
	}
}

func quotaInvited(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 3)
	invite := func(email string, quota int) (iam.Invitation, error) {
		i, _, err := o.as(super).Invite(o.Context(), iam.InviteParams{
			Email: email, Roles: []policy.Role{devicehub.Admin}, Quotas: map[policy.Kind]int{devicehub.Device: quota},
		})
		return i, err
	}
	o.unchanged(func() { w.exceeds(second(invite(address("ann"), 4)), "Quotas") })
	i := must(invite(address("ann"), 3))(w)
	o.quota(super, iam.Quota{Most: 3, Given: 3})
	o.unchanged(func() {
		w.exceeds(second(invite(address("bob"), 1)), "Quotas")
		w.exceeds(second(o.as(super).Claim(o.Context(), devicehub.Device, "d1")), "ID")
	})
	o.clock.advance(time.Minute)
	must(o.as(super).ResendInvitation(o.Context(), i.Account))(w) // which takes no room
	token := o.follow(i.Account, iam.ForInvitation)
	must(o.svc.AcceptInvitation(o.Context(), token, iam.AcceptParams{}))(w)
	o.quota(super, iam.Quota{Most: 3, Given: 3})
	o.quota(i.Account, iam.Quota{Most: 3})
	o.claim(i.Account, "d1", "d2", "d3")
	o.quota(super, iam.Quota{Most: 3, Given: 3})
}

func quotaLives(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 4)
	admin := o.under(super, devicehub.Admin, 4)
	basic := o.under(admin, devicehub.Basic, 2)
	must(o.root().Disable(o.Context(), admin))(w)
	o.quota(super, iam.Quota{Most: 4, Given: 4})
	w.exceeds(second(o.as(super).Claim(o.Context(), devicehub.Device, "d1")), "ID")
	w.ok(o.as(super).Delete(o.Context(), admin))
	o.quota(super, iam.Quota{Most: 4, Given: 2}) // the basic user's, who has moved up
	w.ok(o.as(super).Delete(o.Context(), basic))
	o.quota(super, iam.Quota{Most: 4})
	o.claim(super, "d1", "d2", "d3", "d4")
}

func quotaAgain(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 3)
	params := iam.InviteParams{Email: address("ann"), Roles: []policy.Role{devicehub.Admin}, Quotas: map[policy.Kind]int{devicehub.Device: 3}}
	for range 2 {
		_, _, err := o.as(super).Invite(o.Context(), params)
		w.ok(err)
		o.quota(super, iam.Quota{Most: 3, Given: 3})
		o.clock.advance(iam.DefaultInvitationLifetime)
	}
	invited := must(o.root().Invitations(o.Context(), iam.InvitationQuery{}))(w)
	equal(w, "invitations", len(invited), 1)
	w.ok(o.as(super).RevokeInvitation(o.Context(), invited[0].Account))
	o.quota(super, iam.Quota{Most: 3})
}

func quotaOfRoot(w *world) {
	o := w.organizationWith(devicehub.System(), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Email: address("root"), Quotas: map[policy.Kind]int{devicehub.Device: 5}},
	})
	o.quota(o.rootID, iam.Quota{Most: 5})
	limit := func(most int) error {
		return second(o.system().SetQuota(o.Context(), o.rootID, devicehub.Device, most))
	}
	super := o.under(o.rootID, devicehub.SuperAdmin, 3)
	o.claim(o.rootID, "d1", "d2")
	o.unchanged(func() {
		w.exceeds(second(o.root().Claim(o.Context(), devicehub.Device, "d3")), "ID")
		w.exceeds(o.allow(o.rootID, super, 4), "Most")
		w.refused(o.allow(o.rootID, o.rootID, 6), iam.ErrForbidden)
		w.exceeds(limit(4), "Most")
		// What the system creates counts as root's.
		_, _, err := o.system().CreateAccount(o.Context(), iam.CreateAccountParams{
			Roles: []policy.Role{devicehub.Admin}, Quotas: map[policy.Kind]int{devicehub.Device: 1},
		})
		w.exceeds(err, "Quotas")
	})
	w.ok(limit(6))
	o.claim(o.rootID, "d3")
	before := o.events()
	w.ok(limit(iam.Unlimited))
	same(w, "events", saidAll(o.since(before)), []string{`quota.changed, kind "device" to "device", most "6" to "unlimited"`})
	w.ok(o.allow(o.rootID, super, iam.MaxQuota))
	o.quota(o.rootID, iam.Quota{Most: iam.Unlimited, Held: 3, Given: iam.MaxQuota})
}

func quotaRootless(w *world) {
	o := w.rootless(devicehub.System())
	top := o.account(devicehub.SuperAdmin)
	must(o.system().SetQuota(o.Context(), top, devicehub.Device, 2))(w)
	o.claim(top, "d1", "d2")
	w.exceeds(second(o.as(top).Claim(o.Context(), devicehub.Device, "d3")), "ID")
	w.refused(o.allow(top, top, 3), iam.ErrForbidden)
}

// quotaMovesWithRoot hands root over from above to below and back, and wants every sum to stay within the limit.
func quotaMovesWithRoot(w *world) {
	o := w.organizationWith(withHoldings(emqx.System()), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Email: address("root"), Quotas: map[policy.Kind]int{emqx.Deployment: 10}},
	})
	under := func(creator policy.AccountID, quota int) policy.AccountID {
		account, _, err := o.as(creator).CreateAccount(o.Context(), iam.CreateAccountParams{
			Email: address("ann"), Roles: []policy.Role{emqx.Administrator}, Active: true, Quotas: map[policy.Kind]int{emqx.Deployment: quota},
		})
		w.ok(err)
		return account.ID
	}
	a := under(o.rootID, 7)
	b := under(a, 4)
	c := under(b, 2)
	claims := func(id policy.AccountID, resource string) error {
		return second(o.as(id).Claim(o.Context(), emqx.Deployment, resource))
	}
	for _, id := range []policy.AccountID{o.rootID, a, b, c} {
		w.ok(claims(id, "of "+string(id)))
	}
	want := func(id policy.AccountID, q iam.Quota) {
		w.Helper()
		q.Kind = emqx.Deployment
		same(w, "quota", must(o.system().Quotas(o.Context(), id))(w), []iam.Quota{q})
	}
	move := func(to policy.AccountID) { must(o.svc.System("test").TransferRoot(o.Context(), o.id, to))(w) }

	move(b)
	want(b, iam.Quota{Most: 10, Held: 1, Given: 2 + 4}) // c, and the former root, below whom a is
	want(a, iam.Quota{Most: 3, Held: 1})
	want(o.rootID, iam.Quota{Most: 4, Held: 1, Given: 3})
	want(c, iam.Quota{Most: 2, Held: 1})
	w.ok(second(o.as(b).SetQuota(o.Context(), o.rootID, emqx.Deployment, 7)))
	w.exceeds(claims(b, "one too many"), "ID")

	move(c)
	// Now b is below a again, who is below the first root, who is below c.
	want(c, iam.Quota{Most: 10, Held: 1, Given: 8})
	want(o.rootID, iam.Quota{Most: 8, Held: 1, Given: 4})
	want(a, iam.Quota{Most: 4, Held: 1, Given: 1})
	want(b, iam.Quota{Most: 1, Held: 1})
	w.ok(claims(c, "the last"))
	w.exceeds(claims(c, "one too many"), "ID")
	w.ok(claims(o.rootID, "fits"))
}

func quotaTransfer(w *world) {
	o := w.organization(devicehub.System())
	super := o.under(o.rootID, devicehub.SuperAdmin, 3)
	admin := o.under(super, devicehub.Admin, 1)
	o.claim(super, "d1", "d2")
	w.ok(o.transfer(super, "d1", admin))
	o.quota(super, iam.Quota{Most: 3, Held: 1, Given: 1})
	o.quota(admin, iam.Quota{Most: 1, Held: 1})
	o.unchanged(func() { w.exceeds(o.transfer(super, "d2", admin), "To") })
	o.claim(super, "d3")
	o.unchanged(func() { w.exceeds(o.transfer(super, "d1", super), "To") })
	w.ok(o.as(super).Release(o.Context(), devicehub.Device, "d3"))
	w.ok(o.transfer(super, "d1", super))
	o.quota(admin, iam.Quota{Most: 1})
}

func badQuotas(w *world) {
	o := w.organization(devicehub.System())
	super, _, _ := o.branch()
	o.unchanged(func() {
		for _, most := range []int{-1, -5, iam.MaxQuota + 1} {
			w.wrong(o.allow(o.rootID, super, most), "Most")
			w.wrong(o.makes(o.rootID, devicehub.Basic, most), "Quotas")
		}
		w.wrong(second(o.root().SetQuota(o.Context(), super, "deviec", 1)), "Kind")
		_, _, err := o.root().CreateAccount(o.Context(), iam.CreateAccountParams{
			Roles: []policy.Role{devicehub.Basic}, Quotas: map[policy.Kind]int{"deviec": 1},
		})
		w.wrong(err, "Quotas")
	})
	system := devicehub.System()
	system.Rules.Holdings[0].Quota = false
	free := w.organization(system)
	admin := free.account(devicehub.Admin)
	free.claim(admin, "d1", "d2") // as many as it likes
	same(w, "quotas", must(free.as(admin).Quotas(w.Context(), admin))(w), nil)
	w.wrong(second(free.root().SetQuota(w.Context(), admin, devicehub.Device, 1)), "Kind")
}
