package store

import (
	"strconv"
	"strings"
	"testing"
)

// FuzzUnpack reads a packed column: as many values as are asked for, whatever stands there, and those that were packed.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("acme\x1factive\x1fa@b.example\x1f1\x1f7"), 5)
	f.Add([]byte(""), 1)
	f.Add([]byte("\x1f\x1f\x1f"), 2)
	f.Add([]byte("9223372036854775808"), 1)
	f.Fuzz(func(t *testing.T, column []byte, n int) {
		n = 1 + (n%16+16)%16
		p := unpack(column, n)
		whole := strings.Count(string(column), fieldEnd) == n-1
		if whole != (p.err == nil) || len(p.values) != n {
			t.Fatalf("%q: got %d values and %v, want %d", column, len(p.values), p.err, n)
		}
		if p.err != nil && len(p.err.Error()) > 2000 {
			t.Errorf("the error has %d bytes", len(p.err.Error()))
		}
		if joined := strings.Join(p.values, fieldEnd); whole && joined != string(column) {
			t.Errorf("%q: got %q", column, joined)
		}
		first := p.values[0]
		if got, err := p.number(), p.err; err == nil && first != strconv.FormatInt(got, 10) && first != "+"+strconv.FormatInt(got, 10) && strings.TrimLeft(first, "+-0") != strings.TrimLeft(strconv.FormatInt(got, 10), "-0") {
			t.Errorf("%q is the number %d", first, got)
		}
		for range n - 1 {
			p.next()
		}
	})
}

// FuzzFold makes one text of what differs in case alone, and stays with it, so that a keyword finds what has it.
func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "ABC", "\u0130\u0131", "ſ\u212A", "ΣΑΣ", "\xff", "ⱥȺ", "ǅ"} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		folded := fold(a)
		if again := fold(folded); again != folded {
			t.Errorf("%q is folded to %q, and that to %q", a, folded, again)
		}
		if fold(a+" "+b) != folded+" "+fold(b) {
			t.Errorf("%q and %q are folded to something else together", a, b)
		}
		if len(folded) > 3*len(a) {
			t.Errorf("%d bytes are folded to %d", len(a), len(folded))
		}
	})
}
