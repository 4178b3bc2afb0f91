package smtp

import (
	"encoding/base64"
	"strings"
)

// scrubber takes a password out of what a server says: some repeat the command that they did not
// understand. Its zero value takes nothing out.
type scrubber struct{ secrets []string }

// minEcho is how much of a secret is taken out where a server repeats no more than its beginning.
const minEcho = 8

// newScrubber knows the password as it stands and as AUTH sends it.
func newScrubber(username, password string) scrubber {
	if password == "" {
		return scrubber{}
	}
	b64 := base64.StdEncoding.EncodeToString
	return scrubber{[]string{b64([]byte(plainResponse(username, password))), b64([]byte(password)), password}}
}

// scrub replaces the secrets, in capitals and in small letters: a server may repeat a command so.
func (s scrubber) scrub(text string) string {
	if len(s.secrets) == 0 {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if n := s.match(text[i:]); n > 0 {
			out.WriteString("[secret]")
			i += n
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

// match is how many bytes of a secret a text begins with, 0 for too few.
func (s scrubber) match(text string) int {
	longest := 0
	for _, secret := range s.secrets {
		n := 0
		for n < len(secret) && n < len(text) && lower(secret[n]) == lower(text[n]) {
			n++
		}
		if n == len(secret) || n >= minEcho {
			longest = max(longest, n)
		}
	}
	return longest
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// plainResponse is the one response of AUTH PLAIN (RFC 4616).
func plainResponse(username, password string) string { return "\x00" + username + "\x00" + password }
