package iam

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var csvHeader = [...]string{
	"Time", "Type", "Outcome", "Operator", "Account Type", "IP", "Target", "Description", "Request", "Revision", "Ordinal", "Hash",
}

// csvRow is an event as a row under csvHeader. Who acted is its address, or else its id, or why the
// system acted. Revision and ordinal are two numbers, for a spreadsheet would take 1.10 for 1.1.
func csvRow(e Event) []string {
	row := []string{
		e.Time.UTC().Format(time.RFC3339Nano), string(e.Type), cmp.Or(string(e.Outcome), "done"),
		cmp.Or(string(e.Email), string(e.Actor), e.Reason), e.Role, e.Peer, e.Target, describe(e.Changes), e.Request,
		strconv.FormatInt(e.Revision, 10), strconv.Itoa(e.Ordinal), e.Hash,
	}
	for i, text := range row {
		row[i] = cell(text)
	}
	return row
}

// describe writes changes for people.
func describe(changes []FieldChange) string {
	all := make([]string, len(changes))
	for i, c := range changes {
		switch {
		case c.Before == "":
			all[i] = fmt.Sprintf("%s: %s", c.Field, c.After)
		case c.After == "":
			all[i] = fmt.Sprintf("%s: no longer %s", c.Field, c.Before)
		default:
			all[i] = fmt.Sprintf("%s: %s, before %s", c.Field, c.After, c.Before)
		}
	}
	return strings.Join(all, "; ")
}

// formulas are what a spreadsheet takes for the beginning of a formula, wide forms included.
const formulas = "=+-@\uff0b\uff0d\uff1d\uff20"

// cell makes a text harmless to spreadsheets and terminals (SB-84). Nothing in it is taken for a formula:
// not at its start, and not behind a semicolon, at which spreadsheets of some languages cut a row whatever
// its quotes say. What does not print is written as an escape: line breaks, ANSI sequences, marks
// that turn the direction of writing, bytes that are no UTF-8.
func cell(text string) string {
	var b strings.Builder
	fresh := true // does something that counts as a cell begin here?
	for i, r := range text {
		if fresh && (strings.ContainsRune(formulas, r) || r == '\t' || r == '\r' || r == '\n') {
			b.WriteByte('\'')
		}
		fresh = r == ';' || fresh && (r == ' ' || r == '"')
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// csvLog writes events as rows.
type csvLog struct{ w *csv.Writer }

func (l csvLog) begin() error        { return l.w.Write(csvHeader[:]) }
func (l csvLog) write(e Event) error { return l.w.Write(csvRow(e)) }
func (l csvLog) flush() error {
	l.w.Flush()
	return l.w.Error()
}
