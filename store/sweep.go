package store

import (
	"context"
	"time"
)

// sweepBatch is how many rows one statement removes at most.
const sweepBatch = 500

// sweeps are the tables with rows that are over, and the columns that say which and since when. Each
// has an index on them in reverse.
var sweeps = []struct{ table, key, over string }{
	{"iam_sessions", "hash", "expires"},
	{"iam_tokens", "hash", "expires"},
	{"iam_throttles", "id", "until"},
}

// Sweep is described at [iam.SessionStore]. It reads which rows are over without a lock, and removes
// them by their keys: on MariaDB, a DELETE of a range would lock the gap in which others insert.
func (s *Store) Sweep(ctx context.Context, over time.Time) (int, error) {
	total := 0
	for _, sweep := range sweeps {
		find := "SELECT " + sweep.key + " FROM " + sweep.table + " WHERE " + sweep.over + " <= ? ORDER BY " + sweep.over + ", " + sweep.key + " LIMIT ?"
		remove := "DELETE FROM " + sweep.table + " WHERE " + sweep.key + " IN ? AND " + sweep.over + " <= ?"
		for {
			var keys []string
			var removed int64
			err := s.apart(ctx, func(r *reader) (err error) {
				if err := r.session(ctx).Raw(find, toMillis(over), sweepBatch).Scan(&keys).Error; err != nil {
					return r.failed(ctx, "look for what is over", err)
				}
				if len(keys) > 0 {
					removed, err = r.exec(ctx, "sweep", remove, keys, toMillis(over))
				}
				return err
			})
			if err != nil {
				return total, err
			}
			total += int(removed)
			// Where nothing went although rows were found, another node sweeps.
			if len(keys) < sweepBatch || removed == 0 {
				break
			}
		}
	}
	return total, nil
}
