package smtp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// settings that are right; each test changes one field.
func rightSettings() smtp.Server {
	return smtp.Server{
		Host: "mail.example.com", Username: "acme", Password: iam.NewSecret(canary),
		From: "Acme, Inc. <no-reply@acme.example>",
	}
}

// Check names the field that is wrong, New refuses the same, and neither shows the password.
func TestServerCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*smtp.Server)
		field  string // "" for none
	}{
		{"right", func(*smtp.Server) {}, ""},
		{"the zero server", func(s *smtp.Server) { *s = smtp.Server{} }, "Host"},
		{"an IPv4 host", func(s *smtp.Server) { s.Host = "192.0.2.25" }, ""},
		{"an IPv6 host", func(s *smtp.Server) { s.Host = "2001:db8::25" }, ""},
		{"a host with a port", func(s *smtp.Server) { s.Host = "mail.example.com:587" }, "Host"},
		{"a host with a path", func(s *smtp.Server) { s.Host = "mail.example.com/x" }, "Host"},
		{"a host with a space", func(s *smtp.Server) { s.Host = "mail example" }, "Host"},
		{"a host with empty labels", func(s *smtp.Server) { s.Host = "mail..example.com" }, "Host"},
		{"a host with a line break", func(s *smtp.Server) { s.Host = "mail.example.com\n" }, "Host"},
		{"a host that is too long", func(s *smtp.Server) { s.Host = strings.Repeat("a", 254) }, "Host"},
		{"a negative port", func(s *smtp.Server) { s.Port = -1 }, "Port"},
		{"a port above all", func(s *smtp.Server) { s.Port = 65536 }, "Port"},
		{"the highest port", func(s *smtp.Server) { s.Port = 65535 }, ""},
		{"an unknown security", func(s *smtp.Server) { s.Security = "ssl" }, "Security"},
		{"a password in clear (SB-97)", func(s *smtp.Server) { s.Security = smtp.Plain }, "Security"},
		{"plain without a password", func(s *smtp.Server) { s.Security, s.Username, s.Password = smtp.Plain, "", iam.Secret{} }, ""},
		{"a user without a password", func(s *smtp.Server) { s.Password = iam.Secret{} }, "Password"},
		{"a password without a user", func(s *smtp.Server) { s.Username = "" }, "Username"},
		{"a user with a NUL", func(s *smtp.Server) { s.Username = "acme\x00root" }, "Username"},
		{"a password with a line break", func(s *smtp.Server) { s.Password = iam.NewSecret(canary + "\r\nRSET") }, "Password"},
		{"a password with a NUL", func(s *smtp.Server) { s.Password = iam.NewSecret(canary + "\x00") }, "Password"},
		{"no sender", func(s *smtp.Server) { s.From = "" }, "From"},
		{"a sender without an address", func(s *smtp.Server) { s.From = "Acme" }, "From"},
		{"two senders", func(s *smtp.Server) { s.From = "a@acme.example, b@acme.example" }, "From"},
		{"a sender with a line break", func(s *smtp.Server) { s.From = "Acme\r\nBcc: eve@example.org <no-reply@acme.example>" }, "From"},
		{"a greeting with a space", func(s *smtp.Server) { s.HELO = "app SIZE=1" }, "HELO"},
		{"a greeting with a line break", func(s *smtp.Server) { s.HELO = "app\r\nMAIL FROM:<>" }, "HELO"},
		{"a greeting by address", func(s *smtp.Server) { s.HELO = "[192.0.2.9]" }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := rightSettings()
			tt.change(&server)
			err := server.Check()
			var about *iam.FieldError
			if errors.As(err, &about); (tt.field == "") != (err == nil) || err != nil && (about == nil || about.Field != tt.field) {
				t.Fatalf("got %v, want a FieldError for %q", err, tt.field)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the password is shown: %v", err)
			}
			if mailer, newErr := smtp.New(server, smtp.Config{}); (newErr == nil) != (err == nil) || (mailer == nil) != (err != nil) {
				t.Errorf("New: got %v, %v", mailer, newErr)
			}
		})
	}
}

// SB-82: a server's password is in no log and in no JSON.
func TestServerHidesPassword(t *testing.T) {
	t.Parallel()
	server := rightSettings()
	mailer, err := smtp.New(server, smtp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", server, &server, mailer)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("server", "server", server, "mailer", mailer)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("server", "server", server)
	if err := json.NewEncoder(&out).Encode(server); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
		t.Errorf("the password is shown:\n%s", got)
	}
}
