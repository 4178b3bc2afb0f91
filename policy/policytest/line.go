package policytest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// line is what is left to read of a line. Its first mistake stays: every later read gives nothing.
type line struct {
	rest []word
	err  error
}

func (l *line) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// word takes the next word; want says what it should be.
func (l *line) word(want string) word {
	if l.err != nil {
		return ""
	}
	if len(l.rest) == 0 {
		l.fail("the line ends too early: want %s", want)
		return ""
	}
	w := l.rest[0]
	l.rest = l.rest[1:]
	return w
}

// text takes the next word without its quotes.
func (l *line) text(want string) string { return l.unquote(l.word(want), "") }

// unquote removes the quotes of a word; with want, the word must not be empty.
func (l *line) unquote(w word, want string) string {
	text, err := w.text()
	if err != nil {
		l.fail("%w", err)
	}
	if text == "" && want != "" {
		l.fail("a name is empty: want %s", want)
	}
	return text
}

// optional takes the next word if it is the keyword.
func (l *line) optional(keyword word) bool {
	if l.err != nil || len(l.rest) == 0 || l.rest[0] != keyword {
		return false
	}
	l.rest = l.rest[1:]
	return true
}

// place takes organization or organization/project.
func (l *line) place(want string) (policy.OrgID, policy.ProjectID) {
	w := l.word(want)
	parts := w.split("/")
	switch {
	case l.err != nil:
		return "", ""
	case len(parts) > 2:
		l.fail("%s: want %s, and quotes around a name with a slash", w, want)
		return "", ""
	case len(parts) == 2:
		return policy.OrgID(l.unquote(parts[0], "an organization")), policy.ProjectID(l.unquote(parts[1], "a project"))
	default:
		return policy.OrgID(l.unquote(parts[0], "")), ""
	}
}

// what takes kind:action, or a role.
func (l *line) what() policy.Grant {
	parts := l.word("kind:action").split(":")
	if len(parts) == 1 {
		return policy.Grant{Role: policy.Role(l.unquote(parts[0], ""))}
	}
	if len(parts) > 2 {
		l.fail("%s has more than one colon: want kind:action", parts[0])
	}
	kind, action := l.unquote(parts[0], ""), l.unquote(parts[1], "")
	return policy.Grant{Permission: policy.NewPermission(policy.Kind(kind), policy.Action(action))}
}

func (l *line) time() time.Time {
	text := l.text("a time")
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		l.fail("%q is no time: want one like 2026-01-02T15:04:05Z", text)
	}
	return t
}

// end returns the line's mistake; words that are left are one.
func (l *line) end() error {
	if l.err == nil && len(l.rest) > 0 {
		return fmt.Errorf("%s is too much: the line should end before it", l.rest[0])
	}
	return l.err
}
