package policytest

import (
	"fmt"
	"strconv"
	"strings"
)

// word is a piece of a line between blanks, as it stands there: with its quotes.
type word string

// words cuts a line at the blanks that stand outside of quotes, and drops a comment.
func words(line string) ([]word, error) {
	var all []word
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return all, nil
		}
		end, err := skip(line, " \t\r")
		if err != nil {
			return nil, err
		}
		all = append(all, word(line[:end]))
		line = line[end:]
	}
}

// skip returns the index of the first of the stop bytes outside of quotes, or the length.
func skip(s, stop string) (int, error) {
	for i := 0; i < len(s); {
		switch {
		case strings.IndexByte(stop, s[i]) >= 0:
			return i, nil
		case s[i] == '"':
			quoted, err := strconv.QuotedPrefix(s[i:])
			if err != nil {
				return 0, fmt.Errorf("%s does not start with a Go string: want an end quote, and a backslash before quotes inside", s[i:])
			}
			i += len(quoted)
		default:
			i++
		}
	}
	return len(s), nil
}

// split cuts the word at the separators outside of quotes.
func (w word) split(separator string) []word {
	rest := string(w)
	var parts []word
	for {
		// An error cannot come: words has passed over the same quotes.
		end, _ := skip(rest, separator)
		parts = append(parts, word(rest[:end]))
		if end == len(rest) {
			return parts
		}
		rest = rest[end+1:]
	}
}

// text returns what the word says, without quotes.
func (w word) text() (string, error) {
	s := string(w)
	if !strings.Contains(s, `"`) {
		return s, nil
	}
	text, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("%s: put the whole name into quotes", s)
	}
	return text, nil
}
