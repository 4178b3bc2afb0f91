package iam_test

import (
	"errors"
	"net/mail"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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
	"a%b.com@c.com":          "a%b.com@c.com",
	"a@xn--bcher-kva.ch":     "a@xn--bcher-kva.ch",
	"a@XN--Bcher-KVA.ch":     "a@xn--bcher-kva.ch",
	"1@2.com":                "1@2.com",
	strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com": strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com",
	longest: longest,
}

// longest has 254 bytes, the most that an address may have.
var longest = "ab@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 63) + "." + strings.Repeat("e", 55) + ".com"

// badEmails are what both parsers refuse, each for its own reason. net says that net/mail takes it.
var badEmails = []struct {
	in, problem string
	net         bool
}{
	// SB-90: what was measured of net/mail, and its kin.
	{`"a@evil.com> RCPT TO:<v@x.com"@x.com`, "a quoted part", true},
	{"Bob <b@x.com>", "angle brackets", true},
	{"b@x.com (c)", "a comment", true},
	{"a@[127.0.0.1]", "an IP address", true},
	{"a@x", "a whole domain", true},
	{"<b@x.com>", "angle brackets", true},
	{"(c)b@x.com", "a comment", false},
	{"a@[IPv6:::1]", "an IP address", false},
	{"a@localhost", "a whole domain", true},
	{`"quoted"@b.com`, "a quoted part", true},
	{`"a..b"@b.com`, "a quoted part", true},
	{" a@b.com", "a space", true},
	{"a@b.com ", "a space", true},
	{"\ta@b.com", "a space", true},
	{"a@b_c.com", "no domain", true},
	{"a@-b.com", "no domain", true},
	{"a@b-.com", "no domain", true},
	{"a@127.0.0.1", "does not end like a domain", true},
	{"a@1.2", "does not end like a domain", true},
	{"a@127.0.0.0x1", "does not end like a domain", true},
	{strings.Repeat("a", 65) + "@b.com", "65 bytes before the @: at most 64", true},
	{"a@" + strings.Repeat("b", 64) + ".com", "no domain", true},
	{"x" + longest, "255 bytes: at most 254", true},

	// SB-90: lists, groups, line breaks, and what is no address at all.
	{"", "one @", false},
	{"@", "nothing before the @", false},
	{"a", "one @", false},
	{"a@", "a whole domain", false},
	{"@b.com", "nothing before the @", false},
	{"a@@b.com", "one @", false},
	{"a@b@c.com", "one @", false},
	{"a@b.com,c@d.com", "a list", false},
	{"a@b.com, a@b.com", "a list", false},
	{"a@b.com;c@d.com", "a list", false},
	{"a@b.com c@d.com", "a space", false},
	{`["a@b.com","c@d.com"]`, "a list", false},
	{"team:a@b.com;", "a list", true},
	{"a:b@c.com", "an IP address", false},
	{"mailto:a@b.com", "an IP address", false},
	{"a[b]@c.com", "an IP address", false},
	{`a\b@b.com`, "a quoted part", false},
	{"a@b.com\r\nBcc: c@d.com", "a line break", false},
	{"a@b.com\n", "a line break", false},
	{"a\x00@b.com", "a line break or a NUL", false},
	{"a@b.com\x00", "a line break or a NUL", false},
	{"a\x01@b.com", "needs quotes", false},
	{"a\x7f@b.com", "needs quotes", false},
	{"a@b\x7f.com", "no domain", false},
	{".a@b.com", "a dot", false},
	{"a.@b.com", "a dot", false},
	{"a..b@b.com", "a dot", false},
	{"a@.b.com", "a whole domain", false},
	{"a@b..com", "a whole domain", false},
	{"a@b.com.", "a whole domain", false},
	{"a@" + strings.Repeat("b.", 126) + "com", "no domain", true},
	{strings.Repeat("a", 10_000) + "@b.com", "10006 bytes: at most 254", true},
	{"a\xff@b.com", "not UTF-8", false},
	{"a@b\xff.com", "not UTF-8", false},
	{"a@" + strings.Repeat("_", 900) + ".com", "no domain", true},
}

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for in, want := range goodEmails {
		for name, parse := range parsers {
			if got, err := parse(in); string(got) != want || err != nil {
				t.Errorf("%s %q: got %q, %v, want %q", name, in, got, err, want)
			}
		}
	}
	for _, bad := range badEmails {
		for name, parse := range parsers {
			refusedAddress(t, name, parse, bad.in, bad.problem)
		}
		if _, err := mail.ParseAddress(bad.in); (err == nil) != bad.net {
			t.Errorf("%q: net/mail takes it: %t, want %t", bad.in, err == nil, bad.net)
		}
	}
}

type parser = func(string) (iam.Email, error)

var parsers = map[string]parser{"ParseEmail": iam.ParseEmail, "ParseEmailUTF8": iam.ParseEmailUTF8}

// refusedAddress wants a short, printable FieldError for Email that says the problem.
func refusedAddress(t *testing.T, name string, parse parser, in, problem string) {
	t.Helper()
	got, err := parse(in)
	var field *iam.FieldError
	if got != "" || !errors.As(err, &field) || field.Field != "Email" || !errors.Is(err, iam.ErrInvalid) {
		t.Errorf("%s %q: got %q, %v, want a FieldError for Email", name, in, got, err)
		return
	}
	if !strings.Contains(field.Problem, problem) {
		t.Errorf("%s %q: got the problem %q, want %q in it", name, in, field.Problem, problem)
	}
	if len(err.Error()) > 500 || strings.ContainsFunc(field.Problem, func(r rune) bool { return r < ' ' || r >= 0x7f && r != '…' }) {
		t.Errorf("%s %q: the error echoes what may not be shown: %q", name, in, err)
	}
}

