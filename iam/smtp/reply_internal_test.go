package smtp

import (
	"bufio"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
)

func TestReadReply(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"250 ok\r\n":                       "250 ok",
		"250 ok\n":                         "250 ok",
		"250\r\n":                          "250",
		"250-a\r\n250-\r\n250 b\r\nrest":   "250 a; ; b",
		"250-a\r\n250\r\n":                 "250 a;",
		"250-a\r\n":                        errClosed.Error(),
		"":                                 errClosed.Error(),
		"250 ok":                           "ends within a line",
		"250ok\r\n":                        "does not speak SMTP",
		"150 ok\r\n":                       "does not speak SMTP",
		"600 ok\r\n":                       "does not speak SMTP",
		"2x0 ok\r\n":                       "does not speak SMTP",
		"\r\n":                             "does not speak SMTP",
		"250-a\r\n251 b\r\n":               "does not speak SMTP",
		strings.Repeat("a", 5000) + "\r\n": "more than 2048 bytes",
		strings.Repeat("250-a\r\n", 200):   "more than 100 lines",
	} {
		got, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxLine))
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && got.show(scrubber{}) != want {
			t.Errorf("%.20q: got %q, %v; want %q", in, got.show(scrubber{}), err, want)
		}
	}
}

// Whatever a server sends, what is kept of it can be shown: in bounds, printable, without the password.
func FuzzReadReply(f *testing.F) {
	f.Add("250-a\r\n250 b\r\n", "hunter2 hunter2")
	f.Add("535 AHVzZXIAaHVudGVyMg==\r\n", "hunter2")
	f.Add("550 \xff\u202e\x1b\r\n", "\xff")
	f.Fuzz(func(t *testing.T, in, password string) {
		answer, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxLine))
		var about *refusal
		if errors.As(err, &about) {
			answer = about.answer
		} else if err != nil {
			return
		}
		if err == nil && (answer.code < 200 || answer.code > 599) {
			t.Errorf("got code %d", answer.code)
		}
		got := answer.show(newScrubber("user", password))
		if len(got) > maxReply || !utf8.ValidString(got) || strings.IndexFunc(got, unicode.IsControl) >= 0 {
			t.Errorf("got %q", got)
		}
		code, text, _ := strings.Cut(got, " ")
		rest := strings.ReplaceAll(text, "[secret]", "\n")
		if len(password) >= minEcho && answer.code != 0 && len(code) == 3 && strings.Contains(rest, password) {
			t.Errorf("the password %q is in %q", password, got)
		}
	})
}

// A sender is one address with a name that is one line, or it is none.
func FuzzParseSender(f *testing.F) {
	for _, seed := range []string{"a@b.example", "A <a@b.example>", `"A \" \\" <a@b.example>`, "<a@b.example>", "a <b> <c@d.example>", "\r\n<a@b.example>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, ok := parseSender(s)
		if !ok {
			if from != (sender{}) {
				t.Errorf("%q: got %+v, and not ok", s, from)
			}
			return
		}
		if again, err := iam.ParseEmailUTF8(string(from.email)); err != nil || again != from.email {
			t.Errorf("%q: got the address %q, %v", s, from.email, err)
		}
		if strings.IndexFunc(from.name, unicode.IsControl) >= 0 || !utf8.ValidString(from.name) {
			t.Errorf("%q: got the name %q", s, from.name)
		}
	})
}
