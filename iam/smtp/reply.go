package smtp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A server is not believed to end: RFC 5321 (4.5.3.1.5) allows 512 bytes in a line of a reply.
const (
	maxLine  = 2048 // bytes
	maxLines = 100
	maxReply = 400 // bytes that are kept to be shown
)

var (
	errRefused   = errors.New("the server refused")
	errNotSMTP   = errors.New("what answers does not speak SMTP")
	errUnasked   = errors.New("the server sent data before TLS had begun")
	errClosed    = errors.New("the server closed the connection")
	errNoTLS     = errors.New("the server offers no STARTTLS")
	errNoAuth    = errors.New("the server offers no AUTH")
	errMechanism = errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")
	errNoUTF8    = errors.New("the server offers no SMTPUTF8, which an address beyond ASCII needs")
	errNotNeeded = errors.New("not needed")
)

// reply is a server's answer to one command, as it came.
type reply struct {
	code  int // 0 for a line that is none of SMTP
	lines []string
}

// refusal is an error with the reply that it is about.
type refusal struct {
	answer reply
	cause  error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// readReply reads one reply, all of its lines. A reply that RFC 5321 (4.2) does not know, or that
// does not end, is an errNotSMTP.
func readReply(r *bufio.Reader) (reply, error) {
	var answer reply
	for len(answer.lines) < maxLines {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return reply{}, fmt.Errorf("%w: a line has more than %d bytes", errNotSMTP, maxLine)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return reply{}, fmt.Errorf("%w: it ends within a line", errNotSMTP)
		case errors.Is(err, io.EOF):
			return reply{}, errClosed
		case err != nil:
			return reply{}, err
		}
		code, text, more, ok := parseLine(strings.TrimRight(string(line), "\r\n"))
		if !ok || len(answer.lines) > 0 && code != answer.code {
			return reply{}, &refusal{reply{lines: []string{string(line)}}, errNotSMTP}
		}
		answer.code, answer.lines = code, append(answer.lines, text)
		if !more {
			return answer, nil
		}
	}
	return reply{}, fmt.Errorf("%w: a reply has more than %d lines", errNotSMTP, maxLines)
}

// parseLine reads "250-text", "250 text" or "250".
func parseLine(line string) (code int, text string, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, "", false, false
	}
	for _, digit := range []byte(line[:3]) {
		if digit < '0' || digit > '9' {
			return 0, "", false, false
		}
		code = 10*code + int(digit-'0')
	}
	if len(line) == 3 {
		return code, "", false, true
	}
	return code, line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// is reports whether the code is of a class: 2 is done, 3 go on, 4 not now, 5 no.
func (r reply) is(class int) bool { return r.code/100 == class }

// show is the reply in one line that may be printed. A secret is taken out first: what would be
// cut or replaced before could not be found any more.
func (r reply) show(secrets scrubber) string {
	text := secrets.scrub(strings.Join(r.lines, "; "))
	if r.code != 0 {
		text = fmt.Sprintf("%d %s", r.code, text)
	}
	return bounded(strings.TrimSpace(printable(text)))
}

// bounded cuts a text to what is shown of it.
func bounded(s string) string {
	if len(s) <= maxReply {
		return s
	}
	cut := maxReply - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
