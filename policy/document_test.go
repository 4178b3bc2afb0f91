package policy_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
)

// canonical returns what the document is written as.
func canonical(t testing.TB, d *policy.Document) string {
	t.Helper()
	var b bytes.Buffer
	n, err := d.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo = %d, %v: wrote %d bytes", n, err, b.Len())
	}
	return b.String()
}

// The shipped files are in canonical form: read and written, they come out byte for byte.
func TestShippedFilesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		text := fileOf(t, s.file)
		doc, err := policy.ReadDocument(s.file, text)
		if err != nil {
			t.Fatal(err)
		}
		if canonical(t, doc) != string(text) {
			t.Errorf("%s is not in canonical form", s.file)
		}
		var b bytes.Buffer
		if _, err := s.load(t).WriteTo(&b); err != nil || b.String() != string(text) {
			t.Errorf("%s: the compiled policy writes something else, or fails: %v", s.file, err)
		}
		if doc.Name() != s.file {
			t.Errorf("Name() = %q", doc.Name())
		}
	}
}

// What stands on a line is read leniently where Casbin is, and written in one form.
func TestDocumentReadsAndNormalizes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"plain", "p4, root, Root\n", "p4, root, Root\n"},
		{"no line end", "p4, root, Root", "p4, root, Root\n"},
		{"a byte order mark", "\uFEFFp4, root, Root\n", "p4, root, Root\n"},
		{"CRLF", "p4, root, Root\r\n# hello\r\n\r\np4, a, A\r\n", "p4, root, Root\n# hello\n\np4, a, A\n"},
		{"no blanks", "p4,root,Root\n", "p4, root, Root\n"},
		{"many blanks and tabs", "  p4,\t  root,   Root\n", "p4, root, Root\n"},
		{"comments and blank lines", "# one\n\n   \n  # two, \"three\"\n", "# one\n\n\n# two, \"three\"\n"},
		{"needless quotes", `p4, "root", "Root"` + "\n", "p4, root, Root\n"},
		{"a comma in quotes", `p4, root, "Root, the one"` + "\n", `p4, root, "Root, the one"` + "\n"},
		{"quotes in quotes", `p4, root, "the ""Root"""` + "\n", `p4, root, "the ""Root"""` + "\n"},
		{"a # inside", "p4, root, #1\n", "p4, root, #1\n"},
		{"other scripts", "p4, root, 根 🙂\n", "p4, root, 根 🙂\n"},
		{"nothing", "", ""},
		{"only a byte order mark", "\uFEFF", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc, err := policy.ReadDocument("x.csv", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := canonical(t, doc); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// P10–P12, P17: every way in which a line can be malformed is a mistake with its line. Casbin would
// trim, cut, misread or panic.
func TestMalformedLinesAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 101)
	tests := []struct{ name, line, want string }{
		{"unknown section", "p5, a", `unknown section "p5": want p, p2, p3 or p4`},
		{"upper case section", "P4, root, Root", `unknown section "P4": want p, p2, p3 or p4`},
		{"g lines are derived, not stored", "g, ann, root, org/acme", `unknown section "g": want p, p2, p3 or p4`},
		{"empty section", ", a, b", `unknown section "": want p, p2, p3 or p4`},
		{"only commas", ",,", `unknown section "": want p, p2, p3 or p4`},
		{"a section alone", "p", "0 fields after p: want 6: role, reach, kind, action, effect, condition"},
		{"too few fields", "p, root, org, a, view, allow", "5 fields after p: want 6: role, reach, kind, action, effect, condition"},
		{"too many fields", "p4, root, Root, of all", "3 fields after p4: want 2: role, title"},
		{"a comma at the end", "p4, root, Root,", "3 fields after p4: want 2: role, title"},
		{"a p2 of three", "p2, root, a, b", "3 fields after p2: want 2: granter, role"},
		{"a p3 of three", "p3, a, view, Section", "3 fields after p3: want 4: kind, action, section, title"},
		{"an empty field", "p4, root, ", "the title is empty"},
		{"an empty field in the middle", "p3, a, , Section, Title", "the action is empty"},
		{"an empty quoted field", `p4, root, ""`, "the title is empty"},
		{"a blank behind a field", "p4, root , Root", `field 2: stray blank after "root"`},
		{"a blank at the end of the line", "p4, root, Root ", `field 3: stray blank after "Root"`},
		{"a tab at the end of the line", "p4, root, Root\t", `field 3: stray blank after "Root"`},
		{"a tab inside", "p4, root, the\tRoot", `field 3: tab in "the\tRoot"`},
		{"a tab in quotes", "p4, root, \"the\tRoot\"", `the title "the\tRoot" has a tab`},
		{"a blank in quotes", `p4, root, " Root"`, `the title " Root" has a blank at its edge`},
		{"a blank at the end in quotes", `p4, root, "Root "`, `the title "Root " has a blank at its edge`},
		{"a comment behind a row", "p4, root # the first, Root", `role "root # the first": want lower-case`},
		{"a quote inside", `p4, root, the "Root"`, `field 3: stray quote in "the \"Root\"": quote the whole field`},
		{"an open quote", `p4, root, "Root`, "field 3: the quote is not closed on this line"},
		{"text behind a quote", `p4, root, "Root" of all`, `field 3: " of all" follows a closing quote: want a comma`},
		{"a field that is too long", "p4, root, " + long, "the title has 101 bytes: at most 100"},
		{"a NUL", "p4, root, Ro\x00ot", "column 13: unexpected character U+0000"},
		{"an escape", "p4, root, \x1b[31mRoot", "column 11: unexpected character U+001B"},
		{"a right-to-left override", "p4, root, \u202eRoot", "column 11: unexpected character U+202E"},
		{"a zero-width space", "p4, ro\u200bot, Root", "column 7: unexpected character U+200B"},
		{"a no-break space", "p4, root, the\u00a0Root", "column 14: unexpected character U+00A0"},
		{"bytes that are no UTF-8", "p4, root, \xff", "column 11: unexpected character U+FFFD"},
		{"a carriage return inside", "p4, root\r, Root", "column 9: unexpected character U+000D"},
		{"a second byte order mark", "\uFEFFp4, root, Root", "column 1: unexpected character U+FEFF"},
		{"an odd comment", "# \u202e", "column 3: unexpected character U+202E"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Load("x.csv", []byte("# first\n"+tt.line+"\n"), policy.Config{})
			if err == nil || !strings.HasPrefix(err.Error(), "x.csv:2: "+tt.want) {
				t.Errorf("got %v\nwant x.csv:2: %s", err, tt.want)
			}
			var wrong policy.Mistakes
			if !errors.As(err, &wrong) || len(wrong) != 1 || wrong[0].File != "x.csv" || wrong[0].Line != 2 {
				t.Errorf("got %#v: want one mistake of x.csv:2", err)
			}
		})
	}
}

