package policy

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Row is one line of a policy: its section (p, p2, p3, p4) and its fields.
type Row struct {
	Line    int
	Section string
	Fields  []string
}

// columns are the fields of each section, as model.conf defines them.
var columns = map[string][]string{
	"p":  {"role", "reach", "kind", "action", "effect", "condition"},
	"p2": {"granter", "role"},
	"p3": {"kind", "action", "section", "title"},
	"p4": {"role", "title"},
}

// Document is a policy file as it stands: rows, comments and blank lines in their order. It is
// well-formed, and not yet checked for sense: see [Compile].
type Document struct {
	name  string
	lines []docLine
}

// docLine is a row, a comment with its #, or (both empty) a blank line.
type docLine struct {
	row     Row
	comment string
}

// ReadDocument reads a policy file; name stands in its mistakes. It accepts a byte order mark,
// CRLF line ends, comment lines that start with #, blank lines, blanks before a field, and quoted
// fields. Everything else that is not plain is a mistake: the error is of type [Mistakes] and
// names all of them.
func ReadDocument(name string, data []byte) (*Document, error) {
	d := &Document{name: name}
	var wrong Mistakes
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if len(data) == 0 {
		return d, nil
	}
	text := strings.TrimSuffix(string(data), "\n")
	for i, line := range strings.Split(text, "\n") {
		d.readLine(strings.TrimSuffix(line, "\r"), i+1, &wrong)
	}
	return d, wrong.orNil()
}

func (d *Document) readLine(line string, number int, wrong *Mistakes) {
	if bad := strings.IndexFunc(line, unprintable); bad >= 0 {
		r, _ := utf8.DecodeRuneInString(line[bad:])
		wrong.add(d.name, number, "column %d: unexpected character %U: want printable UTF-8 text", bad+1, r)
		return
	}
	blank := strings.TrimSpace(line)
	switch {
	case blank == "":
		d.lines = append(d.lines, docLine{})
		return
	case blank[0] == '#':
		d.lines = append(d.lines, docLine{comment: blank})
		return
	}
	fields, err := splitFields(line)
	if err != nil {
		wrong.add(d.name, number, "%v", err)
		return
	}
	row := Row{Line: number, Section: fields[0], Fields: fields[1:]}
	if problem := row.check(); problem != "" {
		wrong.add(d.name, number, "%s", problem)
		return
	}
	d.lines = append(d.lines, docLine{row: row})
}

func unprintable(r rune) bool {
	return r == utf8.RuneError || r != ' ' && r != '\t' && !unicode.IsPrint(r)
}

// check reports what is wrong with the shape of the row, and "" when nothing is.
func (r Row) check() string {
	want, known := columns[r.Section]
	if !known {
		return fmt.Sprintf("unknown section %q: want p, p2, p3 or p4", r.Section)
	}
	if len(r.Fields) != len(want) {
		return fmt.Sprintf("%d fields after %s: want %d: %s", len(r.Fields), r.Section, len(want), strings.Join(want, ", "))
	}
	for i, f := range r.Fields {
		switch {
		case f == "":
			return fmt.Sprintf("the %s is empty", want[i])
		case len(f) > maxField:
			return fmt.Sprintf("the %s has %d bytes: at most %d", want[i], len(f), maxField)
		case f != strings.TrimSpace(f):
			return fmt.Sprintf("the %s %q has a blank at its edge", want[i], f)
		case strings.ContainsRune(f, '\t'):
			return fmt.Sprintf("the %s %q has a tab", want[i], f)
		case strings.IndexFunc(f, unprintable) >= 0:
			return fmt.Sprintf("the %s %q has an unprintable character", want[i], f)
		}
	}
	return ""
}

// splitFields cuts a line at its commas. Blanks before a field are skipped, as Casbin does.
func splitFields(line string) ([]string, error) {
	var fields []string
	for {
		line = strings.TrimLeft(line, " \t")
		var field string
		var err error
		if strings.HasPrefix(line, `"`) {
			field, line, err = cutQuoted(line[1:])
		} else {
			field, line, err = cutPlain(line)
		}
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", len(fields)+1, err)
		}
		fields = append(fields, field)
		if line == "" {
			return fields, nil
		}
		line = line[1:] // the comma
	}
}

// cutPlain returns an unquoted field and the rest, which is empty or starts with a comma.
func cutPlain(line string) (field, rest string, err error) {
	end := strings.IndexByte(line, ',')
	if end < 0 {
		end = len(line)
	}
	field = line[:end]
	switch {
	case strings.Contains(field, `"`):
		return "", "", fmt.Errorf("stray quote in %q: quote the whole field and double the quotes inside", field)
	case field != strings.TrimRight(field, " \t"):
		return "", "", fmt.Errorf("stray blank after %q", strings.TrimRight(field, " \t"))
	case strings.ContainsRune(field, '\t'):
		return "", "", fmt.Errorf("tab in %q", field)
	}
	return field, line[end:], nil
}

// cutQuoted returns a field whose opening quote has been read, and the rest as cutPlain does.
func cutQuoted(line string) (field, rest string, err error) {
	var b strings.Builder
	for {
		end := strings.IndexByte(line, '"')
		if end < 0 {
			return "", "", fmt.Errorf("the quote is not closed on this line")
		}
		b.WriteString(line[:end])
		line = line[end+1:]
		if !strings.HasPrefix(line, `"`) {
			break
		}
		b.WriteByte('"')
		line = line[1:]
	}
	if line != "" && line[0] != ',' {
		return "", "", fmt.Errorf("%q follows a closing quote: want a comma", line)
	}
	return b.String(), line, nil
}

// NewDocument makes a document of rows without comments, as read from a database. Where a row's Line
// is 0, it becomes the row's position, counted from 1. The error is of type [Mistakes].
func NewDocument(name string, rows []Row) (*Document, error) {
	d := &Document{name: name}
	var wrong Mistakes
	for i, r := range rows {
		r.Fields = slices.Clone(r.Fields)
		if r.Line == 0 {
			r.Line = i + 1
		}
		if problem := r.check(); problem != "" {
			wrong.add(name, r.Line, "%s", problem)
			continue
		}
		d.lines = append(d.lines, docLine{row: r})
	}
	return d, wrong.orNil()
}

// Name returns the name that stands in mistakes and in the rules of a decision.
func (d *Document) Name() string { return d.name }

// Rows returns a copy of the rows, without comments and blank lines.
func (d *Document) Rows() []Row {
	var rows []Row
	for _, l := range d.lines {
		if l.row.Section != "" {
			r := l.row
			r.Fields = slices.Clone(r.Fields)
			rows = append(rows, r)
		}
	}
	return rows
}

// WriteTo writes the document in canonical form: one blank after each comma, quotes only where
// they are needed, LF line ends. What is in canonical form already comes out byte for byte.
func (d *Document) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	for _, l := range d.lines {
		switch {
		case l.row.Section != "":
			b.WriteString(l.row.String())
		default:
			b.WriteString(l.comment)
		}
		b.WriteByte('\n')
	}
	return b.WriteTo(w)
}

// String writes the row in canonical form, without a line end.
func (r Row) String() string {
	var b strings.Builder
	b.WriteString(r.Section)
	for _, f := range r.Fields {
		b.WriteString(", ")
		if strings.ContainsAny(f, `",`) {
			f = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
		}
		b.WriteString(f)
	}
	return b.String()
}
