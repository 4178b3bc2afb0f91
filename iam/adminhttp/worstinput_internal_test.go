package adminhttp

import (
	"crypto/sha256"
	"runtime"
	"strings"
	"testing"
)

// The largest body that is read takes memory in proportion to its size, whatever is in it. It is not parallel: the
// allocations of other tests would count.
func TestWorstInputs(t *testing.T) {
	fill := func(before, text, after string) string {
		return before + strings.Repeat(text, (maxBody-len(before)-len(after))/len(text)) + after
	}
	key := sha256.Sum256([]byte("key"))
	cursors, err := newCursors(key[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	body := func(text string) error {
		_, err := readEverything(text)
		return err
	}
	for _, tt := range []struct {
		name, text string
		read       func(string) error
		most       uint64 // bytes for each byte of the text
	}{
		{"brackets", fill("", "[", ""), body, 16},
		{"braces inside", fill(`{"inside":`, `{"inside":`, ""), body, 64},
		{"lists inside", fill(`{"strings":`, "[", ""), body, 64},
		{"a number of 64 KiB", fill(`{"text":"t","number":`, "9", "}"), body, 32},
		{"a number with an exponent", `{"text":"t","number":1e999999999}`, body, 256},
		{"names that there are not", fill("{", `"x":0,`, `"x":0}`), body, 32},
		{"one name of 64 KiB", fill(`{"`, "x", `":0}`), body, 32},
		{"a text of escapes", fill(`{"text":"`, `\u2028`, `"}`), body, 32},
		{"a list of empty texts", fill(`{"text":"t","strings":[`, `"",`, `1]}`), body, 256},
		{"a list of objects", fill(`{"text":"t","inside":{"items":[`, `{"role":"","project":""},`, `1]}}`), body, 256},
		{"blanks", fill("", " ", "x"), body, 32},
		{"a cursor of 64 KiB", fill("", "A", ""), func(text string) error { _, err := cursors.open(text); return err }, 8},
		{"a cursor of line breaks", fill("", "\n", ""), func(text string) error { _, err := cursors.open(text); return err }, 8},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tt.read(tt.text)
		runtime.ReadMemStats(&after)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-30s %9d", tt.name, got)
		if got > tt.most*uint64(len(tt.text))+16<<10 {
			t.Errorf("%s: %d bytes took %d", tt.name, len(tt.text), got)
		}
		if err == nil {
			t.Errorf("%s: it is taken", tt.name)
		}
	}
}
