package outbox

import (
	"strings"
	"unicode"
)

const (
	maxText  = 80 // characters of a name: enough for a name, and little for an advertisement
	ellipsis = "…"
)

// harmless returns a hostile text as it may stand in a mail: on one line, short, and not a link.
func harmless(s string) string { return unlinked(oneLine(s, maxText)) }

// oneLine returns a text without what moves a cursor, ends a header or reorders what is read
// (SB-84), with single blanks, cut after so many characters.
func oneLine(s string, characters int) string {
	var b strings.Builder
	n, blank := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			blank = n > 0
			continue
		}
		if !unicode.IsGraphic(r) && (!isJoiner(r) || n == 0) {
			continue
		}
		if blank {
			b.WriteByte(' ')
			n, blank = n+1, false
		}
		if n >= characters {
			return strings.TrimRight(b.String(), " \u200c\u200d") + ellipsis
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// isJoiner reports whether r is one of the two invisible characters that words are spelt with:
// Persian ones, Indic ones, and emoji.
func isJoiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// unlinked takes apart what a mail program makes links of by itself (SB-93): a dot or a colon in
// front of a word, and backslashes that stand together. It is done visibly, with brackets, as
// those who warn of an address write it: an invisible character would be copied along, and some
// programs look through it.
func unlinked(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		before, after := ' ', end
		if i > 0 {
			before = runes[i-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		if links(before, r, after) {
			b.WriteString("[" + string(r) + "]")
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// end stands for whatever a template has behind a text.
const end = rune(-1)

func links(before, r, after rune) bool {
	switch r {
	case '.', '․', '。', '．', '｡': // the first is the dot of domains; browsers read the others as it
		return before != ' ' && (isWord(after) || after == '-' || after == '_')
	case ':', '：':
		time := unicode.IsDigit(before) && unicode.IsDigit(after)
		return before != ' ' && after != ' ' && !time
	case '\\':
		return before == '\\' || after == '\\' // \\server\share
	default:
		return false
	}
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || isJoiner(r)
}
