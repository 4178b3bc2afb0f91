package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
)

const (
	maxText = 1<<16 - 1 // bytes of a TEXT column of MariaDB, the narrowest of the three
	maxLong = 1<<24 - 1 // bytes of a MEDIUMTEXT column
)

// fits reports whether each of the ids can be stored, and then alike in every database. One that
// cannot belongs to nothing, and a look-up for it asks nobody: PostgreSQL would fail on a NUL.
func fits(ids ...string) bool {
	for _, id := range ids {
		if id == "" || len(id) > iam.MaxID || !utf8.ValidString(id) || strings.IndexFunc(id, unicode.IsControl) >= 0 {
			return false
		}
	}
	return true
}

// fitsOr reports the same of an id that may be left out.
func fitsOr(id string) bool { return id == "" || fits(id) }

// fitsText reports whether a text can be stored alike in every database.
func fitsText(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && strings.IndexFunc(text, badInText) < 0
}

func badInText(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// checks collects the first thing that is wrong with a row that is to be written.
type checks struct{ err error }

func (c *checks) that(ok bool, field, format string, args ...any) {
	if c.err == nil && !ok {
		c.err = &iam.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
	}
}

func (c *checks) id(field, id string) {
	c.that(fits(id), field, "the id %.40q cannot be stored: want 1 to %d bytes of UTF-8 without control characters", id, iam.MaxID)
}

func (c *checks) idOr(field, id string) {
	if id != "" {
		c.id(field, id)
	}
}

func (c *checks) text(field, text string) {
	c.that(fitsText(text), field, "the text cannot be stored: want at most %d bytes of UTF-8 without control characters", maxText)
}

func (c *checks) long(field, text string) {
	c.that(len(text) <= maxLong && utf8.ValidString(text) && strings.IndexFunc(text, badInText) < 0, field,
		"the text cannot be stored: want at most %d bytes of UTF-8 without control characters", maxLong)
}

// Times are stored as milliseconds since 1970. The zero time is no exception: it is
// -62135596800000, which comes back as the zero time.
func toMillis(t time.Time) int64        { return t.UnixMilli() }
func fromMillis(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

// ceilMillis is the first stored time that is not before t: stored times have lost what is below
// a millisecond.
func ceilMillis(t time.Time) int64 { return toMillis(t.Add(time.Millisecond - 1)) }

// fold maps letters that differ in case only to one of them, so that a search for text is the same
// in every database, and case is the only thing that it overlooks.
func fold(text string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, text)
}
