package adminhttp

import (
	"errors"
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func eventRoutes() []route {
	return []route{
		operation("GET", "/events", "listEvents", "List the audit log, the newest first", listEvents),
		stream[exportQuery, event]("GET", "/events/export.csv", "exportEventsCSV", "Take the audit log away as a table for people", csvMedia, exportCSV),
		stream[exportQuery, event]("GET", "/events/export.jsonl", "exportEventsJSON", "Take the audit log away, one object a line, with every value as it is stored", "application/x-ndjson", exportJSON),
		operation("GET", "/events/checkpoint", "getCheckpoint", "Get where the audit log ends, without checking it", getCheckpoint),
		operation("POST", "/events/verify", "verifyEvents", "Verify that the audit log is what was written", verifyEvents),
	}
}

// event is written as an export writes it.
type event struct {
	Org      policy.OrgID      `json:"org"`
	Revision int64             `json:"revision"`
	Ordinal  int               `json:"ordinal"`
	Time     time.Time         `json:"time"`
	Type     iam.EventType     `json:"type"`
	Outcome  iam.Outcome       `json:"outcome" doc:"Empty for what happened, or refused, or failed."`
	Actor    policy.AccountID  `json:"actor" doc:"Empty for the system, and for nobody known."`
	Email    iam.Email         `json:"email"`
	Role     string            `json:"role"`
	Reason   string            `json:"reason" doc:"Why the system acted."`
	Peer     string            `json:"peer"`
	Request  string            `json:"request"`
	Target   string            `json:"target"`
	Changes  []iam.FieldChange `json:"changes"`
	Hash     string            `json:"hash"`
}

type eventFilter struct {
	Actor   policy.AccountID `query:"actor" max:"255" doc:"Who has acted."`
	Target  string           `query:"target" max:"255" doc:"What was changed."`
	Type    iam.EventType    `query:"type" max:"255"`
	Outcome string           `query:"outcome" enum:"done,refused,failed"`
	From    time.Time        `query:"from" doc:"The earliest time."`
	To      time.Time        `query:"to" doc:"The first time that is too late."`
}

type eventQuery struct {
	eventFilter
	page
}

type eventList struct {
	Events []event `json:"events"`
	Next   string  `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

type exportQuery struct{ eventFilter }

type checkpoint struct {
	Checkpoint string `json:"checkpoint" doc:"One line, and no secret. Keep it elsewhere."`
}

type verifyRequest struct {
	Body struct {
		Since string `json:"since,omitempty" max:"1024" doc:"A checkpoint that was kept elsewhere. Defaults to the beginning."`
	} `body:"application/json"`
}

type verification struct {
	OK         bool   `json:"ok"`
	Events     int64  `json:"events" doc:"How many were checked and are right."`
	Unchained  int64  `json:"unchained" doc:"How many are older than the chain: nothing proves them."`
	Checkpoint string `json:"checkpoint" doc:"Behind the last event that is right. Keep it elsewhere."`
	At         string `json:"at,omitempty" doc:"The revision and ordinal of the event that is wrong."`
	Problem    string `json:"problem,omitempty" doc:"What is wrong with it."`
}

func showEvent(e iam.Event) event {
	return event{
		Org: e.Org, Revision: e.Revision, Ordinal: e.Ordinal, Time: e.Time.UTC(), Type: e.Type, Outcome: e.Outcome, Actor: e.Actor,
		Email: e.Email, Role: e.Role, Reason: e.Reason, Peer: e.Peer, Request: e.Request, Target: e.Target,
		Changes: append([]iam.FieldChange{}, e.Changes...), Hash: e.Hash,
	}
}

func (f eventFilter) query() iam.EventQuery {
	q := iam.EventQuery{Actor: f.Actor, Target: f.Target, Type: f.Type, From: f.From, To: f.To}
	switch f.Outcome {
	case "done":
		q.Outcomes = []iam.Outcome{iam.Done}
	case "":
	default:
		q.Outcomes = []iam.Outcome{iam.Outcome(f.Outcome)}
	}
	return q
}

func listEvents(c *call, in eventQuery) (eventList, error) {
	q := in.query()
	q.Limit = in.size() + 1
	after, err := c.after(in.page)
	if err == nil && after != "" {
		q.Before, err = parsePosition(after)
	}
	if err != nil {
		return eventList{}, err
	}
	found, err := c.actor.Events(c.r.Context(), q)
	if err != nil {
		return eventList{}, err
	}
	found, next := cut(c, in.page, found, func(e iam.Event) string { return e.Position().String() })
	return eventList{list(found, showEvent), next}, nil
}

func exportCSV(c *call, in exportQuery, w http.ResponseWriter) error {
	w.Header().Set("Content-Disposition", `attachment; filename="events.csv"`)
	return c.export(in, w, iam.ExportCSV)
}

func exportJSON(c *call, in exportQuery, w http.ResponseWriter) error {
	w.Header().Set("Content-Disposition", `attachment; filename="events.jsonl"`)
	return c.export(in, w, iam.ExportJSON)
}

func (c *call) export(in exportQuery, w http.ResponseWriter, format iam.ExportFormat) error {
	w.Header().Set("Content-Type", c.route.media)
	return c.actor.ExportEvents(c.r.Context(), w, iam.ExportParams{Query: in.query(), Format: format})
}

func getCheckpoint(c *call, _ none) (checkpoint, error) {
	end, err := c.actor.Checkpoint(c.r.Context())
	if err != nil {
		return checkpoint{}, err
	}
	text, err := end.MarshalText()
	return checkpoint{string(text)}, err
}

// verifyEvents answers 200 also when something is wrong with the log: it is found, and told.
func verifyEvents(c *call, in verifyRequest) (verification, error) {
	var since iam.Checkpoint
	if in.Body.Since != "" {
		var err error
		if since, err = iam.ParseCheckpoint(in.Body.Since); err != nil {
			return verification{}, &iam.FieldError{Field: "Since", Problem: "want a checkpoint, as it was handed out"}
		}
	}
	report, err := c.actor.VerifyEvents(c.r.Context(), since)
	shown := verification{OK: err == nil, Events: report.Events, Unchained: report.Unchained}
	var wrong *iam.LogError
	switch {
	case errors.As(err, &wrong):
		shown.Problem = wrong.Problem
		if wrong.At != (iam.EventPosition{}) {
			shown.At = wrong.At.String()
		}
	case err != nil:
		return verification{}, err
	}
	text, err := report.Checkpoint.MarshalText()
	shown.Checkpoint = string(text)
	return shown, err
}
