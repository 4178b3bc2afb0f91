package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// tables are those of an organisation's rows, with the column that names it.
var tables = map[string]string{
	"iam_organizations": "id", "iam_accounts": "org_id", "iam_account_roles": "org_id", "iam_bindings": "org_id",
	"iam_grants": "org_id", "iam_projects": "org_id", "iam_events": "org_id",
}

// state is every row of the organisation, as text: what a refused call must leave as it was.
func (o *org) state() string {
	o.Helper()
	var lines []string
	for table, column := range tables {
		var rows []map[string]any
		o.ok(o.db.WithContext(o.Context()).Table(table).Where(column+" = ?", o.id).Find(&rows).Error)
		for _, row := range rows {
			lines = append(lines, table+" "+printed(row))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
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

// unchanged wants that do leaves every row of the organisation as it was: no event, and the same revision.
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

// events are the whole log, the oldest first.
func (o *org) events() []iam.Event {
	o.Helper()
	var all []iam.Event
	var q iam.EventQuery
	for {
		page := must(o.system().Events(o.Context(), q))(o)
		if len(page) == 0 {
			slices.Reverse(all)
			return all
		}
		all = append(all, page...)
		q.Before = page[len(page)-1].Position()
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
