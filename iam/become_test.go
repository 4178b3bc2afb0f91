package iam_test

import (
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// To manage an account does not take all that it may do (D2), to get in as it does (SB-62): here somebody who
// was given the management of accounts, and nothing of the billing that the other was given.
func TestMayBecome(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.inviting(emqx.System())
		delegate := o.account(emqx.Auditor)
		give := func(id policy.AccountID, p policy.Permission) iam.GrantID {
			return must(o.system().GiveGrant(o.Context(), id, policy.GrantPermission(p, policy.AtOrg(o.id))))(w).ID
		}
		give(delegate, emqx.SubaccountManage)
		invited, _, err := o.system().Invite(o.Context(), iam.InviteParams{Email: address("carl"), Roles: []policy.Role{emqx.Auditor}})
		w.ok(err)
		// Who holds the role auditor alone gives none; so the delegate manages nobody who has a role. One without:
		plain := o.without()
		task := give(plain, emqx.BillingPaymentManage)
		become := func() error {
			return o.as(delegate).Manage(o.Context(), plain, func(c iam.Change) error { return c.MayBecome() })
		}
		w.ok(o.as(delegate).Manage(o.Context(), plain, func(iam.Change) error { return nil }))
		w.refused(become(), iam.ErrForbidden)
		w.ok(o.system().Manage(o.Context(), plain, func(c iam.Change) error { return c.MayBecome() }))
		w.ok(o.root().RevokeGrant(o.Context(), task))
		give(plain, emqx.TicketView)
		w.ok(become())

		// The link of an invitation lets in who has it.
		give(invited.Account, emqx.BillingPaymentManage)
		must(o.root().InvitationLink(o.Context(), invited.Account))(w)
		w.refused(second(o.as(delegate).InvitationLink(o.Context(), invited.Account)), iam.ErrForbidden)
	})
}
