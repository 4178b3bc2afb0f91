package iam_test

import (
	"errors"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// hostTable is a table of the host's own, beside the library's.
func (w *world) hostTable() {
	w.Helper()
	w.ok(w.db.WithContext(w.Context()).Exec("CREATE TABLE IF NOT EXISTS host_rows (id INTEGER, org VARCHAR(255))").Error)
}

// hostRows counts those of the organisation.
func (o *org) hostRows() int {
	o.Helper()
	var n int
	o.ok(o.db.WithContext(o.Context()).Raw("SELECT COUNT(*) FROM host_rows WHERE org = ?", o.id).Scan(&n).Error)
	return n
}

func hostTransactionOrganization(w *world) {
	svc, _ := w.service(emqx.System())
	rollback := errors.New("the host thinks better of it")
	id := policy.OrgID(address("org"))
	create := func(end error) (root policy.AccountID, err error) {
		err = w.db.WithContext(w.Context()).Transaction(func(tx *gorm.DB) error {
			inside := svc.WithStore(w.st.In(tx))
			made, err := inside.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{ID: id, Root: &iam.CreateAccountParams{}})
			if err != nil {
				return err
			}
			// What was made is there already, inside.
			if sub := must(inside.Subject(w.Context(), made.Root))(w); !sub.Root() {
				w.Error("the new root is not root")
			}
			root = made.Root
			return end
		})
		return root, err
	}
	root, err := create(rollback)
	w.refused(err, rollback)
	w.refused(second(svc.Subject(w.Context(), root)), iam.ErrNotFound)
	w.refused(second(svc.System("test").In(id).Organization(w.Context())), iam.ErrNotFound)
	root, err = create(nil)
	w.ok(err)
	equal(w, "the organisation", must(svc.Subject(w.Context(), root))(w).Org(), id)
}
