package iam

import (
	"strings"
	"unicode/utf8"
)

// Email is one address in canonical form: see [ParseEmail]. Only canonical addresses are stored and
// compared, byte for byte. The empty Email is none.
type Email string

const (
	maxEmail = 254          // bytes: RFC 5321, 4.5.3.1.3, less the angle brackets
	maxLocal = 64           // bytes: RFC 5321, 4.5.3.1.1
	maxTyped = 4 * maxEmail // bytes: a domain may be typed longer than its ASCII form is
)

// ParseEmail reads one plain address and returns its canonical form: all of it in lower-case ASCII.
// The part before the @ must be ASCII; the domain may be typed in Unicode or in Punycode.
//
// Display names, comments, quoted local parts, address literals, lists, domains of one label, and
// texts that Unicode or a person could read in two ways are refused (SB-90, SB-91): a character
// beyond ASCII never becomes one of ASCII, and no label mixes scripts. An address that is canonical
// stays as it is. Every error is a *FieldError for Email.
func ParseEmail(s string) (Email, error) { return parseEmail(s, false) }

// ParseEmailUTF8 is ParseEmail for systems whose mail servers all know SMTPUTF8 (RFC 6531): the part
// before the @ may have letters, marks and digits of one script beyond ASCII as well. Its canonical
// form is NFC with A to Z in lower case, and all other letters as typed: whether Я and я are one
// mailbox only their server knows. What ParseEmail takes, it takes with the same result.
func ParseEmailUTF8(s string) (Email, error) { return parseEmail(s, true) }

// Local returns the part before the @, "" of the empty Email.
func (e Email) Local() string {
	local, _, _ := strings.Cut(string(e), "@")
	return local
}

// Domain returns the part behind the @, in lower-case ASCII; "" of the empty Email.
func (e Email) Domain() string {
	_, domain, _ := strings.Cut(string(e), "@")
	return domain
}

// Unicode returns the address with its domain as people write it. It is for showing alone: two
// domains may look the same. What is not canonical is returned as it is.
func (e Email) Unicode() string {
	if again, err := parseEmail(string(e), true); err != nil || again != e {
		return string(e)
	}
	domain, err := domainNames().ToUnicode(e.Domain())
	if err != nil {
		return string(e)
	}
	return e.Local() + "@" + domain
}

// parseEmail is ParseEmailUTF8 with unicode, and ParseEmail without.
func parseEmail(s string, unicode bool) (Email, error) {
	switch {
	case len(s) > maxTyped: // before anything that takes time or memory
		return "", invalid("Email", "the address has %d bytes: at most %d", len(s), maxEmail)
	case !utf8.ValidString(s):
		return "", invalid("Email", "the address is not UTF-8")
	}
	for _, m := range misreadings {
		if strings.ContainsAny(s, m.has) {
			return "", invalid("Email", "%s: want one plain address, such as ann@example.com", m.problem)
		}
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || strings.Contains(domain, "@") {
		return "", invalid("Email", "want one plain address with one @, such as ann@example.com")
	}
	local, err := parseLocal(local, unicode)
	if err != nil {
		return "", err
	}
	if domain, err = parseDomain(domain); err != nil {
		return "", err
	}
	email := local + "@" + domain
	if len(email) > maxEmail {
		return "", invalid("Email", "the address has %d bytes: at most %d", len(email), maxEmail)
	}
	return Email(email), nil
}

// misreadings are the ASCII characters that give an address a second reading, with what they make
// of it. The more telling ones come first: a display name has a space too.
var misreadings = [...]struct{ has, problem string }{
	{"\r\n\x00", "there is a line break or a NUL in the address"},
	{",;", "this is a list of addresses"},
	{"\"\\", "there is a quoted part in the address"},
	{"<>", "there are a name or angle brackets around the address"},
	{"()", "there is a comment in the address"},
	{"[]:", "there is an IP address instead of a domain, or a group of addresses"},
	{" \t\v\f", "there is a space in the address"},
}

const (
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits     = "0123456789"
	localBytes = letters + digits + "!#$%&'*+-/=?^_`{|}~." // RFC 5322, 3.2.3: atext and dots
)

// parseLocal returns the canonical form of what stands before the @.
func parseLocal(s string, unicode bool) (string, error) {
	canonical := asciiLower(s)
	if !isASCII(s) && len(s) <= 4*maxLocal { // what is longer is too long in every form
		if !unicode {
			return "", invalid("Email", "%s before the @ has a character beyond ASCII, which is not allowed here", short(s))
		}
		var err error
		if canonical, err = unicodeLocal(s); err != nil {
			return "", err
		}
	}
	odd := func(r rune) bool { return r < utf8.RuneSelf && !strings.ContainsRune(localBytes, r) }
	switch {
	case canonical == "":
		return "", invalid("Email", "there is nothing before the @")
	case len(canonical) > maxLocal:
		return "", invalid("Email", "there are %d bytes before the @: at most %d", len(canonical), maxLocal)
	case strings.ContainsFunc(canonical, odd):
		return "", invalid("Email", "%s before the @ has a character that needs quotes: want letters, digits and %s", short(s), strings.TrimPrefix(localBytes, letters+digits))
	case canonical[0] == '.' || canonical[len(canonical)-1] == '.' || strings.Contains(canonical, ".."):
		return "", invalid("Email", "%s before the @ has a dot at its start or end, or two in a row", short(s))
	}
	return canonical, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// asciiLower lowers A to Z and nothing else: Unicode case folding would make one address of two.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
