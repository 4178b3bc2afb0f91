package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

type change func(*testing.T, *scripted, *smtp.Server, *smtp.Config)

func at(stage smtp.StageName, how func(*peer) bool) change {
	return func(_ *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) { s.at, s.how = stage, how }
}

func setting(set func(*smtp.Server)) change {
	return func(_ *testing.T, _ *scripted, server *smtp.Server, _ *smtp.Config) { set(server) }
}

func dialing(err error) change {
	return func(_ *testing.T, _ *scripted, _ *smtp.Server, config *smtp.Config) {
		config.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
}

func issuing(edit func(*x509.Certificate)) change {
	return func(t *testing.T, s *scripted, server *smtp.Server, _ *smtp.Config) {
		authority := newAuthority(t, "Test authority")
		s.cert, server.RootCAs = authority.issue(t, edit), authority.pool()
	}
}

// D3: the reports and their hints, as a person reads them.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		security smtp.Security
		change   change
	}{
		{"passes", smtp.StartTLS, nil},
		{"passes_tls", smtp.TLS, nil},
		{"passes_plain", smtp.Plain, nil},
		{"field", smtp.StartTLS, setting(func(s *smtp.Server) { s.From = "acme" })},
		{"no_such_name", smtp.StartTLS, resolving(&net.DNSError{Err: "no such host", Name: "mail.example.com", IsNotFound: true})},
		{"resolver_away", smtp.StartTLS, resolving(&net.DNSError{Err: "server misbehaving", Name: "mail.example.com", IsTemporary: true})},
		{"resolver_hangs", smtp.StartTLS, func(_ *testing.T, _ *scripted, _ *smtp.Server, config *smtp.Config) {
			config.Resolver = resolverFunc(func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
		}},
		{"no_addresses", smtp.StartTLS, func(_ *testing.T, _ *scripted, _ *smtp.Server, config *smtp.Config) { config.Resolver = names{} }},
		{"not_allowed", smtp.StartTLS, allowing(smtp.PublicOnly)},
		{"refused", smtp.StartTLS, dialing(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})},
		{"filtered", smtp.StartTLS, dialing(&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded})},
		{"unreachable", smtp.StartTLS, dialing(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH})},
		{"silent_port", smtp.StartTLS, at(smtp.StageGreeting, hangs)},
		{"hangs_up", smtp.StartTLS, at(smtp.StageGreeting, drops)},
		{"blocked", smtp.StartTLS, at(smtp.StageGreeting, says("554 5.7.1 192.0.2.9 is listed\r\n"))},
		{"web_server", smtp.StartTLS, at(smtp.StageGreeting, says("HTTP/1.1 400 Bad Request\r\n\r\n"))},
		{"name_disliked", smtp.StartTLS, at(smtp.StageEHLO, says("550 5.7.1 Invalid HELO\r\n"))},
		{"no_starttls", smtp.StartTLS, func(_ *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) { s.offers = []string{"AUTH PLAIN"} }},
		{"starttls_away", smtp.StartTLS, at(smtp.StageStartTLS, says("454 4.7.0 TLS not available\r\n"))},
		{"starttls_injected", smtp.StartTLS, at(smtp.StageStartTLS, says("220 Ready\r\n250 injected\r\n"))},
		{"plain_port", smtp.TLS, at(smtp.StageTLS, says("220 mail.example.com ESMTP\r\n"))},
		{"silent_tls", smtp.TLS, at(smtp.StageTLS, hangs)},
		{"other_name", smtp.TLS, issuing(func(c *x509.Certificate) { c.DNSNames = []string{"mx1.example.net", "mx2.example.net"} })},
		{"expired", smtp.StartTLS, issuing(func(c *x509.Certificate) { c.NotAfter = day(1999, 12) })},
		{"not_yet", smtp.StartTLS, issuing(func(c *x509.Certificate) { c.NotBefore = day(2000, 5) })},
		{"self_signed", smtp.StartTLS, func(t *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) { s.cert = selfSigned(t) }},
		{"unknown_authority", smtp.StartTLS, func(t *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) {
			s.cert = newAuthority(t, "Another authority").issue(t, nil)
		}},
		{"old_tls", smtp.StartTLS, func(_ *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) { s.version = tls.VersionTLS11 }},
		{"no_auth", smtp.StartTLS, func(_ *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) { s.offers = []string{"STARTTLS"} }},
		{"no_mechanism", smtp.StartTLS, func(_ *testing.T, s *scripted, _ *smtp.Server, _ *smtp.Config) {
			s.offers = []string{"STARTTLS", "AUTH NTLM GSSAPI"}
		}},
		{"wrong_password", smtp.StartTLS, at(smtp.StageAuth, says("535 5.7.8 Username and Password not accepted\r\n"))},
		{"too_many_attempts", smtp.StartTLS, at(smtp.StageAuth, says("454 4.7.0 Too many attempts\r\n"))},
		{"wants_password", smtp.Plain, at(smtp.StageMailFrom, says("530 5.7.0 Must issue a STARTTLS command first\r\n"))},
		{"not_own_sender", smtp.StartTLS, at(smtp.StageMailFrom, says("553 5.7.1 Sender address rejected: not owned by user\r\n"))},
		{"greylisted", smtp.StartTLS, at(smtp.StageRcptTo, says("450 4.2.0 Greylisted, see http://postgrey.example\r\n"))},
		{"no_mailbox", smtp.StartTLS, at(smtp.StageRcptTo, says("550 5.1.1 No such user\r\n"))},
		{"relaying", smtp.Plain, at(smtp.StageRcptTo, says("554 5.7.1 Relay access denied\r\n"))},
		{"spam", smtp.StartTLS, at(stageText, says("550 5.7.26 Unauthenticated mail\r\n"))},
		{"silent_filter", smtp.StartTLS, at(stageText, hangs)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, tt.security)
			settings, config := server.settings(), server.config()
			if tt.change != nil {
				tt.change(t, server, &settings, &config)
			}
			synctest.Test(t, func(t *testing.T) {
				golden(t, tt.name, smtp.Diagnose(context.Background(), settings, ann, config).String())
			})
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "report", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

