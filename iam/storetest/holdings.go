package storetest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	device policy.Kind = "device"
	tunnel policy.Kind = "tunnel"

	heldByNobody = "A resource that nobody holds is ErrNotFound"
)

var holdingPromises = []promise{
	{"HoldingReader.Holding", "Holding returns who holds a resource of the organisation, or ErrNotFound", func(w *world) {
		h := w.holding("ann", device, "d1")
		w.hold(h)
		w.equal(must(w.st.Holding(w.ctx, w.org, device, "d1"))(w), h)
		other := w.another()
		for _, id := range append([]string{"D1", "d1 ", "d2"}, unstorable...) {
			_, err := w.st.Holding(w.ctx, w.org, device, id)
			w.is(err, iam.ErrNotFound)
			_, err = w.st.Holding(w.ctx, w.org, policy.Kind(id), "d1")
			w.is(err, iam.ErrNotFound)
		}
		_, err := w.st.Holding(w.ctx, other.org, device, "d1")
		w.is(err, iam.ErrNotFound)
		_, err = w.st.Holding(w.ctx, w.org, tunnel, "d1")
		w.is(err, iam.ErrNotFound)
	}},
	{"Holding.Since", "when the account got it", func(w *world) {
		h := w.holding("ann", device, "d1")
		h.Since = noon.Add(time.Millisecond)
		w.hold(h)
		w.equal(must(w.st.Holding(w.ctx, w.org, device, "d1"))(w).Since, h.Since)
	}},
	{"HoldingReader.Holdings", "Holdings returns a page of what is held in the organisation, in the order of the kinds, and within a kind in that of the ids", func(w *world) {
		w.equal(len(must(w.st.Holdings(w.ctx, w.org, iam.HoldingQuery{}))(w)), 0)
		ann, bob := w.named("ann"), w.named("bob")
		other := w.another()
		other.hold(other.holding("eve", device, "d1"))
		w.hold(w.by(ann, tunnel, "a"), w.by(bob, device, "d2"), w.by(ann, device, "d10"), w.by(ann, device, "D2"))
		w.equal(w.held(iam.HoldingQuery{}), []string{"device D2", "device d10", "device d2", "tunnel a"})
		w.equal(other.held(iam.HoldingQuery{}), []string{"device d1"})
		w.write(func(tx iam.Tx) error {
			w.equal(len(must(tx.Holdings(w.ctx, other.org, iam.HoldingQuery{}))(w)), 0)
			return nil
		})
	}},
	{"HoldingQuery", "The zero query is everything's first page", func(w *world) {
		w.equal(len(w.manyHeld(101).held(iam.HoldingQuery{})), 100)
	}},
	{"HoldingQuery.Account", "Account must hold it", func(w *world) {
		ann, upper := w.named("ann"), w.named("Ann")
		w.hold(w.by(ann, device, "d1"), w.by(upper, device, "d2"))
		w.equal(w.held(iam.HoldingQuery{Account: ann}), []string{"device d1"})
		for _, id := range append([]string{"nobody"}, unstorable[1:]...) {
			w.equal(len(w.held(iam.HoldingQuery{Account: policy.AccountID(id)})), 0)
		}
	}},
	{"HoldingQuery.Account", "Defaults to anybody", twoHolders},
	{"HoldingQuery.Below", "Below is an account that the holder must stand below: that created it, or created who did, and so on (D9)", func(w *world) {
		top := w.named("top")
		sub := w.named("sub", createdBy(top))
		deep := w.named("deep", createdBy(sub), status(iam.Disabled))
		aside := w.named("aside", createdBy(w.id("Top")))
		other := w.another()
		other.hold(other.by(other.named("x", createdBy(top)), device, "theirs"))
		w.hold(w.by(top, device, "top"), w.by(sub, device, "sub"), w.by(deep, device, "deep"), w.by(aside, device, "aside"))
		for id, want := range map[policy.AccountID][]string{top: {"device deep", "device sub"}, sub: {"device deep"}, deep: nil, "nobody": nil} {
			w.equal(w.held(iam.HoldingQuery{Below: id}), want)
		}
		w.equal(w.held(iam.HoldingQuery{Below: top, Account: deep}), []string{"device deep"})
		w.equal(len(w.held(iam.HoldingQuery{Below: top, Account: top})), 0)
		for _, id := range unstorable[1:] {
			w.equal(len(w.held(iam.HoldingQuery{Below: policy.AccountID(id)})), 0)
		}
	}},
	{"HoldingQuery.Below", "Below root stands everybody else whose line goes back to root or to nobody", func(w *world) {
		orphan := w.named("orphan")
		root := w.named("root", func(a *iam.Account) { a.Root, a.CreatedBy = true, orphan })
		sub, deep := w.named("sub", createdBy(root)), w.named("deep", createdBy(orphan))
		w.hold(w.by(root, device, "root"), w.by(orphan, device, "orphan"), w.by(sub, device, "sub"), w.by(deep, device, "deep"))
		w.equal(w.held(iam.HoldingQuery{Below: root}), []string{"device deep", "device orphan", "device sub"})
		w.equal(w.held(iam.HoldingQuery{Below: orphan}), []string{"device deep"})
	}},
	{"HoldingQuery.Below", "Defaults to no narrowing", twoHolders},
	{"HoldingQuery.Kind", "Kind must be the resource's", func(w *world) {
		ann := w.named("ann")
		w.hold(w.by(ann, device, "d1"), w.by(ann, "Device", "d1"), w.by(ann, tunnel, "d1"))
		w.equal(w.held(iam.HoldingQuery{Kind: device}), []string{"device d1"})
		for _, id := range unstorable[1:] {
			w.equal(len(w.held(iam.HoldingQuery{Kind: policy.Kind(id)})), 0)
		}
	}},
	{"HoldingQuery.Kind", "Defaults to any", twoHolders},
	{"HoldingQuery.After", "After is the last position of the page before", func(w *world) {
		ann := w.named("ann")
		w.hold(w.by(ann, device, "d1"), w.by(ann, device, "d2"), w.by(ann, tunnel, "a"), w.by(ann, tunnel, "d1"))
		var all []string
		q := iam.HoldingQuery{Limit: 1}
		for range 4 {
			page := must(w.st.Holdings(w.ctx, w.org, q))(w)
			w.equal(len(page), 1)
			q.After = page[0].Position()
			all = append(all, string(page[0].Kind)+" "+page[0].ID)
		}
		w.equal(all, []string{"device d1", "device d2", "tunnel a", "tunnel d1"})
		w.equal(len(w.held(q)), 0)
		w.equal(w.held(iam.HoldingQuery{Kind: tunnel, After: iam.HoldingPosition{Kind: tunnel, ID: "a"}}), []string{"tunnel d1"})
		for _, id := range unstorable[1:] {
			w.equal(len(w.held(iam.HoldingQuery{After: iam.HoldingPosition{Kind: device, ID: id}})), 0)
			w.equal(len(w.held(iam.HoldingQuery{After: iam.HoldingPosition{Kind: policy.Kind(id), ID: "a"}})), 0)
		}
	}},
	{"HoldingQuery.After", "Defaults to the first page", twoHolders},
	{"HoldingQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.manyHeld(1001)
		for limit, want := range map[int]int{1: 1, 2: 2, 1000: 1000, 5000: 1000, -1: 1} {
			w.equal(len(w.held(iam.HoldingQuery{Limit: limit})), want)
		}
	}},
	{"HoldingQuery.Limit", "Defaults to 100", func(w *world) {
		w.equal(len(w.manyHeld(101).held(iam.HoldingQuery{})), 100)
	}},
	{"HoldingReader.GrantsOn", "GrantsOn returns the grants on one resource itself, also those that have ended, sorted by id", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		d1 := policy.AtResource(w.org, device, "d1")
		b := w.grant("b", ann, d1)
		a := w.grant("a", bob, d1)
		w.grant("other-id", ann, policy.AtResource(w.org, device, "D1"))
		w.grant("other-kind", ann, policy.AtResource(w.org, tunnel, "d1"))
		w.grant("wide", ann, policy.AtOrg(w.org))
		w.grant("project", ann, policy.AtProject(w.org, "d1"))
		ended := iam.Grant{ID: "ended", Account: ann, Grant: policy.GrantRole(user, d1).Until(noon.AddDate(-1, 0, 0)), Created: noon}
		w.write(func(tx iam.Tx) error { return tx.InsertGrant(w.ctx, ended) })
		w.equal(must(w.st.GrantsOn(w.ctx, w.org, device, "d1"))(w), []iam.Grant{a, b, ended})
		w.equal(len(must(w.st.GrantsOn(w.ctx, w.another().org, device, "d1"))(w)), 0)
		for _, id := range unstorable {
			w.equal(len(must(w.st.GrantsOn(w.ctx, w.org, device, id))(w)), 0)
			w.equal(len(must(w.st.GrantsOn(w.ctx, w.org, policy.Kind(id), "d1"))(w)), 0)
		}
	}},
	{"HoldingWriter.InsertHolding", "InsertHolding makes an account the holder of a resource", func(w *world) {
		h := w.holding("ann", device, "d1")
		w.write(func(tx iam.Tx) error {
			w.ok(tx.InsertHolding(w.ctx, h))
			w.equal(must(tx.Holding(w.ctx, w.org, device, "d1"))(w), h)
			return nil
		})
		for _, bad := range unstorable {
			worse := h
			worse.ID = bad
			w.field(w.try(func(tx iam.Tx) error { return tx.InsertHolding(w.ctx, worse) }), "ID", nil)
			worse = h
			worse.Kind = policy.Kind(bad)
			w.field(w.try(func(tx iam.Tx) error { return tx.InsertHolding(w.ctx, worse) }), "Kind", nil)
		}
		elsewhere := h
		elsewhere.Org = w.another().org
		w.field(w.try(func(tx iam.Tx) error { return tx.InsertHolding(w.ctx, elsewhere) }), "Org", nil)
	}},
	{"HoldingWriter.InsertHolding", "One that is held already is ErrExists", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		other := w.another()
		w.hold(w.by(ann, device, "d1"))
		for _, id := range []policy.AccountID{ann, bob} {
			w.is(w.try(func(tx iam.Tx) error { return tx.InsertHolding(w.ctx, w.by(id, device, "d1")) }), iam.ErrExists)
		}
		w.equal(must(w.st.Holding(w.ctx, w.org, device, "d1"))(w).Account, ann)
		// The same id of another case, kind or organisation is another resource.
		w.hold(w.by(bob, device, "D1"), w.by(bob, tunnel, "d1"))
		other.hold(other.holding("ann", device, "d1"))
	}},
	{"HoldingWriter.InsertHolding", notOfOrganization, func(w *world) {
		w.notHolders(func(tx iam.Tx, id policy.AccountID) error { return tx.InsertHolding(w.ctx, w.by(id, device, "d1")) })
	}},
	{"HoldingWriter.MoveHolding", "MoveHolding makes another account the holder of a resource, from a time on", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		other := w.another()
		theirs := other.holding("ann", device, "d1")
		other.hold(theirs)
		w.hold(w.by(ann, device, "d1"), w.by(ann, device, "d2"), w.by(ann, tunnel, "d1"))
		moved := w.by(bob, device, "d1")
		moved.Since = noon.Add(time.Hour)
		for range 2 { // also when nothing changes
			w.write(func(tx iam.Tx) error { return tx.MoveHolding(w.ctx, moved) })
			w.equal(must(w.st.Holding(w.ctx, w.org, device, "d1"))(w), moved)
		}
		w.equal(w.held(iam.HoldingQuery{Account: ann}), []string{"device d2", "tunnel d1"})
		w.equal(must(w.st.Holding(w.ctx, other.org, device, "d1"))(w), theirs)
	}},
	{"HoldingWriter.MoveHolding", heldByNobody, func(w *world) {
		ann := w.named("ann")
		other := w.another()
		other.hold(other.holding("ann", device, "d1"))
		w.is(w.try(func(tx iam.Tx) error { return tx.MoveHolding(w.ctx, w.by(ann, device, "d1")) }), iam.ErrNotFound)
		w.equal(len(w.held(iam.HoldingQuery{})), 0)
	}},
	{"HoldingWriter.MoveHolding", notOfOrganization, func(w *world) {
		ann := w.named("ann")
		w.hold(w.by(ann, device, "d1"))
		w.notHolders(func(tx iam.Tx, id policy.AccountID) error { return tx.MoveHolding(w.ctx, w.by(id, device, "d1")) })
		w.equal(must(w.st.Holding(w.ctx, w.org, device, "d1"))(w).Account, ann)
	}},
	{"HoldingWriter.DeleteHolding", "DeleteHolding leaves a resource to nobody", func(w *world) {
		ann := w.named("ann")
		other := w.another()
		theirs := other.holding("ann", device, "d1")
		other.hold(theirs)
		w.hold(w.by(ann, device, "d1"), w.by(ann, device, "d2"), w.by(ann, tunnel, "d1"))
		w.write(func(tx iam.Tx) error { return tx.DeleteHolding(w.ctx, device, "d1") })
		w.equal(w.held(iam.HoldingQuery{}), []string{"device d2", "tunnel d1"})
		w.equal(must(w.st.Holding(w.ctx, other.org, device, "d1"))(w), theirs)
		w.hold(w.by(ann, device, "d1"))
	}},
	{"HoldingWriter.DeleteHolding", heldByNobody, func(w *world) {
		w.hold(w.holding("ann", device, "d1"))
		for _, id := range append([]string{"D1", "d2"}, unstorable...) {
			w.is(w.try(func(tx iam.Tx) error { return tx.DeleteHolding(w.ctx, device, id) }), iam.ErrNotFound)
			w.is(w.try(func(tx iam.Tx) error { return tx.DeleteHolding(w.ctx, policy.Kind(id), "d1") }), iam.ErrNotFound)
		}
		w.equal(w.held(iam.HoldingQuery{}), []string{"device d1"})
	}},
}

