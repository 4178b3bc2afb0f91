package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// tables are those of an organisation's rows, with the column that names it. TestStateKnowsEveryTable
// fails for one that is missing.
var tables = map[string]string{
	"iam_organizations": "id", "iam_accounts": "org_id", "iam_account_roles": "org_id", "iam_bindings": "org_id",
	"iam_grants": "org_id", "iam_projects": "org_id", "iam_events": "org_id", "iam_invitations": "org_id", "iam_tokens": "org_id",
	"iam_email_changes": "org_id", "iam_root_offers": "org_id", "iam_credentials": "org_id", "iam_recovery_codes": "org_id",
	"iam_sessions": "org_id", "iam_mails": "org_id", "iam_mail_servers": "org_id", "iam_api_keys": "org_id",
	"iam_holdings": "org_id", "iam_quotas": "org_id",
}

// ofNobody are the tables whose rows are no organisation's.
var ofNobody = []string{"iam_schema", "iam_throttles"}

// ofTheLog are the columns of an organisation that follow from its events, and those that a refusal changes,
// which is written there too (SB-80).
var ofTheLog = []string{"asides", "log_ordinal", "log_count", "log_head"}

// state is every row of the organisation, as text: what a refused call must leave as it was. The events
// of refusals themselves are not among them.
func (o *org) state() string {
	o.Helper()
	var lines []string
	for table, column := range tables {
		var rows []map[string]any
		selected := o.db.WithContext(o.Context()).Table(table).Where(column+" = ?", o.id)
		if table == "iam_events" {
			selected = selected.Where("outcome <> ?", string(iam.Refused))
		}
		o.ok(selected.Find(&rows).Error)
		for _, row := range rows {
			if table == "iam_organizations" {
				for _, name := range ofTheLog {
					delete(row, name)
				}
			}
			lines = append(lines, table+" "+printed(row))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestStateKnowsEveryTable(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		there := must(w.db.Migrator().GetTables())(w)
		there = slices.DeleteFunc(there, func(name string) bool { return !strings.HasPrefix(name, "iam_") })
		known := append(slices.Collect(maps.Keys(tables)), ofNobody...)
		slices.Sort(there)
		slices.Sort(known)
		same(w, "the tables", there, known)
	})
}

// printed writes a row in the order of its columns. MariaDB gives its ids as bytes.
func printed(row map[string]any) string {
	fields := make([]string, 0, len(row))
	for column, value := range row {
		if b, ok := value.([]byte); ok {
			value = string(b)
		}
		fields = append(fields, fmt.Sprintf("%s=%v", column, value))
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

// unchanged wants that do leaves every row of the organisation as it was: no event but of a refusal, and the
// same revision.
func (o *org) unchanged(do func()) {
	o.Helper()
	before := o.state()
	do()
	if after := o.state(); after != before {
		o.Errorf("something was written:\n%s", difference(before, after))
	}
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, line := range old {
		if !slices.Contains(now, line) {
			fmt.Fprintln(&b, "-", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			fmt.Fprintln(&b, "+", line)
		}
	}
	return b.String()
}

// revision is the organisation's.
func (o *org) revision() int64 {
	o.Helper()
	return must(o.system().Organization(o.Context()))(o).Revision
}

// events are what happened, the oldest first: the whole log but for what was refused.
func (o *org) events() []iam.Event {
	o.Helper()
	var all []iam.Event
	q := iam.EventQuery{Outcomes: []iam.Outcome{iam.Done}, Ascending: true}
	for {
		page := must(o.system().Events(o.Context(), q))(o)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		q.After = page[len(page)-1].Position()
	}
}

// since are the events behind those that were there.
func (o *org) since(before []iam.Event) []iam.Event {
	o.Helper()
	return o.events()[len(before):]
}

// said writes an event in short: its type, who acted on what, and the changes.
func said(e iam.Event) string {
	parts := []string{string(e.Type)}
	for _, c := range e.Changes {
		parts = append(parts, fmt.Sprintf("%s %q to %q", c.Field, c.Before, c.After))
	}
	return strings.Join(parts, ", ")
}

func saidAll(events []iam.Event) []string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = said(e)
	}
	return all
}

// accountIDs are those of a list, in its order.
func accountIDs(accounts []iam.Account) []policy.AccountID {
	ids := make([]policy.AccountID, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	return ids
}

// same wants two lists to be equal.
func same[T comparable](tb testing.TB, what string, got, want []T) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// equal wants two values to be equal.
func equal[T comparable](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// printedAccount writes every field of an account but its roles.
func printedAccount(a iam.Account) string {
	a.Roles = nil
	return fmt.Sprintf("%+v", a)
}
