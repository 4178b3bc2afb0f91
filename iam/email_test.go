package iam_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// goodEmails are addresses with their canonical form.
var goodEmails = map[string]string{
	"ann@example.com":        "ann@example.com",
	"Ann.Lee@Example.COM":    "ann.lee@example.com",
	"a@b.co":                 "a@b.co",
	"a+tag@x-y.example":      "a+tag@x-y.example",
	"o'hara@example.ie":      "o'hara@example.ie",
	"a!#$%&*/=?^_`{|}~@x.io": "a!#$%&*/=?^_`{|}~@x.io",
	"a@xn--bcher-kva.ch":     "a@xn--bcher-kva.ch",
	"1@2.com":                "1@2.com",
	strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com": strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com",
}

// badEmails are what must be refused: among them all that net/mail takes and SB-90 names.
var badEmails = []string{
	"", "@", "a", "a@", "@b.com", "a@b", "a@localhost", "a@@b.com", "a@b@c.com",
	`"a@evil.com> RCPT TO:<v@x.com"@x.com`, "Bob <b@x.com>", "<b@x.com>", "b@x.com (c)", "(c)b@x.com", "a@[127.0.0.1]", "a@[IPv6:::1]", "a@127.0.0.1", "a@1.2",
	"a@b.com,c@d.com", "a@b.com;c@d.com", "a@b.com c@d.com", "a@b.com\r\nBcc: c@d.com", "a@b.com\n", "\ta@b.com", " a@b.com", "a@b.com ", "a\x00@b.com", "a@b.com\x00",
	`"quoted"@b.com`, `a\b@b.com`, ".a@b.com", "a.@b.com", "a..b@b.com", "a@.b.com", "a@b..com", "a@b.com.", "a@-b.com", "a@b-.com", "a@b_c.com",
	"a:b@c.com", "a[b]@c.com",
	// Not ASCII: letters that fold to it, other scripts, look-alikes, what has two forms (SB-91).
	"mi\u212Ae@example.com", "\u017Fam@example.com", "ann@example.\u212Aom", "аnn@example.com", "ann@exаmple.com", "é@b.com", "e\u0301@b.com", "ann@bücher.ch",
	"ann\u200b@b.com", "ann@b.com\u202e", "ann＠b.com", "ann@b。com", "a\xff@b.com",
	strings.Repeat("a", 65) + "@b.com", "a@" + strings.Repeat("b", 64) + ".com", "a@" + strings.Repeat("b.", 126) + "com", strings.Repeat("a", 10_000) + "@b.com",
}

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for in, want := range goodEmails {
		if got, err := iam.ParseEmail(in); string(got) != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range badEmails {
		got, err := iam.ParseEmail(in)
		var field *iam.FieldError
		if got != "" || !errors.As(err, &field) || field.Field != "Email" {
			t.Errorf("%q: got %q, %v, want a FieldError for Email", in, got, err)
		}
	}
}

// FuzzParseEmail looks for an address that two readers could take for two (SB-90), and for two that
// have one canonical form although they differ in more than ASCII case (SB-91).
func FuzzParseEmail(f *testing.F) {
	for in := range goodEmails {
		f.Add(in)
	}
	for _, in := range badEmails {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := iam.ParseEmail(in)
		if err != nil {
			if got != "" {
				t.Errorf("%q: refused, and %q all the same", in, got)
			}
			return
		}
		if again, err := iam.ParseEmail(string(got)); again != got || err != nil {
			t.Errorf("%q: %q is not canonical: %q, %v", in, got, again, err)
		}
		if len(got) != len(in) || len(got) > 254 || strings.Count(string(got), "@") != 1 || strings.ContainsAny(string(got), "<>()[]:;,\\\" \t\r\n\x00") {
			t.Errorf("%q: got %q", in, got)
		}
		for i := range len(in) {
			c := in[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c >= 0x80 || got[i] != c {
				t.Fatalf("%q: got %q: more than ASCII case has changed", in, got)
			}
		}
		// Everybody else reads the same single address.
		list, err := mail.ParseAddressList(string(got))
		if err != nil || len(list) != 1 || list[0].Address != string(got) || list[0].Name != "" {
			t.Errorf("%q: net/mail reads %v, %v", got, list, err)
		}
	})
}
