package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
)

func newMailer(t *testing.T, server *smtptest.Server) *smtp.Mailer {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mailer, err := smtp.New(server.Settings(), smtp.Config{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return mailer
}

func send(t *testing.T, m iam.Message) smtptest.Message {
	t.Helper()
	server := smtptest.Start(t)
	reply, err := newMailer(t, server).Send(t.Context(), m)
	if err != nil || !strings.HasPrefix(reply, "250 ") {
		t.Fatalf("got %q, %v", reply, err)
	}
	got, err := server.Wait(t.Context(), 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d messages, %v", len(got), err)
	}
	return got[0]
}

// A message arrives as it was written, with the headers of an automatic mail.
func TestSend(t *testing.T) {
	t.Parallel()
	text := "Grüße,\n\n.a line with a dot\n" + strings.Repeat("long ", 300) + "\nhttps://acme.example/activate#token=abc\n"
	m := iam.Message{ID: "01J-a.b_c", To: ann, Subject: "Welcome to Ärzte & Söhne", Text: text, HTML: "<p>Grüße</p>\n"}
	got := send(t, m)
	for name, want := range map[string]string{
		"From":           `"Castellan" <no-reply@castellan.example>`,
		"To":             "<ann@example.org>",
		"Subject":        m.Subject,
		"Date":           "Sun, 01 Mar 2026 12:00:00 +0000",
		"Message-ID":     "<01J-a.b_c@castellan.example>",
		"Auto-Submitted": "auto-generated",
		"User-Agent":     "",
		"X-Mailer":       "",
	} {
		if got := got.Header(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got.Text() != m.Text || got.HTML() != m.HTML {
		t.Errorf("got text %q, HTML %q", got.Text(), got.HTML())
	}
	if got.From != "no-reply@castellan.example" || fmt.Sprint(got.To) != "[ann@example.org]" || got.UTF8 {
		t.Errorf("envelope: got %q to %q, SMTPUTF8 %v", got.From, got.To, got.UTF8)
	}
	for _, line := range bytes.Split(got.Data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) {
			t.Errorf("not a line of ASCII: %q", line)
		}
	}
}

// A mail of text alone has one part.
func TestSendTextAlone(t *testing.T) {
	t.Parallel()
	got := send(t, iam.Message{ID: "1", To: ann, From: "Acme <mail@acme.example>", Subject: "Hello", Text: "Hello\n"})
	if kind := got.Header("Content-Type"); !strings.HasPrefix(kind, "text/plain") || got.Text() != "Hello\n" || got.HTML() != "" {
		t.Errorf("got %q: %q, %q", kind, got.Text(), got.HTML())
	}
	if got.From != "mail@acme.example" || got.Header("Message-ID") != "<1@acme.example>" {
		t.Errorf("got %q, Message-ID %q: want those of the message's own sender", got.From, got.Header("Message-ID"))
	}
}

// SB-93: a name or a subject adds no header, and stays one line for who decodes it.
func TestNoHeaderIsAdded(t *testing.T) {
	t.Parallel()
	names := []string{"From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}
	for _, evil := range []string{
		"Acme\r\nBcc: eve@example.org", "Acme\nBcc: eve@example.org", "Acme\rBcc: eve@example.org", "Acme\r\n\r\nHello",
		"=?utf-8?q?Acme=0D=0ABcc:_eve@example.org?=", "Acme\u2028Bcc: eve@example.org", "Acme\x00Bcc:", `Acme" <eve@example.org>, "`,
		"Acme, Inc.", "A <b> c", `A\`, strings.Repeat("é", 120), "\x1b]0;title\x07", "Acme \u202egpj.exe", "",
	} {
		t.Run(evil, func(t *testing.T) {
			t.Parallel()
			got := send(t, iam.Message{ID: "1", To: ann, From: evil + " <mail@acme.example>", Subject: evil, Text: "Hello"})
			parsed, err := mail.ReadMessage(bytes.NewReader(got.Data))
			if err != nil {
				t.Fatal(err)
			}
			for name := range parsed.Header {
				if !slices.Contains(names, name) {
					t.Errorf("the header %s was added:\n%s", name, got.Data)
				}
			}
			from, err := parsed.Header.AddressList("From")
			if err != nil || len(from) != 1 || from[0].Address != "mail@acme.example" {
				t.Fatalf("From: got %v, %v", from, err)
			}
			if text := from[0].Name + got.Header("Subject"); strings.ContainsAny(text, "\r\n\x00\x1b\u202e\u2028") {
				t.Errorf("a control character is left: %q", text)
			}
			if strings.TrimSpace(got.Text()) != "Hello" || fmt.Sprint(got.To) != "[ann@example.org]" {
				t.Errorf("got text %q to %v", got.Text(), got.To)
			}
		})
	}
}

// What can never be sent bounces before anybody is asked, and names the field.
func TestUnsendable(t *testing.T) {
	t.Parallel()
	right := iam.Message{ID: "1", To: ann, Subject: "Hello", Text: "Hello"}
	for _, tt := range []struct {
		field  string
		change func(*iam.Message)
	}{
		{"To", func(m *iam.Message) { m.To = "" }},
		{"To", func(m *iam.Message) { m.To = "Ann@example.org" }},
		{"To", func(m *iam.Message) { m.To = "ann@example.org,eve@example.org" }},
		{"To", func(m *iam.Message) { m.To = "a@example.org>\r\nRCPT TO:<eve@example.org" }},
		{"To", func(m *iam.Message) { m.To = "ann@exämple.org" }},
		{"ID", func(m *iam.Message) { m.ID = "" }},
		{"ID", func(m *iam.Message) { m.ID = "1>\r\nBcc: eve@example.org" }},
		{"ID", func(m *iam.Message) { m.ID = "a@b" }},
		{"ID", func(m *iam.Message) { m.ID = strings.Repeat("a", 201) }},
		{"From", func(m *iam.Message) { m.From = "Acme" }},
		{"From", func(m *iam.Message) { m.From = "Acme <no-reply@acme.example" }},
		{"From", func(m *iam.Message) { m.From = "Acme <no-reply>" }},
		{"From", func(m *iam.Message) { m.From = strings.Repeat("a", 500) + " <no-reply@acme.example>" }},
		{"Subject", func(m *iam.Message) { m.Subject = strings.Repeat("a", 501) }},
		{"Text", func(m *iam.Message) { m.Text, m.HTML = "", "<p>Hello</p>" }},
	} {
		m := right
		tt.change(&m)
		mailer, err := smtp.New(rightSettings(), smtp.Config{Resolver: names{}, Dial: nil})
		if err != nil {
			t.Fatal(err)
		}
		_, err = mailer.Send(t.Context(), m)
		var about *iam.FieldError
		if !errors.As(err, &about) || about.Field != tt.field || !errors.Is(err, iam.ErrBounced) || !errors.Is(err, iam.ErrInvalid) {
			t.Errorf("%+v: got %v, want a FieldError for %s that bounced", m, err, tt.field)
		}
	}
}

// A real server's refusals: those of the message bounce with code and text, those of the settings do not.
func TestSendRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		stage   smtp.StageName
		code    int
		bounced bool
	}{
		{smtp.StageGreeting, 554, false}, {smtp.StageEHLO, 550, false}, {smtp.StageStartTLS, 554, false},
		{smtp.StageEHLOTLS, 550, false}, {smtp.StageAuth, 535, false}, {smtp.StageAuth, 554, false},
		{smtp.StageMailFrom, 553, false}, {smtp.StageMailFrom, 451, false}, {smtp.StageMailFrom, 530, false},
		{smtp.StageRcptTo, 550, true}, {smtp.StageRcptTo, 450, false}, {smtp.StageRcptTo, 535, false},
		{smtp.StageData, 552, true}, {smtp.StageData, 452, false}, {smtp.StageData, 421, false},
	} {
		t.Run(fmt.Sprint(tt.stage, tt.code), func(t *testing.T) {
			t.Parallel()
			server := smtptest.Start(t)
			server.Reject(tt.stage, tt.code, "the reason")
			mailer, m := newMailer(t, server), iam.Message{ID: "1", To: ann, Subject: "Hello", Text: "Hello"}
			_, err := mailer.Send(t.Context(), m)
			var stage *smtp.StageError
			if !errors.As(err, &stage) || stage.Stage != tt.stage || stage.Code != tt.code || !strings.HasSuffix(stage.Reply, "the reason") {
				t.Fatalf("got %v", err)
			}
			if got := errors.Is(err, iam.ErrBounced); got != tt.bounced {
				t.Errorf("bounced: got %v, want %v", got, tt.bounced)
			}
			if want := fmt.Sprintf("smtp: %s: %d the reason", tt.stage, tt.code); err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			server.Behave()
			if _, err := mailer.Send(t.Context(), m); err != nil || len(server.Messages()) != 1 {
				t.Errorf("sent again: %v, %d messages", err, len(server.Messages()))
			}
		})
	}
}

// A server that hangs up after it took the message has it: it is not sent twice.
func TestSentBeforeQuit(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]string{"an error": "451 4.0.0 Oops\r\n", "garbage": "!\r\n"} {
		server := newScripted(t, smtp.StartTLS)
		server.replies = map[string]string{"QUIT": how}
		synctest.Test(t, func(t *testing.T) {
			mailer, err := smtp.New(server.settings(), server.config())
			if err != nil {
				t.Fatal(err)
			}
			got, err := mailer.Send(context.Background(), iam.Message{ID: "1", To: ann, Text: "Hello"})
			if want := "250 2.0.0 queued as 42"; got != want || err != nil {
				t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
			}
		})
	}
}

// One mailer sends many messages at the same time.
func TestSendConcurrently(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t)
	mailer := newMailer(t, server)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			m := iam.Message{ID: fmt.Sprint(i), To: ann, Subject: fmt.Sprint(i), Text: fmt.Sprint(i)}
			if _, err := mailer.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, m := range server.Messages() {
		if subject := m.Header("Subject"); subject == strings.TrimSpace(m.Text()) {
			seen[subject] = true
		}
	}
	if len(seen) != n {
		t.Errorf("got %d messages, want %d", len(seen), n)
	}
}

// A server that has AUTH LOGIN alone gets the two answers in turn.
func TestAuthLogin(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.StartTLS)
	server.offers = []string{"STARTTLS", "auth login"}
	server.replies = map[string]string{
		"AUTH": "334 VXNlcm5hbWU6\r\n", "YWNtZQ==": "334 UGFzc3dvcmQ6\r\n", "YzRuYXJ5LXBhc3N3MHJk": "235 2.7.0 Welcome\r\n",
	}
	synctest.Test(t, func(t *testing.T) {
		if report := smtp.Diagnose(context.Background(), server.settings(), ann, server.config()); !report.OK() {
			t.Errorf("got\n%s", report)
		}
	})
}

// RFC 6531: an address beyond ASCII is sent to a server that knows such, and to no other.
func TestSMTPUTF8(t *testing.T) {
	t.Parallel()
	m := iam.Message{ID: "1", To: "jürgen@example.org", Subject: "Hello", Text: "Hello"}
	got := send(t, m)
	if to, err := mail.ParseAddress(got.Header("To")); !got.UTF8 || got.To[0] != string(m.To) || err != nil || to.Address != string(m.To) {
		t.Errorf("got SMTPUTF8 %v, to %q, To %q, %v", got.UTF8, got.To, got.Header("To"), err)
	}
	server := newScripted(t, smtp.StartTLS)
	synctest.Test(t, func(t *testing.T) {
		mailer, err := smtp.New(server.settings(), server.config())
		if err != nil {
			t.Fatal(err)
		}
		var stage *smtp.StageError
		if _, err := mailer.Send(context.Background(), m); !errors.As(err, &stage) || stage.Stage != smtp.StageMailFrom || errors.Is(err, iam.ErrBounced) {
			t.Errorf("without SMTPUTF8: got %v, want a StageError at MAIL FROM that is no bounce", err)
		}
	})
	if all, _ := server.commands(); strings.Contains(strings.Join(all, "\n"), "MAIL") {
		t.Errorf("the server heard %q, want nothing of the message", all)
	}
}

// The server is told the size, and that alone, of what it offers.
func TestMailFromHasSize(t *testing.T) {
	t.Parallel()
	server := newScripted(t, smtp.StartTLS)
	server.offers = []string{"STARTTLS", "AUTH PLAIN", "SIZE", "SMTPUTF8", "8BITMIME", "DSN"}
	synctest.Test(t, func(t *testing.T) {
		smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
	})
	all, _ := server.commands()
	if got := strings.Join(all, "\n"); !strings.Contains(got, "\nMAIL FROM:<no-reply@acme.example> SIZE=") || strings.Contains(got, "UTF8") {
		t.Errorf("the server heard:\n%s", got)
	}
}
