package iam_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/castellan-iam/castellan/iam"
)

// goodUnicodeEmails are addresses beyond ASCII with their canonical form. Where only the domain is,
// ParseEmail takes them; ParseEmailUTF8 takes them all (SB-91).
var goodUnicodeEmails = map[string]string{
	// Domains: one form, however they are typed.
	"ann@bücher.ch":        "ann@xn--bcher-kva.ch",
	"Ann@BÜCHER.CH":        "ann@xn--bcher-kva.ch",
	"ann@bu\u0308cher.ch":  "ann@xn--bcher-kva.ch",
	"ann@straße.de":        "ann@xn--strae-oqa.de", // not strasse.de: that is another domain
	"ann@strasse.de":       "ann@strasse.de",
	"ann@น้ำ.com":          "ann@xn--q3c4c8cq.com",
	"ann@xn--strae-oqa.de": "ann@xn--strae-oqa.de",
	"ann@βόλος.com":        "ann@xn--nxasmm1c.com", // the final sigma stays one
	"ann@пример.рф":        "ann@xn--e1afmkfd.xn--p1ai",
	"ann@bücher.xn--p1ai":  "ann@xn--bcher-kva.xn--p1ai",
	"ann@例え.テスト":           "ann@xn--r8jz45g.xn--zckzah",
	"ann@データー.jp":          "ann@xn--5ckp3nb.jp",
	"ann@실례.테스트":           "ann@xn--9n2bp8q.xn--9t4b11yi5a",
	"ann@مثال.إختبار":      "ann@xn--mgbh0fb.xn--kgbechtv",
	"ann@דוגמה.קום":        "ann@xn--6dbbec0c.xn--9dbq2a",
	"ann@उदाहरण.परीक्षा":   "ann@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g",
	"ann@نامه\u200cای.com": "ann@xn--mgba3gch31f060k.com", // a joiner that is seen
	"ann@col·legi.cat":     "ann@xn--collegi-xma.cat",

	// Local parts (SMTPUTF8).
	"é@b.com":                          "é@b.com",
	"e\u0301@b.com":                    "é@b.com",
	"E\u0301@b.com":                    "É@b.com", // É is one letter, and not of ASCII: it stays
	"É@b.com":                          "É@b.com",
	"JOSÉ.Diaz@b.com":                  "josÉ.diaz@b.com",
	"H\u0331@b.com":                    "\u1e96@b.com", // composed in lower case alone
	"\u1e96@b.com":                     "\u1e96@b.com",
	"Иван@b.com":                       "Иван@b.com",
	"иван.2+1@b.com":                   "иван.2+1@b.com",
	"иван@пример.рф":                   "иван@xn--e1afmkfd.xn--p1ai",
	"иван@example.com":                 "иван@example.com",
	"δοκιμή@b.com":                     "δοκιμή@b.com",
	"用户@例え.jp":                         "用户@xn--r8jz45g.jp",
	"ひらカナ漢字@b.jp":                      "ひらカナ漢字@b.jp",
	"サーバー@b.jp":                        "サーバー@b.jp",
	"한국漢字@b.kr":                        "한국漢字@b.kr",
	"ㄅㄆ漢@b.tw":                         "ㄅㄆ漢@b.tw",
	"أحمد@b.com":                       "أحمد@b.com",
	"مُحَمَّد@b.com":                   "مُحَمَّد@b.com",
	"משה@b.com":                        "משה@b.com",
	"x\u0301@b.com":                    "x\u0301@b.com", // composed in no form
	"x\u02bcé@b.com":                   "x\u02bcé@b.com",
	"\u043f\u0485@b.com":               "\u043f\u0485@b.com",
	"\u0647\u0670\u0630\u0627@b.com":   "\u0647\u0670\u0630\u0627@b.com",
	"\u3006\u5207@b.jp":                "\u3006\u5207@b.jp",
	"\u303c\u3042@b.jp":                "\u303c\u3042@b.jp",
	"\u3042\u3099@b.jp":                "\u3042\u3099@b.jp",
	"1é_2@b.com":                       "1é_2@b.com",
	"straße@b.com":                     "straße@b.com",
	strings.Repeat("é", 32) + "@b.com": strings.Repeat("é", 32) + "@b.com",
}

