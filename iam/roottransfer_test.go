package iam_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestRootTransfer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-66: root offers, the receiver accepts, and there is one root", acceptRoot)
		w.run("SB-66: to whom it can be offered, and by whom", whoReceivesRoot)
		w.run("where root is not handed over", noRootTransfer)
		w.run("root and the receiver see the offer, and take it back", seeRootOffer)
		w.run("the offer holds to the millisecond", rootOfferExpires)
		w.run("the offer dies with what it was made to", rootOfferDies)
		w.run("E11: the receiver's address must be free for a root", receiverAddress)
		w.run("support hands over at once", supportTransfersRoot)
		w.run("SB-65: an administrator stays", rootTransferKeepsAdministrator)
	})
}

// roots are the organisation's root accounts.
func (o *org) roots() []policy.AccountID {
	o.Helper()
	var ids []policy.AccountID
	for _, a := range must(o.system().Accounts(o.Context(), iam.AccountQuery{Limit: 1000}))(o) {
		if a.Root {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// isRoot wants the account to be the one root, wholly.
func (o *org) isRoot(id policy.AccountID) {
	o.Helper()
	same(o, "roots", o.roots(), []policy.AccountID{id})
	root := o.get(id)
	same(o, "root's roles", root.Roles, []policy.Role{o.svc.Rules().RootRole})
	equal(o, "root's status", root.Status, iam.Active)
	equal(o, "the organisation's root", must(o.system().Organization(o.Context()))(o).Root, id)
	equal(o, "the root address", must(o.st.RootByEmail(o.Context(), root.Email))(o).ID, id)
}

func acceptRoot(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.ProjectUser, emqx.Auditor)
	o.bind(ann.ID, emqx.ProjectUser, "p1", "p2")
	old := o.get(o.rootID)
	sessions, resets := map[policy.AccountID]iam.TokenHash{}, map[policy.AccountID]iam.Token{}
	for _, id := range []policy.AccountID{ann.ID, old.ID} {
		sessions[id], resets[id] = o.signIn(id), o.resetToken(id)
		must(o.as(id).ChangeEmail(o.Context(), id, address("later")))(w)
	}
	before := o.events()
	offer := must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	equal(w, "the offer", offer, iam.RootOffer{From: old.ID, To: ann.ID, Created: o.clock.now().UTC(), Expires: o.clock.now().UTC().Add(72 * time.Hour)})
	o.isRoot(old.ID)
	mails := o.queued(ann.ID)
	last := mails[len(mails)-1]
	equal(w, "the mail", last.Template+" to "+string(last.To), "root_offer to "+string(ann.Email))
	equal(w, "the mail has a token", last.Token, "")
	equal(w, "the mail is worth sending until", last.Expires, offer.Expires)

	root := must(o.as(ann.ID).AcceptRoot(o.Context()))(w)
	equal(w, "the new root", root.ID, ann.ID)
	o.isRoot(ann.ID)
	former := o.get(old.ID)
	same(w, "the former root's roles", former.Roles, []policy.Role{emqx.Administrator})
	equal(w, "its status", former.Status, iam.Active)
	equal(w, "bindings of the new root", len(must(o.system().Bindings(o.Context(), ann.ID))(w)), 0)
	for _, id := range []policy.AccountID{ann.ID, old.ID} {
		o.noAccess(sessions[id], resets[id])
		same(w, "mails", o.sent(id), []string{"root_transferred to " + string(o.get(id).Email)})
		w.refused(o.as(id).CancelEmailChange(o.Context(), id), iam.ErrNotFound)
	}
	same(w, "events", types(o.since(before)), []iam.EventType{
		iam.RootOffered, iam.SessionsEnded, iam.AccountRolesChanged,
		iam.ProjectUnbound, iam.ProjectUnbound, iam.SessionsEnded, iam.AccountRolesChanged, iam.RootTransferred,
	})
	w.refused(second(o.as(ann.ID).AcceptRoot(o.Context())), iam.ErrNotFound)
	w.refused(second(o.as(old.ID).OfferRoot(o.Context(), ann.ID)), iam.ErrForbidden)

	// What was root is a sub-account now, and nobody but root is above it (E2).
	must(o.as(ann.ID).Disable(o.Context(), old.ID))(w)
	w.refused(second(o.as(ann.ID).Disable(o.Context(), ann.ID)), iam.ErrRoot)
}

func whoReceivesRoot(w *world) {
	o := w.organization(emqx.System())
	ann, admin := o.member(emqx.Auditor), o.member(emqx.Administrator)
	disabled := o.member(emqx.Auditor)
	must(o.root().Disable(o.Context(), disabled.ID))(w)
	pending := o.create(iam.CreateAccountParams{Email: address("x"), Roles: []policy.Role{emqx.Auditor}})
	foreign := o.sibling().member(emqx.Auditor)
	for _, id := range []policy.AccountID{disabled.ID, pending.ID, o.account(emqx.Auditor), o.rootID} {
		o.unchanged(func() { w.wrong(second(o.root().OfferRoot(o.Context(), id)), "To") })
	}
	for _, id := range []policy.AccountID{foreign.ID, "nobody", "", "a\x00"} {
		o.unchanged(func() { w.refused(second(o.root().OfferRoot(o.Context(), id)), iam.ErrNotFound) })
	}
	for _, actor := range []iam.Actor{o.as(admin.ID), o.as(ann.ID), o.system(), o.as(disabled.ID), {}} {
		w.refused(second(actor.OfferRoot(o.Context(), ann.ID)), iam.ErrForbidden)
	}
	w.refused(second(o.root().RootOffer(o.Context())), iam.ErrNotFound)
	o.isRoot(o.rootID)
}

func noRootTransfer(w *world) {
	o := w.organization(devicehub.System())
	admin := o.member(devicehub.SuperAdmin)
	w.wrong(second(o.root().OfferRoot(o.Context(), admin.ID)), "Root")
	w.wrong(second(o.svc.System("test").TransferRoot(o.Context(), o.id, admin.ID)), "Root")
	rootless := emqx.System()
	rootless.Rules.RootRole, rootless.Rules.Administrators = "", []policy.Role{emqx.Administrator}
	n := w.rootless(rootless)
	w.wrong(second(n.svc.System("test").TransferRoot(n.Context(), n.id, n.member(emqx.Auditor).ID)), "Root")
	m := w.rootless(emqx.System())
	w.wrong(second(m.svc.System("test").TransferRoot(m.Context(), m.id, m.member(emqx.Auditor).ID)), "Root")
	w.refused(second(o.svc.System("test").TransferRoot(o.Context(), "nowhere", admin.ID)), iam.ErrNotFound)
	var zero iam.SystemActor
	w.refused(second(zero.TransferRoot(o.Context(), o.id, admin.ID)), iam.ErrForbidden)
}

func seeRootOffer(w *world) {
	o := w.organization(emqx.System())
	ann, bob := o.member(emqx.Auditor), o.member(emqx.Administrator)
	for _, actor := range []iam.Actor{o.root(), o.as(ann.ID)} {
		w.refused(second(actor.RootOffer(o.Context())), iam.ErrNotFound)
		w.refused(actor.WithdrawRootOffer(o.Context()), iam.ErrNotFound)
	}
	for _, taker := range []policy.AccountID{o.rootID, ann.ID} {
		offer := must(o.root().OfferRoot(o.Context(), ann.ID))(w)
		o.unchanged(func() {
			for _, actor := range []iam.Actor{o.root(), o.as(ann.ID), o.system()} {
				equal(w, "the offer", must(actor.RootOffer(o.Context()))(w), offer)
			}
			w.refused(second(o.as(bob.ID).RootOffer(o.Context())), iam.ErrNotFound)
			w.refused(o.as(bob.ID).WithdrawRootOffer(o.Context()), iam.ErrNotFound)
			w.refused(second(o.as(bob.ID).AcceptRoot(o.Context())), iam.ErrNotFound)
			w.refused(second(o.root().AcceptRoot(o.Context())), iam.ErrNotFound)
		})
		w.ok(o.as(taker).WithdrawRootOffer(o.Context()))
		w.refused(second(o.as(ann.ID).AcceptRoot(o.Context())), iam.ErrNotFound)
		same(w, "on their way", o.sent(ann.ID), nil)
		equal(w, "the last event", o.events()[len(o.events())-1].Type, iam.RootOfferWithdrawn)
	}
	w.refused(second(iam.Actor{}.RootOffer(o.Context())), iam.ErrForbidden)
	// There is one offer: another takes its place.
	must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	must(o.root().OfferRoot(o.Context(), bob.ID))(w)
	w.refused(second(o.as(ann.ID).AcceptRoot(o.Context())), iam.ErrNotFound)
	same(w, "on their way", o.sent(ann.ID), nil)
	must(o.as(bob.ID).AcceptRoot(o.Context()))(w)
	o.isRoot(bob.ID)
}

func rootOfferExpires(w *world) {
	o := w.organization(lanit.System())
	ann := o.member(lanit.Member)
	must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	o.clock.advance(72 * time.Hour)
	w.refused(second(o.as(ann.ID).AcceptRoot(o.Context())), iam.ErrNotFound)
	w.refused(second(o.as(ann.ID).RootOffer(o.Context())), iam.ErrNotFound)
	w.refused(o.root().WithdrawRootOffer(o.Context()), iam.ErrNotFound)
	o.isRoot(o.rootID)
	must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	o.clock.advance(72*time.Hour - time.Millisecond)
	must(o.as(ann.ID).AcceptRoot(o.Context()))(w)
	o.isRoot(ann.ID)
	same(w, "the former root's roles", o.get(o.rootID).Roles, []policy.Role{lanit.Admin})
}

func rootOfferDies(w *world) {
	o := w.organization(emqx.System())
	for what, then := range map[string]func(id policy.AccountID){
		"disabled and enabled": func(id policy.AccountID) {
			must(o.root().Disable(o.Context(), id))(w)
			must(o.root().Enable(o.Context(), id))(w)
		},
		"given another role, and that one back": func(id policy.AccountID) {
			for _, role := range []policy.Role{emqx.Accountant, emqx.Auditor} {
				_, _, err := o.root().SetRoles(o.Context(), id, role)
				w.ok(err)
			}
		},
		"deleted": func(id policy.AccountID) { w.ok(o.root().Delete(o.Context(), id)) },
		"passed over": func(policy.AccountID) {
			next := o.member(emqx.Auditor).ID
			must(o.svc.System("test").TransferRoot(o.Context(), o.id, next))(w)
			o.rootID = next
		},
	} {
		ann, bob := o.member(emqx.Auditor), o.member(emqx.Auditor)
		must(o.root().OfferRoot(o.Context(), ann.ID))(w)
		// What happens to others leaves it.
		must(o.root().Disable(o.Context(), bob.ID))(w)
		must(o.as(ann.ID).RootOffer(o.Context()))(w)
		actor, before := o.as(ann.ID), o.events()
		then(ann.ID)
		if what != "passed over" && !slices.Contains(types(o.since(before)), iam.RootOfferWithdrawn) {
			w.Errorf("no event says that the offer to an account that was %s is off", what)
		}
		w.refused(second(o.root().RootOffer(o.Context())), iam.ErrNotFound)
		if err := second(actor.AcceptRoot(o.Context())); err == nil {
			w.Errorf("an offer was accepted by an account that was %s", what)
		}
		o.isRoot(o.rootID)
		for _, sent := range o.sent(ann.ID) {
			if sent == "root_offer to "+string(ann.Email) {
				w.Errorf("the offer to an account that was %s is on its way", what)
			}
		}
	}
}

func receiverAddress(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	ann := o.member(emqx.Auditor)
	must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	must(o.svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Email: string(ann.Email)}, // E11: a sub-account's address can be another root's
	}))(w)
	o.unchanged(func() { w.wrong(second(o.as(ann.ID).AcceptRoot(o.Context())), "To") })
	w.wrong(second(o.root().OfferRoot(o.Context(), ann.ID)), "To")
	o.isRoot(o.rootID)
	other.isRoot(other.rootID)
}

