package adminhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type importRequest struct {
	DryRun bool   `query:"dry_run" doc:"Do everything and undo it: the report is that of a real import."`
	Body   []byte `body:"text/csv"`
}

// importReport is one line of the report. All but the last are about a line of the list.
type importReport struct {
	Line     int              `json:"line,omitempty"`
	Email    string           `json:"email,omitempty"`
	Account  policy.AccountID `json:"account,omitempty" doc:"Who was invited, or would have been."`
	Warnings []iam.Warning    `json:"warnings,omitempty"`
	Field    string           `json:"field,omitempty" doc:"Which column is wrong."`
	Problem  string           `json:"problem,omitempty" doc:"Why nobody was invited."`
	Summary  *importSummary   `json:"summary,omitempty" doc:"In the last line alone. A report without it broke off."`
}

type importSummary struct {
	Invited  int `json:"invited"`
	Refused  int `json:"refused"`
	LastLine int `json:"last_line" doc:"The last line that is settled."`
}

func importInvitations(c *call, in importRequest, w http.ResponseWriter) error {
	w.Header().Set("Content-Type", c.route.media)
	report := json.NewEncoder(w)
	report.SetEscapeHTML(false)
	summary, err := c.actor.ImportInvitations(c.r.Context(), bytes.NewReader(in.Body), iam.ImportParams{
		DryRun: in.DryRun,
		Report: func(line iam.ImportedLine) error { return report.Encode(showLine(line)) },
	})
	if err != nil {
		return err
	}
	return report.Encode(importReport{Summary: &importSummary{summary.Invited, summary.Refused, summary.LastLine}})
}

func showLine(line iam.ImportedLine) importReport {
	shown := importReport{Line: line.Line, Email: line.Email, Account: line.Invitation.Account, Warnings: line.Warnings}
	var field *iam.FieldError
	switch {
	case line.Err == nil:
	case errors.As(line.Err, &field):
		shown.Field, shown.Problem = jsonName(field.Field), field.Problem
	case errors.Is(line.Err, iam.ErrForbidden):
		shown.Problem = "forbidden"
	default:
		shown.Problem = "refused"
	}
	return shown
}
