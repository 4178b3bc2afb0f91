package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// The columns of both tables.
var columns = []struct {
	title  string
	figure bool
	cell   func(all []result, r *result) string
}{
	{"contestant", false, func(_ []result, r *result) string { return strings.TrimSpace(r.name + " " + r.version) }},
	{"knows", false, func(_ []result, r *result) string { return r.knows.String() }},
	{"decide", true, func(_ []result, r *result) string { return nanos(r.decide) }},
	{"its CPU", true, func(_ []result, r *result) string { return nanos(r.cpu) }},
	{"× by hand", true, func(all []result, r *result) string { return times(r.decide / all[0].decide) }},
	{"allocs", true, func(_ []result, r *result) string { return fmt.Sprintf("%.0f", r.allocs) }},
	{"parallel", true, func(_ []result, r *result) string { return nanos(r.parallel) }},
	{"which projects", true, func(_ []result, r *result) string { return nanos(r.which) }},
	{"who can", true, func(_ []result, r *result) string { return whoCan(r) }},
	{"load", true, func(_ []result, r *result) string { return nanos(float64(r.load.Nanoseconds())) }},
	{"B/account", true, func(_ []result, r *result) string { return fmt.Sprintf("%.0f", max(0, r.heap)) }},
	{"a revoke is seen", false, func(_ []result, r *result) string { return here(r) }},
	{"on another node", false, func(_ []result, r *result) string { return elsewhere(r) }},
}

// String is a letter for each thing that is known, in the place of that thing.
func (k knows) String() string {
	text := ""
	for _, x := range []struct {
		known  bool
		letter string
	}{{k.roles, "R"}, {k.projects, "P"}, {k.orgs, "O"}, {k.conditions, "C"}, {k.reasons, "W"}, {k.lists, "L"}} {
		if !x.known {
			x.letter = "·"
		}
		text += x.letter
	}
	return text
}

const legend = `knows: Roles, Projects, Organizations, Conditions on attributes, Why (the rule behind an answer), Lists in reverse.
decide: one request of the mixed stream, half of them allowed; by the clock, and in processors' time. parallel: the same on all processors, wall clock by operations.
who can: its own call looks at everybody in the world, beside a list of the accounts of one organization: one question or two, in no rounds.
Figures are medians of interleaved rounds of one run; each answer is held against the matrix.
`

// String says when an answer is right after a revoke, on the node that revoked.
func (v visibility) String() string {
	switch {
	case !v.Can:
		return "–"
	case v.Never:
		return "stale for more than " + nanos(float64(v.Stale))
	case v.Stale == 0:
		return "at once"
	default:
		return "stale for " + nanos(float64(v.Stale))
	}
}

// whoCan is the time of the turns, and that of a call of its own beside it, where there is one.
func whoCan(r *result) string {
	if r.own == 0 {
		return nanos(r.who)
	}
	return nanos(r.who) + "; its own call: " + nanos(r.own)
}

// here says when a revoke is seen on the node that was told.
func here(r *result) string {
	if r.perRequest {
		return "by the next request"
	}
	return r.revoke.String()
}

// elsewhere says the same of another node, or how one would learn of it.
func elsewhere(r *result) string {
	if r.revoke.Other != nil {
		return r.revoke.Other.String()
	}
	return r.nodes
}

// nanos writes a time with two or three digits: 64 ns, 1.3 µs, 520 ms.
func nanos(n float64) string {
	if n == 0 {
		return "–"
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{float64(time.Second), "s"}, {float64(time.Millisecond), "ms"}, {float64(time.Microsecond), "µs"}, {1, "ns"}} {
		if x := n / unit.size; x >= 0.9995 || unit.size == 1 {
			return digits(x) + " " + unit.name
		}
	}
	return ""
}

func times(x float64) string { return digits(x) }

// digits writes a number with as many digits as it deserves.
func digits(x float64) string {
	switch {
	case x >= 1e5:
		return fmt.Sprintf("%.0f,%03d", math.Floor(x/1000), int(x)%1000)
	case x < 10:
		return fmt.Sprintf("%.2g", x)
	default:
		return fmt.Sprintf("%.0f", x)
	}
}

// report is what a run has to say.
type report struct {
	machine string
	world   string
	results []result
	lists   string   // how the reverse lists come about
	summary []string // Castellan beside the others
	targets []string // and beside what it is meant to reach
}

// text is the report for a terminal.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", r.machine, r.world)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, c := range columns {
		fmt.Fprint(table, c.title, end(i))
	}
	for i := range r.results {
		for k, c := range columns {
			fmt.Fprint(table, c.cell(r.results, &r.results[i]), end(k))
		}
	}
	table.Flush() // a strings.Builder does not fail
	b.WriteString("\n" + legend + r.lists + "\n\n")
	for _, line := range r.summary {
		b.WriteString(line + "\n")
	}
	b.WriteString("\nTargets:\n")
	for _, line := range r.targets {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func end(column int) string {
	if column == len(columns)-1 {
		return "\n"
	}
	return "\t"
}

// markdown is the same for a README.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n", r.machine, r.world)
	rule := ""
	for _, c := range columns {
		fmt.Fprintf(&b, "| %s ", c.title)
		rule += "|---"
		if c.figure {
			rule += ":"
		}
	}
	b.WriteString("|\n" + rule + "|\n")
	for i := range r.results {
		for _, c := range columns {
			cell := c.cell(r.results, &r.results[i])
			if r.results[i].class == ours && c.title == "contestant" {
				cell = "**" + cell + "**"
			}
			fmt.Fprintf(&b, "| %s ", cell)
		}
		b.WriteString("|\n")
	}
	b.WriteString("\n" + r.lists + "\n\n")
	for _, line := range r.summary {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\nTargets:\n\n")
	for _, line := range r.targets {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

// The marks around the part of README.md that a run writes.
const begin, finish = "<!-- peers -->\n", "<!-- /peers -->"

// replace puts the part between the marks.
func replace(text, part string) (string, error) {
	head, rest, found := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, finish)
	if !found || !closed {
		return "", errors.New("it has no <!-- peers --> with <!-- /peers --> behind it")
	}
	return head + begin + "\n" + part + "\n" + finish + tail, nil
}
