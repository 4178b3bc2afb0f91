package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type sessionRow struct {
	Hash         iam.TokenHash    `gorm:"column:hash;primaryKey"`
	ID           iam.SessionID    `gorm:"column:id"`
	Org          policy.OrgID     `gorm:"column:org_id"`
	Account      policy.AccountID `gorm:"column:account_id"`
	Stage        iam.Stage        `gorm:"column:stage"`
	SecondFactor int              `gorm:"column:second_factor"`
	Created      int64            `gorm:"column:created"`
	Seen         int64            `gorm:"column:seen"`
	Fresh        int64            `gorm:"column:fresh"`
	Idle         int64            `gorm:"column:idle"` // milliseconds
	Expires      int64            `gorm:"column:expires"`
	Peer         string           `gorm:"column:peer"`
	Agent        string           `gorm:"column:agent"`
	Pinned       string           `gorm:"column:pinned"`
}

func (sessionRow) TableName() string { return "iam_sessions" }

func newSessionRow(s iam.Session) sessionRow {
	return sessionRow{
		Hash: s.Hash, ID: s.ID, Org: s.Org, Account: s.Account, Stage: s.Stage, SecondFactor: bit(s.SecondFactor),
		Created: toMillis(s.Created), Seen: toMillis(s.Seen), Fresh: toMillis(s.Fresh), Idle: s.Idle.Milliseconds(), Expires: toMillis(s.Expires),
		Peer: s.Peer, Agent: s.Agent, Pinned: s.Pinned,
	}
}

func (row *sessionRow) session() iam.Session {
	return iam.Session{
		ID: row.ID, Org: row.Org, Account: row.Account, Hash: row.Hash, Stage: row.Stage, SecondFactor: row.SecondFactor != 0,
		Created: fromMillis(row.Created), Seen: fromMillis(row.Seen), Fresh: fromMillis(row.Fresh),
		Idle: time.Duration(row.Idle) * time.Millisecond, Expires: fromMillis(row.Expires),
		Peer: row.Peer, Agent: row.Agent, Pinned: row.Pinned,
	}
}

// sessionQuery reads a session with what may have ended it, in one statement: it is a part of every request.
const sessionQuery = `SELECT s.hash, s.id, s.org_id, s.account_id, s.stage, s.second_factor, s.created, s.seen, s.fresh, s.idle, s.expires,
s.peer, s.agent, s.pinned, a.status, CASE WHEN a.root_key IS NULL THEN 0 ELSE 1 END, o.second_factor
FROM iam_sessions AS s JOIN iam_accounts AS a ON a.org_id = s.org_id AND a.id = s.account_id
JOIN iam_organizations AS o ON o.id = s.org_id WHERE s.hash = ?`

// Session is described at [iam.SessionStore].
func (s *Store) Session(ctx context.Context, hash iam.TokenHash) (iam.SessionRecord, error) {
	if err := s.ready(); err != nil {
		return iam.SessionRecord{}, err
	}
	if !fits(string(hash)) {
		return iam.SessionRecord{}, iam.ErrNotFound
	}
	rows, err := s.reader.session(ctx).Raw(sessionQuery, hash).Rows()
	if err != nil {
		return iam.SessionRecord{}, s.failed(ctx, "read a session", err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return iam.SessionRecord{}, s.failed(ctx, "read a session", err)
		}
		return iam.SessionRecord{}, iam.ErrNotFound
	}
	record, err := scanSession(rows)
	if err != nil {
		return iam.SessionRecord{}, s.failed(ctx, "read a session", err)
	}
	return record, nil
}

func scanSession(rows *sql.Rows) (iam.SessionRecord, error) {
	var row sessionRow
	var record iam.SessionRecord
	var root int
	err := rows.Scan(&row.Hash, &row.ID, &row.Org, &row.Account, &row.Stage, &row.SecondFactor, &row.Created, &row.Seen, &row.Fresh, &row.Idle,
		&row.Expires, &row.Peer, &row.Agent, &row.Pinned, &record.Status, &root, &record.SecondFactorRule)
	record.Session, record.Root = row.session(), root != 0
	return record, err
}

