package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

var update = flag.Bool("update", false, "rewrite testdata")

const file = "castellan-quickstart.db"

// output runs the program on a file in the directory, and leaves the directory out of what it says.
func outputOf(t *testing.T, dir string, color bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := run(&b, filepath.Join(dir, file), color); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(b.String(), filepath.Join(dir, file), file, 1)
}

func TestOutputIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	got := outputOf(t, t.TempDir(), false)
	golden := filepath.Join("testdata", "output.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the output has changed: read it, and run go test -update when it is right\n%s", got)
	}
	lines := strings.Split(got, "\n")
	if len(lines) > 60 {
		t.Errorf("got %d lines, want a screen of at most 60", len(lines))
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 100 || strings.TrimRight(line, " ") != line {
			t.Errorf("a line of %d columns, want at most 100 and no blanks at its end: %q", n, line)
		}
	}
}

func TestASecondRunFindsWhatTheFirstMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := outputOf(t, dir, false), outputOf(t, dir, false)
	if !strings.Contains(second, "found from an earlier run") {
		t.Errorf("the second run does not say that it found the organisation:\n%s", second)
	}
	_, first, _ = strings.Cut(first, "\n\n")
	_, second, _ = strings.Cut(second, "\n\n")
	if first != second {
		t.Errorf("the second run decides differently:\n%s\nthan the first:\n%s", second, first)
	}
}

func TestColorsAddNothingButColors(t *testing.T) {
	t.Parallel()
	plain, colored := outputOf(t, t.TempDir(), false), outputOf(t, t.TempDir(), true)
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[32m✓") {
		t.Error("want colors exactly when they are asked for")
	}
	if got := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(colored, ""); got != plain {
		t.Errorf("without its colors the output is\n%s\nwant\n%s", got, plain)
	}
}

func TestEveryCellIsWhatCanSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := outputOf(t, dir, false)
	svc, people := world(t, filepath.Join(dir, file))

	rows, project, plan := 0, policy.ProjectID(""), ""
	for line := range strings.Lines(text) {
		switch words := strings.Fields(strings.ReplaceAll(line, ",", "")); {
		case strings.HasPrefix(line, "A "):
			plan, project = words[1], policy.ProjectID(words[6])
		case strings.HasPrefix(line, "The organisation"):
			plan, project = "", ""
		}
		cells := strings.Fields(line)
		if !strings.HasPrefix(line, "  ") || len(cells) != 1+len(people) || !strings.Contains(cells[0], ":") {
			continue
		}
		rows++
		need := policy.Permission(cells[0])
		r := need.Kind().In(acme, project).With(emqx.Plan, plan)
		for i, sub := range people {
			can := svc.Can(sub, need.Action(), r)
			reads := !can && svc.Can(sub, policy.View, r)
			if got := cells[1+i]; (got == "✓") != can || (got == "read") != reads {
				t.Errorf("%s of %s in %s: the cell says %q; Can says %t, and %t of reading", sub.Email(), need, project, got, can, reads)
			}
		}
	}
	if want := len(sites)*len(inProject) + len(inOrg); rows != want {
		t.Errorf("found %d rows, want %d", rows, want)
	}
}

// world opens what a run left behind.
func world(t *testing.T, path string) (*iam.Service, []iam.Subject) {
	t.Helper()
	db, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	connections, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connections.Close() })
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := svc.System("test").In(acme).Accounts(t.Context(), iam.AccountQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var people []iam.Subject
	for _, account := range accounts {
		sub, err := svc.Subject(t.Context(), account.ID)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, sub)
	}
	return svc, people
}
