package iam_test

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// administrators are those who are active.
func (o *org) administrators() []policy.AccountID {
	o.Helper()
	q := iam.AccountQuery{Role: emqx.Administrator, Status: iam.Active}
	return accountIDs(must(o.system().Accounts(o.Context(), q))(o))
}

func raceLastAdministrator(w *world) {
	ways := map[string]func(ctx context.Context, a iam.Actor, id policy.AccountID) error{
		"delete":  func(ctx context.Context, a iam.Actor, id policy.AccountID) error { return a.Delete(ctx, id) },
		"disable": func(ctx context.Context, a iam.Actor, id policy.AccountID) error { return second(a.Disable(ctx, id)) },
		"demote": func(ctx context.Context, a iam.Actor, id policy.AccountID) error {
			_, _, err := a.SetRoles(ctx, id, emqx.Auditor)
			return err
		},
	}
	cross := false
	w.rounds(func() {
		for one, first := range ways {
			for two, then := range ways {
				o := w.rootless(emqx.System())
				ann, bob := o.account(emqx.Administrator), o.account(emqx.Administrator)
				a, b := o.as(ann), o.as(bob)
				if cross = !cross; cross { // each the other one, and next time each themselves
					ann, bob = bob, ann
				}
				errs := atOnce(
					func() error { return first(o.Context(), a, ann) },
					func() error { return then(o.Context(), b, bob) },
				)
				n := w.expected(errs, iam.ErrForbidden, iam.ErrLastAdministrator, iam.ErrNotFound)
				if left := len(o.administrators()); left != 1 || n != 1 {
					w.Errorf("%s against %s: %d administrators are left, %d succeeded: want one of each (%v)", one, two, left, n, errs)
				}
			}
		}
	})
}

func raceManyAdministrators(w *world) {
	w.rounds(func() {
		o := w.rootless(emqx.System())
		ids := make([]policy.AccountID, 8)
		for i := range ids {
			ids[i] = o.account(emqx.Administrator)
		}
		var all []func() error
		for i := range ids {
			// The system is refused nothing but the last.
			actor := o.system()
			all = append(all, func() error { return second(actor.Disable(o.Context(), ids[i])) })
		}
		n := w.expected(atOnce(all...), iam.ErrLastAdministrator)
		equal(w, "disabled", n, len(ids)-1)
		equal(w, "left", len(o.administrators()), 1)
	})
}
