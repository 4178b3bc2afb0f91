package policy

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMatrix writes the policy as a Markdown table: a row for each permission, a column for each
// role. Consecutive permissions with the same section and title share a row: ✓ for all of them,
// "Read only" for those alone that read (view, list), ✗ for none. Footnotes say where a rule holds
// only in bound projects (ᵖ), only for what one owns (ᵒ), or only under a condition. What the cells
// say is what the compiled policy decides. With roles, the columns are these, in this order.
func (p *Policy) WriteMatrix(w io.Writer, roles ...Role) error {
	if len(roles) == 0 {
		roles = p.roleOrder
	}
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "| Permission |")
	for _, role := range roles {
		fmt.Fprintf(b, " %s |", p.Title(role))
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat(":---:|", len(roles)))
	section := ""
	for from := 0; from < len(p.permissions); {
		to := from + 1
		for to < len(p.permissions) && p.permissions[to].section == p.permissions[from].section && p.permissions[to].title == p.permissions[from].title {
			to++
		}
		if s := p.permissions[from].section; s != section {
			section = s
			fmt.Fprintf(b, "| **%s** |%s\n", section, strings.Repeat(" |", len(roles)))
		}
		fmt.Fprintf(b, "| %s |", p.permissions[from].title)
		for _, role := range roles {
			fmt.Fprintf(b, " %s |", p.matrixCell(role, from, to))
		}
		fmt.Fprintln(b)
		from = to
	}
	fmt.Fprintln(b, "\nᵖ in the projects that the account is bound to · ᵒ for what the account owns · ᶜ under the condition of the rule")
	return b.Flush()
}

// matrixCell says what a role has of the permissions from..to.
func (p *Policy) matrixCell(role Role, from, to int) string {
	t := p.roles[role]
	if t == nil {
		return "✗"
	}
	has, reads := 0, false
	var marks []string
	for pi := from; pi < to; pi++ {
		mark, ok := cellMark(t.cells[pi])
		if !ok {
			continue
		}
		has++
		action := p.permissions[pi].action
		reads = reads || action == View || action == List
		for _, m := range mark {
			if !slices.Contains(marks, m) {
				marks = append(marks, m)
			}
		}
	}
	suffix := strings.Join(marks, "")
	switch {
	case has == 0:
		return "✗"
	case has == to-from:
		return "✓" + suffix
	case reads:
		return "Read only" + suffix
	default:
		return "partly" + suffix
	}
}

// cellMark says how a cell allows, and false when it does not.
func cellMark(c cell) (marks []string, ok bool) {
	if c.denies() {
		return nil, false
	}
	conditional := situationSet(c >> conditionShift)
	where := situationSet(c&allBits) | conditional&everywhere
	if where == 0 {
		return nil, false
	}
	switch {
	case where&situationOf(levelOrg, false).set() != 0:
	case where&anyLevel(false) != 0:
		marks = append(marks, "ᵖ")
	default:
		marks = append(marks, "ᵒ")
	}
	if conditional != 0 {
		marks = append(marks, "ᶜ")
	}
	return marks, true
}
