package storetest

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var quotaPromises = []promise{
	{"HoldingReader.Allotment", "Allotment returns what an account of the organisation may hold of a kind, and what of it is used, in one round trip", func(w *world) {
		ann := w.named("ann")
		w.equal(w.allotment(ann), iam.Allotment{})
		bob := w.named("bob", createdBy(ann))
		w.limit(ann, 10)
		w.limit(bob, 3)
		w.hold(w.by(ann, device, "d1"), w.by(ann, device, "d2"), w.by(ann, tunnel, "t1"), w.by(bob, device, "d3"))
		w.equal(w.allotment(ann), iam.Allotment{Limited: true, Most: 10, Held: 2, Given: 3})
		w.equal(w.allotment(bob), iam.Allotment{Limited: true, Most: 3, Held: 1})
		w.equal(must(w.st.Allotment(w.ctx, w.org, ann, tunnel))(w), iam.Allotment{Held: 1})
		w.write(func(tx iam.Tx) error { // as the change itself left it
			w.ok(tx.DeleteHolding(w.ctx, device, "d1"))
			w.equal(must(tx.Allotment(w.ctx, w.org, ann, device))(w).Held, int64(1))
			return nil
		})
	}},
	{"HoldingReader.Allotment", notOfOrganization, func(w *world) {
		theirs := w.another().named("theirs")
		for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
			_, err := w.st.Allotment(w.ctx, w.org, policy.AccountID(id), device)
			w.is(err, iam.ErrNotFound)
		}
	}},
	{"Allotment.Root", "Root is set for the organisation's root account", func(w *world) {
		root := w.named("root", func(a *iam.Account) { a.Root = true })
		w.equal(w.allotment(root), iam.Allotment{Root: true})
	}},
	{"Allotment.Limited", "Limited is set when a limit is stored, which is Most", func(w *world) {
		root := w.named("root", func(a *iam.Account) { a.Root = true })
		w.limit(root, 0)
		w.equal(w.allotment(root), iam.Allotment{Root: true, Limited: true})
	}},
	{"Allotment.Held", "Held is how many the account holds", func(w *world) {
		w.manyHeld(101)
		w.equal(w.allotment(w.id("ann")).Held, int64(101))
	}},
	{"Allotment.Given", "Given is the sum of the limits of the accounts that it created", func(w *world) {
		ann := w.named("ann")
		for _, name := range []string{"a", "b", "c"} {
			w.limit(w.named(name, createdBy(ann), status(iam.Pending)), 1<<31-1)
		}
		w.named("without", createdBy(ann))
		w.limit(w.named("deeper", createdBy(w.id("a"))), 7)
		w.limit(w.named("nobody's"), 7)
		w.limit(w.named("upper", createdBy(w.id("Ann"))), 7)
		other := w.another()
		other.limit(other.named("x", createdBy(ann)), 7) // who cannot have created it
		w.equal(w.allotment(ann).Given, int64(3*(1<<31-1)))
	}},
	{"Allotment.Given", "Root, which nobody limits, has given what those have too that nobody created", func(w *world) {
		root := w.named("root", func(a *iam.Account) { a.Root = true })
		w.limit(root, 100) // its own is given by nobody
		w.limit(w.named("a", createdBy(root)), 3)
		w.limit(w.named("b"), 5)
		w.limit(w.named("c", createdBy(w.id("b"))), 4)
		w.equal(w.allotment(root), iam.Allotment{Root: true, Limited: true, Most: 100, Given: 8})
	}},
	{"HoldingWriter.PutLimit", "PutLimit writes how many of a kind an account and those below it may hold, in place of what was written", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		w.limit(bob, 1)
		for _, most := range []int64{5, 5, 0, 1<<31 - 1} {
			w.limit(ann, most)
			w.equal(w.allotment(ann), iam.Allotment{Limited: true, Most: most})
		}
		w.equal(w.allotment(bob).Most, int64(1))
		w.equal(must(w.st.Allotment(w.ctx, w.org, ann, tunnel))(w), iam.Allotment{})
		w.field(w.try(func(tx iam.Tx) error { return tx.PutLimit(w.ctx, ann, device, -1) }), "Most", nil)
		for _, bad := range unstorable {
			w.field(w.try(func(tx iam.Tx) error { return tx.PutLimit(w.ctx, ann, policy.Kind(bad), 1) }), "Kind", nil)
		}
	}},
	{"HoldingWriter.PutLimit", notOfOrganization, func(w *world) {
		w.notHolders(func(tx iam.Tx, id policy.AccountID) error { return tx.PutLimit(w.ctx, id, device, 1) })
	}},
	{"HoldingWriter.DropLimit", "DropLimit removes the limit of an account, if there is one", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		w.limit(ann, 5)
		w.limit(bob, 5)
		for range 2 {
			w.write(func(tx iam.Tx) error { return tx.DropLimit(w.ctx, ann, device) })
			w.equal(w.allotment(ann), iam.Allotment{})
		}
		for _, id := range append([]string{"nobody"}, unstorable...) {
			w.write(func(tx iam.Tx) error { return tx.DropLimit(w.ctx, policy.AccountID(id), device) })
			w.write(func(tx iam.Tx) error { return tx.DropLimit(w.ctx, bob, policy.Kind(id)) })
		}
		w.equal(w.allotment(bob), iam.Allotment{Limited: true, Most: 5})
	}},
}

func createdBy(id policy.AccountID) func(*iam.Account) {
	return func(a *iam.Account) { a.CreatedBy = id }
}

// limit writes how many devices an account may hold.
func (w *world) limit(id policy.AccountID, most int64) {
	w.Helper()
	w.write(func(tx iam.Tx) error { return tx.PutLimit(w.ctx, id, device, most) })
}

// allotment reads what an account may hold of devices.
func (w *world) allotment(id policy.AccountID) iam.Allotment {
	w.Helper()
	return must(w.st.Allotment(w.ctx, w.org, id, device))(w)
}
