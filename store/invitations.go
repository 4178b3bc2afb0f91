package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type invitationRow struct {
	Org      policy.OrgID     `gorm:"column:org_id"`
	Account  policy.AccountID `gorm:"column:account_id"`
	Email    iam.Email        `gorm:"column:email"`
	By       policy.AccountID `gorm:"column:invited_by"`
	Created  int64            `gorm:"column:created"`
	Renewed  int64            `gorm:"column:renewed"`
	Renewals int              `gorm:"column:renewals"`
	Expires  int64            `gorm:"column:expires"`
	Accepted int64            `gorm:"column:accepted"`
	MailID   iam.MailID       `gorm:"column:mail_id"`
	// State and Reply are those of the last mail, and "" when it is not there.
	State iam.MailState `gorm:"column:state"`
	Reply string        `gorm:"column:reply"`
}

func (row *invitationRow) invitation() iam.Invitation {
	return iam.Invitation{
		Org: row.Org, Account: row.Account, Email: row.Email, By: row.By,
		Created: fromMillis(row.Created), Renewed: fromMillis(row.Renewed), Renewals: row.Renewals,
		Expires: fromMillis(row.Expires), Accepted: fromMillis(row.Accepted),
		MailID: row.MailID, Mail: row.State, Reply: row.Reply,
	}
}

// readInvitations reads each invitation with its last mail, if that is of the same organisation.
const readInvitations = `SELECT i.org_id, i.account_id, i.email, i.invited_by, i.created, i.renewed, i.renewals, i.expires, i.accepted,
i.mail_id, COALESCE(m.state, '') AS state, COALESCE(m.reply, '') AS reply
FROM iam_invitations AS i LEFT JOIN iam_mails AS m ON m.id = i.mail_id AND m.org_id = i.org_id WHERE i.org_id = ?`

// Invitation is described at [iam.InvitationReader].
func (r *reader) Invitation(ctx context.Context, org policy.OrgID, account policy.AccountID) (iam.Invitation, error) {
	if err := r.ready(); err != nil {
		return iam.Invitation{}, err
	}
	if !r.sees(org, string(account)) {
		return iam.Invitation{}, iam.ErrNotFound
	}
	found, err := r.invitations(ctx, readInvitations+" AND i.account_id = ?", org, account)
	if err != nil {
		return iam.Invitation{}, err
	}
	if len(found) == 0 {
		return iam.Invitation{}, iam.ErrNotFound
	}
	return found[0], nil
}

// Invitations is described at [iam.InvitationReader].
func (r *reader) Invitations(ctx context.Context, org policy.OrgID, q iam.InvitationQuery) ([]iam.Invitation, error) {
	if err := r.ready(); err != nil || !r.sees(org) || !fitsOr(string(q.By)) || !fitsOr(string(q.After)) {
		return nil, err
	}
	query, args := readInvitations, []any{org}
	if q.Open {
		query, args = query+" AND i.accepted = ?", append(args, never)
	}
	if q.By != "" {
		query, args = query+" AND i.invited_by = ?", append(args, q.By)
	}
	if q.After != "" {
		query, args = query+" AND i.account_id > ?", append(args, q.After)
	}
	return r.invitations(ctx, query+" ORDER BY i.account_id LIMIT ?", append(args, pageSize(q.Limit))...)
}

func (r *reader) invitations(ctx context.Context, query string, args ...any) ([]iam.Invitation, error) {
	var rows []invitationRow
	if err := r.session(ctx).Raw(query, args...).Scan(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read invitations", err)
	}
	return each(rows, (*invitationRow).invitation), nil
}

// PutInvitation is described at [iam.InvitationWriter].
func (t *tx) PutInvitation(ctx context.Context, i iam.Invitation) error {
	var c checks
	c.that(i.Org == t.org, "Org", "the invitation is of organisation %.40q, and the change of %.40q", i.Org, t.org)
	c.id("Email", string(i.Email))
	c.idOr("By", string(i.By))
	c.idOr("MailID", string(i.MailID))
	if c.err != nil {
		return c.err
	}
	return t.putOf(ctx, "write an invitation", "iam_invitations", i.Account, map[string]any{
		"email": i.Email, "invited_by": i.By, "created": toMillis(i.Created), "renewed": toMillis(i.Renewed), "renewals": i.Renewals,
		"expires": toMillis(i.Expires), "accepted": toMillis(i.Accepted), "mail_id": i.MailID,
	})
}
