package iam

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// Secret is a text that must not reach a log: a password, or the key of a mail server. No verb of
// fmt prints it, nor do slog and JSON. It is taken out with Reveal, which is easy to search for. The
// zero Secret is the empty text.
type Secret struct{ text *string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

const redacted = "[secret]"

// Format prints "[secret]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// MarshalText returns "[secret]", for JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes the text from a request's body.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Token is a secret that proves something by being known: an invitation's, a session's. It has 256
// random bits, and is stored as a [TokenHash] alone (SB-11). The zero Token proves nothing.
type Token struct{ Secret }

const tokenBytes = 32

// NewToken makes a token from a source of randomness.
func NewToken(rand io.Reader) (Token, error) {
	var random [tokenBytes]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		return Token{}, err
	}
	return Token{NewSecret(base64.RawURLEncoding.EncodeToString(random[:]))}, nil
}

// ParseToken wraps what came from a link or a cookie. What cannot be a token is the zero Token.
func ParseToken(text string) Token {
	// The length comes first: a longer text takes no memory, and one with line breaks, which the decoder passes over,
	// is no second spelling.
	b64 := base64.RawURLEncoding.Strict()
	if len(text) != b64.EncodedLen(tokenBytes) {
		return Token{}
	}
	if random, err := b64.DecodeString(text); err != nil || len(random) != tokenBytes {
		return Token{}
	}
	return Token{NewSecret(text)}
}

// Hash returns what is stored of the token, and "" for the zero Token: no row has that.
func (t Token) Hash() TokenHash {
	if t.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(t.Reveal()))
	return TokenHash(hex.EncodeToString(sum[:]))
}

// TokenHash is the SHA-256 of a token, in lower-case hexadecimal. A plain hash is enough for what
// has 256 random bits (ASVS 6.5.2).
type TokenHash string
