package iam_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
)

// A host's own events stand in the audit log beside those of the library.
func ExampleActor_Record() {
	h := openHost()
	defer h.close()
	ann := h.account("Ann", emqx.Administrator)
	err := h.svc.As(h.subject(ann)).Record(ctx, iam.RecordParams{
		Type: "DeploymentCreated", Target: "d1",
		Changes: []iam.FieldChange{{Field: "plan", After: "premium"}},
	})
	check(err)
	events, err := h.svc.As(h.subject(h.root)).Events(ctx, iam.EventQuery{Actor: ann})
	check(err)
	for _, e := range events {
		fmt.Println(e.Type, e.Target, e.Role, e.Changes)
	}
	// Output: DeploymentCreated d1 administrator [{plan  premium}]
}

// A checkpoint that is kept elsewhere shows that the end of the log was cut off.
func ExampleActor_VerifyEvents() {
	h := openHost()
	defer h.close()
	auditor := h.svc.As(h.subject(h.account("Otto", emqx.Auditor)))
	report, err := auditor.VerifyEvents(ctx, iam.Checkpoint{})
	check(err)
	kept, err := report.Checkpoint.MarshalText() // to a place that the database's administrator cannot write to
	check(err)
	fmt.Println(report.Events, "events are right")

	// Somebody removes the newest event, and corrects what the organisation's row says of the end.
	check(h.db.Exec("DELETE FROM iam_events WHERE revision = 2").Error)
	check(h.db.Exec("UPDATE iam_organizations SET log_count = 2, log_head = (SELECT hash FROM iam_events WHERE revision = 1 AND ordinal = 2)").Error)

	since, err := iam.ParseCheckpoint(string(kept))
	check(err)
	_, err = auditor.VerifyEvents(ctx, since)
	fmt.Println(err)
	// Output:
	// 3 events are right
	// iam: the audit log of "acme" at 2.1: the event of the checkpoint is missing, and all behind it
}

// An export is a table for people, or a file that can be verified without the database.
func ExampleActor_ExportEvents() {
	h := openHost()
	defer h.close()
	root := h.svc.As(h.subject(h.root))
	check(root.Record(ctx, iam.RecordParams{Type: "DeploymentStopped", Target: "=1+1"}))

	var table strings.Builder
	check(root.ExportEvents(ctx, &table, iam.ExportParams{Query: iam.EventQuery{Type: "DeploymentStopped"}}))
	rows, err := csv.NewReader(strings.NewReader(table.String())).ReadAll()
	check(err)
	fmt.Println(rows[0][:7])
	fmt.Println(rows[1][1:3], rows[1][6]) // no spreadsheet takes it for a formula

	var file strings.Builder
	check(root.ExportEvents(ctx, &file, iam.ExportParams{Format: iam.ExportJSON}))
	report, err := iam.VerifyExport(strings.NewReader(file.String()), nil, iam.Checkpoint{})
	check(err)
	fmt.Println(report.Events, "events are right")

	forged := strings.Replace(file.String(), "DeploymentStopped", "DeploymentStarted", 1)
	_, err = iam.VerifyExport(strings.NewReader(forged), nil, iam.Checkpoint{})
	var wrong *iam.LogError
	if errors.As(err, &wrong) {
		fmt.Println("forged at", wrong.At)
	}
	// Output:
	// [Time Type Outcome Operator Account Type IP Target]
	// [DeploymentStopped done] '=1+1
	// 5 events are right
	// forged at 1.3
}

// A host forwards the log to another place by a job of its own, which goes on behind the last event that
// it has sent (SB-86). An event as JSON is a line of an export: what was forwarded can be verified by VerifyExport.
func ExampleActor_Events_forward() {
	h := openHost()
	defer h.close()
	var sink bytes.Buffer
	var sent iam.EventPosition // to be stored with what was sent
	forward := func() {
		for {
			page, err := h.svc.System("forward the log").In(h.org).Events(ctx, iam.EventQuery{Ascending: true, After: sent})
			check(err)
			if len(page) == 0 {
				return
			}
			for _, e := range page {
				check(json.NewEncoder(&sink).Encode(e))
				sent = e.Position()
			}
		}
	}
	forward()
	fmt.Println("sent up to", sent)
	h.account("Ann", emqx.Auditor)
	forward()
	fmt.Println("sent up to", sent)
	report, err := iam.VerifyExport(&sink, nil, iam.Checkpoint{})
	fmt.Println(report.Events, err)
	// Output:
	// sent up to 1.2
	// sent up to 2.1
	// 3 <nil>
}
