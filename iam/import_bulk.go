package iam

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// BulkParams say how rows move in.
type BulkParams struct {
	// File names the rows' source in mistakes. Defaults to "accounts" or "bindings".
	File string
	// Report gets a report for each row, in their order, once its transaction is committed. An error from it
	// ends the import. Defaults to nobody: as nobody would learn what is left out, the first row that is
	// refused then ends the import, and takes its transaction back.
	Report func(BulkLine) error
}

// BulkLine is what became of a row.
type BulkLine struct {
	Line    int
	Account policy.AccountID // "" when Err is set
	Added   bool             // false for what was there already
	Err     error            // a *LineError; nil for what is there now
}

// BulkSummary counts what became of the rows whose transactions are committed.
type BulkSummary struct {
	Added   int
	There   int // were there already, and stay as they were
	Refused int
	// LastLine is the last row that is settled.
	LastLine int
}

// bulkChunk is how many rows are a transaction: more are hardly faster, and keep others waiting longer.
const bulkChunk = 1000

// bulk is an import of rows of a type.
type bulk[Row any] struct {
	actor   SystemActor
	org     policy.OrgID
	params  BulkParams
	summary BulkSummary
	// settle does the rows, and says what became of each.
	settle func(c *change, rows []Row) ([]BulkLine, error)
	line   func(row Row) int
}

// run takes the rows as they come, a thousand in a transaction. Those before an error of the source are
// settled before it is returned.
func (b *bulk[Row]) run(ctx context.Context, source iter.Seq2[Row, error]) (BulkSummary, error) {
	if b.actor.svc == nil {
		return BulkSummary{}, refuse("", policy.NoSubject, "the zero SystemActor may do nothing")
	}
	rows, read := make([]Row, 0, bulkChunk), 0
	var lines []int
	for row, broken := range source {
		if broken != nil {
			if err := b.commit(ctx, rows, lines); err != nil {
				return b.summary, err
			}
			return b.summary, broken
		}
		read++
		line := b.line(row)
		if line == 0 {
			line = read
		}
		rows, lines = append(rows, row), append(lines, line)
		if len(rows) < bulkChunk {
			continue
		}
		if err := b.commit(ctx, rows, lines); err != nil {
			return b.summary, err
		}
		rows, lines = rows[:0], lines[:0]
	}
	return b.summary, b.commit(ctx, rows, lines)
}

// commit settles rows in one transaction, and reports on them when it is committed.
func (b *bulk[Row]) commit(ctx context.Context, rows []Row, lines []int) error {
	if len(rows) == 0 {
		return nil
	}
	var done []BulkLine
	a := b.actor.In(b.org)
	err := a.transact(ctx, a.storeWrite, func(*policy.Holder) error { return nil }, func(c *change) (err error) {
		if done, err = b.settle(c, rows); err != nil {
			return err
		}
		for i := range done {
			done[i].Line = lines[i]
			if done[i].Err == nil {
				continue
			}
			done[i].Err = &LineError{File: b.params.File, Line: lines[i], Err: done[i].Err}
			if b.params.Report == nil {
				return done[i].Err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.report(done)
}

func (b *bulk[Row]) report(done []BulkLine) error {
	for _, one := range done {
		switch {
		case one.Err != nil:
			one.Account, one.Added = "", false
			b.summary.Refused++
		case one.Added:
			b.summary.Added++
		default:
			b.summary.There++
		}
		b.summary.LastLine = one.Line
		if b.params.Report == nil {
			continue
		}
		if err := b.params.Report(one); err != nil {
			return err
		}
	}
	return nil
}

// appendAll completes events as append does, and writes them in few statements.
func (c *change) appendAll(events []Event) error {
	for i := range events {
		events[i] = c.signs(events[i], c.ctx)
		events[i].Time = c.now
	}
	return c.tx.AppendAll(c.ctx, events, c.svc.link)
}

// namedAccounts are accounts of the organisation, as the rows of an import name them.
type namedAccounts struct {
	byID    map[policy.AccountID]*Account
	byEmail map[Email]*Account
}

// named reads the accounts that have one of the ids or, where the id is "", of the addresses.
func (c *change) named(ids []policy.AccountID, emails []Email) (namedAccounts, error) {
	found, err := c.tx.AccountsAmong(c.ctx, ids, emails)
	if err != nil {
		return namedAccounts{}, err
	}
	n := namedAccounts{make(map[policy.AccountID]*Account, len(found)), make(map[Email]*Account, len(found))}
	for i := range found {
		n.byID[found[i].ID] = &found[i]
		if found[i].Email != "" {
			n.byEmail[found[i].Email] = &found[i]
		}
	}
	return n, nil
}

// of returns the account that a row names, by its id when it gives one.
func (n namedAccounts) of(id policy.AccountID, email Email) *Account {
	if id != "" {
		return n.byID[id]
	}
	return n.byEmail[email]
}

// aboutRow reports whether an error is about a row, and not about the import.
func aboutRow(err error) bool {
	return errors.Is(err, ErrInvalid) || errors.Is(err, ErrForbidden) || errors.Is(err, ErrExists)
}

// checkedRoles is checkRoles and mayHold: asked once for the many accounts that have the same roles.
func (c *change) checkedRoles() func(roles []policy.Role) ([]policy.Role, error) {
	type answer struct {
		roles []policy.Role
		err   error
	}
	known := map[string]answer{}
	return func(roles []policy.Role) ([]policy.Role, error) {
		key := joinRoles(roles)
		a, asked := known[key]
		if !asked {
			a.roles, a.err = c.checkRoles(roles)
			for _, role := range a.roles {
				if a.err == nil {
					a.err = c.mayHold(role)
				}
			}
			known[key] = a
		}
		return slices.Clone(a.roles), a.err
	}
}
