package policystore

import (
	"fmt"
	"strings"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// difference is what takes the table to a document.
type difference struct {
	insert []policy.Row
	remove []gormadapter.CasbinRule
	stale  []gormadapter.CasbinRule // shipped rows that the document lacks and that stay
	others []gormadapter.CasbinRule // rows of custom roles, and of no policy
	report Report
}

// compare finds the difference. The lines are the whole table, sorted by id.
func compare(want []policy.Row, lines []gormadapter.CasbinRule, params SeedParams) difference {
	d := difference{report: Report{DryRun: params.DryRun}}
	wanted, subjects := make(map[key]bool, len(want)), make(map[key]bool, len(want))
	for _, row := range want {
		wanted[keyOfRow(row)] = true
		subjects[keyOfRow(row).subject()] = true
	}
	have := make(map[key]gormadapter.CasbinRule, len(want))
	for _, line := range lines {
		k := keyOf(line)
		_, twice := have[k] // only in a table without the unique index
		switch {
		case !k.isPolicy() || k.custom():
			d.others = append(d.others, line)
		case wanted[k] && !twice:
			have[k] = line
		case params.Prune || subjects[k.subject()]:
			d.remove = append(d.remove, line)
			d.report.Removed = append(d.report.Removed, k.row(int(line.ID)))
		default:
			d.stale = append(d.stale, line)
			d.report.Stale = append(d.report.Stale, k.row(int(line.ID)))
		}
	}
	d.place(want, have)
	return d
}

// place decides for each wanted row whether it stays, comes, or moves. Roles and vocabulary are
// loaded in the order of their ids, and a new row gets the highest one: what follows it in the
// document is written again behind it.
func (d *difference) place(want []policy.Row, have map[key]gormadapter.CasbinRule) {
	last, behind := make(map[string]uint), make(map[string]bool)
	for _, row := range want {
		line, found := have[keyOfRow(row)]
		ordered := row.Section == "p3" || row.Section == "p4"
		switch {
		case !found:
			behind[row.Section] = true
			d.insert = append(d.insert, row)
			d.report.Added = append(d.report.Added, row)
		case ordered && (behind[row.Section] || line.ID < last[row.Section]):
			behind[row.Section] = true
			d.remove = append(d.remove, line)
			d.insert = append(d.insert, row)
			d.report.Moved++
		default:
			last[row.Section] = line.ID
			d.report.Unchanged++
		}
	}
}

// write removes first: on a table of MariaDB's default collation a new title may be taken for the
// old one, which must be gone by then.
func (d *difference) write(tx *gorm.DB) error {
	if err := remove(tx, d.remove); err != nil {
		return err
	}
	return insert(tx, d.insert)
}

// Report says what seeding did, or would do.
type Report struct {
	DryRun bool
	// Added are the rows that were missing, in the order and with the lines of the document.
	Added []policy.Row
	// Removed are the rows that went: the replaced ones, and with Prune those that the document
	// lacks. Their line is the id that they had.
	Removed []policy.Row
	// Stale are the shipped rows that the document lacks and that stayed: what Prune would remove.
	// Their line is their id.
	Stale []policy.Row
	// Moved counts the roles and permissions that were written again to keep the document's order.
	Moved int
	// Unchanged counts the rows that were there already and stayed as they are.
	Unchanged int
}

// Changed reports whether anything was written, or would be.
func (r Report) Changed() bool { return len(r.Added)+len(r.Removed)+r.Moved > 0 }

// listed is how many rows of a sort String writes out.
const listed = 20

// String says the report in a line, and names the first rows of each sort below it: + for what
// came, - for what went, ? for what is stale.
func (r Report) String() string {
	var b strings.Builder
	if r.DryRun {
		b.WriteString("dry run: ")
	}
	fmt.Fprintf(&b, "%d added, %d removed, %d moved, %d unchanged, %d stale",
		len(r.Added), len(r.Removed), r.Moved, r.Unchanged, len(r.Stale))
	for _, sort := range []struct {
		mark string
		rows []policy.Row
	}{{"+", r.Added}, {"-", r.Removed}, {"?", r.Stale}} {
		for i, row := range sort.rows {
			if i == listed {
				fmt.Fprintf(&b, "\n%s and %d more", sort.mark, len(sort.rows)-listed)
				break
			}
			fmt.Fprintf(&b, "\n%s %s", sort.mark, row)
		}
	}
	return b.String()
}
