package iam

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// domainNames is IDNA as a registry checks it (UTS 46, non-transitional, with the bidi rule, STD 3
// and the lengths of DNS), except that it maps: a person may type capitals.
func domainNames() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true), idna.Transitional(false))
}

// parseDomain returns the lower-case ASCII form of a domain that was typed in Unicode or in ASCII.
func parseDomain(s string) (string, error) {
	typed := strings.Split(s, ".")
	if len(typed) < 2 || slices.Contains(typed, "") {
		return "", invalid("Email", "want a whole domain behind the @, such as example.com")
	}
	if r, found := strange(s, joiners); found {
		return "", invalid("Email", "the domain has the character %U, which is not allowed", r)
	}
	canonical, err := domainNames().ToASCII(s)
	if err != nil {
		return "", invalid("Email", "%s behind the @ is no domain: want letters, digits and dashes between the dots", short(s))
	}
	shown, err := domainNames().ToUnicode(canonical)
	if err != nil {
		return "", invalid("Email", "%s behind the @ is no domain: want letters, digits and dashes between the dots", short(s))
	}
	ascii, labels := strings.Split(canonical, "."), strings.Split(shown, ".")
	if len(ascii) != len(typed) || len(labels) != len(typed) { // a character became a dot
		return "", invalid("Email", "%s behind the @ has a character that stands for a dot: want the dot", short(s))
	}
	for i, label := range labels {
		if !onlyCase(typed[i], ascii[i], label) {
			return "", invalid("Email", "%s in the domain is read as %s: want it in that form", short(typed[i]), short(label))
		}
		if err := checkWord(label); err != nil {
			return "", err
		}
	}
	if first, _ := utf8.DecodeRuneInString(labels[len(labels)-1]); !unicode.IsLetter(first) {
		return "", invalid("Email", "%s behind the @ does not end like a domain: want a letter after its last dot", short(s))
	}
	return canonical, nil
}

// onlyCase reports whether IDNA changed nothing but the case of the letters and how they are composed:
// it also drops characters that are not seen, makes one letter of look-alikes, and writes ss for a
// capital ß. Punycode stays as it is. Folding is safe here, and only here, because strange has
// refused what folds across ASCII.
func onlyCase(typed, ascii, label string) bool {
	if isASCII(typed) {
		return ascii == asciiLower(typed)
	}
	// One vowel of Thai and of Lao is a single key, and two characters in every domain.
	typed = strings.NewReplacer("\u0e33", "\u0e4d\u0e32", "\u0eb3", "\u0ecd\u0eb2").Replace(typed)
	return strings.EqualFold(norm.NFD.String(typed), norm.NFD.String(label))
}

// unicodeLocal returns the canonical form of a local part that has characters beyond ASCII.
func unicodeLocal(s string) (string, error) {
	if r, found := strange(s, ""); found {
		return "", invalid("Email", "the character %U before the @ is not allowed", r)
	}
	// NFC comes first, so that É is one letter however it was typed. It comes again, since some
	// letters have a composed form in lower case alone: H and a macron below.
	canonical := norm.NFC.String(asciiLower(norm.NFC.String(s)))
	return canonical, checkWord(canonical)
}

// joiners are allowed in a domain, where IDNA lets them stand only if they change what is seen.
const joiners = "\u200c\u200d"

// strange finds a character beyond ASCII that is invisible, a space, private or unassigned, or that
// Unicode takes for something of ASCII: the Kelvin sign becomes K when it is normalised, the long s
// becomes s when case is folded, wide forms and ligatures become letters (SB-91). It looks at the
// characters as they were typed and in their parts, so that it does not matter which was typed.
func strange(s, except string) (r rune, found bool) {
	for _, r := range s + norm.NFD.String(s) {
		switch {
		case r < utf8.RuneSelf || strings.ContainsRune(except, r):
		case !unicode.IsPrint(r):
			return r, true
		default:
			plain := norm.NFKC.String(string(r))
			if strings.ContainsFunc(plain, func(r rune) bool { return r < utf8.RuneSelf }) {
				return r, true
			}
		}
	}
	return 0, false
}

