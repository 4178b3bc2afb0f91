package signin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
)

var lanit = iam.PasswordRule{MinLength: 8, Upper: true, Lower: true, Digit: true, Special: true}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	known := []string{"Acme Robotics", "ann.keller@example.com", "Castellan", "project_admin", "Li", ""}
	for _, c := range []struct {
		name         string
		rule         iam.PasswordRule
		secondFactor bool
		password     string
		problem      string // "" when it is good
	}{
		// SB-01: 15 characters, 8 beside a second factor, counted in code points.
		{"fourteen", iam.PasswordRule{}, false, "tacit plume wo", "has 14 of at least 15 characters"},
		{"fifteen", iam.PasswordRule{}, false, "tacit plume wor", ""},
		{"seven beside a second factor", iam.PasswordRule{}, true, "tacit p", "has 7 of at least 8 characters"},
		{"eight beside a second factor", iam.PasswordRule{}, true, "tacit pl", ""},
		{"fifteen code points in more bytes", iam.PasswordRule{}, false, "tåcit plümé wör", ""},
		{"fourteen code points in more bytes", iam.PasswordRule{}, false, "tåcit plümé wö", "has 14 of at least 15 characters"},
		{"sixty-four", iam.PasswordRule{}, false, "tacit plume worn by the seventh heron of a lake without any name", ""},
		{"1,024 bytes", iam.PasswordRule{}, false, strings.Repeat("tacit plume.wörs", 63)[:1024], ""},
		{"1,025 bytes", iam.PasswordRule{}, false, strings.Repeat("x", 1025), "has 1025 bytes: at most 1024"},
		{"none", iam.PasswordRule{}, false, "", "is empty"},

		// SB-02: any character, no composition.
		{"emoji", iam.PasswordRule{}, false, "🦊🐙🪐🧲🪿🫎🧶🪗🪤🥌🛶🧿🪬🫧🧃", ""},
		{"spaces at the ends", iam.PasswordRule{}, true, " tacit  ", ""},
		{"another script", iam.PasswordRule{}, true, "тихий плюмаж", ""},
		{"a script without case", iam.PasswordRule{}, true, "静かな羽根飾り湖", ""},
		{"NUL", iam.PasswordRule{}, false, "tacit plume\x00worn", "want UTF-8 text without control characters"},
		{"a line break", iam.PasswordRule{}, false, "tacit plume worn\n", "want UTF-8 text without control characters"},
		{"C1", iam.PasswordRule{}, false, "tacit plume \u0085 worn", "want UTF-8 text without control characters"},
		{"no UTF-8", iam.PasswordRule{}, false, "tacit plume worn\xff", "want UTF-8 text without control characters"},

		// L5: composition where a system asks for it.
		{"LANIT: all", lanit, false, "Tac1t-plum", ""},
		{"LANIT: in other scripts", lanit, false, "Тихий ٣", "has 7 of at least 8 characters"},
		{"LANIT: in other scripts, long enough", lanit, false, "Тихий п٣", ""},
		{"LANIT: no upper case", lanit, false, "tac1t-plum", "needs an upper-case letter"},
		{"LANIT: no lower case", lanit, false, "TAC1T-PLUM", "needs a lower-case letter"},
		{"LANIT: no digit", lanit, false, "Tacit-plum", "needs a digit"},
		{"LANIT: nothing special", lanit, false, "Tac1tplum", "needs a special character"},
		{"LANIT: an accent is a mark, not special", lanit, false, "Tac1tplume\u0301", "needs a special character"},
		{"LANIT: an emoji is", lanit, false, "Tac1tplum🪶", ""},
		{"LANIT: several kinds", lanit, false, "tacitplum", "needs an upper-case letter and a digit and a special character"},
		{"LANIT: well-composed and worthless", lanit, false, "P@ssw0rd2024!", "is one of the most used passwords with signs or digits put in or around it"},

		// SB-04: the most used passwords.
		{"a line of the list", iam.PasswordRule{}, true, "password123", "is among the most used passwords"},
		{"in another case", iam.PasswordRule{}, true, "PassWord123", "is among the most used passwords"},
		{"a long line of the list", iam.PasswordRule{}, false, "qwertyuiopasdfgh", "is among the most used passwords"},
		{"with an ending", iam.PasswordRule{}, true, "summer2024!", "is one of the most used passwords with signs or digits put in or around it"},
		{"with signs for letters", iam.PasswordRule{}, true, "L!verp00l", "is one of the most used passwords with signs or digits put in or around it"},
		{"with the Kelvin sign", iam.PasswordRule{}, true, "mon\u212Aey123", "is among the most used passwords"},
		{"a passphrase with common words", iam.PasswordRule{}, false, "monkey sells purple rain", ""},

		// SB-04: what others know.
		{"the organisation's name", iam.PasswordRule{}, true, "AcmeRobotics!7", `contains "acmerobotics", which others can guess: without that it has 2 of at least 8 characters`},
		{"as it is written", iam.PasswordRule{}, true, "acme robotics!7", `contains "acme robotics", which others can guess: without that it has 2 of at least 8 characters`},
		{"a word of it", iam.PasswordRule{}, true, "xRobotics2", `contains "robotics", which others can guess: without that it has 2 of at least 8 characters`},
		{"with signs for letters", iam.PasswordRule{}, true, "4cm3-2031-x", `contains "acme", which others can guess: without that it has 7 of at least 8 characters`},
		{"again and again", iam.PasswordRule{}, false, "acmeacmeacmeacmeacme", `contains "acme", which others can guess: without that it has 0 of at least 15 characters`},
		{"the product", iam.PasswordRule{}, false, "castellan tacit", `contains "castellan", which others can guess: without that it has 6 of at least 15 characters`},
		{"the local part of the address", iam.PasswordRule{}, true, "ann.keller77", `contains "ann.keller", which others can guess: without that it has 2 of at least 8 characters`},
		{"a word of it", iam.PasswordRule{}, true, "keller77", `contains "keller", which others can guess: without that it has 2 of at least 8 characters`},
		{"a role", iam.PasswordRule{}, true, "projectadmin9", `contains "projectadmin", which others can guess: without that it has 1 of at least 8 characters`},
		{"with one of the most used", iam.PasswordRule{}, true, "acme-password2024", `is made of "acme", which others can guess, and one of the most used passwords`},
		{"with one of the most used around it", iam.PasswordRule{}, true, "passacmeword", `is made of "acme", which others can guess, and one of the most used passwords`},
		{"in a passphrase that is good without it", iam.PasswordRule{}, false, "tacit plume worn at acme", ""},
		{"words too short to count", iam.PasswordRule{}, true, "annlixyzw", ""},
	} {
		for _, words := range [][]string{known, nil} {
			if words == nil && strings.Contains(c.problem, "which others can guess") {
				continue
			}
			err := checkPassword(t.Context(), c.rule, c.secondFactor, iam.NewSecret(c.password), words, nil)
			var field *iam.FieldError
			switch {
			case c.problem == "" && err != nil:
				t.Errorf("%s: got %v, want none", c.name, err)
			case c.problem != "" && (!errors.As(err, &field) || field.Field != "Password" || field.Problem != c.problem):
				t.Errorf("%s: got %v, want %s", c.name, err, c.problem)
			}
		}
	}
}

