package iam

import "fmt"

// PasswordRule is what a system asks of a new password, as data. Package iam/signin asks for more,
// whatever the rule: no password that many people use, none that is made of what others know about
// the account, and none of more than 1,024 bytes. The zero PasswordRule asks for 15 characters of any
// kind (SB-01, SB-02). Only new passwords are checked: a rule that becomes stricter locks nobody out.
type PasswordRule struct {
	// MinLength is in characters, which are Unicode code points. Defaults to 15.
	MinLength int
	// MinLengthWithSecondFactor holds in place of MinLength where the account or its organisation has a
	// second factor. Defaults to 8.
	MinLengthWithSecondFactor int

	// The kinds of which there must be one at least (L5). Default to none: such rules make people
	// choose "Password1!" (NIST SP 800-63B).
	Upper   bool // an upper-case letter, of any script
	Lower   bool // a lower-case letter
	Digit   bool // a decimal digit
	Special bool // what is neither letter nor mark nor number: a sign, an emoji, a space
}

const (
	defaultMinLength                 = 15
	defaultMinLengthWithSecondFactor = 8
)

// Length returns the least number of characters of a password, for an account with a second factor
// or without one.
func (r PasswordRule) Length(secondFactor bool) int {
	switch {
	case secondFactor && r.MinLengthWithSecondFactor != 0:
		return r.MinLengthWithSecondFactor
	case secondFactor:
		return defaultMinLengthWithSecondFactor
	case r.MinLength != 0:
		return r.MinLength
	default:
		return defaultMinLength
	}
}

// check refuses a rule under which passwords are too easy to guess (ASVS 6.2.1), and one that asks
// for more than people can be asked for: 64 characters must be enough (ASVS 6.2.9).
func (r PasswordRule) check() error {
	for _, secondFactor := range []bool{false, true} {
		if n := r.Length(secondFactor); n < 8 || n > 64 {
			return fmt.Errorf("iam: Rules.Password: a least length of %d characters: want 8 to 64", n)
		}
	}
	return nil
}
