package storetest

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var pendingPromises = []promise{
	{"InvitationWriter.EmailChange", "EmailChange returns the change of address that waits for the account, or ErrNotFound", func(w *world) {
		other := w.another()
		ann, theirs := w.named("ann"), other.named("theirs")
		other.write(func(tx iam.Tx) error { return tx.PutEmailChange(w.ctx, other.emailChange(theirs)) })
		w.write(func(tx iam.Tx) error {
			w.ok(tx.PutEmailChange(w.ctx, w.emailChange(ann)))
			w.equal(must(tx.EmailChange(w.ctx, ann))(w), w.emailChange(ann))
			for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
				_, err := tx.EmailChange(w.ctx, policy.AccountID(id))
				w.is(err, iam.ErrNotFound)
			}
			return nil
		})
	}},
	{"InvitationWriter.PutEmailChange", "PutEmailChange writes the change of address of an account, in place of the one that it had", func(w *world) {
		ann := w.named("ann")
		c := w.emailChange(ann)
		w.write(func(tx iam.Tx) error {
			w.ok(tx.PutEmailChange(w.ctx, c))
			c = iam.EmailChange{Account: ann, Email: w.email("newer"), NewDone: true, Created: noon.Add(1e6), Expires: noon.Add(2e6)}
			for range 2 { // also when nothing changes
				w.ok(tx.PutEmailChange(w.ctx, c))
				w.equal(must(tx.EmailChange(w.ctx, ann))(w), c)
			}
			for _, bad := range unstorable {
				worse := c
				worse.Email = iam.Email(bad)
				w.field(tx.PutEmailChange(w.ctx, worse), "Email", nil)
			}
			return nil
		})
	}},
	{"InvitationWriter.PutEmailChange", notOfOrganization, func(w *world) {
		theirs := w.another().named("theirs")
		w.write(func(tx iam.Tx) error {
			for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
				w.is(tx.PutEmailChange(w.ctx, w.emailChange(policy.AccountID(id))), iam.ErrNotFound)
			}
			return nil
		})
	}},
	{"InvitationWriter.DeleteEmailChange", "DeleteEmailChange removes what waits for the account, if anything does", func(w *world) {
		other := w.another()
		ann, bob, theirs := w.named("ann"), w.named("bob"), other.named("theirs")
		other.write(func(tx iam.Tx) error { return tx.PutEmailChange(w.ctx, other.emailChange(theirs)) })
		w.write(func(tx iam.Tx) error {
			w.ok(tx.PutEmailChange(w.ctx, w.emailChange(ann)))
			w.ok(tx.PutEmailChange(w.ctx, w.emailChange(bob)))
			for range 2 {
				w.ok(tx.DeleteEmailChange(w.ctx, ann))
				_, err := tx.EmailChange(w.ctx, ann)
				w.is(err, iam.ErrNotFound)
			}
			for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
				w.ok(tx.DeleteEmailChange(w.ctx, policy.AccountID(id)))
			}
			w.equal(must(tx.EmailChange(w.ctx, bob))(w), w.emailChange(bob))
			return nil
		})
		other.write(func(tx iam.Tx) error {
			w.equal(must(tx.EmailChange(w.ctx, theirs))(w), other.emailChange(theirs))
			return nil
		})
	}},
	{"InvitationWriter.RootOffer", "RootOffer returns the offer of the root account that waits, or ErrNotFound", func(w *world) {
		other := w.another()
		offer := w.rootOffer()
		w.write(func(tx iam.Tx) error {
			w.ok(tx.PutRootOffer(w.ctx, offer))
			w.equal(must(tx.RootOffer(w.ctx))(w), offer)
			return nil
		})
		other.write(func(tx iam.Tx) error {
			_, err := tx.RootOffer(w.ctx)
			w.is(err, iam.ErrNotFound)
			return nil
		})
	}},
	{"InvitationWriter.PutRootOffer", "PutRootOffer writes the organisation's one offer, in place of the one that it had", func(w *world) {
		offer := w.rootOffer()
		w.write(func(tx iam.Tx) error {
			w.ok(tx.PutRootOffer(w.ctx, offer))
			offer = iam.RootOffer{From: offer.To, To: offer.From, Created: noon.Add(1e6), Expires: noon.Add(2e6)}
			for range 2 { // also when nothing changes
				w.ok(tx.PutRootOffer(w.ctx, offer))
				w.equal(must(tx.RootOffer(w.ctx))(w), offer)
			}
			return nil
		})
	}},
	{"InvitationWriter.PutRootOffer", notOfOrganization, func(w *world) {
		offer, theirs := w.rootOffer(), w.another().named("theirs")
		w.write(func(tx iam.Tx) error {
			for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
				from, to := offer, offer
				from.From, to.To = policy.AccountID(id), policy.AccountID(id)
				w.is(tx.PutRootOffer(w.ctx, from), iam.ErrNotFound)
				w.is(tx.PutRootOffer(w.ctx, to), iam.ErrNotFound)
			}
			return nil
		})
	}},
	{"InvitationWriter.DeleteRootOffer", "DeleteRootOffer removes the offer and reports whether there was one", func(w *world) {
		other := w.another()
		theirs := other.rootOffer()
		other.write(func(tx iam.Tx) error { return tx.PutRootOffer(w.ctx, theirs) })
		offer := w.rootOffer()
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.DeleteRootOffer(w.ctx))(w), false)
			w.ok(tx.PutRootOffer(w.ctx, offer))
			w.equal(must(tx.DeleteRootOffer(w.ctx))(w), true)
			w.equal(must(tx.DeleteRootOffer(w.ctx))(w), false)
			_, err := tx.RootOffer(w.ctx)
			w.is(err, iam.ErrNotFound)
			return nil
		})
		other.write(func(tx iam.Tx) error {
			w.equal(must(tx.RootOffer(w.ctx))(w), theirs)
			return nil
		})
	}},
}

func (w *world) emailChange(account policy.AccountID) iam.EmailChange {
	return iam.EmailChange{
		Account: account, Email: w.email("new"), OldDone: true, By: "boss", Created: noon, Expires: noon.Add(time.Hour),
	}
}

// rootOffer describes an offer between two accounts, which it stores.
func (w *world) rootOffer() iam.RootOffer {
	w.Helper()
	return iam.RootOffer{From: w.named("from"), To: w.named("to"), Created: noon, Expires: noon.Add(time.Hour)}
}
