package smtp

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/castellan-iam/castellan/iam"
)

// sender is who a message is from.
type sender struct {
	name  string // "" for none
	email iam.Email
}

const wantSender = "want an address such as no-reply@acme.example, or Acme <no-reply@acme.example>"

// parseSender reads an address, or a name with one. A name is taken as it stands, quotes around it
// removed: organisations have commas and full stops in theirs.
func parseSender(s string) (from sender, ok bool) {
	if len(s) > maxHeader {
		return sender{}, false
	}
	s = strings.TrimSpace(oneLine(s))
	address := s
	if open := strings.LastIndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") {
		address = s[open+1 : len(s)-1]
		from.name = unquote(strings.TrimSpace(s[:open]))
	}
	var err error
	if from.email, err = iam.ParseEmailUTF8(address); err != nil {
		return sender{}, false
	}
	return from, true
}

func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1])
}

// printable has a space for each character that breaks a line, or hides or turns what a reader sees.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// oneLine is a text for a header. It adds none (SB-93), and is no encoded word (RFC 2047), which would
// become whatever it encodes when it is read.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "=?", "= ?") }

// A line of a header holds 998 bytes (RFC 5322, 2.1.1).
const (
	maxID     = 200
	maxHeader = 500
)

// compose writes a message as it goes over the wire, all of it ASCII but for an address that is not.
// What can never be sent is a FieldError that is an ErrBounced as well: it would be the same next time.
func compose(m iam.Message, from sender, now time.Time) ([]byte, error) {
	to, err := iam.ParseEmailUTF8(string(m.To))
	switch {
	case err != nil || to != m.To:
		return nil, unsendable("To", "want one address in canonical form")
	case m.ID == "" || len(m.ID) > maxID || strings.IndexFunc(m.ID, notInID) >= 0:
		return nil, unsendable("ID", "want 1 to %d letters, digits, dots, hyphens and underscores", maxID)
	case len(m.Subject) > maxHeader:
		return nil, unsendable("Subject", "%d bytes: at most %d", len(m.Subject), maxHeader)
	case m.Text == "":
		return nil, unsendable("Text", "a message needs one, beside HTML too")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: from.name, Address: string(from.email)})
	msg.ToMailAddress(&mail.Address{Address: string(to)})
	msg.SetMessageIDWithValue(m.ID + "@" + from.email.Domain())
	msg.SetDateWithValue(now)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no notice of absence answers it
	msg.Subject(oneLine(m.Subject))
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var wire bytes.Buffer
	if _, err := msg.WriteTo(&wire); err != nil {
		return nil, fmt.Errorf("smtp: composing the message %s: %w", m.ID, err)
	}
	return wire.Bytes(), nil
}

func notInID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
}

func unsendable(field, format string, args ...any) error {
	return &iam.FieldError{Field: field, Problem: fmt.Sprintf(format, args...), Reason: iam.ErrBounced}
}
