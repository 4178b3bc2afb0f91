package store

import (
	"context"
	"strconv"

	"github.com/castellan-iam/castellan/policy"
)

// Channel is where changes are announced with PostgreSQL's NOTIFY: the revision and the id of an organisation, with a
// space between them. Package store/pgnotify listens to it.
const Channel = "iam_changes"

// Revisions is described at [iam.Feed].
func (s *Store) Revisions(ctx context.Context, orgs []policy.OrgID) (map[policy.OrgID]int64, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	revisions := make(map[policy.OrgID]int64, len(orgs))
	orgs = known(orgs)
	for from := 0; from < len(orgs); from += atOnce {
		var rows []struct {
			ID       policy.OrgID `gorm:"column:id"`
			Revision int64        `gorm:"column:revision"`
		}
		some := orgs[from:min(from+atOnce, len(orgs))]
		if err := s.session(ctx).Raw("SELECT id, revision FROM iam_organizations WHERE id IN ?", some).Scan(&rows).Error; err != nil {
			return nil, s.failed(ctx, "read revisions", err)
		}
		for _, row := range rows {
			revisions[row.ID] = row.Revision
		}
	}
	return revisions, nil
}

// atOnce is how many ids a statement names: SQLite takes 32,766 parameters, older ones 999.
const atOnce = 900

// Announce is described at [iam.Feed]. It is no part of a Write: whoever commits a NOTIFY waits for everybody else that
// does, on the whole server.
func (s *Store) Announce(ctx context.Context, org policy.OrgID, revision int64) error {
	if err := s.ready(); err != nil || s.dialect.notify == "" || !fits(string(org)) {
		return err
	}
	err := s.session(ctx).Exec(s.dialect.notify, Channel, strconv.FormatInt(revision, 10)+" "+string(org)).Error
	if err != nil {
		return s.failed(ctx, "announce a change", err)
	}
	return nil
}
