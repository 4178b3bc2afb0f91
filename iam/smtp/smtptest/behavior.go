package smtptest

import (
	"bytes"
	"fmt"
	"net"
	"strings"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/castellan-iam/castellan/iam/smtp"
)

// behavior is what is done at a stage in place of the right thing.
type behavior struct {
	code int // of the reply; 0 for none
	text string
	hang bool
}

// Reject answers a stage with a code of 4xx or 5xx and a text, from now on. StageTLS cannot answer
// anything but TLS; StageDNS and StageTCP are no stages of a server. They panic.
func (s *Server) Reject(stage smtp.StageName, code int, text string) {
	if stage == smtp.StageTLS {
		panic("smtptest: TLS has no replies: use Drop or Hang")
	}
	s.behave(stage, behavior{code: code, text: text})
}

// Drop closes the connection at a stage without an answer, from now on.
func (s *Server) Drop(stage smtp.StageName) { s.behave(stage, behavior{}) }

// Hang never answers a stage, from now on.
func (s *Server) Hang(stage smtp.StageName) { s.behave(stage, behavior{hang: true}) }

// Behave ends what Reject, Drop and Hang began, for every stage.
func (s *Server) Behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.behaviors)
}

func (s *Server) behave(stage smtp.StageName, b behavior) {
	switch stage {
	case smtp.StageGreeting, smtp.StageEHLO, smtp.StageStartTLS, smtp.StageTLS, smtp.StageEHLOTLS,
		smtp.StageAuth, smtp.StageMailFrom, smtp.StageRcptTo, smtp.StageData:
	default:
		panic(fmt.Sprintf("smtptest: %s is no stage of a server", stage))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviors[stage] = b
}

func (s *Server) at(stage smtp.StageName) (behavior, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, told := s.behaviors[stage]
	return b, told
}

// act does what was told for a stage. Its error is what go-smtp answers.
func (s *Server) act(stage smtp.StageName, conn net.Conn) error {
	b, told := s.at(stage)
	switch {
	case !told:
		return nil
	case b.code != 0:
		return &gosmtp.SMTPError{Code: b.code, EnhancedCode: gosmtp.NoEnhancedCode, Message: b.text}
	case b.hang:
		<-s.quit
	}
	_ = conn.Close()
	return errGone
}

// wire lets a server misbehave where go-smtp asks nobody: at its greeting, and around STARTTLS.
type wire struct {
	net.Listener
	server *Server
}

func (w *wire) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !w.server.opened(conn) {
		_ = conn.Close() // go-smtp finds that out by itself
	}
	return &wireConn{Conn: conn, server: w.server}, nil
}

// wireConn is used by one goroutine, that of its connection.
type wireConn struct {
	net.Conn
	server *Server
	greets bool // has greeted
	secure bool // TLS begins with what comes next
}

func (c *wireConn) Write(p []byte) (int, error) {
	if !c.greets {
		c.greets = true
		if b, told := c.server.at(smtp.StageGreeting); told {
			return 0, c.misbehave(b)
		}
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	if c.secure {
		c.secure = false
		if b, told := c.server.at(smtp.StageTLS); told {
			return 0, c.misbehave(b)
		}
	}
	n, err := c.Conn.Read(p)
	if err == nil && strings.EqualFold(string(bytes.TrimSpace(p[:n])), "STARTTLS") {
		if b, told := c.server.at(smtp.StageStartTLS); told {
			return 0, c.misbehave(b)
		}
		c.secure = true
	}
	return n, err
}

// misbehave ends the connection: what comes after a refused greeting or STARTTLS is of no use.
func (c *wireConn) misbehave(b behavior) error {
	if b.code != 0 {
		fmt.Fprintf(c.Conn, "%d %s\r\n", b.code, b.text)
	}
	if b.hang {
		<-c.server.quit
	}
	_ = c.Conn.Close()
	return errGone
}