// TouchSession is described at [iam.SessionStore]. It never inserts: a session that was ended while its
// last request ran would be back (SB-39).
func (s *Store) TouchSession(ctx context.Context, hash iam.TokenHash, seen time.Time) error {
	if !fits(string(hash)) {
		return s.ready()
	}
	return s.apart(ctx, func(r *reader) error {
		_, err := r.exec(ctx, "touch a session", "UPDATE iam_sessions SET seen = ? WHERE hash = ? AND seen < ?", toMillis(seen), hash, toMillis(seen))
		return err
	})
}

// Sessions is described at [iam.CredentialReader].
func (r *reader) Sessions(ctx context.Context, org policy.OrgID, account policy.AccountID, now time.Time) ([]iam.Session, error) {
	if err := r.ready(); err != nil || !r.sees(org, string(account)) {
		return nil, err
	}
	var rows []sessionRow
	err := r.session(ctx).Where("org_id = ? AND account_id = ? AND expires > ? AND seen + idle > ?", org, account, toMillis(now), toMillis(now)).
		Order("created DESC, id DESC").Find(&rows).Error
	if err != nil {
		return nil, r.failed(ctx, "read sessions", err)
	}
	return each(rows, (*sessionRow).session), nil
}

// InsertSession is described at [iam.CredentialWriter].
func (t *tx) InsertSession(ctx context.Context, s iam.Session) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !fits(string(s.Account)) {
		return iam.ErrNotFound
	}
	var c checks
	c.that(s.Org == t.org, "Org", "the session is of organisation %.40q, and the change of %.40q", s.Org, t.org)
	c.id("ID", string(s.ID))
	c.that(fits(string(s.Hash)), "Hash", "the hash cannot be stored") // and is not repeated here
	c.id("Stage", string(s.Stage))
	c.idOr("Peer", s.Peer)
	c.idOr("Agent", s.Agent)
	c.long("Pinned", s.Pinned)
	if c.err != nil {
		return c.err
	}
	// One statement for the account and for what is taken.
	var found []string
	err := t.session(ctx).Raw(`SELECT 'account' FROM iam_accounts WHERE org_id = ? AND id = ?
UNION ALL SELECT 'taken' FROM iam_sessions WHERE hash = ?
UNION ALL SELECT 'taken' FROM iam_sessions WHERE org_id = ? AND account_id = ? AND id = ?`,
		t.org, s.Account, s.Hash, t.org, s.Account, s.ID).Scan(&found).Error
	switch {
	case err != nil:
		return t.failed(ctx, "look for the session", err)
	case !slices.Contains(found, "account"):
		return iam.ErrNotFound
	case slices.Contains(found, "taken"):
		return iam.ErrExists
	}
	row := newSessionRow(s)
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert a session", err)
	}
	return nil
}

// HasSession is described at [iam.CredentialWriter].
func (t *tx) HasSession(ctx context.Context, account policy.AccountID, id iam.SessionID) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(account), string(id)) {
		return false, err
	}
	return t.any(ctx, "SELECT COUNT(*) FROM iam_sessions WHERE org_id = ? AND account_id = ? AND id = ?", t.org, account, id)
}

// DeleteSession is described at [iam.CredentialWriter].
func (t *tx) DeleteSession(ctx context.Context, account policy.AccountID, id iam.SessionID) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(account), string(id)) {
		return false, err
	}
	n, err := t.exec(ctx, "end a session", "DELETE FROM iam_sessions WHERE org_id = ? AND account_id = ? AND id = ?", t.org, account, id)
	return n == 1, err
}

// DeleteSessions is described at [iam.CredentialWriter].
func (t *tx) DeleteSessions(ctx context.Context, account policy.AccountID, but iam.SessionID) (int, error) {
	if err := t.ready(); err != nil || !fits(string(account)) {
		return 0, err
	}
	// No id is "": without an exception, every session goes.
	return t.removeOf(ctx, "end sessions", "iam_sessions", "org_id = ? AND account_id = ? AND id <> ?", t.org, account, storedOr(string(but)))
}

// storedOr is the id, or "" for one that cannot be stored and so belongs to nothing.
func storedOr(id string) string {
	if !fits(id) {
		return ""
	}
	return id
}
