package iam

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// ExportFormat is how an export is written.
type ExportFormat string

// The formats.
const (
	// ExportCSV is a table for people: RFC 4180 in UTF-8, one event a row below a row of headings. Its cells are
	// made harmless to spreadsheets and terminals, so that a value may differ from what is stored (SB-84).
	ExportCSV ExportFormat = "csv"
	// ExportJSON is one object a line, as [Event] writes itself, with every value as it is stored. One of the
	// whole log can be verified without the database: see [VerifyExport].
	ExportJSON ExportFormat = "json"
)

// ExportParams describe an export.
type ExportParams struct {
	// Query says which events. An export has all of them, the oldest first: Ascending, Before and Limit
	// do not count. After goes on where an export before has ended. Defaults to the whole log.
	Query EventQuery
	// Format defaults to ExportCSV.
	Format ExportFormat
}

// ExportEvents writes the audit log to w, for who may take it away as a file (SB-85). That somebody does
// is recorded first, with what was asked for, so that an export that breaks off is on record too; that
// event is the last one exported, if the query has it. Few events are in memory at once.
//
// On an error w has got a part of the log: a host that answers a request with it breaks the answer off.
func (a Actor) ExportEvents(ctx context.Context, w io.Writer, params ExportParams) error {
	var log eventLog
	need := a.rules().Permissions.ExportEvents
	var end Event
	err := a.writeAside(ctx, need, a.orgWide(need), func(c *change) (err error) {
		switch params.Format = cmp.Or(params.Format, ExportCSV); params.Format {
		case ExportCSV:
			rows := csv.NewWriter(w)
			rows.UseCRLF = true
			log = csvLog{rows}
		case ExportJSON:
			lines := bufio.NewWriter(w)
			log = jsonLog{json.NewEncoder(lines), lines}
		default:
			return invalid("Format", "there is no format %.40q", params.Format)
		}
		exported := Event{Type: EventsExported, Target: string(c.org), Changes: params.said()}
		end, err = c.svc.appended(ctx, c.tx, c.signs(exported, ctx), c.now)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.export(ctx, log, params.Query, end.Position()); err != nil {
		return fmt.Errorf("iam: export events: %w", err)
	}
	return nil
}

// said are the changes of the event that records an export: what was asked for.
func (p ExportParams) said() []FieldChange {
	q := p.Query
	all := []FieldChange{changed("format", "", string(p.Format))}
	say := func(field, value string) {
		if value != "" {
			all = append(all, changed(field, "", cut(value)))
		}
	}
	say("actor", string(q.Actor))
	say("target", q.Target)
	say("type", string(q.Type))
	for _, o := range q.Outcomes {
		say("outcome", cmp.Or(string(o), "done"))
	}
	for _, bound := range []struct {
		field string
		at    time.Time
	}{{"from", q.From}, {"to", q.To}} {
		if !bound.at.IsZero() {
			say(bound.field, bound.at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.After != (EventPosition{}) {
		say("after", q.After.String())
	}
	return all
}

// eventLog is a format, with a writer below it.
type eventLog interface {
	begin() error
	write(e Event) error
	flush() error
}

func (a Actor) export(ctx context.Context, log eventLog, q EventQuery, end EventPosition) error {
	if err := log.begin(); err != nil {
		return err
	}
	err := a.svc.eachEvent(ctx, a.org, q, func(e Event) (more bool, err error) {
		if e.Position().behind(end) {
			return false, nil
		}
		return true, log.write(e)
	})
	if err != nil {
		return err
	}
	return log.flush()
}

// jsonLog writes events as lines.
type jsonLog struct {
	to    *json.Encoder
	lines *bufio.Writer
}

func (l jsonLog) begin() error        { return nil }
func (l jsonLog) write(e Event) error { return l.to.Encode(e) }
func (l jsonLog) flush() error        { return l.lines.Flush() }
