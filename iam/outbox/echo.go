package outbox

import (
	"net/url"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// minEcho is how much of a token is taken out of a text that has no more of it: a server may cut what it
// repeats, and break it into lines.
const minEcho = 8

// withoutToken takes a link's token out of what a mail server says about the mail: filters of unwanted
// mail like to name the link that they do not like, and what they say is stored, logged and shown (SB-82, SB-98).
func withoutToken(text string, link iam.Secret) string {
	u, err := url.Parse(link.Reveal())
	if err != nil {
		return "" // nothing says what may be shown
	}
	for _, values := range u.Query() {
		for _, token := range values {
			text = withoutPieces(text, token)
		}
	}
	return text
}

// withoutPieces replaces every piece of a secret in a text, in capitals and in small letters alike.
func withoutPieces(text, secret string) string {
	all := asciiLower(secret)
	var out strings.Builder
	for i := 0; i < len(text); {
		n := 0
		for i+n < len(text) && strings.Contains(all, asciiLower(text[i:i+n+1])) {
			n++
		}
		if n > 0 && (n >= minEcho || n == len(secret)) {
			out.WriteString("[secret]")
			i += n
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

// asciiLower changes no length, as strings.ToLower may.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