// A source of leaked passwords is asked about what is good otherwise, as it was typed, and one that
// fails refuses nothing (SB-04).
func TestCheckPasswordAsksForBreaches(t *testing.T) {
	t.Parallel()
	const good = "Tacit plume worn "
	for _, c := range []struct {
		name    string
		leaked  bool
		err     error
		refused bool
	}{
		{"not leaked", false, nil, false},
		{"leaked", true, nil, true},
		{"the source is down", false, errors.New("no route to host"), false},
		{"the source is down and says yes", true, errors.New("half an answer"), false},
	} {
		asked := 0
		breached := func(_ context.Context, password iam.Secret) (bool, error) {
			asked++
			if got := password.Reveal(); got != good {
				t.Errorf("%s: asked about %q", c.name, got)
			}
			return c.leaked, c.err
		}
		err := checkPassword(t.Context(), iam.PasswordRule{}, false, iam.NewSecret(good), nil, breached)
		if (err != nil) != c.refused || asked != 1 {
			t.Errorf("%s: got %v, asked %d times", c.name, err, asked)
		}
		if err := checkPassword(t.Context(), iam.PasswordRule{}, false, iam.NewSecret("short"), nil, breached); err == nil || asked != 1 {
			t.Errorf("%s: a short one: got %v, asked %d times", c.name, err, asked)
		}
	}
}

// FuzzCheckPassword looks for a password that panics, that is taken although it breaks the rule, or
// that a refusal prints.
func FuzzCheckPassword(f *testing.F) {
	for _, seed := range [][2]string{
		{"tacit plume worn", "Acme Robotics"}, {"P@ssw0rd2024!", ""}, {"İİİİİİİİİİİİİİİ", "İİİİ"}, {"4cm34cm3", "acme"},
		{"\xff\xfe", "\xff\xff\xff\xff"}, {"ÅÅÅÅÅÅÅÅ", "å@ååååå"}, {strings.Repeat("!", 1024), "iiii"}, {"a\u0301🙂1", "a\u0301🙂1"}, {"ⱥȺⱥȺⱥȺⱥȺ", "ȺȺȺȺ"},
	} {
		f.Add(seed[0], seed[1], true)
		f.Add(seed[0], seed[1], false)
	}
	f.Fuzz(func(t *testing.T, password, known string, secondFactor bool) {
		err := checkPassword(t.Context(), iam.PasswordRule{}, secondFactor, iam.NewSecret(password), []string{known}, nil)
		if err == nil {
			n, least := utf8.RuneCountInString(password), iam.PasswordRule{}.Length(secondFactor)
			if n < least || len(password) > 1024 || !utf8.ValidString(password) || strings.ContainsAny(password, "\x00\n\r\t") || isListed(fold(password)) {
				t.Errorf("%q is taken", password)
			}
			if known := fold(known); utf8.RuneCountInString(known) >= 4 && n-utf8.RuneCountInString(known) < least && strings.Contains(fold(password), known) {
				t.Errorf("%q is taken, although others know %q", password, known)
			}
			return
		}
		if !errors.Is(err, iam.ErrInvalid) {
			t.Errorf("%q: got %v, want a FieldError", password, err)
		}
	})
}
