package iam

import "strings"

// Email is one address in canonical form: see [ParseEmail]. Only canonical addresses are stored and
// compared. The empty Email is none.
type Email string

const maxEmail = 254 // bytes: RFC 5321, 4.5.3.1.3, less the angle brackets

// ParseEmail reads one plain address and returns its canonical form: all of it in lower-case ASCII.
// Display names, comments, quoted local parts, address literals, lists, and what is not ASCII are
// refused (SB-90, SB-91): an address that could be read in two ways is none.
func ParseEmail(s string) (Email, error) {
	local, domain, found := strings.Cut(s, "@")
	switch {
	case len(s) > maxEmail:
		return "", invalid("Email", "the address has %d bytes: at most %d", len(s), maxEmail)
	case !found || local == "" || len(local) > 64 || !allIn(local, localBytes) || badDots(local):
		return "", invalid("Email", "want one plain address, such as ann@example.com")
	case !validDomain(domain):
		return "", invalid("Email", "want a domain behind the @, such as example.com")
	}
	return Email(asciiLower(s)), nil
}

const (
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits     = "0123456789"
	localBytes = letters + digits + "!#$%&'*+-/=?^_`{|}~." // RFC 5322, 3.2.3: atext and dots
)

func allIn(s, set string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) }) < 0
}

func badDots(s string) bool {
	return strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..")
}

func validDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || !allIn(l, letters+digits+"-") || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return !allIn(labels[len(labels)-1], digits)
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