func supportTransfersRoot(w *world) {
	o := w.organization(emqx.System())
	ann, off := o.member(emqx.Auditor), o.member(emqx.Auditor)
	must(o.root().Disable(o.Context(), off.ID))(w)
	support := o.svc.System("ticket 7")
	w.wrong(second(support.TransferRoot(o.Context(), o.id, off.ID)), "To")
	w.wrong(second(support.TransferRoot(o.Context(), o.id, o.rootID)), "To")
	w.refused(second(support.TransferRoot(o.Context(), o.id, "nobody")), iam.ErrNotFound)
	before := o.events()
	must(support.TransferRoot(o.Context(), o.id, ann.ID))(w)
	o.isRoot(ann.ID)
	for _, e := range o.since(before) {
		equal(w, "the reason", e.Reason, "ticket 7")
	}
}

func rootTransferKeepsAdministrator(w *world) {
	system := emqx.System()
	system.Rules.Administrators, system.Rules.FormerRoot = []policy.Role{emqx.Administrator}, emqx.Auditor
	o := w.organization(system)
	admin := o.member(emqx.Administrator)
	must(o.root().OfferRoot(o.Context(), admin.ID))(w)
	o.unchanged(func() { w.refused(second(o.as(admin.ID).AcceptRoot(o.Context())), iam.ErrLastAdministrator) })
	o.member(emqx.Administrator)
	must(o.as(admin.ID).AcceptRoot(o.Context()))(w)
	o.isRoot(admin.ID)
}

