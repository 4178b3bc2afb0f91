package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// logEnd is where an organisation's log ends, as its row says. Within a Write, which holds that row, it
// is kept in memory, and written once.
type logEnd struct {
	Revision int64  `gorm:"column:revision"`    // of the organisation
	Ordinal  int    `gorm:"column:log_ordinal"` // of the last event at that revision; 0 for none
	Count    int64  `gorm:"column:log_count"`   // events with a hash
	Head     string `gorm:"column:log_head"`    // the hash of the last of them
	grown    bool   // has it to be written?
}

// readLogEnd reads the end of the log of the one organisation that the reader sees.
func (r *reader) readLogEnd(ctx context.Context, org policy.OrgID) (logEnd, error) {
	const read = "SELECT revision, log_ordinal, log_count, log_head FROM iam_organizations WHERE id = ?"
	var found []logEnd
	if err := r.session(ctx).Raw(read, org).Scan(&found).Error; err != nil {
		return logEnd{}, r.failed(ctx, "read the end of the log", err)
	}
	if len(found) == 0 {
		return logEnd{}, iam.ErrNotFound
	}
	return found[0], nil
}

// LogHead is described at [iam.AuditReader].
func (r *reader) LogHead(ctx context.Context, org policy.OrgID) (iam.LogHead, error) {
	if err := r.ready(); err != nil {
		return iam.LogHead{}, err
	}
	if !r.sees(org) {
		return iam.LogHead{}, iam.ErrNotFound
	}
	end, err := r.readLogEnd(ctx, org)
	return iam.LogHead{Count: end.Count, Hash: end.Head}, err
}

// LogHead is that of the reader, with what was appended and is not written yet.
func (t *tx) LogHead(ctx context.Context, org policy.OrgID) (iam.LogHead, error) {
	if err := t.ready(); err != nil {
		return iam.LogHead{}, err
	}
	if org != t.org {
		return iam.LogHead{}, iam.ErrNotFound
	}
	return iam.LogHead{Count: t.log.Count, Hash: t.log.Head}, nil
}

// Append is described at [iam.Tx].
func (t *tx) Append(ctx context.Context, e iam.Event, link func(e iam.Event, before string) string) error {
	if err := t.ready(); err != nil {
		return err
	}
	row, end, err := t.linked(ctx, e, t.log, link)
	if err != nil {
		return err
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "append an event", err)
	}
	t.log = end
	return nil
}

// linked is the row of an event behind the end of a log, and the end that the log has with it.
func (t *tx) linked(ctx context.Context, e iam.Event, end logEnd, link func(e iam.Event, before string) string) (eventRow, logEnd, error) {
	if err := checkEvent(e); err != nil {
		return eventRow{}, end, err
	}
	e.Org, e.Revision, e.Ordinal, e.Hash = t.org, end.Revision, end.Ordinal+1, ""
	row, err := newEventRow(e)
	if err != nil {
		return eventRow{}, end, t.failed(ctx, "append an event", err)
	}
	// The hash is over what will be read, so that who reads it can make it again: times lose
	// what is below a millisecond, and changes what is no UTF-8.
	stored, err := row.stored(e)
	if err != nil {
		return eventRow{}, end, t.failed(ctx, "append an event", err)
	}
	row.Hash = link(stored, end.Head)
	var c checks
	c.that(len(row.Changes) <= maxLong, "Changes", "the changes take %d bytes: at most %d", len(row.Changes), maxLong)
	if c.id("Hash", row.Hash); c.err != nil {
		return eventRow{}, end, c.err
	}
	return row, logEnd{Revision: row.Revision, Ordinal: row.Ordinal, Count: end.Count + 1, Head: row.Hash, grown: true}, nil
}

// AppendAll is described at [iam.BulkWriter].
func (t *tx) AppendAll(ctx context.Context, events []iam.Event, link func(e iam.Event, before string) string) error {
	if err := t.ready(); err != nil || len(events) == 0 {
		return err
	}
	linked, end := make([]eventRow, len(events)), t.log
	for i, e := range events {
		var err error
		if linked[i], end, err = t.linked(ctx, e, end, link); err != nil {
			return err
		}
	}
	rows := t.bulkInto("append events", "iam_events", "org_id", "revision", "ordinal", "time", "type", "outcome",
		"actor", "actor_email", "actor_role", "reason", "peer", "request", "target", "changes", "hash")
	for _, row := range linked {
		err := rows.add(ctx, string(row.Org), row.Revision, row.Ordinal, row.Time, string(row.Type), string(row.Outcome),
			string(row.Actor), string(row.Email), row.Role, row.Reason, row.Peer, row.Request, row.Target, row.Changes, row.Hash)
		if err != nil {
			return err
		}
	}
	if err := rows.flush(ctx); err != nil {
		return err
	}
	t.log = end
	return nil
}

func checkEvent(e iam.Event) error {
	var c checks
	c.id("Type", string(e.Type))
	c.idOr("Outcome", string(e.Outcome))
	c.idOr("Actor", string(e.Actor))
	c.idOr("Email", string(e.Email))
	c.idOr("Role", e.Role)
	c.text("Reason", e.Reason)
	c.idOr("Peer", e.Peer)
	c.idOr("Request", e.Request)
	c.idOr("Target", e.Target)
	return c.err
}

// writeLogEnd is the last statement of a Write that has appended something.
func (t *tx) writeLogEnd(ctx context.Context) error {
	if !t.log.grown {
		return nil
	}
	if err := t.ready(); err != nil {
		return err
	}
	_, err := t.exec(ctx, "write the end of the log", "UPDATE iam_organizations SET log_ordinal = ?, log_count = ?, log_head = ? WHERE id = ?",
		t.log.Ordinal, t.log.Count, t.log.Head, t.org)
	return err
}
