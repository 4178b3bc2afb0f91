package smtp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// SB-96: the address that was allowed is the one that is connected to: the name is looked up once,
// and each of its addresses is asked about.
func TestAllowedAddressIsDialed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		addrs []string
		dials []string
		stage smtp.StageName // that fails, "" for none
	}{
		{"a public one", []string{"8.8.8.8"}, []string{"8.8.8.8:587"}, ""},
		{"a private one", []string{"10.0.0.1"}, nil, smtp.StageTCP},
		{"a private one before", []string{"127.0.0.1", "8.8.8.8"}, []string{"8.8.8.8:587"}, ""},
		{"a private one behind a dead one", []string{"9.9.9.9", "169.254.169.254"}, []string{"9.9.9.9:587"}, smtp.StageTCP},
		{"a mapped private one", []string{"::ffff:10.0.0.1"}, nil, smtp.StageTCP},
		{"a mapped public one", []string{"::ffff:8.8.8.8"}, []string{"8.8.8.8:587"}, ""},
		{"an IPv6 one", []string{"2606:4700::25"}, []string{"[2606:4700::25]:587"}, ""},
		{"the next one", []string{"9.9.9.9", "8.8.8.8"}, []string{"9.9.9.9:587", "8.8.8.8:587"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, smtp.StartTLS)
			config := server.config()
			lookups := 0
			config.Resolver = resolverFunc(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
				if lookups++; lookups > 1 {
					return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil // rebinding
				}
				return names(tt.addrs).LookupNetIP(ctx, network, host)
			})
			var dials []string
			config.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials = append(dials, addr)
				if addr == "9.9.9.9:587" {
					return nil, errors.New("dead")
				}
				return server.dial(ctx, network, addr)
			}
			config.Allow = smtp.PublicOnly
			synctest.Test(t, func(t *testing.T) {
				report := smtp.Diagnose(context.Background(), server.settings(), ann, config)
				if got := failedStage(report); got != tt.stage || !slices.Equal(dials, tt.dials) || lookups != 1 {
					t.Errorf("got %q failed, dials %q, %d look-ups; want %q, %q:\n%s", got, dials, lookups, tt.stage, tt.dials, report)
				}
			})
		})
	}
}

func failedStage(report smtp.Report) smtp.StageName {
	for _, stage := range report.Stages {
		if stage.Status == smtp.Failed {
			return stage.Name
		}
	}
	return ""
}

// Allow is asked about a host that is an address too, and gets the port that is connected to.
func TestAllowIsAskedAboutAddresses(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.TLS)
	settings, config := server.settings(), server.config()
	settings.Host = "10.0.0.1"
	denied := errors.New("not on the list")
	config.Allow = func(host string, port int, addr netip.Addr) error {
		if host != "10.0.0.1" || port != 465 || addr != netip.MustParseAddr("10.0.0.1") {
			t.Errorf("got %s, %d, %s", host, port, addr)
		}
		return denied
	}
	mailer, err := smtp.New(settings, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mailer.Send(context.Background(), iam.Message{ID: "1", To: ann, Text: "x"}); !errors.Is(err, denied) || errors.Is(err, iam.ErrBounced) {
		t.Errorf("got %v, want the refusal, and no bounce", err)
	}
}

// An address that does not answer is left after DialTimeout, for the next one.
func TestDialTimeoutIsPerAddress(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.StartTLS)
	config := server.config()
	config.Resolver = names{"9.9.9.9", "8.8.8.8"}
	config.DialTimeout = 3 * time.Second
	config.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "9.") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return server.dial(ctx, network, addr)
	}
	synctest.Test(t, func(t *testing.T) {
		report := smtp.Diagnose(context.Background(), server.settings(), ann, config)
		if got, want := report.Stages[2].Took, 3*time.Second; !report.OK() || got != want {
			t.Errorf("took %s, want %s:\n%s", got, want, report)
		}
	})
}

// A context that ends in the middle ends the conversation at once: it is no bounce.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.StartTLS)
	server.at, server.how = smtp.StageRcptTo, hangs
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		mailer, err := smtp.New(server.settings(), server.config())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = mailer.Send(ctx, iam.Message{ID: "1", To: ann, Text: "x"})
		if took := time.Since(start); !errors.Is(err, context.Canceled) || errors.Is(err, iam.ErrBounced) || took != time.Second {
			t.Errorf("got %v after %s, want context.Canceled after 1s", err, took)
		}
	})
}

// SB-97: without verified TLS nothing but the greeting is said.
func TestNothingIsSaidInClear(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*scripted)
		clear  string
	}{
		{"STARTTLS is offered", func(*scripted) {}, "EHLO acme.example, STARTTLS"},
		{"STARTTLS is taken out", func(s *scripted) { s.offers = []string{"AUTH PLAIN LOGIN", "SIZE 1"} }, "EHLO acme.example, QUIT"},
		{"STARTTLS is refused", func(s *scripted) { s.at, s.how = smtp.StageStartTLS, says("454 no\r\n") }, "EHLO acme.example, STARTTLS, QUIT"},
		{"the certificate is another's", func(s *scripted) { s.cert = selfSigned(t) }, "EHLO acme.example, STARTTLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, smtp.StartTLS)
			tt.change(server)
			synctest.Test(t, func(t *testing.T) {
				smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
			})
			if _, inClear := server.commands(); strings.Join(inClear, ", ") != tt.clear {
				t.Errorf("said in clear: %q, want %s", inClear, tt.clear)
			}
		})
	}
}

// A server that names no authority is one of the Config's, and of no other where the Config has some (D3).
func TestAuthoritiesOfTheConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		server, other bool // whether the Server trusts the right authority, and the Config another one
		stage         smtp.StageName
	}{
		{"the Config's", false, false, ""},
		{"another of the Config", false, true, smtp.StageTLS},
		{"the Server's before another of the Config", true, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, smtp.StartTLS)
			settings, config := server.settings(), server.config()
			config.RootCAs = server.roots
			if tt.other {
				config.RootCAs = newAuthority(t, "Another authority").pool()
			}
			if !tt.server {
				settings.RootCAs = nil
			}
			synctest.Test(t, func(t *testing.T) {
				report := smtp.Diagnose(context.Background(), settings, ann, config)
				if got := failedStage(report); got != tt.stage {
					t.Errorf("got %q failed, want %q:\n%s", got, tt.stage, report)
				}
			})
		})
	}
}