// badUnicodeEmails are what both refuse.
var badUnicodeEmails = []struct{ in, problem string }{
	// SB-91: letters that fold to ASCII or become it (CVE-2019-19844).
	{"mi\u212Ae@example.com", "U+212A"},
	{"\u017Fam@example.com", "U+017F"},
	{"ann@example.\u212Aom", "U+212A"},
	{"ann@\u017Fam.com", "U+017F"},
	{"ﬁne@b.com", "U+FB01"},
	{"ann@ﬁne.com", "U+FB01"},
	{"a\u037eb@c.com", "U+037E"}, // NFC makes a semicolon of it
	{"ａnn@b.com", "U+FF41"},
	{"ann@ｂ.com", "U+FF42"},
	{"ann@b①.com", "U+2460"},
	{"ann@b.ⓒom", "U+24D2"},
	{"ann＠b.com", "one @"},
	{"ann@b。com", "a whole domain"},
	{"ann@b。c.com", "stands for a dot"},
	{"ann@b．c.com", "U+FF0E"},
	{"ann@ℂ.com", "U+2102"},
	// Letters that IDNA replaces by others.
	{"ann@\u0130stanbul.com", "U+0307"},
	{"ann@i\u0307stanbul.com", "U+0307"},
	{"ann@xn--istanbul-o0e.com", "U+0307"},
	{"ｶﾅ@b.jp", "no letter or digit"},
	{"ann@ｶﾅ.jp", "is read as"},
	{"ann@㊍.jp", "is read as"},
	{"ann@𝛂.com", "is read as"},
	{"ann@\u1e9b.com", "U+017F"}, // a long s with a dot
	{"ann@\u017f\u0307.com", "U+017F"},
	{"น้ำ@b.com", "no letter or digit"}, // a vowel that has two forms
	{"ann@STRA\u1e9eE.de", "is read as"},
	{"ann@a\u0308\ufe0f.com", "is read as"},
	{"ann@日\u034f本.jp", "is read as"},

	// Mixed scripts, typed or in Punycode.
	{"аnn@example.com", "several scripts"},
	{"αnn@example.com", "several scripts"},
	{"иβан@example.com", "several scripts"},
	{"한カ@b.com", "several scripts"},
	{"日本abc@b.com", "several scripts"},
	{"abcー@b.com", "several scripts"},
	{"a\u064b@b.com", "several scripts"},
	{"ann@exаmple.com", "several scripts"},
	{"ann@xn--exmple-4nf.com", "several scripts"},
	{"ann@xn--EXMPLE-4NF.com", "several scripts"},
	{"ann@日本ー한.jp", "several scripts"},

	// No letters: invisible, spaces, controls of direction, private, unassigned, symbols.
	{"ann\u200b@b.com", "U+200B"},
	{"ann\u200c@b.com", "U+200C"},
	{"ann@b.com\u202e", "U+202E"},
	{"\u202eann@b.com", "U+202E"},
	{"é\u2066@b.com", "U+2066"},
	{"ann@b\u00ad.com", "U+00AD"},
	{"ann\u00ad@b.com", "U+00AD"},
	{"\ufeffann@b.com", "U+FEFF"},
	{"ann\u00a0@b.com", "U+00A0"},
	{"ann@b\u3000.com", "U+3000"},
	{"ann\u2028@b.com", "U+2028"},
	{"ann\u0085@b.com", "U+0085"},
	{"ann\ue000@b.com", "U+E000"},
	{"ann@b\ue000.com", "U+E000"},
	{"ann\u0378@b.com", "U+0378"},
	{"ann@b\u0378.com", "U+0378"},
	{"ann\ufffe@b.com", "U+FFFE"},
	{"é\ufffd@b.com", "no letter or digit"},
	{"ann🙂@b.com", "no letter or digit"},
	{"ann@🙂.com", "no letter or digit"},
	{"ann@xn--938h.com", "no letter or digit"},
	{"ann@☃.net", "no letter or digit"},
	{"é—é@b.com", "no letter or digit"},
	{"ann@日·本.jp", "no letter or digit"},
	{"ann@b\u200cc.com", "no domain"}, // a joiner that nobody sees
	{"\u0301ann@b.com", "the mark U+0301"},
	{"é.\u0301a@b.com", "the mark U+0301"},
	{"é+\u0301@b.com", "the mark U+0301"},
	{"ann@\u0301a.com", "no domain"},
	{"\u0131\u0307@b.com", "the mark U+0307"},
	{"a\u0338=\u0338@b.com", "no letter or digit"}, // NFC makes one sign of two

	// Letters from right to left, in an order that is shown otherwise (RFC 5893).
	{"aאb@b.com", "both directions"},
	{"א+b@b.com", "both directions"},
	{"ann@aא.com", "no domain"},
	{"ann@1א.com", "no domain"},
	{"ann@דוגמה.1a.com", "no domain"},
	{"١۱@b.com", "wrong place"},

	// Punycode that is none, or not the one form of what it stands for.
	{"ann@xn--.com", "no domain"},
	{"ann@xn--a.com", "no domain"},
	{"ann@xn--abc-.com", "no domain"},
	{"ann@xn--zzzzzzzz.com", "no domain"},
	{"ann@xn--bcher-kva8445foa.com", ""},
	{"ann@xn--u-ccb.com", "no domain"}, // u and U+0308: not NFC
	{"ann@xn--n3h-bücher.com", "no domain"},
	{"ann@xn--bücher-kva.ch", "is read as"},
	{"ann@ab--c.com", "no domain"},
	{"ann@b.१२", "does not end like a domain"},
	{"ann@" + strings.Repeat("ü", 63) + ".com", "no domain"},
	{"a\"é@b.com", "a quoted part"},
	{"é é@b.com", "a space"},
	{"é.@b.com", "a dot"},
	{strings.Repeat("é", 33) + "@b.com", "66 bytes before the @"},
}

