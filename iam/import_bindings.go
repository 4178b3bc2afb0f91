package iam

import (
	"context"
	"iter"

	"github.com/castellan-iam/castellan/policy"
)

// BindingRow is a binding that moves in from another system.
type BindingRow struct {
	// Line is where the row stands in its file, for mistakes. Defaults to its number among the rows, from 1.
	Line int
	// Account is who is bound. Defaults to the account of the organisation that has the Email.
	Account policy.AccountID
	// Email is the address of who is bound, where Account is "".
	Email string
	// Role is one of the account's, and for projects.
	Role    policy.Role
	Project policy.ProjectID
}

// ImportBindings binds accounts of an organisation to projects, for a host that moves in from another system:
// as [SystemActor.ImportAccounts] adds accounts, and under the rules of [Actor.Bind]. What is bound already stays bound.
//
// Of the bindings that an account gets in one transaction there is one project.bound event, or one for each fifty:
// its changes are pairs of a project and a role (E17). Rows in the order of accounts, and of projects for each,
// need the fewest events, and lie together in the database.
func (s SystemActor) ImportBindings(ctx context.Context, org policy.OrgID, rows iter.Seq2[BindingRow, error], params BulkParams) (BulkSummary, error) {
	if params.File == "" {
		params.File = "bindings"
	}
	b := bulk[BindingRow]{
		actor: s, org: org, params: params,
		settle: (*change).importBindings,
		line:   func(row BindingRow) int { return row.Line },
	}
	return b.run(ctx, rows)
}

// importBindings adds those of the rows that are not there.
func (c *change) importBindings(rows []BindingRow) ([]BulkLine, error) {
	done := make([]BulkLine, len(rows))
	emails := c.parsedEmails(rows, done)
	accounts, err := c.accountsBound(rows, emails)
	if err != nil {
		return nil, err
	}
	wanted := make([]Binding, 0, len(rows))
	first := make(map[Binding]*BulkLine, len(rows))
	for i, row := range rows {
		if done[i].Err != nil {
			continue
		}
		b, err := c.checkBindingRow(row, accounts.of(row.Account, emails[i]))
		if err != nil && !aboutRow(err) {
			return nil, err
		}
		done[i].Account, done[i].Err = b.Account, err
		if err == nil && first[b] == nil {
			wanted, first[b] = append(wanted, b), &done[i]
		}
	}
	added, err := c.tx.InsertBindings(c.ctx, wanted)
	if err != nil {
		return nil, err
	}
	for _, b := range added {
		first[b].Added = true
	}
	return done, c.appendAll(boundEvents(added))
}

// parsedEmails are the addresses of the rows that name their accounts by one.
func (c *change) parsedEmails(rows []BindingRow, done []BulkLine) []Email {
	emails := make([]Email, len(rows))
	for i, row := range rows {
		switch {
		case row.Account != "":
			done[i].Err = checkID("Account", string(row.Account))
		case row.Email == "":
			done[i].Err = invalid("Account", "want an Account or an Email")
		default:
			emails[i], done[i].Err = parseEmail(row.Email, c.system.Rules.UnicodeEmail)
		}
	}
	return emails
}

// accountsBound reads the accounts that the rows name.
func (c *change) accountsBound(rows []BindingRow, emails []Email) (namedAccounts, error) {
	var ids []policy.AccountID
	var addresses []Email
	for i, row := range rows {
		switch {
		case emails[i] != "":
			addresses = append(addresses, emails[i])
		case row.Account != "" && (i == 0 || rows[i-1].Account != row.Account):
			ids = append(ids, row.Account)
		}
	}
	return c.named(ids, addresses)
}

// checkBindingRow refuses a row that Bind would refuse.
func (c *change) checkBindingRow(row BindingRow, account *Account) (Binding, error) {
	if account == nil {
		field := "Account"
		if row.Account == "" {
			field = "Email"
		}
		return Binding{}, &FieldError{Field: field, Problem: "the organisation has no such account", Reason: ErrNotFound}
	}
	b := Binding{Account: account.ID, Role: row.Role, Project: row.Project}
	if err := c.checkBinding(b); err != nil {
		return Binding{}, err
	}
	return b, c.mayBind(*account, b)
}

// boundEvents tell of new bindings, which are sorted by account.
func boundEvents(added []Binding) []Event {
	var events []Event
	for i, b := range added {
		last := len(events) - 1
		if i == 0 || b.Account != added[i-1].Account || len(events[last].Changes) >= maxChanges {
			events = append(events, Event{Type: ProjectBound, Target: string(b.Account)})
			last++
		}
		events[last].Changes = append(events[last].Changes, boundTo("", b, "project")...)
	}
	return events
}
