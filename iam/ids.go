package iam

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is stored, in bytes.
const (
	MaxID   = 255  // an organisation's, project's, account's or resource's id
	MaxText = 1024 // a field of a profile, or an organisation's name
)

// checkID refuses an id that cannot be stored alike in every database. Deciding needs no such
// limit: there an id is only compared.
func checkID(field, id string) error {
	switch {
	case id == "":
		return invalid(field, "the id is empty")
	case len(id) > MaxID:
		return invalid(field, "the id has %d bytes: at most %d", len(id), MaxID)
	case !utf8.ValidString(id) || strings.IndexFunc(id, unicode.IsControl) >= 0:
		return invalid(field, "the id %.40q must be UTF-8 text without control characters", id)
	}
	return nil
}

// checkText refuses a text that cannot be stored alike in every database. Line breaks are allowed.
func checkText(field, text string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	switch {
	case len(text) > MaxText:
		return invalid(field, "the text has %d bytes: at most %d", len(text), MaxText)
	case !utf8.ValidString(text) || strings.IndexFunc(text, bad) >= 0:
		return invalid(field, "want UTF-8 text without control characters")
	}
	return nil
}
