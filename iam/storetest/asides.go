package storetest

import (
	"context"
	"fmt"
	"strconv"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const leavesRevision = "WriteAside is Write, but it leaves the organisation's revision as it is: " +
	"for what decides nothing, such as sessions, mail, and the events about them"

var asidePromises = []promise{
	{"Store.WriteAside", leavesRevision, func(w *world) {
		before := w.revision()
		w.ok(w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
			w.equal(must(tx.Organization(w.ctx, w.org))(w).Revision, before)
			return tx.Append(w.ctx, iam.Event{Type: "t"}, link)
		}))
		w.equal(w.revision(), before)
		w.equal(len(w.chained()), 1)
	}},
	{"Store.WriteAside", leavesRevision, func(w *world) {
		// It fails as Write does.
		before := w.revision()
		ended, cancel := context.WithCancel(w.ctx)
		cancel()
		insert := func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, w.account("ann"), false) }
		w.is(w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
			w.ok(insert(tx))
			w.ok(tx.Append(w.ctx, iam.Event{Type: "t"}, link))
			return errOurs
		}), errOurs)
		w.is(w.st.WriteAside(ended, w.org, insert), context.Canceled)
		w.is(w.st.WriteAside(w.ctx, w.org+"-not", insert), iam.ErrNotFound)
		for _, id := range unstorable {
			w.is(w.st.WriteAside(w.ctx, policy.OrgID(id), insert), iam.ErrNotFound)
		}
		w.unchanged(before)
	}},
	{"Store.WriteAside", leavesRevision, func(w *world) {
		// It holds the organisation as Write does, against either.
		const writers = 50
		id := w.named("counter")
		before := w.revision()
		alone := &inside{t: w.T}
		for _, err := range w.atOnce(writers, func(i int) error {
			run := w.st.WriteAside
			if i%2 == 0 {
				run = w.st.Write
			}
			return run(w.ctx, w.org, func(tx iam.Tx) error {
				return alone.section(func() error {
					a, err := tx.Account(w.ctx, w.org, id)
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(a.Note)
					a.Note = fmt.Sprint(n + 1)
					return tx.UpdateAccount(w.ctx, a, false)
				})
			})
		}) {
			w.ok(err)
		}
		w.equal(must(w.st.Account(w.ctx, w.org, id))(w).Note, strconv.Itoa(writers))
		w.equal(w.revision(), before+writers/2)
	}},
	{"Tx.UpdateOrganization", "UpdateOrganization writes the organisation's Name and SecondFactor", func(w *world) {
		root := w.root("root")
		before := must(w.st.Organization(w.ctx, w.org))(w)
		for _, want := range []iam.Organization{{Name: "Größer & Söhne", SecondFactor: iam.SecondFactorRequired}, {}} {
			w.write(func(tx iam.Tx) error {
				forged := iam.Organization{ID: w.org, Name: want.Name, SecondFactor: want.SecondFactor, Root: w.id("forged"), Created: noon, Revision: 99}
				if err := tx.UpdateOrganization(w.ctx, forged); err != nil {
					return err
				}
				w.equal(must(tx.Organization(w.ctx, w.org))(w).Name, want.Name)
				return nil
			})
			want.ID, want.Root, want.Created, want.Revision = w.org, root.ID, before.Created, w.revision()
			w.equal(must(w.st.Organization(w.ctx, w.org))(w), want)
		}
		w.write(func(tx iam.Tx) error {
			w.field(tx.UpdateOrganization(w.ctx, iam.Organization{ID: w.org, Name: "\x00"}), "Name", nil)
			return nil
		})
	}},
	{"Tx.UpdateOrganization", "Another organisation is ErrNotFound", func(w *world) {
		other := w.another()
		w.write(func(tx iam.Tx) error {
			w.is(tx.UpdateOrganization(w.ctx, iam.Organization{ID: other.org, Name: "changed"}), iam.ErrNotFound)
			return nil
		})
		w.equal(must(w.st.Organization(w.ctx, other.org))(w).Name, "Acme")
	}},
}
