package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type mailRow struct {
	ID       iam.MailID       `gorm:"column:id;primaryKey"`
	Org      policy.OrgID     `gorm:"column:org_id"`
	Account  policy.AccountID `gorm:"column:account_id"`
	To       iam.Email        `gorm:"column:address"`
	Template string           `gorm:"column:template"`
	Data     string           `gorm:"column:data"` // JSON
	Token    iam.TokenPurpose `gorm:"column:token"`
	By       policy.AccountID `gorm:"column:caused_by"`
	Created  int64            `gorm:"column:created"`
	Expires  int64            `gorm:"column:expires"`
	State    iam.MailState    `gorm:"column:state"`
	Tries    int              `gorm:"column:tries"`
	Next     int64            `gorm:"column:next"`
	Reply    string           `gorm:"column:reply"`
	Ended    int64            `gorm:"column:ended"`
	// Lease is whose mail it is until LeasedUntil, and "" for nobody's.
	Lease       string `gorm:"column:lease"`
	LeasedUntil int64  `gorm:"column:leased_until"`
}

func (mailRow) TableName() string { return "iam_mails" }

// newMailRow checks a mail and makes its row, which nobody has leased.
func newMailRow(m iam.Mail) (mailRow, error) {
	var c checks
	c.id("ID", string(m.ID))
	c.idOr("Org", string(m.Org))
	c.idOr("Account", string(m.Account))
	c.id("To", string(m.To))
	c.id("Template", m.Template)
	c.idOr("Token", string(m.Token))
	c.idOr("By", string(m.By))
	c.id("State", string(m.State))
	c.text("Reply", m.Reply)
	if c.err != nil {
		return mailRow{}, c.err
	}
	data, err := json.Marshal(m.Data)
	if err != nil {
		return mailRow{}, fmt.Errorf("store: data of a mail: %w", err)
	}
	if c.that(len(data) <= maxLong, "Data", "the data take %d bytes: at most %d", len(data), maxLong); c.err != nil {
		return mailRow{}, c.err
	}
	return mailRow{
		ID: m.ID, Org: m.Org, Account: m.Account, To: m.To, Template: m.Template, Data: string(data), Token: m.Token, By: m.By,
		Created: toMillis(m.Created), Expires: toMillis(m.Expires),
		State: m.State, Tries: m.Tries, Next: toMillis(m.Next), Reply: m.Reply, Ended: toMillis(m.Ended),
		LeasedUntil: never,
	}, nil
}

func (row *mailRow) mail() (iam.Mail, error) {
	m := iam.Mail{
		ID: row.ID, Org: row.Org, Account: row.Account, To: row.To, Template: row.Template, Token: row.Token, By: row.By,
		Created: fromMillis(row.Created), Expires: fromMillis(row.Expires),
		State: row.State, Tries: row.Tries, Next: fromMillis(row.Next), Reply: row.Reply, Ended: fromMillis(row.Ended),
	}
	if err := json.Unmarshal([]byte(row.Data), &m.Data); err != nil {
		return iam.Mail{}, fmt.Errorf("data of mail %s: %w", row.ID, err)
	}
	return m, nil
}

func mailsOf(rows []mailRow) ([]iam.Mail, error) {
	var mails []iam.Mail
	for i := range rows {
		m, err := rows[i].mail()
		if err != nil {
			return nil, err
		}
		mails = append(mails, m)
	}
	return mails, nil
}