type resolverFunc func(context.Context, string, string) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return f(ctx, network, host)
}

func resolving(err error) change {
	return func(_ *testing.T, _ *scripted, _ *smtp.Server, config *smtp.Config) {
		config.Resolver = resolverFunc(func(context.Context, string, string) ([]netip.Addr, error) { return nil, err })
	}
}

func allowing(allow func(string, int, netip.Addr) error) change {
	return func(_ *testing.T, _ *scripted, _ *smtp.Server, config *smtp.Config) { config.Allow = allow }
}

// SB-96, SB-82: a server that repeats what it was sent puts the password into no report and no error,
// in whatever form it repeats it.
func TestPasswordInNoReport(t *testing.T) {
	t.Parallel()
	response := base64.StdEncoding.EncodeToString([]byte("\x00acme\x00" + canary))
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	for name, echo := range map[string]string{
		"as it stands":                canary,
		"in capitals":                 strings.ToUpper(canary),
		"the response":                response,
		"the response in capitals":    strings.ToUpper(response),
		"the response without =":      strings.TrimRight(response, "="),
		"the response in small":       strings.ToLower(response),
		"the response's beginning":    response[:len(response)-4],
		"encoded":                     encoded,
		"where the text is cut":       strings.Repeat("a", 350) + canary,
		"where the response is cut":   strings.Repeat("a ", 175) + response,
		"in the second line":          "no\r\n535 " + canary,
		"in a reply to another stage": canary,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, smtp.StartTLS)
			server.at, server.how = smtp.StageAuth, says("535-Unknown command\r\n535-AUTH PLAIN "+echo+"\r\n535 what?\r\n")
			if name == "in a reply to another stage" {
				server.at, server.how = smtp.StageMailFrom, says("250 Hello "+echo+"\r\n")
			}
			synctest.Test(t, func(t *testing.T) {
				report := smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
				var texts strings.Builder
				texts.WriteString(report.String())
				for _, stage := range report.Stages {
					texts.WriteString(stage.Reply)
					if stage.Err != nil {
						texts.WriteString(stage.Err.Error())
					}
				}
				got := strings.ToLower(texts.String())
				for _, secret := range []string{canary, response[16:28], encoded[:8]} {
					if strings.Contains(got, strings.ToLower(secret)) {
						t.Errorf("%q is shown:\n%s", secret, report)
					}
				}
				if !strings.Contains(got, "[secret]") {
					t.Errorf("nothing was repeated: the test sees nothing\n%s", report)
				}
			})
		})
	}
}

// SB-84: what a server says reaches a terminal without control characters, in bounds.
func TestRepliesAreClean(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.StartTLS)
	server.at, server.how = smtp.StageRcptTo, says("550 \x1b[2J\u202egone\xff\t"+strings.Repeat("ä", 600)+"\r\n")
	synctest.Test(t, func(t *testing.T) {
		report := smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
		got := report.Stages[10].Reply
		if len(got) > 400 || !strings.HasPrefix(got, "550  [2J gone\uFFFD ää") || !strings.HasSuffix(got, "ä…") {
			t.Errorf("got %q", got)
		}
	})
}

// The recipient is one address (SB-90), the settings are checked, and nobody is asked before.
func TestDiagnoseChecksFirst(t *testing.T) {
	t.Parallel()
	for field, to := range map[string]iam.Email{"To": "a@example.org>\r\nRCPT TO:<b@example.org", "Host": ann} {
		server := newScripted(t, smtp.StartTLS)
		settings := server.settings()
		if field == "Host" {
			settings.Host = "mail.example.com\r\n"
		}
		config := server.config()
		config.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Error("somebody was asked")
			return nil, errors.New("asked")
		}
		report := smtp.Diagnose(context.Background(), settings, to, config)
		var about *iam.FieldError
		if stage := report.Stages[0]; stage.Status != smtp.Failed || !errors.As(stage.Err, &about) || about.Field != field {
			t.Errorf("%s: got\n%s", field, report)
		}
	}
}

// A zero report says nothing about a server, and so is not OK.
func TestZeroReport(t *testing.T) {
	t.Parallel()
	if got := (smtp.Report{}); got.OK() || got.String() != "" {
		t.Errorf("got OK %v, %q", got.OK(), got)
	}
}
