package smtp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

const (
	canary  = "c4nary-passw0rd" // must be seen nowhere but in AUTH
	ann     = iam.Email("ann@example.org")
	timeout = time.Minute // the default, of the clock of a bubble
	// stageText is when the server has the whole text: smtp.StageData as the client sees it.
	stageText smtp.StageName = "DATA, the text"
)

// scripted is a mail server at the other end of a pipe, which misbehaves at one stage.
type scripted struct {
	security smtp.Security
	cert     tls.Certificate
	roots    *x509.CertPool
	version  uint16            // the highest version of TLS, 0 for the newest
	offers   []string          // in EHLO
	at       smtp.StageName    // where it misbehaves
	how      func(*peer) bool  // misbehaves, and reports whether to go on
	replies  map[string]string // to commands, by their first word, in place of the right ones

	mu    sync.Mutex
	clear []string // commands that came without encryption
	heard []string // all of them
}

func newScripted(t *testing.T, security smtp.Security) *scripted {
	t.Helper()
	authority := newAuthority(t, "Test authority")
	s := &scripted{security: security, roots: authority.pool(), cert: authority.issue(t, nil)}
	s.offers = []string{"PIPELINING", "SIZE 1000000", "AUTH LOGIN PLAIN"}
	if security == smtp.StartTLS {
		s.offers = append(s.offers, "STARTTLS")
	}
	return s
}

func (s *scripted) settings() smtp.Server {
	settings := smtp.Server{
		Host: "mail.example.com", Security: s.security, From: "Acme <no-reply@acme.example>", RootCAs: s.roots,
	}
	if s.security != smtp.Plain {
		settings.Username, settings.Password = "acme", iam.NewSecret(canary)
	}
	return settings
}

func (s *scripted) config() smtp.Config {
	return smtp.Config{Resolver: names{"192.0.2.25"}, Dial: s.dial}
}

// names is a resolver that answers each question with the same addresses.
type names []string

func (n names) LookupNetIP(context.Context, string, string) (addrs []netip.Addr, err error) {
	for _, addr := range n {
		addrs = append(addrs, netip.MustParseAddr(addr))
	}
	return addrs, nil
}

func (s *scripted) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go s.serve(newBuffered(server))
	return client, nil
}

// buffered is the end of a pipe that does not wait for the other end to read, as a socket does not.
type buffered struct {
	net.Conn
	out   chan []byte
	close sync.Once
}

func newBuffered(conn net.Conn) *buffered {
	b := &buffered{Conn: conn, out: make(chan []byte, 100)}
	go func() {
		for p := range b.out {
			_, _ = conn.Write(p)
		}
		_ = conn.Close()
	}()
	return b
}

func (b *buffered) Write(p []byte) (int, error) {
	b.out <- append([]byte(nil), p...)
	return len(p), nil
}

// Close lets be read what was written.
func (b *buffered) Close() error {
	b.close.Do(func() { close(b.out) })
	return nil
}

// peer is one connection of a scripted server.
type peer struct {
	net.Conn
	in     *bufio.Reader
	secure bool
}

func (p *peer) say(text string) bool {
	_, err := io.WriteString(p, text)
	return err == nil
}

// The ways to misbehave.
func drops(*peer) bool { return false }

func hangs(p *peer) bool {
	_, _ = io.Copy(io.Discard, p.in)
	return false
}

func says(text string) func(*peer) bool { return func(p *peer) bool { return p.say(text) } }

func (s *scripted) serve(conn net.Conn) {
	p := &peer{Conn: conn, in: bufio.NewReader(conn)}
	defer func() { p.Close() }()
	if s.security == smtp.TLS && !s.secure(p) || !s.do(p, smtp.StageGreeting, "220 mail.example.com ESMTP\r\n") {
		return
	}
	for {
		line, err := p.in.ReadString('\n')
		if err != nil || !s.answer(p, strings.TrimSpace(line)) {
			return
		}
	}
}

// do does the right thing at a stage, or what the script says.
func (s *scripted) do(p *peer, stage smtp.StageName, right string) bool {
	if s.at == stage {
		return s.how(p)
	}
	return p.say(right)
}

func (s *scripted) hear(p *peer, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, line)
	if !p.secure {
		s.clear = append(s.clear, line)
	}
}

func (s *scripted) answer(p *peer, line string) bool {
	s.hear(p, line)
	verb, _, _ := strings.Cut(line, " ")
	if text, scripted := s.replies[verb]; scripted {
		return p.say(text)
	}
	switch verb {
	case "EHLO":
		stage := smtp.StageEHLO
		if p.secure && s.security == smtp.StartTLS {
			stage = smtp.StageEHLOTLS
		}
		return s.do(p, stage, "250-mail.example.com\r\n250-"+strings.Join(s.offers, "\r\n250-")+"\r\n250 HELP\r\n")
	case "STARTTLS":
		if !s.do(p, smtp.StageStartTLS, "220 2.0.0 Ready\r\n") {
			return false
		}
		return s.at == smtp.StageStartTLS || s.secure(p)
	case "AUTH":
		return s.do(p, smtp.StageAuth, "235 2.7.0 Welcome\r\n")
	case "MAIL":
		return s.do(p, smtp.StageMailFrom, "250 2.1.0 Sender ok\r\n")
	case "RCPT":
		return s.do(p, smtp.StageRcptTo, "250 2.1.5 Recipient ok\r\n")
	case "DATA":
		if s.at == smtp.StageData {
			return s.how(p)
		}
		p.say("354 Go ahead\r\n")
		for text := ""; text != ".\r\n"; {
			var err error
			if text, err = p.in.ReadString('\n'); err != nil {
				return false
			}
		}
		return s.do(p, stageText, "250 2.0.0 queued as 42\r\n")
	case "QUIT":
		p.say("221 2.0.0 Bye\r\n")
		return false
	default:
		return p.say("500 what?\r\n")
	}
}

// secure begins TLS.
func (s *scripted) secure(p *peer) bool {
	if s.at == smtp.StageTLS {
		if _, err := p.in.Peek(1); err != nil { // the client speaks first
			return false
		}
		_, _ = p.in.Discard(p.in.Buffered())
		return s.how(p) && hangs(p)
	}
	conn := tls.Server(p.Conn, &tls.Config{
		Certificates: []tls.Certificate{s.cert}, MaxVersion: s.version,
		MinVersion: tls.VersionTLS10,
	})
	if conn.Handshake() != nil {
		if rest, _ := io.ReadAll(p.Conn); len(rest) > 0 {
			s.hear(p, string(rest))
		}
		return false
	}
	p.Conn, p.in, p.secure = conn, bufio.NewReader(conn), true
	return true
}

// commands are the lines that were heard.
func (s *scripted) commands() (all, inClear []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...), append([]string(nil), s.clear...)
}
