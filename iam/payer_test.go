package iam_test

import (
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// L9: whoever creates something, root pays for it.
func TestPayer(t *testing.T) {
	t.Parallel()
	eachDatabase(t, payer)
}

func payer(w *world) {
	o := w.organization(lanit.System())
	pays := func(id policy.AccountID) (policy.AccountID, error) { return o.svc.Payer(o.Context(), o.id, id) }
	for _, id := range []policy.AccountID{o.rootID, o.account(lanit.Admin), o.account(lanit.Member)} {
		equal(w, "who pays", must(pays(id))(w), o.rootID)
	}
	other := o.sibling()
	for _, id := range []policy.AccountID{other.rootID, "nobody", "", "a\x00"} {
		w.refused(second(pays(id)), iam.ErrNotFound)
	}
	w.refused(second(o.svc.Payer(o.Context(), "nowhere", o.rootID)), iam.ErrNotFound)
	rootless := w.rootless(devicehub.System())
	equal(w, "where the host keeps the owner", must(rootless.svc.Payer(o.Context(), rootless.id, rootless.account(devicehub.Admin)))(w), "")
}