func TestParseEmailUnicode(t *testing.T) {
	t.Parallel()
	for in, want := range goodUnicodeEmails {
		got, err := iam.ParseEmailUTF8(in)
		if string(got) != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
			continue
		}
		canonical(t, in, got)
		if local, _, _ := strings.Cut(in, "@"); strings.ContainsFunc(local, func(r rune) bool { return r >= utf8.RuneSelf }) {
			refusedAddress(t, "ParseEmail", iam.ParseEmail, in, "beyond ASCII")
		} else if got, err := iam.ParseEmail(in); string(got) != want || err != nil {
			t.Errorf("%q: ParseEmail gives %q, %v, want %q", in, got, err, want)
		}
	}
	for _, bad := range badUnicodeEmails {
		refusedAddress(t, "ParseEmailUTF8", iam.ParseEmailUTF8, bad.in, bad.problem)
		refusedAddress(t, "ParseEmail", iam.ParseEmail, bad.in, "")
	}
}

// TestFoldedEmailsStayApart replaces every letter by every other that Unicode folds to the same
// (SB-91, SB-92). strings.EqualFold takes all of them for one address; we take two for one only if
// they differ in the case of A to Z, or in the case of a domain, which IDNA lowers.
func TestFoldedEmailsStayApart(t *testing.T) {
	t.Parallel()
	addresses := []string{"mike@example.com", "sam@kiosk.example", "MIKE.SAM@KS.COM"}
	for in := range goodUnicodeEmails {
		addresses = append(addresses, in)
	}
	tried := 0
	for _, in := range addresses {
		for name, parse := range parsers {
			first, err := parse(in)
			if err != nil {
				continue
			}
			at := strings.IndexByte(in, '@')
			for i, r := range in {
				for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
					tried++
					folded := in[:i] + string(other) + in[i+utf8.RuneLen(r):]
					if !strings.EqualFold(in, folded) {
						t.Fatalf("%q, %q: not equal when folded: the test shows nothing", in, folded)
					}
					second, err := parse(folded)
					switch crosses := (r < utf8.RuneSelf) != (other < utf8.RuneSelf); {
					case crosses && err == nil:
						t.Errorf("%s: %q: got %q, want it refused: %U folds across ASCII", name, folded, second, other)
					case i < at && err == nil && (second == first) != (ruled(in[:at]) == ruled(folded[:strings.IndexByte(folded, '@')])):
						t.Errorf("%s: %q is %q, and %q is %q", name, in, first, folded, second)
					case i > at && !crosses && r < utf8.RuneSelf && second != first:
						t.Errorf("%s: %q is %q, and %q is %q, %v", name, in, first, folded, second, err)
					}
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("tried %d letters: the test no longer sees the addresses", tried)
	}
}

// ruled is the rule of a local part: NFC, and A to Z in lower case.
func ruled(local string) string { return norm.NFC.String(lowerASCII(norm.NFC.String(local))) }

// TestEveryCharacterInAnEmail walks all of Unicode: what is taken is a letter, a mark or a digit, and
// only ever becomes its own composed form.
func TestEveryCharacterInAnEmail(t *testing.T) {
	t.Parallel()
	exceptions := "\u06fd\u06fe\u0f0b\u3007" // part of words in Sindhi, Tibetan and Chinese: RFC 5892, 2.6
	taken := 0
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Han, unicode.Hangul) && r%16 != 0 || !unicode.IsGraphic(r) && r%16 != 0 && r > 0x3000 {
			continue // there are many, and they are alike
		}
		for _, in := range []string{string(r) + "@b.com", "a@" + string(r) + ".com", "a" + string(r) + "@b.com", "a@b" + string(r) + ".com"} {
			got, err := iam.ParseEmailUTF8(in)
			if err != nil {
				continue
			}
			taken++
			if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(exceptions, r) {
				t.Errorf("%U: %q is %q, want it refused", r, in, got)
			}
			if plain, err := iam.ParseEmail(strings.ToLower(in)); in[0] == 'a' && in[1] == '@' && (plain == "" || err != nil) {
				t.Errorf("%U: %q is %q, and in lower case %q, %v", r, in, got, plain, err)
			}
			canonical(t, in, got)
		}
	}
	if taken < 50_000 {
		t.Errorf("took %d addresses: the test no longer sees letters", taken)
	}
}
