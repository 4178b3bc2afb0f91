package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var writePromises = []promise{
	{"Store.Write", "It raises the organisation's revision by one", func(w *world) {
		before := w.revision()
		w.write(func(iam.Tx) error { return nil })
		w.equal(w.revision(), before+1)
	}},
	{"Store.Write", "When do returns an error, or the commit fails, nothing has changed, and Write returns that error", func(w *world) {
		before := w.revision()
		id := w.id("ann")
		err := w.try(func(tx iam.Tx) error {
			w.ok(tx.InsertAccount(w.ctx, w.account("ann", roles(admin)), false))
			w.ok(tx.Append(w.ctx, iam.Event{Type: "t"}, link))
			must(tx.Account(w.ctx, w.org, id))(w)
			return errOurs
		})
		w.is(err, errOurs)
		w.unchanged(before)
	}},
	{"Store.Write", "When do returns an error, or the commit fails, nothing has changed, and Write returns that error", func(w *world) {
		// A context that ends is the failure of a commit that every store can be brought to.
		before := w.revision()
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		err := w.st.Write(ctx, w.org, func(tx iam.Tx) error {
			w.ok(tx.InsertAccount(ctx, w.account("ann"), false))
			cancel()
			return nil
		})
		w.is(err, context.Canceled)
		w.unchanged(before)
	}},
	{"Store.Write", "When do returns an error, or the commit fails, nothing has changed, and Write returns that error", func(w *world) {
		// Do may not swallow a failure of the database.
		before := w.revision()
		ended, cancel := context.WithCancel(w.ctx)
		cancel()
		err := w.try(func(tx iam.Tx) error {
			w.ok(tx.InsertAccount(w.ctx, w.account("ann"), false))
			_ = tx.Append(ended, iam.Event{Type: "t"}, link)
			_ = tx.InsertAccount(w.ctx, w.account("bob"), false)
			return nil
		})
		if err == nil {
			w.Fatal("Write succeeded although a change in it had failed")
		}
		w.unchanged(before)
	}},
	{"Store.Write", "When do returns an error, or the commit fails, nothing has changed, and Write returns that error", func(w *world) {
		before := w.revision()
		func() {
			defer func() { w.equal(recover(), errOurs) }()
			_ = w.try(func(tx iam.Tx) error {
				w.ok(tx.InsertAccount(w.ctx, w.account("ann"), false))
				panic(errOurs)
			})
			w.Fatal("the panic of do went no further")
		}()
		w.unchanged(before)
	}},
	{"Store.Write", "An organisation that does not exist is ErrNotFound", func(w *world) {
		w.is(w.st.Write(w.ctx, w.org+"-not", func(iam.Tx) error {
			w.Error("do ran for an organisation that does not exist")
			return nil
		}), iam.ErrNotFound)
	}},
	{"Store.Create", "Create inserts an organisation and runs do in the same transaction, as Write does", func(w *world) {
		org := policy.OrgID("org-two-" + w.tag)
		created := iam.Organization{ID: org, Name: "Zwei & Söhne", Created: noon}
		root := iam.Account{ID: w.id("root"), Org: org, Root: true, Status: iam.Active}
		insert := func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, root, false) }

		w.is(w.st.Create(w.ctx, created, func(tx iam.Tx) error {
			w.ok(insert(tx))
			return errOurs
		}), errOurs)
		_, err := w.st.Organization(w.ctx, org)
		w.is(err, iam.ErrNotFound)

		w.ok(w.st.Create(w.ctx, created, insert))
		created.Root, created.Revision = root.ID, 1
		w.equal(must(w.st.Organization(w.ctx, org))(w), created)
		w.equal(must(w.st.Account(w.ctx, org, root.ID))(w).Root, true)
	}},
	{"Store.Create", "An id that is taken is ErrExists", func(w *world) {
		before := must(w.st.Organization(w.ctx, w.org))(w)
		w.is(w.st.Create(w.ctx, iam.Organization{ID: w.org, Name: "Other"}, func(iam.Tx) error {
			w.Error("do ran for an organisation that is there already")
			return nil
		}), iam.ErrExists)
		w.equal(must(w.st.Organization(w.ctx, w.org))(w), before)
	}},
	{"Store", "Errors that are not named in a comment are failures of the database, and nothing has changed", func(w *world) {
		// What cannot be read is not "not found": a caller would take that for an answer.
		before := w.revision()
		ended, cancel := context.WithCancel(w.ctx)
		cancel()
		w.is(w.st.Write(ended, w.org, func(iam.Tx) error { return nil }), context.Canceled)
		w.unchanged(before)
		_, err := w.st.Organization(ended, w.org)
		w.is(err, context.Canceled)
		_, err = w.st.Subject(ended, w.id("ann"))
		w.is(err, context.Canceled)
		_, err = w.st.Accounts(ended, w.org, iam.AccountQuery{})
		w.is(err, context.Canceled)
		_, err = w.st.Administrators(ended, w.org, []policy.Role{admin})
		w.is(err, context.Canceled)
	}},
	{"Tx", "Everything that it reads is as its own changes left it", func(w *world) {
		w.write(func(tx iam.Tx) error {
			before := must(tx.Organization(w.ctx, w.org))(w).Revision
			w.ok(tx.InsertAccount(w.ctx, w.account("ann", roles(admin)), false))
			w.equal(must(tx.Account(w.ctx, w.org, w.id("ann")))(w).Roles, []policy.Role{admin})
			w.equal(must(tx.Administrators(w.ctx, w.org, []policy.Role{admin}))(w), 1)
			w.equal(must(tx.Subject(w.ctx, w.id("ann")))(w).Revision, before)
			w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), 0) // nobody else sees it yet
			w.equal(must(w.st.Organization(w.ctx, w.org))(w).Revision, before-1)
			w.ok(tx.DeleteAccount(w.ctx, w.id("ann")))
			_, err := tx.Account(w.ctx, w.org, w.id("ann"))
			w.is(err, iam.ErrNotFound)
			return nil
		})
	}},
}

// unchanged wants the organisation to be empty, as it was before.
func (w *world) unchanged(revision int64) {
	w.Helper()
	w.equal(w.revision(), revision)
	w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), 0)
	w.equal(len(must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w)), 0)
}

// at once runs do n times in parallel, and returns what each returned.
func (w *world) atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wait.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	wait.Wait()
	return errs
}

// exactlyOne wants one nil, and hands every other error to check.
func (w *world) exactlyOne(errs []error, check func(error)) {
	w.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			check(err)
		}
	}
	w.equal(won, 1)
}

// inside counts who is in a section, and fails when two are.
type inside struct {
	t *testing.T
	n atomic.Int32
}

func (i *inside) section(do func() error) error {
	if i.n.Add(1) != 1 {
		i.t.Error("two Writes on one organisation ran at the same time")
	}
	defer i.n.Add(-1)
	return do()
}
