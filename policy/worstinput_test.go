package policy_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
)

// A policy and a world take memory in proportion to their size, however wrong they are. It is not parallel: the
// allocations of other tests would count.
func TestWorstInputs(t *testing.T) {
	const size = 1 << 18
	repeat := func(text string) []byte { return []byte(strings.Repeat(text, size/len(text))) }
	csv := func(text []byte) error {
		_, err := policy.ReadDocument("x.csv", text)
		return err
	}
	world := func(text []byte) error {
		_, err := policytest.Parse("x.world", text)
		return err
	}
	for _, tt := range []struct {
		name string
		read func([]byte) error
		text []byte
		most uint64 // bytes for each byte of the text
	}{
		{"a CSV of commas", csv, repeat(","), 128},
		{"a CSV of quotes", csv, repeat(`"`), 32},
		{"a CSV of empty fields in quotes", csv, repeat(`"",`), 64},
		{"a CSV of one field", csv, repeat("x"), 32},
		{"a CSV of lines that are wrong", csv, repeat("\x00\n"), 512},
		{"a CSV of sections that there are not", csv, repeat("x\n"), 512},
		{"a world of blanks", world, repeat(" "), 16},
		{"a world of quotes", world, repeat(`"`), 64},
		{"a world of words", world, repeat("a "), 64},
		{"a world of slashes", world, append([]byte("project "), repeat("/")...), 128},
		{"a world of lines that are wrong", world, repeat("x\n"), 1024},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tt.read(tt.text)
		runtime.ReadMemStats(&after)
		got := (after.TotalAlloc - before.TotalAlloc) / uint64(len(tt.text))
		t.Logf("%-40s %4d", tt.name, got)
		if got > tt.most {
			t.Errorf("%s: took %d bytes for each of its own: want %d at most", tt.name, got, tt.most)
		}
		if err == nil && tt.name != "a world of blanks" {
			t.Errorf("%s is taken", tt.name)
		}
	}
}
