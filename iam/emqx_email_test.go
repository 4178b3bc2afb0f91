package iam_test

import (
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E11: a root's address is for no sub-account, anywhere", rootAddress)
		w.run("E11: a sub-account's address is free for others, and for a root", subAccountAddress)
		w.run("L4: an address is one account's in the whole system", oneAddress)
		w.run("an account needs no address", noAddress)
	})
}

// creates tries to make an account with the address.
func creates(o *org, email string) error {
	o.Helper()
	role := emqx.Auditor
	if !o.svc.Policy().HasRole(role) {
		role = lanit.Member
	}
	_, _, err := o.root().CreateAccount(o.Context(), iam.CreateAccountParams{Email: email, Roles: []policy.Role{role}})
	return err
}

// found creates an organisation whose root has the address.
func found(o *org, email string) error {
	o.Helper()
	params := iam.CreateOrganizationParams{Root: &iam.CreateAccountParams{Email: email}}
	return second(o.svc.System("test").CreateOrganization(o.Context(), params))
}

func rootAddress(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	taken := string(o.get(o.rootID).Email)
	for _, email := range []string{taken, strings.ToUpper(taken)} {
		for _, in := range []*org{o, other} {
			in.unchanged(func() {
				err := creates(in, email)
				w.wrong(err, "Email")
				w.refused(err, iam.ErrExists)
			})
		}
	}
}

func subAccountAddress(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	email := address("ann")
	w.ok(creates(o, email))
	o.unchanged(func() {
		for _, again := range []string{email, strings.ToUpper(email), strings.Replace(email, "ann", "aNn", 1)} {
			err := creates(o, again)
			w.wrong(err, "Email")
			w.refused(err, iam.ErrExists)
		}
	})
	w.ok(creates(other, email))
	w.ok(found(o, email))
	// From then on it is a root's.
	w.refused(creates(o.sibling(), email), iam.ErrExists)
	// Those that have it already keep it, and are changed as before.
	for _, in := range []*org{o, other} {
		ann := must(in.root().Accounts(in.Context(), iam.AccountQuery{Keyword: email}))(w)
		equal(w, "accounts with the address", len(ann), 1)
		must(in.root().Activate(in.Context(), ann[0].ID))(w)
	}
}

func oneAddress(w *world) {
	o := w.organization(lanit.System())
	other := o.sibling()
	email := address("ann")
	w.ok(creates(o, email))
	for _, in := range []*org{o, other} {
		in.unchanged(func() {
			for _, again := range []string{email, strings.ToUpper(email), strings.Replace(email, "ann@", "Ann@", 1)} {
				err := creates(in, again)
				w.wrong(err, "Email")
				w.refused(err, iam.ErrExists)
				w.refused(found(in, again), iam.ErrExists)
			}
		})
	}
	w.refused(creates(other, string(o.get(o.rootID).Email)), iam.ErrExists)

	// L6: when it is deleted, the address is free again, for everybody.
	ann := must(o.root().Accounts(o.Context(), iam.AccountQuery{Keyword: email}))(w)
	w.ok(o.root().Delete(o.Context(), ann[0].ID))
	w.ok(creates(other, email))
}

func noAddress(w *world) {
	for _, system := range []iam.System{emqx.System(), lanit.System()} {
		o := w.organization(system)
		w.ok(creates(o, ""))
		w.ok(creates(o, ""))
		w.ok(creates(o.sibling(), ""))
	}
}
