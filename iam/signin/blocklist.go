package signin

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
)

// blocklist has the passwords that are tried first, one a line, in lower case and sorted. More than
// 3,000 of them have the 15 characters that the default rule asks for (SB-04). It copies nobody's
// list: TestBlocklist puts it together from testdata/blocklist.parts, which has the words, names,
// phrases, keyboard walks and endings that people are known to choose; go test ./iam/signin -update
// writes it anew.
//
//go:embed blocklist.txt
var blocklist string

const maxListed = 40 // bytes of the longest line

// isListed reports whether a text is a line of the blocklist. It searches the text of the file itself,
// so that the list takes no memory beyond that of the program.
func isListed(text string) bool {
	if text == "" || len(text) > maxListed || strings.Contains(text, "\n") {
		return false
	}
	low, high := 0, len(blocklist) // what is looked for lies in between: low and high are starts of lines
	for low < high {
		middle := low + (high-low)/2
		start := low + strings.LastIndexByte(blocklist[low:middle], '\n') + 1
		line, _, _ := strings.Cut(blocklist[start:high], "\n")
		switch c := strings.Compare(text, line); {
		case c == 0:
			return true
		case c < 0:
			high = start
		default:
			low = start + len(line) + 1
		}
	}
	return false
}

// listedCore returns the line of the blocklist that a folded password comes to when signs are
// read as the letters for which they stand, and what is no letter is taken from both ends:
// "P@ssw0rd2024!" comes to "password". It returns "" when there is no such line, and when what was
// taken away has the least number of characters by itself.
func listedCore(folded string, least int) string {
	all := readings(folded)
	first, last := letters(folded)
	total := runes(folded)
	for start := max(0, last+1-maxListed); start <= first; start++ {
		for end := min(len(folded), start+maxListed); end > last; end-- {
			if total-runes(folded[start:end]) >= least {
				break
			}
			for _, reading := range all {
				if core := reading[start:end]; isListed(core) {
					return core
				}
			}
		}
	}
	return ""
}

// letters returns where the first and the last letter of a text begin: 0 and 0 when there is none.
func letters(text string) (first, last int) {
	isLetter := func(r rune) bool { return unicode.In(r, unicode.L, unicode.M) }
	return max(0, strings.IndexFunc(text, isLetter)), max(0, strings.LastIndexFunc(text, isLetter))
}

// fold lowers every letter, and only that: Unicode's other foldings would change how long a text is.
func fold(text string) string { return strings.Map(unicode.ToLower, text) }

// readings returns a folded text as it is, and twice with the signs that are written for letters read
// as those: 1, ! and | can be an i or an l. All have the same length, so that a place in one of them
// is that place in the others.
func readings(folded string) [3]string {
	signs := []string{"@", "a", "4", "a", "8", "b", "3", "e", "9", "g", "0", "o", "$", "s", "5", "s", "7", "t", "+", "t"}
	i := strings.NewReplacer(append(slices.Clone(signs), "1", "i", "!", "i", "|", "i")...)
	l := strings.NewReplacer(append(slices.Clone(signs), "1", "l", "!", "l", "|", "l")...)
	return [3]string{folded, i.Replace(folded), l.Replace(folded)}
}
