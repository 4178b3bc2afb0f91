// Package smtptest is a mail server for tests: it takes mail over STARTTLS with a password, keeps it
// to be read, and misbehaves where it is told to.
//
//	server := smtptest.Start(t)
//	mailer, err := smtp.New(server.Settings(), smtp.Config{})
//	// … let something be sent …
//	mails, err := server.Wait(ctx, 1)
//	link := mails[0].Text()
package smtptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// The one account of the server.
const (
	username = "mailer"
	password = "correct horse battery staple"
)

// Server is a running mail server on a free port of this machine. It is safe for concurrent use.
type Server struct {
	port  int
	roots *x509.CertPool
	smtp  *gosmtp.Server
	wire  *wire
	done  chan struct{} // closed when nothing is accepted any more
	quit  chan struct{} // closed by Close: what hangs gives up

	mu        sync.Mutex
	closed    bool
	conns     []net.Conn // all that there were
	messages  []Message
	arrived   chan struct{} // closed, and made anew, with each message
	behaviors map[smtp.StageName]behavior
}

// Start runs a server until the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := Open()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Open runs a server until it is closed: for examples, which have no test. See [Start].
func Open() (*Server, error) {
	certificate, roots, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("smtptest: making a certificate: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("smtptest: %w", err)
	}
	s := &Server{
		port: listener.Addr().(*net.TCPAddr).Port, roots: roots,
		done: make(chan struct{}), quit: make(chan struct{}), arrived: make(chan struct{}),
		behaviors: make(map[smtp.StageName]behavior),
	}
	s.smtp = gosmtp.NewServer(gosmtp.BackendFunc(s.newSession))
	s.smtp.Domain = "localhost"
	s.smtp.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.smtp.EnableSMTPUTF8 = true
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	s.wire = &wire{listener, s}
	go func() {
		defer close(s.done)
		_ = s.smtp.Serve(s.wire)
	}()
	return s, nil
}

// Close ends the server and its connections. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	first, conns := !s.closed, s.conns
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.quit)
		_ = s.smtp.Close()
		// go-smtp knows neither a listener nor a connection in the moment before it serves it.
		_ = s.wire.Close()
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	<-s.done
}

// opened takes note of a connection, and reports whether the server still takes any.
func (s *Server) opened(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return !s.closed
}

// Settings are those with which the server can be used.
func (s *Server) Settings() smtp.Server {
	return smtp.Server{
		Host: "127.0.0.1", Port: s.port, Username: username, Password: iam.NewSecret(password),
		From: "Castellan <no-reply@castellan.example>", RootCAs: s.roots,
	}
}

// Messages are those that have come so far, the oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.messages...)
}

// Wait returns the messages as soon as there are n of them or more, and the context's error if it
// ends before.
func (s *Server) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		s.mu.Lock()
		messages, arrived := append([]Message(nil), s.messages...), s.arrived
		s.mu.Unlock()
		if len(messages) >= n {
			return messages, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return messages, fmt.Errorf("smtptest: %d of %d messages have come: %w", len(messages), n, ctx.Err())
		}
	}
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// session is what go-smtp asks at each command.
type session struct {
	server  *Server
	conn    *gosmtp.Conn
	signed  bool // signed in
	message Message
}

func (s *Server) newSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	stage := smtp.StageEHLO
	if _, secure := c.TLSConnectionState(); secure {
		stage = smtp.StageEHLOTLS
	}
	return &session{server: s, conn: c}, s.act(stage, c.Conn())
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	if err := s.server.act(smtp.StageAuth, s.conn.Conn()); err != nil {
		return nil, err
	}
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != username || pass != password {
			return gosmtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *session) Mail(from string, options *gosmtp.MailOptions) error {
	if err := s.server.act(smtp.StageMailFrom, s.conn.Conn()); err != nil {
		return err
	}
	if !s.signed {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.message = Message{From: from, UTF8: options.UTF8}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.message.To = append(s.message.To, to)
	return s.server.act(smtp.StageRcptTo, s.conn.Conn())
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.server.act(smtp.StageData, s.conn.Conn()); err != nil {
		return err
	}
	m := s.message
	m.Data = data
	s.server.keep(m)
	return nil
}

func (s *session) Reset() {}

func (s *session) Logout() error { return nil }

var errGone = errors.New("smtptest: the connection is gone")
