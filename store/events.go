package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Events is described at [iam.AuditReader].
func (r *reader) Events(ctx context.Context, org policy.OrgID, q iam.EventQuery) ([]iam.Event, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	if !r.sees(org) || !fitsOr(string(q.Actor)) || !fitsOr(q.Target) || !fitsOr(string(q.Type)) {
		return nil, nil
	}
	db := r.session(ctx).Where("org_id = ?", org)
	if q.Actor != "" {
		db = db.Where("actor = ?", q.Actor)
	}
	if q.Target != "" {
		db = db.Where("target = ?", q.Target)
	}
	if q.Type != "" {
		db = db.Where("type = ?", q.Type)
	}
	if !q.From.IsZero() {
		db = db.Where("time >= ?", ceilMillis(q.From))
	}
	if !q.To.IsZero() {
		db = db.Where("time < ?", ceilMillis(q.To))
	}
	if q.Before != (iam.EventPosition{}) {
		db = db.Where("(revision < ? OR (revision = ? AND ordinal < ?))", q.Before.Revision, q.Before.Revision, q.Before.Ordinal)
	}
	var rows []eventRow
	if err := db.Order("revision DESC, ordinal DESC").Limit(pageSize(q.Limit)).Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read events", err)
	}
	var events []iam.Event
	for i := range rows {
		e, err := rows[i].event()
		if err != nil {
			return nil, r.failed(ctx, "read events", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// Append is described at [iam.Tx].
func (t *tx) Append(ctx context.Context, e iam.Event) error {
	if err := t.ready(); err != nil {
		return err
	}
	var c checks
	c.id("Type", string(e.Type))
	c.idOr("Actor", string(e.Actor))
	c.idOr("Target", e.Target)
	c.text("Reason", e.Reason)
	if c.err != nil {
		return c.err
	}
	e.Org, e.Revision, e.Ordinal = t.org, t.revision, t.ordinal+1
	row, err := newEventRow(e)
	if err != nil {
		return t.failed(ctx, "append an event", err)
	}
	if c.that(len(row.Changes) <= maxLong, "Changes", "the changes take %d bytes: at most %d", len(row.Changes), maxLong); c.err != nil {
		return c.err
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "append an event", err)
	}
	t.ordinal++
	return nil
}
