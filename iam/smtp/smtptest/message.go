package smtptest

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Message is a mail that the server took.
type Message struct {
	From string   // of the envelope
	To   []string // of the envelope
	UTF8 bool     // SMTPUTF8 was asked for
	Data []byte   // header and body, as they came
}

// Header returns a line of the header, decoded, and "" where there is none.
func (m Message) Header(name string) string {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		return ""
	}
	text, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get(name))
	if err != nil {
		return parsed.Header.Get(name)
	}
	return text
}

// Text returns the decoded text/plain body, with lines that end in \n, and "" where there is none.
func (m Message) Text() string { return m.body("text/plain") }

// HTML returns the decoded text/html body, as [Message.Text] does.
func (m Message) HTML() string { return m.body("text/html") }

func (m Message) body(want string) string {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		return ""
	}
	kind, parameters, _ := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if kind == want {
		return decoded(parsed.Body, parsed.Header.Get("Content-Transfer-Encoding"))
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return ""
	}
	for parts := multipart.NewReader(parsed.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return ""
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind == want {
			return decoded(part, part.Header.Get("Content-Transfer-Encoding"))
		}
	}
}

func decoded(r io.Reader, encoding string) string {
	if strings.EqualFold(encoding, "quoted-printable") {
		r = quotedprintable.NewReader(r)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
