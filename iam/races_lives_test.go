package iam_test

import (
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestLifeRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-13: both addresses confirm at once, and the change is made once", raceBothConfirm)
		w.run("SB-13: one link is used once", raceOneEmailLink)
		w.run("SB-38: who is disabled confirms nothing after", raceConfirmDisable)
		w.run("SB-92: two want one address", raceConfirmSameAddress)
		w.run("SB-66: one offer is accepted once", raceAcceptRoot)
		w.run("SB-66: one root, whatever happens to the receiver", raceAcceptRootOfTheGone)
		w.run("SB-66: one root, whoever hands over", raceTransfers)
		w.run("E14: what is handed over is in one place, or gone with it", raceHandOverDelete)
		w.run("an account is handed over once", raceHandOverTwice)
		w.run("SB-65: the last administrator is not handed over", raceHandOverAdministrators)
	})
}

// asked lets the account ask for another address, and returns its links.
func (o *org) asked(id policy.AccountID, address string) (old, next iam.Token) {
	o.Helper()
	must(o.system().ChangeEmail(o.Context(), id, address))(o)
	return o.follow(id, iam.ForOldEmail), o.follow(id, iam.ForNewEmail)
}

// confirming follows a link, and says whether the change is done by it.
func (o *org) confirming(token iam.Token, done *bool) func() error {
	return func() (err error) {
		_, *done, err = o.svc.ConfirmEmail(o.Context(), token)
		return err
	}
}

func count(all ...bool) (n int) {
	for _, one := range all {
		if one {
			n++
		}
	}
	return n
}

func raceBothConfirm(w *world) {
	o := w.organization(emqx.System())
	w.rounds(func() {
		ann := o.member(emqx.Auditor)
		next := address("anna")
		one, two := o.asked(ann.ID, next)
		before := o.events()
		var done [2]bool
		errs := atOnce(o.confirming(one, &done[0]), o.confirming(two, &done[1]))
		equal(w, "confirmed", w.expected(errs), 2)
		equal(w, "done", count(done[:]...), 1)
		equal(w, "the address", o.get(ann.ID).Email, iam.Email(next))
		changes := 0
		for _, e := range o.since(before) {
			if e.Type == iam.EmailChanged {
				changes++
			}
		}
		equal(w, "changes", changes, 1)
	})
}

func raceOneEmailLink(w *world) {
	o := w.organization(emqx.System())
	w.rounds(func() {
		ann := o.member(emqx.Auditor)
		one, two := o.asked(ann.ID, address("anna"))
		for _, token := range []iam.Token{one, two} {
			var all []func() error
			for range 10 {
				all = append(all, o.confirming(token, new(bool)))
			}
			equal(w, "confirmed", w.expected(atOnce(all...), iam.ErrToken), 1)
		}
	})
}

func raceConfirmDisable(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		ann := o.member(emqx.Auditor)
		one, two := o.asked(ann.ID, address("anna"))
		o.confirm(one)
		session, reset := o.signIn(ann.ID), o.resetToken(ann.ID)
		var done bool
		errs := atOnce(o.confirming(two, &done), func() error { return second(root.Disable(o.Context(), ann.ID)) })
		w.expected(errs[:1], iam.ErrToken)
		w.ok(errs[1])
		equal(w, "the old address is left", o.get(ann.ID).Email == ann.Email, !done)
		equal(w, "status", o.get(ann.ID).Status, iam.Disabled)
		o.noAccess(session, reset)
		w.refused(o.system().CancelEmailChange(o.Context(), ann.ID), iam.ErrNotFound)
	})
}

func raceConfirmSameAddress(w *world) {
	here := w.organization(emqx.System())
	everywhere := w.organization(lanit.System())
	elsewhere := everywhere.sibling()
	w.rounds(func() {
		for _, c := range [][2]*org{{here, here}, {everywhere, elsewhere}} {
			role := emqx.Auditor
			if c[0] != here {
				role = lanit.Member
			}
			next := address("anna")
			var ids [2]policy.AccountID
			var done [2]bool
			var all []func() error
			for i, o := range c {
				ids[i] = o.member(role).ID
				one, two := o.asked(ids[i], next)
				o.confirm(one)
				all = append(all, o.confirming(two, &done[i]))
			}
			errs := atOnce(all...)
			equal(w, "confirmed", w.expected(errs, iam.ErrExists), 1)
			equal(w, "done", count(done[:]...), 1)
			for i, o := range c {
				equal(w, "has the address", o.get(ids[i]).Email == iam.Email(next), done[i])
			}
		}
	})
}

func raceAcceptRoot(w *world) {
	o := w.organization(emqx.System())
	root := o.rootID
	w.rounds(func() {
		ann := o.member(emqx.ProjectUser).ID
		must(o.as(root).OfferRoot(o.Context(), ann))(w)
		receiver, former := o.as(ann), o.as(root)
		var all []func() error
		for range 6 {
			all = append(all, func() error { return second(receiver.AcceptRoot(o.Context())) })
		}
		errs := atOnce(append(all, func() error { return former.WithdrawRootOffer(o.Context()) })...)
		n := w.expected(errs[:6], iam.ErrNotFound)
		withdrawn := w.expected(errs[6:], iam.ErrNotFound)
		equal(w, "accepted or withdrawn", n+withdrawn, 1)
		if n == 1 {
			root = ann
		}
		o.isRoot(root)
	})
}

