package signin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
)

// Breached asks a source of leaked passwords, such as the range API of Have I Been Pwned, whether a
// password is among them. It is asked last, about passwords that are good otherwise. An error counts
// as no, so that a source that is down keeps nobody from replacing a password that was stolen; who
// wants to know of such errors logs them in the function. It should give up well before ctx does, and
// send no more than a prefix of the password's hash.
type Breached func(ctx context.Context, password iam.Secret) (bool, error)

// checkPassword refuses a new password that is easy to guess, with a *iam.FieldError that says why
// (SB-01, SB-02, SB-04). Any text of Unicode is allowed, spaces and emoji too, but no control
// characters, which cannot be typed everywhere. The password is taken as it is: nothing is trimmed,
// cut or normalised, here or in Verify (SB-03), so that a letter with an accent and the same letter
// with a combining accent are two passwords.
//
// Known is what others know or guess: the names of the organisation and the product, the roles, the
// account's e-mail address and user name.
func checkPassword(ctx context.Context, rule iam.PasswordRule, secondFactor bool, password iam.Secret, known []string, breached Breached) error {
	if err := hashable(password); err != nil {
		return err
	}
	text := password.Reveal()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return refusePassword("want UTF-8 text without control characters")
	}
	least := rule.Length(secondFactor)
	if n := runes(text); n < least {
		return refusePassword("has %d of at least %d characters", n, least)
	}
	if missing := missingKinds(rule, text); len(missing) > 0 {
		return refusePassword("needs %s", strings.Join(missing, " and "))
	}
	folded := fold(text)
	if err := refuseMostUsed(folded, least); err != nil {
		return err
	}
	if err := refuseKnown(folded, least, knownWords(known)); err != nil {
		return err
	}
	if breached != nil {
		if leaked, err := breached(ctx, password); err == nil && leaked {
			return refusePassword("was found among passwords that were stolen elsewhere")
		}
	}
	return nil
}

// missingKinds names the kinds of characters that the rule asks for and the text does not have.
func missingKinds(rule iam.PasswordRule, text string) []string {
	var missing []string
	for _, kind := range []struct {
		wanted bool
		is     func(rune) bool
		name   string
	}{
		{rule.Upper, unicode.IsUpper, "an upper-case letter"},
		{rule.Lower, unicode.IsLower, "a lower-case letter"},
		{rule.Digit, unicode.IsDigit, "a digit"},
		{rule.Special, isSpecial, "a special character"},
	} {
		if kind.wanted && !strings.ContainsFunc(text, kind.is) {
			missing = append(missing, kind.name)
		}
	}
	return missing
}

func isSpecial(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) }

// refuseMostUsed refuses a folded password of the list, also one that was decorated until it looked
// like another.
func refuseMostUsed(folded string, least int) error {
	switch listedCore(folded, least) {
	case "":
		return nil
	case folded:
		return refusePassword("is among the most used passwords")
	default:
		return refusePassword("is one of the most used passwords with signs or digits put in or around it")
	}
}

// refuseKnown refuses a folded password of which too little is left without the words that others
// know, or nothing but one of the most used passwords. The words are worth nothing, however long they
// are: what is left must be good by itself. So they spoil no passphrase that is good without them.
func refuseKnown(folded string, least int, words []string) error {
	for _, reading := range readings(folded) {
		rest, word := withoutWords(folded, reading, words)
		switch n := runes(rest); {
		case word == "":
		case n < least:
			return refusePassword("contains %q, which others can guess: without that it has %d of at least %d characters", word, n, least)
		case listedCore(rest, least) != "":
			return refusePassword("is made of %q, which others can guess, and one of the most used passwords", word)
		}
	}
	return nil
}

// withoutWords cuts the words out of a folded text wherever they stand in a reading of it. It returns
// what is left of the text, with the first of the words that was found.
func withoutWords(folded, reading string, words []string) (rest, word string) {
	for _, w := range words {
		for i := strings.Index(reading, w); i >= 0; i = strings.Index(reading, w) {
			folded = folded[:i] + folded[i+len(w):]
			reading = reading[:i] + reading[i+len(w):]
			word = cmp.Or(word, w)
		}
	}
	return folded, word
}

// minKnown is the least length of a word that counts: three letters stand in any passphrase.
const minKnown = 4 // characters

// knownWords returns what is known and its words, folded, the longest first: "Acme Robotics" is also
// "acmerobotics", "acme" and "robotics", and "ann.keller@example.com" is "annkeller" and "keller".
func knownWords(known []string) []string {
	var words []string
	for _, text := range known {
		text = fold(text)
		local, _, _ := strings.Cut(text, "@")
		parts := strings.FieldsFunc(local, isSpecial)
		words = append(append(words, text, local, strings.Join(parts, "")), parts...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return runes(w) < minKnown })
	slices.SortFunc(words, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return slices.Compact(words)
}

func runes(s string) int { return utf8.RuneCountInString(s) }
