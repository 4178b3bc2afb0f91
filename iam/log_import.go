package iam

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxLine is more than an event can take.
const maxLine = 1 << 25

// VerifyExport checks a whole log that was exported as ExportJSON, without the database: what
// [Actor.VerifyEvents] does, with Config.AuditKey as the key. A line that is not byte for byte what
// ExportEvents writes is wrong too, so that no other program can read something else in it than was
// verified. Since is zero for an export from the beginning, and otherwise the checkpoint whose position was the
// export's Query.After.
//
// Whether the end of the file was cut off, a file cannot tell: compare the checkpoint in the report with
// one that was kept elsewhere. Nothing else than a [*LogError] and a failure to read is returned.
func VerifyExport(r io.Reader, key []byte, since Checkpoint) (LogReport, error) {
	walk := newLogWalk(key, since)
	if since.check() != nil {
		return walk.report, walk.wrong(since.Position, "this is no checkpoint of a log")
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		e, ok := eventOf(lines.Bytes())
		if !ok {
			return walk.report, walk.wrong(walk.last, "line %d is no event as ExportEvents writes it", number)
		}
		if number == 1 && walk.report.Checkpoint.Org == "" {
			walk.report.Checkpoint.Org = e.Org
		}
		if err := walk.step(e); err != nil {
			return walk.report, err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return walk.report, walk.wrong(walk.last, "line %d is longer than an event can be", number+1)
	case err != nil:
		return walk.report, err
	case number == 0 && since == Checkpoint{}:
		return walk.report, walk.wrong(walk.last, "there is no event, and every log has one")
	}
	return walk.report, nil
}

// eventOf reads a line that MarshalJSON could have written, and no other.
func eventOf(line []byte) (Event, bool) {
	var e Event
	if json.Unmarshal(line, &e) != nil {
		return Event{}, false
	}
	again, err := json.Marshal(e)
	return e, err == nil && bytes.Equal(line, again)
}
