package policy_test

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// matrixRow is a line of a transcribed matrix: what the vendor's document says about some permissions.
type matrixRow struct {
	line           int
	title          string
	kind           policy.Kind
	full, readonly []policy.Action
	reach          string
	plans          []string
	cells          map[policy.Role]string // allow, read or deny
}

func (row matrixRow) permissions() []policy.Permission {
	var all []policy.Permission
	for _, action := range row.full {
		all = append(all, policy.NewPermission(row.kind, action))
	}
	return all
}

// readTable reads a CSV with a header into a map for each line, and the header.
func readTable(t testing.TB, path string) (rows []map[string]string, header []string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%s: %d lines, %v", path, len(lines), err)
	}
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, lines[0]
}

// readMatrix reads a transcribed matrix, and the roles that have a column in it.
func readMatrix(t testing.TB, path string) (matrix []matrixRow, roles []policy.Role) {
	t.Helper()
	rows, header := readTable(t, path)
	for _, name := range header {
		if !slices.Contains([]string{"group", "permission", "object", "full", "readonly", "reach", "plan"}, name) {
			roles = append(roles, policy.Role(name))
		}
	}
	for i, fields := range rows {
		row := matrixRow{
			line: i + 2, title: fields["permission"], kind: policy.Kind(fields["object"]), reach: fields["reach"],
			full: actions(fields["full"]), readonly: actions(fields["readonly"]),
			cells: make(map[policy.Role]string),
		}
		if fields["plan"] != "" {
			row.plans = strings.Split(fields["plan"], "|")
		}
		for _, role := range roles {
			row.cells[role] = fields[string(role)]
		}
		matrix = append(matrix, row)
	}
	return matrix, roles
}

func actions(joined string) []policy.Action {
	var all []policy.Action
	for _, name := range strings.Split(joined, "|") {
		if name != "" {
			all = append(all, policy.Action(name))
		}
	}
	return all
}

// E3, E5, E6, E19, L1, D1: each cell of each vendor's matrix is what the shipped policy decides, for
// a role held in the organization and bound to project p1.
func TestEveryCellOfTheMatrix(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := s.load(t)
			matrix, roles := readMatrix(t, s.matrix)
			if s.root != "" {
				roles = append(roles, s.root)
			}
			for _, row := range matrix {
				for _, role := range roles {
					cell := row.cells[role]
					if role == s.root {
						cell = "allow" // E2
					}
					checkCell(t, s, p, row, role, cell)
				}
			}
		})
	}
}

func checkCell(t *testing.T, s system, p *policy.Policy, row matrixRow, role policy.Role, cell string) {
	t.Helper()
	allowed := map[string][]policy.Action{"allow": row.full, "read": row.readonly, "deny": nil}[cell]
	if cell == "read" && len(row.readonly) == 0 || cell != "allow" && cell != "read" && cell != "deny" {
		t.Fatalf("%s:%d: the cell %q of %s makes no sense", s.matrix, row.line, cell, role)
	}
	h := holding(p, policy.GrantRole(role, acme), policy.GrantRole(role, p1))
	for _, action := range row.full {
		want := slices.Contains(allowed, action)
		for _, in := range []struct {
			project policy.ProjectID
			owner   policy.AccountID
			reached bool
		}{
			{"p1", "ann", true},
			{"p1", "somebody", row.reach != "own" || role == s.root},
			{"p2", "somebody", row.reach == "org" || role == s.root || row.reach == "project" && !slices.Contains(s.bound, role)},
			{"", "ann", row.reach != "project" || !slices.Contains(s.bound, role)},
		} {
			r := row.kind.In("acme", in.project).Named("x").OwnedBy(in.owner)
			if len(row.plans) == 0 {
				expect(t, s, row, role, h.Decide(action, r), want && in.reached)
				continue
			}
			// E19: with each plan of the row, with every other one, and with none given.
			for _, plan := range s.values {
				expect(t, s, row, role, h.Decide(action, r.With("plan", plan)), want && in.reached && slices.Contains(row.plans, plan))
			}
			d := h.Decide(action, r)
			expect(t, s, row, role, d, false)
			if unmet := d.Reason == policy.ConditionNotMet; unmet != (want && in.reached) {
				t.Errorf("%s:%d: %s: %s without a plan: got %s", s.matrix, row.line, role, action, d.Reason)
			}
		}
	}
}

func expect(t *testing.T, s system, row matrixRow, role policy.Role, d policy.Decision, want bool) {
	t.Helper()
	if d.Allowed() != want {
		t.Errorf("%s:%d: %s: %s (%s) of %+v: got %s, want allowed %t", s.matrix, row.line, role, d.Action, row.title, d.Resource, d, want)
	}
}

// Style 6: a permission or a role that the matrix does not mention fails, and the other way round.
func TestMatrixMentionsEverything(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := s.load(t)
			matrix, roles := readMatrix(t, s.matrix)
			var mentioned []policy.Permission
			for _, row := range matrix {
				mentioned = append(mentioned, row.permissions()...)
			}
			difference(t, "permissions", p.Vocabulary(), mentioned)
			if s.root != "" {
				roles = append(roles, s.root)
			}
			difference(t, "roles", p.Roles(), roles)
		})
	}
}

// difference reports what is in one list only.
func difference[T ~string](t *testing.T, what string, got, want []T) {
	t.Helper()
	for _, x := range got {
		if !slices.Contains(want, x) {
			t.Errorf("%s: the policy has %s, which the transcript does not mention", what, x)
		}
	}
	for _, x := range want {
		if !slices.Contains(got, x) {
			t.Errorf("%s: the policy lacks %s, which the transcript mentions", what, x)
		}
	}
}

// E3: the titles of the matrix are those of the vendor.
func TestMatrixTitles(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		rows, _ := readTable(t, s.matrix)
		doc, err := policy.ReadDocument(s.file, fileOf(t, s.file))
		if err != nil {
			t.Fatal(err)
		}
		titles := make(map[string]bool)
		for _, row := range doc.Rows() {
			if row.Section == "p3" {
				titles[row.Fields[0]+row.Fields[1]+row.Fields[2]+row.Fields[3]] = true
			}
		}
		for i, row := range rows {
			if s.name == "emqx-legacy" && row["object"] == "project" {
				continue // the vendor lists these twice, with two titles; a permission has one
			}
			for _, action := range actions(row["full"]) {
				if !titles[row["object"]+string(action)+row["group"]+row["permission"]] {
					t.Errorf("%s:%d: no p3 row %s, %s, %s, %s", s.matrix, i+2, row["object"], action, row["group"], row["permission"])
				}
			}
		}
	}
}
