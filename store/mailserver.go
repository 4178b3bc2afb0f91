package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// MailServer is described at [iam.MailReader].
func (r *reader) MailServer(ctx context.Context, org policy.OrgID) (iam.MailServer, error) {
	if err := r.ready(); err != nil {
		return iam.MailServer{}, err
	}
	if !r.sees(org) {
		return iam.MailServer{}, iam.ErrNotFound
	}
	var rows []struct {
		Host     string `gorm:"column:host"`
		Port     int    `gorm:"column:port"`
		Security string `gorm:"column:security"`
		Username string `gorm:"column:username"`
		Password string `gorm:"column:password"`
		From     string `gorm:"column:sender"`
		Updated  int64  `gorm:"column:updated"`
	}
	err := r.session(ctx).Raw(`SELECT host, port, security, username, password, sender, updated FROM iam_mail_servers
WHERE org_id = ?`, org).Scan(&rows).Error
	if err != nil {
		return iam.MailServer{}, r.failed(ctx, "read the mail server", err)
	}
	if len(rows) == 0 {
		return iam.MailServer{}, iam.ErrNotFound
	}
	row := rows[0]
	return iam.MailServer{
		Host: row.Host, Port: row.Port, Security: row.Security, Username: row.Username, Password: row.Password, From: row.From,
		Updated: fromMillis(row.Updated),
	}, nil
}

// PutMailServer is described at [iam.MailWriter].
func (t *tx) PutMailServer(ctx context.Context, s iam.MailServer) error {
	if err := t.ready(); err != nil {
		return err
	}
	var c checks
	c.idOr("Host", s.Host)
	c.idOr("Security", s.Security)
	c.idOr("Username", s.Username)
	c.text("Password", s.Password)
	c.idOr("From", s.From)
	if c.err != nil {
		return c.err
	}
	return t.put(ctx, "write the mail server", "iam_mail_servers", map[string]any{"org_id": t.org}, map[string]any{
		"host": s.Host, "port": s.Port, "security": s.Security, "username": s.Username, "password": s.Password, "sender": s.From,
		"updated": toMillis(s.Updated),
	})
}

// DeleteMailServer is described at [iam.MailWriter].
func (t *tx) DeleteMailServer(ctx context.Context) error {
	if err := t.ready(); err != nil {
		return err
	}
	_, err := t.exec(ctx, "delete the mail server", "DELETE FROM iam_mail_servers WHERE org_id = ?", t.org)
	return err
}
