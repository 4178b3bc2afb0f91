package policystore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// SeedParams say how far seeding goes. The zero value writes what is missing and removes nothing
// that could stand beside it.
type SeedParams struct {
	// DryRun only says what would be done. It takes no lock. Defaults to false.
	DryRun bool
	// Prune removes the shipped rows that the document lacks. Defaults to false: they stay, and
	// the report lists them as stale.
	Prune bool
}

// Seed makes the table hold the document: the shipped rules. It writes the difference, all of it or
// nothing, and is idempotent; several nodes may seed at once, and each waits for the one before it.
//
// A row that says something else about the same thing — another title of a role or permission, the
// opposite effect — is replaced with and without Prune, as the two could not stand together.
// Rows of custom roles, and rows that are of no policy at all, are never touched.
//
// Seed refuses, and writes nothing, when the document does not compile ([policy.Mistakes]), when it
// declares custom roles, and when [Store.Policy] could not read the table afterwards: a
// [*BadRowsError] then names the rows in the way, such as those of custom roles that have a
// permission which would be gone. The report then says what would have been done.
func (s *Store) Seed(ctx context.Context, doc *policy.Document, params SeedParams) (Report, error) {
	want := doc.Rows()
	if err := s.checkShipped(doc, want); err != nil {
		return Report{}, fmt.Errorf("policystore: seed: %w", err)
	}
	if params.DryRun {
		lines, err := rows(s.session(ctx))
		if err != nil {
			return Report{}, fmt.Errorf("policystore: seed: %w", err)
		}
		d := compare(want, lines, params)
		if err := s.checkOutcome(want, d); err != nil {
			return d.report, fmt.Errorf("policystore: seed: %w", err)
		}
		return d.report, nil
	}
	var report Report
	err := s.write(ctx, func(tx *gorm.DB) error {
		lines, err := rows(current(tx))
		if err != nil {
			return err
		}
		d := compare(want, lines, params)
		report = d.report
		if err := s.checkOutcome(want, d); err != nil {
			return err
		}
		return d.write(tx)
	})
	if err != nil {
		return report, fmt.Errorf("policystore: seed: %w", err)
	}
	return report, nil
}

// checkShipped refuses a document that could not be loaded again, before anything is written.
func (s *Store) checkShipped(doc *policy.Document, want []policy.Row) error {
	for _, row := range want {
		if keyOfRow(row).custom() {
			return fmt.Errorf("%s:%d: %s: a custom role is written by PutRole", doc.Name(), row.Line, row)
		}
	}
	_, err := policy.Compile(s.config, doc)
	return err
}

// checkOutcome refuses a difference that would leave a table from which no policy can be compiled.
func (s *Store) checkOutcome(want []policy.Row, d difference) error {
	bad := badRows(slices.Concat(d.stale, d.others))
	if len(bad) == 0 {
		bad = s.senselessStale(want, d.stale)
	}
	if len(bad) == 0 {
		bad = s.orphans(want, d)
	}
	if len(bad) > 0 {
		return &BadRowsError{bad}
	}
	return nil
}

// senselessStale returns the stale rows that cannot stand beside the document.
func (s *Store) senselessStale(want []policy.Row, stale []gormadapter.CasbinRule) []BadRow {
	if len(stale) == 0 {
		return nil
	}
	together := slices.Clone(want)
	for _, line := range stale {
		together = append(together, keyOf(line).row(0))
	}
	doc, err := policy.NewDocument(table, together)
	if err == nil {
		_, err = policy.Compile(s.config, doc)
	}
	var wrong policy.Mistakes
	errors.As(err, &wrong)
	var bad []BadRow
	for _, mistake := range wrong {
		if i := mistake.Line - 1 - len(want); i >= 0 {
			bad = append(bad, BadRow{stale[i].ID, keyOf(stale[i]).row(0), mistake.Text})
		}
	}
	return bad
}

// orphans returns the rows of custom roles that name what is not there any more.
func (s *Store) orphans(want []policy.Row, d difference) []BadRow {
	known := map[string]bool{policy.Always: true}
	declare := func(k key) {
		switch k[0] {
		case "p3":
			known[permissionOf(k[1:])] = true
		case "p4":
			known[k[1]] = true
		}
	}
	for _, c := range s.config.Conditions {
		known["if "+c.Name] = true
	}
	for _, row := range want {
		declare(keyOfRow(row))
	}
	for _, line := range slices.Concat(d.stale, d.others) {
		declare(keyOf(line))
	}
	var bad []BadRow
	for _, line := range d.others {
		k := keyOf(line)
		problem := ""
		for _, role := range k.roles() {
			if !known[role] {
				problem = fmt.Sprintf("the role %s would not be declared", role)
			}
		}
		if k[0] == "p" {
			switch {
			case !known[permissionOf(k[3:])]:
				problem = fmt.Sprintf("the permission %s would not be declared", permissionOf(k[3:]))
			case k[6] != policy.Always && !known["if "+k[6]]:
				problem = fmt.Sprintf("the condition %s is not in the config", k[6])
			}
		}
		if problem != "" {
			bad = append(bad, BadRow{line.ID, k.row(0), problem})
		}
	}
	return bad
}
