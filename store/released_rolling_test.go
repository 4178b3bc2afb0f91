package store_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
)

// Every statement of a program that knows an older schema goes on working on the newest one, and concerns as many
// rows as before. From version 2 on, so does what comes of it: the new program reads it, and the log is whole.
func TestReleasedProgramRunsOnTheNewestSchema(t *testing.T) {
	t.Parallel()
	eachReleased(t, func(t *testing.T, db *gorm.DB, f fixture) {
		if err := store.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		replay(t, db, f.Version)
		a := resume(t, db, f)
		a.now = a.now.AddDate(0, 0, 1)
		report, err := a.bypass("acme").VerifyEvents(a.ctx(), iam.Checkpoint{})
		var broken *iam.LogError
		switch {
		case f.Version == 1: // its events are in no chain, which began with the migrated program's first
			a.ok(a.bypass("acme").Record(a.ctx(), iam.RecordParams{Type: "Deployed"}))
			replayAgain(t, db)
			if _, err := a.bypass("acme").VerifyEvents(a.ctx(), iam.Checkpoint{}); !errors.As(err, &broken) {
				t.Errorf("a program of version 1 that goes on beside the new one: got %v, want a *iam.LogError", err)
			}
		case err != nil:
			t.Errorf("the log of both programs: %v (%+v)", err, report)
		default:
			a.read()
			a.hire("acme", "ada", "newest", "auditor")
			a.verify("of both programs")
		}
	})
}

// replay runs what a program of a version asked its database.
func replay(t *testing.T, db *gorm.DB, version int) {
	t.Helper()
	file, err := os.ReadFile(releasedFile(version, db.Name()+".statements.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s := parseStatement(t, lines.Bytes())
		n, err := ask(t.Context(), conn, s)
		if err != nil {
			t.Errorf("%s: %v", s.SQL, err)
		} else if s.Rows >= 0 && n != s.Rows {
			t.Errorf("%s %v: got %d rows, want %d", s.SQL, s.Args, n, s.Rows)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// ask runs a statement, and counts the rows that it concerns.
func ask(ctx context.Context, conn *sql.DB, s statement) (n int64, err error) {
	if !strings.HasPrefix(s.SQL, "SELECT") && !strings.Contains(s.SQL, "RETURNING") {
		result, err := conn.ExecContext(ctx, s.SQL, s.Args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	rows, err := conn.QueryContext(ctx, s.SQL, s.Args...)
	if err != nil {
		return 0, err
	}
	for rows.Next() {
		n++
	}
	return n, errors.Join(rows.Err(), rows.Close())
}

func parseStatement(t *testing.T, line []byte) (s statement) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	for i, arg := range s.Args {
		if number, ok := arg.(json.Number); ok {
			n, err := number.Int64()
			if err != nil {
				t.Fatal(err)
			}
			s.Args[i] = n
		}
	}
	return s
}

// replayAgain writes as a program of version 1 does.
func replayAgain(t *testing.T, db *gorm.DB) {
	t.Helper()
	run(t, db, "UPDATE iam_organizations SET revision = revision + 1 WHERE id = 'acme'",
		"INSERT INTO iam_events (org_id, revision, ordinal, time, type, actor, reason, target, changes) "+
			"SELECT id, revision, 1, 1767400000000, 't', '', '', '', '[]' FROM iam_organizations WHERE id = 'acme'")
}
