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
// "Read only" for some that only read (view, list), "partly" for other parts, ✗ for none. Footnotes say where a rule holds
// only in bound projects (ᵖ), only for what one owns (ᵒ), or only under a condition. What the cells
// say is what the compiled policy decides. With roles, the columns are these, in this order.
func (p *Policy) WriteMatrix(w io.Writer, roles ...Role) error {
	if len(roles) == 0 {
		roles = p.roleOrder
	}
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "| Permission |")
	for _, role := range roles {
		fmt.Fprintf(b, " %s |", cellText(p.Title(role)))
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
			fmt.Fprintf(b, "| **%s** |%s\n", cellText(section), strings.Repeat(" |", len(roles)))
		}
		fmt.Fprintf(b, "| %s |", cellText(p.permissions[from].title))
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
	has, reads := 0, 0
	var marks []string
	for pi := from; pi < to; pi++ {
		mark, ok := cellMarks(t.entriesOf(int32(pi)))
		if !ok {
			continue
		}
		has++
		if action := p.permissions[pi].action; action == View || action == List {
			reads++
		}
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
	case has == reads:
		return "Read only" + suffix
	default:
		return "partly" + suffix
	}
}

// cellMarks says how the rules of a role allow a permission, and false when they never do.
func cellMarks(entries []entry) (marks []string, ok bool) {
	var may, always, never, maybeNot situationSet
	for _, e := range entries {
		switch {
		case e.denies && e.condition == nil:
			never |= e.where
		case e.denies:
			maybeNot |= e.where
		case e.condition == nil:
			always |= e.where
			fallthrough
		default:
			may |= e.where
		}
	}
	where := may &^ never
	switch {
	case where == 0:
		return nil, false
	case where&situationOf(levelOrg, false).set() != 0:
		where = situationOf(levelOrg, false).set()
	case where&anyLevel(false) != 0:
		where &= anyLevel(false)
		marks = append(marks, "ᵖ")
	default:
		marks = append(marks, "ᵒ")
	}
	if where&^always != 0 || where&maybeNot != 0 {
		marks = append(marks, "ᶜ")
	}
	return marks, true
}

// cellText keeps a title within its cell of a Markdown table.
func cellText(title string) string { return strings.ReplaceAll(title, "|", `\|`) }
