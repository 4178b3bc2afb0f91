package smtp

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strings"
)

// command says one line to the server, and returns its answer.
func (c *conversation) command(ctx context.Context, line string) (reply, error) {
	if strings.ContainsAny(line, "\r\n") {
		return reply{}, errors.New("a command must not have a line break")
	}
	defer c.during(ctx)()
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.broken = true
		return reply{}, err
	}
	return c.answer()
}

// answer reads the server's next reply. After one that cannot be read, nothing more is said to it.
func (c *conversation) answer() (reply, error) {
	answer, err := readReply(c.in)
	c.broken = c.broken || err != nil
	return answer, err
}

// ask is command for an answer of one class. Any other is a refusal.
func (c *conversation) ask(ctx context.Context, class int, line string) (reply, error) {
	answer, err := c.command(ctx, line)
	return answer, expect(class, answer, err)
}

func expect(class int, answer reply, err error) error {
	switch {
	case err != nil:
		return err
	case answer.is(class):
		return nil
	case answer.is(4) || answer.is(5):
		return &refusal{answer, errRefused}
	default:
		return &refusal{answer, errNotSMTP} // 250 where 354 belongs: it does not follow the conversation
	}
}

func (c *conversation) greeting(ctx context.Context) (string, error) {
	defer c.during(ctx)()
	answer, err := c.answer()
	return c.shown(answer, expect(2, answer, err))
}

func (c *conversation) shown(answer reply, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return answer.show(c.secrets), nil
}

// hello greets, and takes note of what the server offers. Within TLS, what it offered before is
// forgotten: anybody may have said that.
func (c *conversation) hello(ctx context.Context) (string, error) {
	answer, err := c.ask(ctx, 2, "EHLO "+c.server.helo())
	if err != nil {
		return "", err
	}
	c.offers = make(map[string]string)
	for _, line := range answer.lines[1:] {
		keyword, parameters, _ := strings.Cut(line, " ")
		c.offers[strings.ToUpper(keyword)] = parameters
	}
	return answer.show(c.secrets), nil
}

// auth signs in by PLAIN or LOGIN: within TLS that is verified, neither is weaker than what hides the
// password from the server, and every provider has one of them.
func (c *conversation) auth(ctx context.Context) (string, error) {
	if c.server.Username == "" {
		return "", errNotNeeded
	}
	if _, secure := c.conn.(*tls.Conn); !secure {
		return "", errNoTLS // Check refuses such settings: this holds whatever it lets through (SB-97)
	}
	parameters, offered := c.offers["AUTH"]
	if !offered {
		return "", errNoAuth
	}
	mechanisms := strings.Fields(strings.ToUpper(parameters))
	username, password := c.server.Username, c.server.Password.Reveal()
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		answer, err := c.ask(ctx, 2, "AUTH PLAIN "+encode(plainResponse(username, password)))
		return c.shown(answer, err)
	case slices.Contains(mechanisms, "LOGIN"):
		return c.authLogin(ctx, username, password)
	default:
		return "", fmt.Errorf("%w, but %s", errMechanism, bounded(printable(parameters)))
	}
}

// authLogin answers two questions. What they ask for is agreed: servers word them in many ways.
func (c *conversation) authLogin(ctx context.Context, username, password string) (string, error) {
	for _, line := range []string{"AUTH LOGIN", encode(username)} {
		if _, err := c.ask(ctx, 3, line); err != nil {
			return "", err
		}
	}
	answer, err := c.ask(ctx, 2, encode(password))
	return c.shown(answer, err)
}

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// mailFrom says the sender. The text is ASCII, so that SMTPUTF8 is asked for only where an address
// is not; the size lets the server refuse a message before it has it.
func (c *conversation) mailFrom(ctx context.Context) (string, error) {
	line := fmt.Sprintf("MAIL FROM:<%s>", c.letter.from)
	if _, offered := c.offers["SIZE"]; offered {
		line += fmt.Sprintf(" SIZE=%d", len(c.letter.text))
	}
	if c.letter.needsUTF8() {
		if _, offered := c.offers["SMTPUTF8"]; !offered {
			return "", errNoUTF8
		}
		line += " SMTPUTF8"
	}
	answer, err := c.ask(ctx, 2, line)
	return c.shown(answer, err)
}

func (c *conversation) rcptTo(ctx context.Context) (string, error) {
	answer, err := c.ask(ctx, 2, fmt.Sprintf("RCPT TO:<%s>", c.letter.to))
	return c.shown(answer, err)
}

func (c *conversation) data(ctx context.Context) (string, error) {
	if _, err := c.ask(ctx, 3, "DATA"); err != nil {
		return "", err
	}
	defer c.during(ctx)()
	out := bufio.NewWriter(c.conn)
	body := textproto.NewWriter(out).DotWriter()
	_, err := body.Write(c.letter.text)
	if err = cmp.Or(err, body.Close()); err != nil {
		c.broken = true // a QUIT would be part of the text
		return "", err
	}
	answer, err := c.answer()
	return c.shown(answer, expect(2, answer, err))
}
