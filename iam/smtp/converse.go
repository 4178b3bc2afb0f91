package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
)

// letter is a message on its way: the envelope, and the text as it goes over the wire.
type letter struct {
	from, to iam.Email
	text     []byte
}

// needsUTF8 reports whether an address is one of RFC 6531.
func (l letter) needsUTF8() bool {
	return strings.IndexFunc(string(l.from+l.to), func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// conversation is one connection to a mail server, from the look-up of its name to its last reply.
type conversation struct {
	server  Server
	config  Config
	secrets scrubber
	write   func() (letter, error) // makes the letter

	letter letter
	addrs  []netip.Addr
	raw    net.Conn // what conn goes over, which is itself unless it is TLS
	conn   net.Conn // nil until connected
	in     *bufio.Reader
	broken bool // the server cannot be talked to any more
	// offers are the server's extensions by keyword, in capitals, with their parameters.
	offers map[string]string
}

// step is what makes a stage. An errNotNeeded is no failure.
type step struct {
	name StageName
	run  func(*conversation, context.Context) (reply string, err error)
}

func (s Server) steps() []step {
	begin := []step{{StageSettings, (*conversation).settings}, {StageDNS, (*conversation).resolve}, {StageTCP, (*conversation).dial}}
	greeting := step{StageGreeting, (*conversation).greeting}
	hello := step{StageEHLO, (*conversation).hello}
	secure := step{StageTLS, (*conversation).handshake}
	switch s.security() {
	case TLS:
		begin = append(begin, secure, greeting, hello)
	case Plain:
		begin = append(begin, greeting, hello)
	default:
		begin = append(begin, greeting, hello, step{StageStartTLS, (*conversation).startTLS}, secure,
			step{StageEHLOTLS, (*conversation).hello})
	}
	return append(begin, step{StageAuth, (*conversation).auth}, step{StageMailFrom, (*conversation).mailFrom},
		step{StageRcptTo, (*conversation).rcptTo}, step{StageData, (*conversation).data})
}

// converse takes a letter through every stage, up to the first that fails.
func converse(ctx context.Context, server Server, config Config, write func() (letter, error)) []Stage {
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	c := &conversation{server: server, config: config, write: write}
	steps := server.steps()
	stages := make([]Stage, len(steps))
	failed := false
	for i, s := range steps {
		stages[i] = Stage{Name: s.name, Status: NotReached}
		if !failed {
			stages[i] = c.run(ctx, s)
			failed = stages[i].Status == Failed
		}
	}
	c.end(ctx)
	return stages
}

func (c *conversation) run(ctx context.Context, s step) Stage {
	start := c.config.Now()
	answer, err := s.run(c, ctx)
	stage := Stage{Name: s.name, Status: Passed, Took: c.config.Now().Sub(start), Reply: answer}
	switch {
	case errors.Is(err, errNotNeeded):
		stage.Status = NotNeeded
	case err != nil:
		failure := c.failure(ctx, s.name, err)
		stage.Status, stage.Err, stage.Reply = Failed, failure, failure.Reply
	}
	return stage
}

func (c *conversation) failure(ctx context.Context, stage StageName, err error) *StageError {
	failure := &StageError{Stage: stage, Err: err}
	var about *refusal
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &about):
		failure.Code, failure.Reply, failure.Err = about.answer.code, about.answer.show(c.secrets), about.cause
	case errors.As(err, &untrusted) && len(untrusted.UnverifiedCertificates) > 0:
		failure.Reply = describe(untrusted.UnverifiedCertificates[0])
	case ctx.Err() != nil: // the connection's own error says no more than that somebody ended it
		failure.Err = fmt.Errorf("no answer: %w", ctx.Err())
	}
	return failure
}

// connected takes over a connection.
func (c *conversation) connected(conn net.Conn) {
	c.conn, c.in = conn, bufio.NewReaderSize(conn, maxLine)
}

// during makes what is read and written end with the context. The function that it returns must be called.
func (c *conversation) during(ctx context.Context) (stop func() bool) {
	conn := c.conn
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// quitTimeout is for saying goodbye: the outcome is known by then, whatever is answered.
const quitTimeout = 2 * time.Second

// end closes the connection, with a QUIT to a server that still answers.
func (c *conversation) end(ctx context.Context) {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quitTimeout)
	defer cancel()
	if !c.broken {
		_, _ = c.command(ctx, "QUIT")
	}
	if !c.broken {
		_ = c.conn.Close()
	}
	_ = c.raw.Close() // TLS would wait for a server that does not read any more
}
