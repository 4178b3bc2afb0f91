package smtp

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// Security says when a connection is encrypted. The certificate is always verified: its chain, its
// dates and that it is for the server's Host. None of them falls back to another.
type Security string

// The zero Security is StartTLS.
const (
	StartTLS Security = "starttls" // encrypted before anything is said; a server that offers no STARTTLS is refused
	TLS      Security = "tls"      // encrypted from the first byte
	Plain    Security = "plain"    // never encrypted, and so without a password: for a relay on the same machine
)

// Server is a mail server that takes mail from this program, and how it is reached. It can be
// printed and stored as JSON: neither shows the password, which has to be stored apart.
type Server struct {
	// Host is the name that the certificate is for, or an IP address.
	Host string
	// Port. Defaults to 587, with TLS to 465, and with Plain to 25.
	Port int
	// Security. Defaults to StartTLS.
	Security Security
	// Username for AUTH. Defaults to none: AUTH is left out.
	Username string
	// Password goes with the Username: both or neither. Defaults to none.
	Password iam.Secret
	// From is the sender of messages that name none: an address, or a name with one:
	// Acme <no-reply@acme.example>.
	From string
	// HELO is the name by which this program greets the server. Defaults to the domain of From.
	HELO string
	// RootCAs are trusted in place of the system's: for a certificate from a private authority.
	// Defaults to those of the Config.
	RootCAs *x509.CertPool `json:"-"`
}

// Check returns a [*iam.FieldError] for the first field that is wrong. It asks nobody.
func (s Server) Check() error {
	for _, text := range []struct{ field, value string }{
		{"Host", s.Host}, {"Security", string(s.Security)}, {"Username", s.Username},
		{"Password", s.Password.Reveal()}, {"From", s.From}, {"HELO", s.HELO},
	} {
		if strings.ContainsAny(text.value, "\r\n\x00") {
			return invalid(text.field, "a line break or a NUL is in it")
		}
	}
	switch {
	case !validHost(s.Host):
		return invalid("Host", "want a name such as mail.example.com, or an IP address")
	case s.Port < 0 || s.Port > 65535:
		return invalid("Port", "want 1 to 65535, not %d", s.Port)
	case s.security() != StartTLS && s.security() != TLS && s.security() != Plain:
		return invalid("Security", "want %q, %q or %q", StartTLS, TLS, Plain)
	case s.Username != "" && s.Password.IsZero():
		return invalid("Password", "want the one of the Username")
	case s.Username == "" && !s.Password.IsZero():
		return invalid("Username", "want the one that the Password is of")
	case s.Username != "" && s.security() == Plain:
		return invalid("Security", "a password is never sent without encryption: want %q or %q", StartTLS, TLS)
	case s.HELO != "" && !validHost(strings.Trim(s.HELO, "[]")):
		return invalid("HELO", "want the name of this machine, such as app.example.com")
	}
	if _, ok := parseSender(s.From); !ok {
		return invalid("From", wantSender)
	}
	return nil
}

func (s Server) security() Security { return cmp.Or(s.Security, StartTLS) }

func (s Server) port() int {
	switch {
	case s.Port != 0:
		return s.Port
	case s.security() == TLS:
		return 465
	case s.security() == Plain:
		return 25
	default:
		return 587
	}
}

// helo is the name to greet with. The domain of From is the one name that is surely known.
func (s Server) helo() string {
	if s.HELO != "" {
		return s.HELO
	}
	from, _ := parseSender(s.From)
	return from.email.Domain()
}

// validHost accepts what can be a name or an address. Whether it is one, the DNS says.
func validHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && len(s) <= 253 && strings.Trim(s, ".-") == s && !strings.Contains(s, "..") &&
		strings.IndexFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
		}) < 0
}

func invalid(field, format string, args ...any) error {
	return &iam.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}
