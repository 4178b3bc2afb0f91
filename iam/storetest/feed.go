package storetest

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var feedPromises = []promise{
	{"Feed.Revisions", "Revisions returns the revision of each of the organisations that exist, as it is committed", func(w *world) {
		other := policy.OrgID("other-" + w.tag)
		w.ok(w.st.Create(w.ctx, iam.Organization{ID: other, Created: noon}, func(iam.Tx) error { return nil }))
		before := must(w.st.Revisions(w.ctx, []policy.OrgID{w.org, w.org + "-not", other, policy.OrgID(unstorable[0]), ""}))(w)
		w.equal(len(before), 2)
		w.equal(before[w.org], w.revision())
		w.write(func(iam.Tx) error { return nil })
		w.is(w.try(func(iam.Tx) error { return errOurs }), errOurs)
		after := must(w.st.Revisions(w.ctx, []policy.OrgID{w.org, other}))(w)
		w.equal(after[w.org], before[w.org]+1)
		w.equal(after[other], before[other])
		w.equal(len(must(w.st.Revisions(w.ctx, nil))(w)), 0)

		many := make([]policy.OrgID, 0, 3000) // more than a statement takes
		for i := range cap(many) - 1 {
			many = append(many, policy.OrgID(w.tag+string(rune('a'+i%26))+string(rune('0'+i/26))))
		}
		w.equal(len(must(w.st.Revisions(w.ctx, append(many, w.org)))(w)), 1)
	}},
	{"Feed.Announce", "It does nothing where a database has no such means", func(w *world) {
		before := w.revision()
		w.ok(w.st.Announce(w.ctx, w.org, before))
		w.ok(w.st.Announce(w.ctx, w.org+"-not", 1))
		w.equal(w.revision(), before)
	}},
	{"Tx.Revision", "Revision returns the organisation's revision as it is once the Write is committed", func(w *world) {
		var within int64
		before := w.revision()
		w.write(func(tx iam.Tx) error {
			within = tx.Revision()
			return nil
		})
		w.equal(within, before+1)
		w.equal(w.revision(), within)
		w.ok(w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
			within = tx.Revision()
			return nil
		}))
		w.equal(within, before+1)
		w.is(w.try(func(tx iam.Tx) error {
			within = tx.Revision()
			return errOurs
		}), errOurs)
		w.equal(within, before+2)
		w.equal(w.revision(), before+1)
	}},
}