// checkWord refuses what may not stand in a label or a local part beyond ASCII, where it has
// characters beyond ASCII: all but the letters, marks and digits that the IdentifierClass of PRECIS
// (RFC 8264) takes, an order that RFC 5893 refuses, a mark on nothing, and scripts that are mixed.
func checkWord(s string) error {
	if isASCII(s) {
		return nil
	}
	if same, err := precis.NewIdentifier(precis.Norm(norm.NFC)).String(s); err != nil || same != s {
		return invalid("Email", "%s has a character that is no letter or digit, or stands in the wrong place", short(s))
	}
	if bidirule.DirectionString(s) != bidi.LeftToRight && !bidirule.ValidString(s) {
		return invalid("Email", "%s would be shown in another order: it is written in both directions", short(s))
	}
	last := rune('-')
	for _, r := range s {
		if unicode.IsMark(r) && !unicode.In(last, unicode.L, unicode.M) || r == dotAbove && strings.ContainsRune(dotted, last) {
			return invalid("Email", "%s has the mark %U where it is not seen as one", short(s), r)
		}
		last = r
	}
	if !oneScript(s) {
		return invalid("Email", "%s mixes letters of several scripts", short(s))
	}
	return nil
}

const (
	dotAbove = '\u0307'
	dotted   = "ij\u0131\u0237" // nobody sees a second dot above; dotless ones get their first
)

// systems are the sets of scripts that one word may be written in: UTS 39, 5.1, single script. Every
// other script is a set of its own. Marks that Unicode gives to no single script stand with those
// that use them, as Script_Extensions.txt has it.
var systems = [...][]*unicode.RangeTable{
	{unicode.Latin},
	{unicode.Cyrillic, among(0x0485, 0x0486)},
	{unicode.Arabic, among(0x064b, 0x0655), among(0x0670, 0x0670)},
	{unicode.Han, unicode.Hiragana, unicode.Katakana, among(0x3006, 0x3006), among(0x303c, 0x303c), among(0x3099, 0x309a), among(0x30fb, 0x30fc)},
	{unicode.Han, unicode.Hangul},
	{unicode.Han, unicode.Bopomofo},
}

// anyScript are the characters that go with every script: marks and modifiers of letters, the
// joiners, and the middle dot, of which PRECIS and IDNA check where they stand. What else is common
// to all scripts, such as marks of music, has no place in an address.
var anyScript = [...]*unicode.RangeTable{
	among(0x00b7, 0x00b7), among(0x02b9, 0x02ee), among(0x0300, 0x036f), among(0x200c, 0x200d),
}

func among(lo, hi uint16) *unicode.RangeTable {
	return &unicode.RangeTable{R16: []unicode.Range16{{Lo: lo, Hi: hi, Stride: 1}}}
}

// oneScript reports whether the letters of s belong to one writing system.
func oneScript(s string) bool {
	within := func(tables ...*unicode.RangeTable) bool {
		return !strings.ContainsFunc(s, func(r rune) bool {
			common := r < utf8.RuneSelf && !unicode.IsLetter(r)
			return !common && !unicode.In(r, tables...) && !unicode.In(r, anyScript[:]...)
		})
	}
	for _, tables := range systems {
		if within(tables...) {
			return true
		}
	}
	first := strings.IndexFunc(s, func(r rune) bool { return !unicode.In(r, unicode.Common, unicode.Inherited) })
	if first < 0 {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[first:])
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return within(table)
		}
	}
	return false
}

// short quotes the start of what was typed, in ASCII: an error must not turn a log around.
func short(s string) string {
	const most = 24
	n := 0
	for i := range s {
		if n++; n > most {
			return fmt.Sprintf("%+q…", s[:i])
		}
	}
	return fmt.Sprintf("%+q", s)
}
