package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole story, E1 to E19, as a newcomer sees it.
func TestOutputIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := run(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	const golden = "testdata/output.golden"
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
	if regexp.MustCompile(`token=\w`).MatchString(got) {
		t.Error("a token is printed")
	}
	for _, p := range staff {
		if strings.Contains(got, p.password) {
			t.Errorf("the password of %s is printed", p.name)
		}
	}
}
