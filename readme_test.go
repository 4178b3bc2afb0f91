package castellan_test

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam/emqx"
)

// TestMain keeps the refusals that the Examples provoke out of the output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "rewrite the generated parts of README.md")

// TestReadme holds the README against the code: its matrix is what the policy decides, its table of the systems
// and its program's output are those that their own tests check, its snippets stand in Examples.
func TestReadme(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var matrix bytes.Buffer
	if err := emqx.System().Policy.WriteMatrix(&matrix); err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile("examples/quickstart/testdata/output.golden")
	if err != nil {
		t.Fatal(err)
	}
	systems, err := os.ReadFile("iam/signin/testdata/systems.golden")
	if err != nil {
		t.Fatal(err)
	}
	after := between(t, string(before), "matrix", "\n"+matrix.String())
	after = between(t, after, "systems", "\n```text\n"+differences(t, string(systems))+"```\n")
	after = between(t, after, "quickstart", "\n```text\n"+string(output)+"```\n")
	if *update {
		if err := os.WriteFile("README.md", []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if after != string(before) {
		t.Error("README.md is behind: go test . -update")
	}
}

// between replaces what stands between <!-- name --> and <!-- /name -->.
func between(t *testing.T, text, name, with string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, found := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("README.md has no %s…%s", begin, end)
	}
	return head + begin + with + end + tail
}

// differences are the rows of a table of the systems in which they differ, without the requirements, which say
// nothing to a reader of the README.
func differences(t *testing.T, table string) string {
	t.Helper()
	differ, _, told := strings.Cut(table, "\n\n") // behind it stands in what they agree
	answers, _, headed := strings.Cut(differ, "requirements\n")
	if !told || !headed {
		t.Fatal("systems.golden is not the table that it was")
	}
	var b strings.Builder
	for line := range strings.Lines(differ) {
		row := []rune(line)
		row = row[:min(len(row), len([]rune(answers)))]
		b.WriteString(strings.TrimRight(string(row), " \n") + "\n")
	}
	return b.String()
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestReadmeSnippetsCompile finds each Go block of the README in the Examples, line by line.
func TestReadmeSnippetsCompile(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []byte
	for _, name := range []string{"example_test.go", "example_signin_test.go", "example_iamtest_test.go"} {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples = append(examples, file...)
	}
	blocks := goBlock.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 5 {
		t.Fatalf("found %d Go blocks in README.md: the test no longer sees them", len(blocks))
	}
	code := unindent(string(examples))
	for _, block := range blocks {
		if !strings.Contains(code, unindent(block[1])) {
			t.Errorf("README.md has a snippet that stands in no Example:\n%s", block[1])
		}
	}
}

// unindent strips the blanks at the beginning of every line.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t ")
	}
	return strings.Join(lines, "\n")
}
