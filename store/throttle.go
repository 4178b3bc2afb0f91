package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// countAttempt counts one attempt more under a key, and changes no row when there were too many. It
// always changes what it counts (SB-A5): the attempts, or the time until which they count. MariaDB
// assigns from left to right, so that attempts come first. The time never goes back when clocks of nodes differ.
const countAttempt = ` SET attempts = CASE WHEN {t}until <= @now THEN 1 ELSE {t}attempts + 1 END,
until = CASE WHEN {t}until < @until THEN @until ELSE {t}until END
WHERE {t}until <= @now OR {t}attempts < @limit`

// attemptUpserting is one statement, whose row count says whether the attempt is allowed.
var attemptUpserting = []string{
	"INSERT INTO iam_throttles (id, attempts, until) VALUES (@id, 1, @until) ON CONFLICT (id) DO UPDATE" +
		strings.ReplaceAll(countAttempt, "{t}", "iam_throttles."),
}

// attemptInTwo is for MariaDB and MySQL, whose upsert has no condition. The first statement takes the
// row's lock also when it is there: INSERT IGNORE would share it, and two who hold it so in
// transactions of the host would wait for each other. Its own row counts for nothing (attempts 0),
// whatever becomes of the second statement.
var attemptInTwo = []string{
	"INSERT INTO iam_throttles (id, attempts, until) VALUES (@id, 0, @until) ON DUPLICATE KEY UPDATE id = id",
	"UPDATE iam_throttles" + strings.ReplaceAll(strings.Replace(countAttempt, "WHERE ", "WHERE id = @id AND (", 1), "{t}", "") + ")",
}

// maxRaces is how often an attempt may find the counter of its key gone between two statements.
const maxRaces = 10

// Attempt is described at [iam.Throttle].
func (s *Store) Attempt(ctx context.Context, key string, limit iam.Limit, now time.Time) (until time.Time, err error) {
	if limit.Attempts < 1 || limit.Pause <= 0 {
		return limitless(limit, now), s.ready()
	}
	err = s.apart(ctx, func(r *reader) error {
		for range maxRaces {
			allowed, err := r.countAttempt(ctx, key, limit, now)
			if err != nil {
				return err
			}
			if allowed {
				until = time.Time{}
				return nil
			}
			// MariaDB would show the row as it was when a transaction of the host began.
			until, err = r.blocked(ctx, key, limit, now, r.dialect.snapshots)
			if err != nil || !until.IsZero() {
				return err
			}
			// Forgotten meanwhile: it counts from the start.
		}
		return r.failed(ctx, "count an attempt", errors.New("the counter goes away again and again"))
	})
	return until, err
}

func (r *reader) countAttempt(ctx context.Context, key string, limit iam.Limit, now time.Time) (allowed bool, err error) {
	var rows int64
	for _, statement := range r.dialect.attempt {
		rows, err = r.exec(ctx, "count an attempt", statement,
			sql.Named("id", throttleID(key)), sql.Named("now", toMillis(now)), sql.Named("until", ceilMillis(now.Add(limit.Pause))),
			sql.Named("limit", limit.Attempts))
		if err != nil {
			return false, err
		}
	}
	return rows > 0, nil
}

// Blocked is described at [iam.Throttle].
func (s *Store) Blocked(ctx context.Context, key string, limit iam.Limit, now time.Time) (until time.Time, err error) {
	if err := s.ready(); err != nil || limit.Attempts < 1 || limit.Pause <= 0 {
		return limitless(limit, now), err
	}
	return s.blocked(ctx, key, limit, now, false)
}

func (r *reader) blocked(ctx context.Context, key string, limit iam.Limit, now time.Time, newest bool) (until time.Time, err error) {
	query := "SELECT until FROM iam_throttles WHERE id = ? AND until > ? AND attempts >= ?"
	if newest {
		query += r.dialect.hold
	}
	var found []int64
	if err := r.session(ctx).Raw(query, throttleID(key), toMillis(now), limit.Attempts).Scan(&found).Error; err != nil {
		return time.Time{}, r.failed(ctx, "read attempts", err)
	}
	if len(found) == 0 {
		return time.Time{}, nil
	}
	return fromMillis(found[0]), nil
}

// limitless answers without a counter: where no attempt is allowed at all, or each is long enough after the other.
func limitless(limit iam.Limit, now time.Time) (until time.Time) {
	if limit.Attempts < 1 {
		return fromMillis(ceilMillis(now.Add(limit.Pause)))
	}
	return time.Time{}
}

// Forgive is described at [iam.Throttle].
func (s *Store) Forgive(ctx context.Context, key string) error {
	return s.apart(ctx, func(r *reader) error {
		return r.forgive(ctx, key)
	})
}

// ForgiveAttempts is described at [iam.CredentialWriter]. On MariaDB and MySQL a DELETE that finds nothing would lock
// the gap, until the Write ends, in which the counters of others are inserted.
func (t *tx) ForgiveAttempts(ctx context.Context, key string) error {
	if err := t.ready(); err != nil {
		return err
	}
	if t.dialect.snapshots {
		there, err := t.any(ctx, "SELECT COUNT(*) FROM iam_throttles WHERE id = ?", throttleID(key))
		if err != nil || !there {
			return err
		}
	}
	return t.forgive(ctx, key)
}

func (r *reader) forgive(ctx context.Context, key string) error {
	_, err := r.exec(ctx, "forgive attempts", "DELETE FROM iam_throttles WHERE id = ?", throttleID(key))
	return err
}

const hashedKey = "sha256:"

// throttleID is what a key is stored as: itself, or its hash when it does not fit, or could be taken for one.
func throttleID(key string) string {
	if fits(key) && !strings.HasPrefix(key, hashedKey) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hashedKey + hex.EncodeToString(sum[:])
}
