package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mistake is one thing that is wrong with a policy file.
type Mistake struct {
	File string
	Line int // counted from 1; 0 when the mistake is not on one line
	Text string
}

// String prints file:line: text, as compilers do.
func (m Mistake) String() string {
	if m.Line == 0 {
		return m.File + ": " + m.Text
	}
	return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text)
}

// Mistakes are all the mistakes of a policy, in the order of its lines. A policy with one mistake
// is refused whole.
type Mistakes []Mistake

// Error lists every mistake, one a line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

func (m *Mistakes) add(file string, line int, format string, args ...any) {
	*m = append(*m, Mistake{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// orNil sorts the mistakes by line and returns them as an error, or nil when there are none.
func (m Mistakes) orNil() error {
	if len(m) == 0 {
		return nil
	}
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return m
}

// nearest returns " (did you mean x?)" for the closest of the names, or "" when none is close.
func nearest(name string, names []string) string {
	best, bestDistance := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if len(name) > 2*maxName { // a monster is not a misspelling
			break
		}
		if d := editDistance(name, n); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance counts the single-byte insertions, deletions and replacements between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