// Mails is described at [iam.MailReader].
func (r *reader) Mails(ctx context.Context, org policy.OrgID, q iam.MailQuery) ([]iam.Mail, error) {
	if err := r.ready(); err != nil || !r.sees(org) || !fitsOr(string(q.Account)) || !fitsOr(string(q.State)) || !fitsOr(string(q.Before)) {
		return nil, err
	}
	db := r.session(ctx)
	if q.Account == "" {
		db = r.walkBack(db, string(org), string(q.Before))
	} else {
		db = db.Where("org_id = ? AND account_id = ?", org, q.Account).Order("id DESC")
		if q.Before != "" {
			db = db.Where("id < ?", q.Before)
		}
	}
	if q.State != "" {
		db = db.Where("state = ?", q.State)
	}
	var rows []mailRow
	if err := db.Limit(pageSize(q.Limit)).Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read mails", err)
	}
	mails, err := mailsOf(rows)
	if err != nil {
		return nil, r.failed(ctx, "read mails", err)
	}
	return mails, nil
}

// CountMails is described at [iam.MailReader].
func (r *reader) CountMails(ctx context.Context, org policy.OrgID, template string, by, account policy.AccountID, since time.Time) (int, error) {
	if err := r.ready(); err != nil || !r.sees(org, template) || !fitsOr(string(by)) || !fitsOr(string(account)) {
		return 0, err
	}
	query, args := "SELECT COUNT(*) FROM iam_mails WHERE org_id = ? AND template = ? AND created >= ?", []any{org, template, ceilMillis(since)}
	if by != "" {
		query, args = query+" AND caused_by = ?", append(args, by)
	}
	if account != "" {
		query, args = query+" AND account_id = ?", append(args, account)
	}
	var n int
	if err := r.session(ctx).Raw(query, args...).Scan(&n).Error; err != nil {
		return 0, r.failed(ctx, "count mails", err)
	}
	return n, nil
}

// InsertMail is described at [iam.MailWriter].
func (t *tx) InsertMail(ctx context.Context, m iam.Mail) error {
	if err := t.ready(); err != nil {
		return err
	}
	var c checks
	if c.that(m.Org == t.org, "Org", "the mail is of organisation %.40q, and the change of %.40q", m.Org, t.org); c.err != nil {
		return c.err
	}
	row, err := newMailRow(m)
	if err != nil {
		return err
	}
	if taken, err := t.any(ctx, "SELECT COUNT(*) FROM iam_mails WHERE id = ?", m.ID); err != nil {
		return err
	} else if taken {
		return iam.ErrExists
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert a mail", err)
	}
	return nil
}

// DropMails is described at [iam.MailWriter]. Whoever has leased such a mail finds the lease gone.
func (t *tx) DropMails(ctx context.Context, account policy.AccountID, at time.Time, templates ...string) error {
	if err := t.ready(); err != nil || !fits(string(account)) {
		return err
	}
	var c checks
	if c.that(!at.IsZero(), "Ended", "a mail ends at a time"); c.err != nil {
		return c.err
	}
	statement := "UPDATE iam_mails SET state = ?, ended = ?, lease = '', leased_until = ? WHERE org_id = ? AND account_id = ? AND ended = ?"
	args := []any{iam.MailDropped, toMillis(at), never, t.org, account, never}
	if len(templates) > 0 {
		statement, args = statement+" AND template IN ?", append(args, thatFit(templates))
	}
	_, err := t.exec(ctx, "drop mails", statement, args...)
	return err
}

// thatFit leaves out what cannot be stored, and so is nowhere; it keeps one that is not there in place of nothing.
func thatFit(texts []string) []string {
	all := []string{""}
	for _, text := range texts {
		if fits(text) {
			all = append(all, text)
		}
	}
	return all
}

// HoldsMail is described at [iam.MailWriter]. The row stays locked, so that the answer holds until the Write ends.
func (t *tx) HoldsMail(ctx context.Context, id iam.MailID, lease string) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(id), lease) {
		return false, err
	}
	var held []iam.MailID
	err := t.session(ctx).Raw("SELECT id FROM iam_mails WHERE id = ? AND org_id = ? AND lease = ? AND ended = ?"+t.dialect.hold,
		id, t.org, lease, never).Scan(&held).Error
	if err != nil {
		return false, t.failed(ctx, "look for a lease", err)
	}
	return len(held) == 1, nil
}
