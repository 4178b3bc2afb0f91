package policy_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

func matrixOf(t *testing.T, p *policy.Policy, roles ...policy.Role) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteMatrix(&b, roles...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Style 7: the matrix that people rely on is a golden file, and a change of policy.csv a diff of it.
func TestMatrixOfTheShippedPolicies(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		got := matrixOf(t, s.load(t))
		golden := "testdata/matrix-" + s.name + ".golden.md"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if want := string(fileOf(t, golden)); got != want {
			t.Errorf("%s: run go test -update and look at the difference; got\n%s", golden, got)
		}
	}
}

// The columns are the roles that are asked for, in that order; an unknown one has nothing.
func TestMatrixColumns(t *testing.T) {
	t.Parallel()
	lines := strings.Split(matrixOf(t, platform(t), "auditor", "nobody", "root"), "\n")
	if lines[0] != "| Permission | Auditor |  | Root |" || lines[1] != "|---|:---:|:---:|:---:|" {
		t.Errorf("got %q", lines[:2])
	}
	if want := "| TLS/SSL configuration | Read only | ✗ | ✓ |"; !strings.Contains(strings.Join(lines, "\n"), want) {
		t.Errorf("the matrix lacks %s", want)
	}
}

// Each mark says what the compiled policy decides.
func TestMatrixMarks(t *testing.T) {
	t.Parallel()
	const vocabulary = "p4, r, R\np3, car, view, Cars, Cars\np3, car, drive, Cars, Cars\np3, car, sell, Cars, Cars\n"
	tests := []struct{ name, rules, want string }{
		{"nothing", "", "✗"},
		{"everything", "org view allow always, org drive allow always, org sell allow always", "✓"},
		{"reading alone", "org view allow always", "Read only"},
		{"reading and more is not reading only", "org view allow always, org drive allow always", "partly"},
		{"something else than reading", "org sell allow always", "partly"},
		{"in bound projects", "project view allow always, project drive allow always, project sell allow always", "✓ᵖ"},
		{"one's own", "own view allow always, own drive allow always, own sell allow always", "✓ᵒ"},
		{"under a condition", "org view allow archived, org drive allow archived, org sell allow archived", "✓ᶜ"},
		{"one's own under a condition", "own view allow archived", "Read onlyᵒᶜ"},
		{"always, and under a condition", "org view allow always, org view allow archived", "Read only"},
		{"a deny alone", "org view deny always", "✗"},
		{"a deny under a condition alone", "org view deny archived", "✗"},
		{"an allow that is denied", "org view allow always, org view deny tiny, org drive deny always", "Read onlyᶜ"},
		{"an allow that is denied everywhere", "project view allow always, org view deny always", "✗"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			csv := vocabulary
			for _, rule := range strings.Split(tt.rules, ", ") {
				if f := strings.Fields(rule); len(f) == 4 {
					csv += "p, r, " + f[0] + ", car, " + f[1] + ", " + f[2] + ", " + f[3] + "\n"
				}
			}
			if got := matrixOf(t, compile(t, csv)); !strings.Contains(got, "\n| Cars | "+tt.want+" |\n") {
				t.Errorf("want %s, got\n%s", tt.want, got)
			}
		})
	}
}

// A title cannot break the table out of its row.
func TestMatrixEscapesTitles(t *testing.T) {
	t.Parallel()
	got := matrixOf(t, compile(t, "p4, r, A|B\np3, car, view, C|D, E|F\n"))
	for _, want := range []string{`| A\|B |`, `| **C\|D** |`, `| E\|F |`} {
		if !strings.Contains(got, want) {
			t.Errorf("the matrix lacks %s:\n%s", want, got)
		}
	}
}
