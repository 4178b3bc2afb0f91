package storetest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const oneAtATime = "Write runs do in one transaction on an organisation, which it holds against every other Write on the same organisation, " +
	"on every node, until it ends: what do reads through tx, no other Write changes meanwhile"

var racePromises = []promise{
	{"Store.Write", oneAtATime, func(w *world) {
		// Fifty that read, add one and write: none is lost.
		const writers = 50
		id := w.named("counter")
		before := w.revision()
		alone := &inside{t: w.T}
		for _, err := range w.atOnce(writers, func(int) error {
			return w.try(func(tx iam.Tx) error {
				return alone.section(func() error {
					a, err := tx.Account(w.ctx, w.org, id)
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(a.Note)
					a.Note = strconv.Itoa(n + 1)
					return tx.UpdateAccount(w.ctx, a, false)
				})
			})
		}) {
			w.ok(err)
		}
		w.equal(must(w.st.Account(w.ctx, w.org, id))(w).Note, strconv.Itoa(writers))
		w.equal(w.revision(), before+writers)
	}},
	{"Store.Write", oneAtATime, func(w *world) {
		// SB-65: all administrators step down at once, each only if another one is left.
		const admins = 12
		errLast := errors.New("the last one")
		for i := range admins {
			w.named(fmt.Sprint(i), roles(admin))
		}
		w.exactlyLast(w.atOnce(admins, func(i int) error {
			return w.try(func(tx iam.Tx) error {
				a, err := tx.Account(w.ctx, w.org, w.id(fmt.Sprint(i)))
				if err != nil {
					return err
				}
				left, err := tx.Administrators(w.ctx, w.org, []policy.Role{admin})
				if err != nil {
					return err
				}
				if left == 1 {
					return errLast
				}
				a.Status = iam.Disabled
				return tx.UpdateAccount(w.ctx, a, false)
			})
		}), errLast)
		w.equal(must(w.st.Administrators(w.ctx, w.org, []policy.Role{admin}))(w), 1)
	}},
	{"Store.Write", oneAtATime, func(w *world) {
		// SB-73: a quota of five, and thirty who want a place.
		const quota = 5
		errFull := errors.New("full")
		for _, err := range w.atOnce(30, func(i int) error {
			return w.try(func(tx iam.Tx) error {
				there, err := tx.Accounts(w.ctx, w.org, iam.AccountQuery{})
				if err != nil {
					return err
				}
				if len(there) >= quota {
					return errFull
				}
				return tx.InsertAccount(w.ctx, w.account(fmt.Sprint(i)), false)
			})
		}) {
			if err != nil {
				w.is(err, errFull)
			}
		}
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), quota)
	}},
	{"Store", "A Store is safe for concurrent use", func(w *world) {
		id := w.named("ann", roles(admin))
		for _, err := range w.atOnce(40, func(i int) error {
			if i%2 == 0 {
				return w.try(func(tx iam.Tx) error {
					_, err := tx.InsertBinding(w.ctx, iam.Binding{Account: id, Role: user, Project: policy.ProjectID(fmt.Sprint(i))})
					return err
				})
			}
			record, err := w.st.Subject(w.ctx, id)
			if err == nil && len(record.Bindings) != int(record.Revision-2) { // one a Write: never half of one
				err = fmt.Errorf("%d bindings at revision %d", len(record.Bindings), record.Revision)
			}
			return err
		}) {
			w.ok(err)
		}
	}},
	{"Store.Create", "An id that is taken is ErrExists", func(w *world) {
		org := policy.OrgID("org-race-" + w.tag)
		w.exactlyOne(w.atOnce(8, func(i int) error {
			return w.st.Create(w.ctx, iam.Organization{ID: org, Name: fmt.Sprint(i)}, func(tx iam.Tx) error {
				return tx.InsertAccount(w.ctx, iam.Account{ID: w.id(fmt.Sprint(i)), Org: org, Status: iam.Active}, false)
			})
		}), func(err error) { w.is(err, iam.ErrExists) })
		w.equal(len(must(w.st.Accounts(w.ctx, org, iam.AccountQuery{}))(w)), 1)
	}},
	{"AccountWriter.InsertAccount", "An id that is taken is ErrExists", func(w *world) {
		// The same id in eight organisations, which do not wait for each other.
		worlds := w.several(8)
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			a := iam.Account{ID: w.id("one"), Org: worlds[i].org, Status: iam.Active}
			return worlds[i].try(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, a, false) })
		}), func(err error) { w.is(err, iam.ErrExists) })
	}},
	{"AccountWriter.InsertAccount", emailTaken, func(w *world) {
		w.exactlyOne(w.atOnce(8, func(i int) error {
			a := w.account(fmt.Sprint(i))
			a.Email = w.email("ann")
			return w.try(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, a, false) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), 1)
	}},
	{"AccountWriter.InsertAccount", emailTaken, func(w *world) {
		// L4: everywhere, in organisations that do not wait for each other.
		worlds := w.several(8)
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			a := worlds[i].account("ann")
			a.Email = w.email("ann")
			return worlds[i].try(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, a, true) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
	}},
	{"AccountWriter.UpdateAccount", updateErrors, func(w *world) {
		// An address that comes with a change is kept apart in the same way.
		worlds := w.several(8)
		for _, one := range worlds {
			one.named("ann")
		}
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			a := worlds[i].account("ann")
			a.Email = w.email("ann")
			return worlds[i].try(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, a, true) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
	}},
}

func (w *world) several(n int) []*world {
	all := make([]*world, n)
	for i := range all {
		all[i] = w.another()
	}
	return all
}

// exactlyLast wants one errLast, and nil otherwise.
func (w *world) exactlyLast(errs []error, errLast error) {
	w.Helper()
	last := 0
	for _, err := range errs {
		if errors.Is(err, errLast) {
			last++
		} else {
			w.ok(err)
		}
	}
	w.equal(last, 1)
}
