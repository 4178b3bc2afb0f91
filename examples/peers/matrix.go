package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

// matrixCSV is the vendor's role matrix as somebody transcribed it by hand: what every answer is held against. It
// comes from no contestant, Castellan's policy.csv included.
//
//go:embed testdata/matrix.csv
var matrixCSV string

// bindable are the roles that reach the projects only to which an account is bound (E6).
var bindable = []string{"project_admin", "project_user"}

// permission is what a line of the matrix says about one action.
type permission struct {
	kind, action string
	inProjects   bool     // of what lies in a project, and not of the organization alone
	conditional  bool     // only with some plan: not asked, as most contestants know no attributes
	roles        []string // that have it
}

// name is the permission as one word, as small libraries want it.
func (p *permission) name() string { return p.kind + ":" + p.action }

// has reports whether the role has the permission anywhere.
func (p *permission) has(role string) bool { return slices.Contains(p.roles, role) }

// orgWide are the roles that have it in the whole organization once they are held there.
func (p *permission) orgWide() []string {
	if !p.inProjects {
		return p.roles
	}
	return slices.DeleteFunc(slices.Clone(p.roles), isBindable)
}

// bound are the roles that have it in the projects that they are bound to, and only there.
func (p *permission) bound() []string {
	if !p.inProjects {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.roles), func(role string) bool { return !isBindable(role) })
}

func isBindable(role string) bool { return slices.Contains(bindable, role) }

// readMatrix reads the transcript. Its roles are those that an account can be given.
func readMatrix() (all []permission, roles []string, err error) {
	lines, err := csv.NewReader(strings.NewReader(matrixCSV)).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("testdata/matrix.csv: %w", err)
	}
	column := make(map[string]int)
	for i, name := range lines[0] {
		column[name] = i
		if !slices.Contains([]string{"group", "permission", "object", "full", "readonly", "reach", "plan"}, name) {
			roles = append(roles, name)
		}
	}
	for n, line := range lines[1:] {
		field := func(name string) string { return line[column[name]] }
		for _, action := range strings.Split(field("full"), "|") {
			p := permission{
				kind: field("object"), action: action,
				inProjects: field("reach") == "project", conditional: field("plan") != "",
			}
			for _, role := range roles {
				switch cell := field(role); cell {
				case "allow":
					p.roles = append(p.roles, role)
				case "read":
					if slices.Contains(strings.Split(field("readonly"), "|"), action) {
						p.roles = append(p.roles, role)
					}
				case "deny":
				default:
					return nil, nil, fmt.Errorf("testdata/matrix.csv:%d: %s has the cell %q: want allow, read or deny", n+2, role, cell)
				}
			}
			all = append(all, p)
		}
	}
	return all, roles, nil
}