// TestRootTransferSequences does random things to the root of an organisation and to whom it may come: there is exactly
// one root behind each, whole and active, and an administrator (D1, SB-65, SB-66).
func TestRootTransferSequences(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		moved := 0
		rapid.Check(t, func(t *rapid.T) {
			o := w.organization(emqx.System())
			ids := []policy.AccountID{o.rootID, o.member(emqx.Administrator).ID, o.member(emqx.Auditor).ID, o.member(emqx.ProjectUser).ID}
			root := o.rootID
			for range 15 {
				actor, target := pick(t, ids), pick(t, ids)
				sub, err := o.svc.Subject(o.Context(), actor)
				if err != nil {
					continue // it was deleted
				}
				a := o.svc.As(sub)
				switch rapid.IntRange(0, 8).Draw(t, "act") {
				case 0, 1:
					_, _ = o.svc.As(o.subject(root)).OfferRoot(o.Context(), target)
				case 2, 3:
					if _, err := a.AcceptRoot(o.Context()); err == nil {
						root = actor
						moved++
					}
				case 4:
					_ = a.WithdrawRootOffer(o.Context())
				case 5:
					_, _ = a.Disable(o.Context(), target)
				case 6:
					_, _ = a.Enable(o.Context(), target)
				case 7:
					_, _, _ = a.SetRoles(o.Context(), target, pick(t, subAccountRoles))
				case 8:
					_, _ = a.HandOver(o.Context(), iam.HandOverParams{From: target, To: pick(t, ids), Then: iam.ThenDelete, DropRest: true})
				}
				o.clock.advance(time.Minute)
				o.isRoot(root)
				if t.Failed() || w.Failed() {
					t.Fatalf("the root is not the one that it should be")
				}
			}
		})
		if moved == 0 {
			t.Error("root was never handed over: the test proves nothing")
		}
	})
}