func raceAcceptRootOfTheGone(w *world) {
	o := w.organization(emqx.System())
	root := o.rootID
	admin := o.member(emqx.Administrator).ID
	ways := map[string]func(a iam.Actor, id policy.AccountID) error{
		"disabled": func(a iam.Actor, id policy.AccountID) error { return second(a.Disable(o.Context(), id)) },
		"deleted":  func(a iam.Actor, id policy.AccountID) error { return a.Delete(o.Context(), id) },
		"given another role": func(a iam.Actor, id policy.AccountID) error {
			_, _, err := a.SetRoles(o.Context(), id, emqx.Accountant)
			return err
		},
		"handed over": func(a iam.Actor, id policy.AccountID) error {
			return second(a.HandOver(o.Context(), iam.HandOverParams{From: id, To: admin, Then: iam.ThenDelete, DropRest: true}))
		},
	}
	w.rounds(func() {
		for what, gone := range ways {
			for who, by := range map[string]iam.Actor{"an administrator": o.as(admin), "the system": o.system()} {
				ann := o.member(emqx.ProjectUser).ID
				must(o.as(root).OfferRoot(o.Context(), ann))(w)
				receiver := o.as(ann)
				errs := atOnce(
					func() error { return second(receiver.AcceptRoot(o.Context())) },
					func() error { return gone(by, ann) },
				)
				accepted := w.expected(errs[:1], iam.ErrNotFound, iam.ErrForbidden)
				wasGone := w.expected(errs[1:], iam.ErrForbidden, iam.ErrRoot)
				if accepted+wasGone != 1 {
					w.Errorf("accepted against %s by %s: got %v, want one to win", what, who, errs)
				}
				if accepted == 1 {
					root = ann
				}
				o.isRoot(root)
			}
		}
	})
}

func raceTransfers(w *world) {
	o := w.organization(emqx.System())
	root := o.rootID
	w.rounds(func() {
		ann, bob, eve := o.member(emqx.ProjectUser).ID, o.member(emqx.Auditor).ID, o.member(emqx.Administrator).ID
		must(o.as(root).OfferRoot(o.Context(), ann))(w)
		receiver, former := o.as(ann), o.as(root)
		support := o.svc.System("support")
		errs := atOnce(
			func() error { return second(receiver.AcceptRoot(o.Context())) },
			func() error { return second(support.TransferRoot(o.Context(), o.id, bob)) },
			func() error { return second(support.TransferRoot(o.Context(), o.id, eve)) },
			func() error { return second(former.OfferRoot(o.Context(), eve)) },
		)
		w.expected(errs[:1], iam.ErrNotFound)
		w.expected(errs[1:3], iam.ErrInvalid)
		w.expected(errs[3:], iam.ErrForbidden, iam.ErrInvalid)
		roots := o.roots()
		if len(roots) != 1 {
			w.Fatalf("got the roots %v, want one", roots)
		}
		former, root = o.as(root), roots[0]
		o.isRoot(root)
		w.refused(second(former.OfferRoot(o.Context(), ann)), iam.ErrForbidden)
		w.refused(second(o.as(ann).AcceptRoot(o.Context())), iam.ErrNotFound)
	})
}

func raceHandOverDelete(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		from, to := o.member(emqx.ProjectUser).ID, o.member(emqx.ProjectUser).ID
		o.bind(from, emqx.ProjectUser, "p1")
		must(root.GiveGrant(o.Context(), from, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))))(w)
		errs := atOnce(
			func() error {
				return second(root.HandOver(o.Context(), iam.HandOverParams{From: from, To: to, Then: iam.ThenDelete}))
			},
			func() error { return root.Delete(o.Context(), to) },
			func() error {
				return root.Bind(o.Context(), iam.Binding{Account: from, Role: emqx.ProjectUser, Project: "p2"})
			},
		)
		w.expected(errs, iam.ErrNotFound)
		w.ok(errs[1])
		state := o.state()
		equal(w, "rows left of the receiver", strings.Count(state, "account_id="+string(to)), 0)
		if errs[0] == nil {
			equal(w, "rows left of who handed over", strings.Count(state, "account_id="+string(from)), 0)
			return
		}
		bound := must(root.Bindings(o.Context(), from))(w)
		equal(w, "what stayed", len(bound), 1+count(errs[2] == nil))
	})
}

func raceHandOverTwice(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		from := o.member(emqx.ProjectUser).ID
		o.bind(from, emqx.ProjectUser, "p1", "p2")
		to := []policy.AccountID{o.member(emqx.ProjectUser).ID, o.member(emqx.ProjectUser).ID}
		var all []func() error
		for _, id := range to {
			all = append(all, func() error {
				return second(root.HandOver(o.Context(), iam.HandOverParams{From: from, To: id, Then: iam.ThenDelete}))
			})
		}
		errs := atOnce(all...)
		equal(w, "handed over", w.expected(errs, iam.ErrNotFound), 1)
		for i, id := range to {
			equal(w, "bindings", len(must(root.Bindings(o.Context(), id))(w)), 2*count(errs[i] == nil))
		}
	})
}

func raceHandOverAdministrators(w *world) {
	w.rounds(func() {
		o := w.rootless(emqx.System())
		ann, bob, user := o.member(emqx.Administrator).ID, o.member(emqx.Administrator).ID, o.member(emqx.ProjectUser).ID
		a, b := o.as(ann), o.as(bob)
		errs := atOnce(
			func() error {
				return second(a.HandOver(o.Context(), iam.HandOverParams{From: bob, To: user, Then: iam.ThenDelete}))
			},
			func() error {
				return second(b.HandOver(o.Context(), iam.HandOverParams{From: ann, To: user, Then: iam.ThenDisable}))
			},
			func() error { return second(a.Disable(o.Context(), ann)) },
		)
		w.expected(errs, iam.ErrForbidden, iam.ErrLastAdministrator, iam.ErrNotFound)
		equal(w, "administrators left", len(o.administrators()), 1)
	})
}
