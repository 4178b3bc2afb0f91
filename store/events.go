package store

import (
	"context"
	"time"

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
	outcomes, some := storable(q.Outcomes)
	if !some {
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
	if len(outcomes) > 0 {
		db = db.Where("outcome IN ?", outcomes)
	}
	if !q.From.IsZero() {
		db = db.Where("time >= ?", ceilMillis(q.From))
	}
	if !q.To.IsZero() {
		db = db.Where("time < ?", ceilMillis(q.To))
	}
	// The first condition of each is what an index understands.
	if at := q.Before; at != (iam.EventPosition{}) {
		db = db.Where("revision <= ? AND (revision < ? OR ordinal < ?)", at.Revision, at.Revision, at.Ordinal)
	}
	if at := q.After; at != (iam.EventPosition{}) {
		db = db.Where("revision >= ? AND (revision > ? OR ordinal > ?)", at.Revision, at.Revision, at.Ordinal)
	}
	order := "revision DESC, ordinal DESC"
	if q.Ascending {
		order = "revision, ordinal"
	}
	var rows []eventRow
	if err := db.Order(order).Limit(pageSize(q.Limit)).Find(&rows).Error; err != nil {
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

// storable leaves out the outcomes that no event can have had, and reports whether any are left to ask for.
func storable(outcomes []iam.Outcome) (all []iam.Outcome, some bool) {
	for _, o := range outcomes {
		if fitsOr(string(o)) {
			all = append(all, o)
		}
	}
	return all, len(all) > 0 || len(outcomes) == 0
}

// CountEvents is described at [iam.AuditReader].
func (r *reader) CountEvents(ctx context.Context, org policy.OrgID, what iam.EventType, actor policy.AccountID, since time.Time) (int, error) {
	if err := r.ready(); err != nil {
		return 0, err
	}
	if !r.sees(org, string(what)) || !fitsOr(string(actor)) {
		return 0, nil
	}
	query, args := "SELECT COUNT(*) FROM iam_events WHERE org_id = ? AND type = ? AND time >= ?", []any{org, what, ceilMillis(since)}
	if actor != "" {
		query, args = query+" AND actor = ?", append(args, actor)
	}
	var n int
	if err := r.session(ctx).Raw(query, args...).Scan(&n).Error; err != nil {
		return 0, r.failed(ctx, "count events", err)
	}
	return n, nil
}
