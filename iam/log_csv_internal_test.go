package iam

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// SB-84: nothing in a cell is obeyed by a spreadsheet or a terminal.
func TestCellIsHarmless(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"ann@example.com", "ann@example.com"},
		{"Zoë, 12 % — ok", "Zoë, 12 % — ok"},
		{"1-1=0", "1-1=0"},
		{"=1+1", "'=1+1"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"  =1+1", "  '=1+1"},
		{`"=1+1"`, `"'=1+1"`},
		{"\uff1d1+1", "'\uff1d1+1"},
		{"a;=1+1", "a;'=1+1"},
		{`a; "=1+1";b`, `a; "'=1+1";b`},
		{"\t=1", `'\u0009=1`},
		{"\r=1", `'\u000d=1`},
		{"\n=1", `'\u000a=1`},
		{"a\r\nb", `a\u000d\u000ab`},
		{"\x1b[31mred", `\u001b[31mred`},
		{"\u009b31m", `\u009b31m`},
		{"\u202egnp.exe", `\u202egnp.exe`},
		{"\ufeff=1", `\ufeff=1`},
		{"\U000e0041", `\U000e0041`},
		{"\x00\x7f", `\u0000\u007f`},
		{"a\xffb", `a\xffb`},
		{"\ufffd", "\ufffd"},
	} {
		if got := cell(tt.text); got != tt.want {
			t.Errorf("cell(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// SB-84: whatever the text, no cell begins like a formula, in a row that is cut at commas or at semicolons,
// and all of it prints.
func FuzzCellIsHarmless(f *testing.F) {
	for _, s := range []string{"", "=1", "\t=1", " \u00a0=1", "a;=1", "a\n;\t-1", "\"\"=1", "\xff;=\u202e", "';'=1", "\u2028=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := cell(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("cell(%q): something in %q does not print", text, got)
		}
		for part := range strings.SplitSeq(got, ";") {
			if strings.IndexAny(strings.TrimLeft(part, ` "`), formulas) == 0 {
				t.Errorf("cell(%q): a formula in %q", text, got)
			}
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = true
		if err := w.Write([]string{got, "end"}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		if n := strings.Count(b.String(), "\n"); n != 1 {
			t.Errorf("cell(%q) makes %d lines: %q", text, n, b.String())
		}
		if back, err := csv.NewReader(&b).Read(); err != nil || back[0] != got {
			t.Errorf("cell(%q): got %q back: %v", text, back, err)
		}
	})
}

func TestDescriptionsReadAsSentences(t *testing.T) {
	t.Parallel()
	got := describe([]FieldChange{{"name", "", "Ann"}, {"roles", "auditor", ""}, {"status", "active", "disabled"}})
	if want := "name: Ann; roles: no longer auditor; status: disabled, before active"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
