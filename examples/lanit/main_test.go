package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole story, L2 to L11, as a newcomer sees it.
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
	if strings.Count(got, "token=") != strings.Count(got, "token=…") {
		t.Error("a token is printed")
	}
}