// NewDocument, for rows of a database, holds them to the same rules.
func TestNewDocumentChecksRows(t *testing.T) {
	t.Parallel()
	row := func(fields ...string) policy.Row { return policy.Row{Section: fields[0], Fields: fields[1:]} }
	rows := []policy.Row{
		row("p4", "root", "Root"), row("p4", "root"), row("", "a"), row("p4", "a\nb", "A"), row("p4", "a", " A"),
		row("p4", "a", "A\tB"), row("p4", "", "A"), row("p4", "b", `say "b", b`),
	}
	doc, err := policy.NewDocument("rules", rows)
	var wrong policy.Mistakes
	if !errors.As(err, &wrong) || len(wrong) != 6 {
		t.Fatalf("got %v: want six mistakes", err)
	}
	for i, m := range wrong {
		if m.File != "rules" || m.Line != i+2 {
			t.Errorf("got %s: want it at rules:%d", m, i+2)
		}
	}
	if got, want := canonical(t, doc), "p4, root, Root\np4, b, \"say \"\"b\"\", b\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// A line that is given stays: it may be the id of the row.
	rows = []policy.Row{{Line: 99, Section: "p4", Fields: []string{"a", "A"}}, {Line: 7, Section: "p4", Fields: []string{"", "A"}}}
	if _, err := policy.NewDocument("rules", rows[1:]); err == nil || !strings.HasPrefix(err.Error(), "rules:7: ") {
		t.Errorf("got %v: want a mistake at rules:7", err)
	}
	if numbered, err := policy.NewDocument("rules", rows[:1]); err != nil || numbered.Rows()[0].Line != 99 {
		t.Errorf("got %v: want the row at its line 99", err)
	}
	// What comes out is a copy.
	doc.Rows()[0].Fields[0] = "changed"
	rows[0].Fields[1] = "changed"
	if got := doc.Rows()[0]; got.Fields[0] != "root" || got.Fields[1] != "Root" || got.Line != 1 {
		t.Errorf("the document changed: %+v", got)
	}
}

func FuzzReadDocument(f *testing.F) {
	for _, s := range append(shipped(), denying()) {
		text := fileOf(f, s.file)
		f.Add(text[:min(len(text), 3000)])
	}
	for _, text := range []string{"", "\n", "\n\n", "\uFEFF", "p", "p,", ",", `""`, `p4, "a", "b""c"`, "#\n\t# x\r\n\r", "p4,a,\"\t\"", "p4,a,#", `p4,"#a",b`, "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(readsAndWrites)
}

// readsAndWrites holds for every file: reading does not panic; what reads is written in a form that
// reads to the same rows, is written again the same way, and reads in Casbin to the same fields.
func readsAndWrites(t *testing.T, text []byte) {
	doc, err := policy.ReadDocument("x.csv", text)
	if err != nil {
		var wrong policy.Mistakes
		if !errors.As(err, &wrong) || len(wrong) == 0 {
			t.Errorf("got %#v: want Mistakes", err)
		}
		return
	}
	written := canonical(t, doc)
	again, err := policy.ReadDocument("x.csv", []byte(written))
	if err != nil {
		t.Fatalf("%q is written as %q, which does not read: %v", text, written, err)
	}
	if canonical(t, again) != written {
		t.Errorf("%q is written as %q, and that as %q", text, written, canonical(t, again))
	}
	sameRow := func(a, b policy.Row) bool { return a.Section == b.Section && slices.Equal(a.Fields, b.Fields) }
	if !slices.EqualFunc(doc.Rows(), again.Rows(), sameRow) {
		t.Errorf("%q reads to other rows once it is written: %q", doc.Rows(), again.Rows())
	}
	if anew, err := policy.NewDocument("x.csv", doc.Rows()); err != nil || !slices.EqualFunc(doc.Rows(), anew.Rows(), sameRow) {
		t.Errorf("NewDocument of its rows: %v", err)
	}
	casbinReads(t, written, doc.Rows())
}

// casbinReads reports a line that stock Casbin does not read to the same fields.
func casbinReads(t *testing.T, text string, rows []policy.Row) {
	for _, line := range strings.Split(text, "\n") {
		m, err := model.NewModelFromString(castellan.Model())
		if err != nil {
			t.Fatal(err)
		}
		if err := persist.LoadPolicyLine(line, m); err != nil {
			t.Fatalf("Casbin does not read %q: %v", line, err)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		row := rows[0]
		rows = rows[1:]
		if got := m["p"][row.Section].Policy; len(got) != 1 || !slices.Equal(got[0], row.Fields) {
			t.Errorf("Casbin reads %q to %q, want %q", line, got, row.Fields)
		}
	}
}
