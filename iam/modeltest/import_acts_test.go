package modeltest_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	added = "added"
	there = "there"
)

var importActs = map[string]act{
	"SystemActor.ImportAccounts": {leads: []string{"Actor.Activate", "signin.SendReset", "SystemActor.ImportBindings"}, do: func(s *sequence) (move, bool) {
		o, strict := s.aim(), s.chance(3)
		var list []iam.AccountRow
		var made []*account
		var want, said []string
		for range s.rowsOfList(strict) {
			row, a := s.accountRow(strict)
			class, then := s.m.moveIn(s.system(o), row, a)
			then()
			list, made, want = append(list, row), append(made, a), append(want, class)
			said = append(said, fmt.Sprintf("%s (%s, %s as %v)", a.nick, row.Status, local(row.Email), row.Roles))
		}
		lines, err := imported(strict, list, func(rows iter.Seq2[iam.AccountRow, error], p iam.BulkParams) (iam.BulkSummary, error) {
			return s.svc.System("the model").ImportAccounts(s.ctx(), o.id, rows, p)
		})
		for i, l := range lines {
			if l.Added && made[i].id == "" {
				made[i].id = l.Account
			}
		}
		return s.listed(o, "accounts move in: "+strings.Join(said, ", "), lines, want, err, strict), true
	}},
	"SystemActor.ImportBindings": {only: inEMQX, often: 2, do: func(s *sequence) (move, bool) {
		o, strict := s.aim(), s.chance(3)
		var list []iam.BindingRow
		var want, said []string
		for range s.rowsOfList(strict) {
			a, b, byEmail := s.target(o), binding{one(s, s.m.book.roles...), s.someProject()}, s.chance(3)
			row := iam.BindingRow{Account: a.id, Role: b.role, Project: b.project}
			if len(a.roles) > 0 && !s.chance(4) {
				row.Role, b.role = a.roles[0], a.roles[0]
			}
			if byEmail {
				row.Account, row.Email = "", a.email
				a = s.m.addressed(o, a.email)
			}
			class, then := s.m.moveBinding(o, a, b, row)
			then()
			list, want = append(list, row), append(want, class)
			said = append(said, fmt.Sprintf("%s (%s) as %s to %s", a.first(), local(row.Email), b.role, b.project))
		}
		lines, err := imported(strict, list, func(rows iter.Seq2[iam.BindingRow, error], p iam.BulkParams) (iam.BulkSummary, error) {
			return s.svc.System("the model").ImportBindings(s.ctx(), o.id, rows, p)
		})
		return s.listed(o, "bindings move in: "+strings.Join(said, ", "), lines, want, err, strict), true
	}},
}

// rowsOfList is how many rows a list has: the first that is refused ends a strict one, which has one row then.
func (s *sequence) rowsOfList(strict bool) int {
	if strict {
		return 1
	}
	return 1 + s.index(4)
}

// accountRow draws a row. One of a strict list has an id, for nobody reports the one that it would get.
func (s *sequence) accountRow(strict bool) (iam.AccountRow, *account) {
	n, a := s.newborn()
	row := iam.AccountRow{Email: n.email, Roles: n.roles, Status: one(s, iam.Active, iam.Pending, "", iam.Disabled, "away")}
	switch kind := s.index(6); {
	case kind == 3, kind == 4, strict:
		row.ID = policy.AccountID(fmt.Sprintf("moved-%d-%s", s.number, a.nick))
	case kind == 5 && !strict:
		if other := one(s, s.m.orgs...); len(other.accounts) > 0 {
			row.ID = one(s, other.accounts...).id
		}
	}
	return row, a
}

// imported runs an import, and gives a report of each row, also of one that ended it.
func imported[Row any](strict bool, list []Row, run func(rows iter.Seq2[Row, error], p iam.BulkParams) (iam.BulkSummary, error)) (lines []iam.BulkLine, err error) {
	var params iam.BulkParams
	if !strict {
		params.Report = func(l iam.BulkLine) error {
			lines = append(lines, l)
			return nil
		}
	}
	summary, err := run(func(yield func(Row, error) bool) {
		for _, row := range list {
			if !yield(row, nil) {
				return
			}
		}
	}, params)
	if strict {
		return []iam.BulkLine{{Added: summary.Added == 1, Err: err}}, nil
	}
	return lines, err
}

// listed is the move of an import that was told row by row. It is refused when all of its rows are: a strict one takes
// its transaction back then.
func (s *sequence) listed(o *org, said string, lines []iam.BulkLine, want []string, err error, strict bool) move {
	var got []string
	var failed error
	for _, l := range lines {
		switch {
		case l.Err != nil:
			got, failed = append(got, class(l.Err)), errors.Join(failed, l.Err)
		case l.Added:
			got = append(got, added)
		default:
			got = append(got, there)
		}
	}
	next := move{org: o, said: said, out: nothing(), err: err}
	switch {
	case err != nil:
	case !slices.Equal(got, want):
		next.err = fmt.Errorf("the rows are %q, and the model says %q: %w", got, want, failed)
	case !slices.Contains(want, added) && !slices.Contains(want, there):
		next.out, next.err = refused(want[0]), lines[0].Err
		next.whole = !strict
	}
	return next
}