// twoHolders stores resources of two kinds and accounts, and wants both.
func twoHolders(w *world) {
	w.hold(w.holding("ann", device, "d1"), w.holding("bob", tunnel, "t1"))
	w.equal(w.held(iam.HoldingQuery{}), []string{"device d1", "tunnel t1"})
}

// notHolders wants that nobody of another organisation, and nobody who is not there, can be given a resource.
func (w *world) notHolders(give func(tx iam.Tx, id policy.AccountID) error) {
	w.Helper()
	theirs := w.another().named("theirs")
	for _, id := range append([]string{string(theirs), "nobody"}, unstorable...) {
		w.is(w.try(func(tx iam.Tx) error { return give(tx, policy.AccountID(id)) }), iam.ErrNotFound)
	}
}

// by describes a resource that an account holds.
func (w *world) by(id policy.AccountID, kind policy.Kind, resource string) iam.Holding {
	return iam.Holding{Org: w.org, Kind: kind, ID: resource, Account: id, Since: noon}
}

// holding describes a resource of an account, which it stores.
func (w *world) holding(name string, kind policy.Kind, resource string) iam.Holding {
	w.Helper()
	return w.by(w.named(name), kind, resource)
}

func (w *world) hold(all ...iam.Holding) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, h := range all {
			if err := tx.InsertHolding(w.ctx, h); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) held(q iam.HoldingQuery) []string {
	w.Helper()
	var all []string
	for _, h := range must(w.st.Holdings(w.ctx, w.org, q))(w) {
		all = append(all, string(h.Kind)+" "+h.ID)
	}
	return all
}

// manyHeld stores devices of one account.
func (w *world) manyHeld(n int) *world {
	w.Helper()
	ann := w.named("ann")
	var all []iam.Holding
	for i := range n {
		all = append(all, w.by(ann, device, fmt.Sprintf("%04d", i)))
	}
	w.hold(all...)
	return w
}
