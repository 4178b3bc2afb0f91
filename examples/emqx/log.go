package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// E17: the log says who did what, to root, administrators and auditors. It can be narrowed by time, type and operator.
// The host's own events stand in it too.
func (s *story) auditLog() error {
	paul, otto, err := s.both("Paul", "Otto")
	if err != nil {
		return err
	}
	err = paul.Record(s.ctx, iam.RecordParams{
		Type: "DeploymentStopped", Target: "press", Changes: []iam.FieldChange{{Field: "running", Before: "true", After: "false"}},
	})
	if err != nil {
		return err
	}
	for _, page := range []struct {
		title string
		query iam.EventQuery
	}{
		{"Sign-ins and keys that failed", iam.EventQuery{Outcomes: []iam.Outcome{iam.Failed}}},
		{"What changed somebody's roles", iam.EventQuery{Type: iam.AccountRolesChanged}},
		{"What Ada did in the last quarter of an hour", iam.EventQuery{Actor: s.ids["Ada"], From: s.now.Add(-15 * time.Minute)}},
		{"The last minute, everybody", iam.EventQuery{From: s.now.Add(-time.Minute)}},
	} {
		page.query.Ascending = true
		events, err := otto.Events(s.ctx, page.query)
		if err != nil {
			return err
		}
		s.say("%s", page.title)
		if err := s.events(events); err != nil {
			return err
		}
	}
	_, err = paul.Events(s.ctx, iam.EventQuery{})
	if err := s.refused("Paul reads it", err); err != nil {
		return err
	}
	report, err := otto.VerifyEvents(s.ctx, iam.Checkpoint{})
	if err != nil {
		return err
	}
	s.say("the chain of %d events is whole", report.Events)
	return nil
}

// events prints the columns of the audit log.
func (s *story) events(events []iam.Event) error {
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "    Time\tType\tOperator\tAccount Type\tIP\tDescription")
	for _, e := range events {
		operator := cmp.Or(string(e.Email), e.Reason) // the system has no address, and a reason
		line := []string{e.Time.Format(time.TimeOnly), string(e.Type), operator, e.Role, e.Peer, cut(s.named(description(e)), 72)}
		fmt.Fprintf(table, "    %s\n", s.named(strings.Join(line, "\t")))
	}
	return table.Flush()
}

// description is an event in words: what it was done to, and what is different now.
func description(e iam.Event) string {
	var words []string
	if e.Target != "" {
		words = append(words, e.Target)
	}
	for _, c := range e.Changes {
		switch {
		case c.Before == "":
			words = append(words, c.Field+": "+c.After)
		case c.After == "":
			words = append(words, c.Field+": no longer "+c.Before)
		default:
			words = append(words, c.Field+": "+c.Before+" → "+c.After)
		}
	}
	return strings.Join(words, ", ")
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