func TestEmailParts(t *testing.T) {
	t.Parallel()
	for e, want := range map[iam.Email][3]string{
		"":                      {"", "", ""},
		"ann@example.com":       {"ann", "example.com", "ann@example.com"},
		"ann@xn--bcher-kva.ch":  {"ann", "xn--bcher-kva.ch", "ann@bücher.ch"},
		"иван@xn--e1afmkfd.com": {"иван", "xn--e1afmkfd.com", "иван@пример.com"},
		// Not made by ParseEmail: a mixed label, capitals, no address.
		"a@xn--exmple-4nf.com": {"a", "xn--exmple-4nf.com", "a@xn--exmple-4nf.com"},
		"A@xn--bcher-kva.ch":   {"A", "xn--bcher-kva.ch", "A@xn--bcher-kva.ch"},
		"ann":                  {"ann", "", "ann"},
	} {
		if got := [3]string{e.Local(), e.Domain(), e.Unicode()}; got != want {
			t.Errorf("%q: got %q, want %q", e, got, want)
		}
	}
}

// TestParseEmailIsCheap is not parallel: it counts what the whole process allocates.
func TestParseEmailIsCheap(t *testing.T) {
	const tries, most = 50, 4 << 10
	for _, part := range []string{"a", "é", "xn--", "a.", "\xff", "@", "\u0301"} {
		in := strings.Repeat(part, 1<<20/len(part)) + "@example.com"
		for name, parse := range parsers {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range tries {
				if _, err := parse(in); err == nil {
					t.Fatalf("%s took 1 MiB of %q", name, part)
				}
			}
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / tries; got > most {
				t.Errorf("%s of 1 MiB of %q: %d bytes allocated, want at most %d", name, part, got, most)
			}
		}
	}
}

func BenchmarkParseEmail(b *testing.B) {
	for name, in := range map[string]string{
		"ascii": "ann.lee@example.com", "unicode domain": "ann@bücher.example", "1 MiB": strings.Repeat("a", 1<<20),
		"the longest that is read": strings.Repeat("é.", 330) + "@b.com",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = iam.ParseEmailUTF8(in)
			}
		})
	}
}

// FuzzParseEmail looks for an address that two readers could take for two (SB-90), and for two that
// have one canonical form although they differ in more than the rule allows (SB-91).
func FuzzParseEmail(f *testing.F) {
	for in := range goodEmails {
		f.Add(in)
	}
	for _, bad := range badEmails {
		f.Add(bad.in)
	}
	for in := range goodUnicodeEmails {
		f.Add(in)
	}
	for _, bad := range badUnicodeEmails {
		f.Add(bad.in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		plain, plainErr := iam.ParseEmail(in)
		got, err := iam.ParseEmailUTF8(in)
		if plainErr != nil && plain != "" || err != nil && got != "" {
			t.Errorf("%q: refused, and %q, %q all the same", in, plain, got)
		}
		if plainErr == nil && (got != plain || err != nil) {
			t.Errorf("%q: ParseEmail gives %q, and ParseEmailUTF8 %q, %v", in, plain, got, err)
		}
		if err == nil {
			canonical(t, in, got)
		}
		if isASCII := strings.IndexFunc(got.Local(), func(r rune) bool { return r >= utf8.RuneSelf }) < 0; err == nil && isASCII != (plainErr == nil) {
			t.Errorf("%q: ParseEmailUTF8 gives %q, and ParseEmail %v", in, got, plainErr)
		}
	})
}

// canonical wants got to be the canonical form of in, and of itself.
func canonical(t *testing.T, in string, got iam.Email) {
	t.Helper()
	for _, same := range []string{string(got), got.Unicode(), norm.NFD.String(in), norm.NFC.String(in)} {
		if again, err := iam.ParseEmailUTF8(same); again != got || err != nil {
			t.Errorf("%q: %q is not canonical: %q gives %q, %v", in, got, same, again, err)
		}
	}
	if len(got) > 254 || len(got.Local()) > 64 || strings.Count(string(got), "@") != 1 || strings.ContainsAny(string(got), "<>()[]:;,\\\" \t\r\n\x00") {
		t.Errorf("%q: got %q", in, got)
	}
	// Before the @, nothing but ASCII case and composition has changed.
	typed, typedDomain, _ := strings.Cut(in, "@")
	if want := norm.NFD.String(lowerASCII(norm.NFC.String(typed))); norm.NFD.String(got.Local()) != want || !norm.NFC.IsNormalString(got.Local()) {
		t.Errorf("%q: got %q: more than ASCII case has changed", in, got)
	}
	// Behind it, all is lower-case ASCII, and what was ASCII has changed in case alone.
	domain, labels := strings.Split(got.Domain(), "."), strings.Split(typedDomain, ".")
	for i, label := range domain {
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(domain) != len(labels) {
			t.Fatalf("%q: got %q", in, got)
		}
		if typed := lowerASCII(labels[i]); label != typed && !strings.HasPrefix(label, "xn--") {
			t.Errorf("%q: got %q: the label %q became %q", in, got, typed, label)
		}
	}
	// Everybody else reads the same single address.
	list, err := mail.ParseAddressList(string(got))
	if err != nil || len(list) != 1 || list[0].Address != string(got) || list[0].Name != "" {
		t.Errorf("%q: net/mail reads %v, %v", got, list, err)
	}
}

// lowerASCII is another way to lower A to Z alone.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r | 0x20
		}
		return r
	}, s)
}
