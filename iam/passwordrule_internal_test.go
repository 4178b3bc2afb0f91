package iam

import "testing"

// The zero rule is the strict one: 15 characters, or 8 beside a second factor (SB-01).
func TestPasswordRuleDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		rule       PasswordRule
		alone, two int
		refused    bool
	}{
		{"the zero rule", PasswordRule{}, 15, 8, false},
		{"LANIT's (L5)", PasswordRule{MinLength: 8, Upper: true, Lower: true, Digit: true, Special: true}, 8, 8, false},
		{"both are set", PasswordRule{MinLength: 64, MinLengthWithSecondFactor: 10}, 64, 10, false},
		{"too short", PasswordRule{MinLength: 7}, 7, 8, true},
		{"too short with a second factor", PasswordRule{MinLengthWithSecondFactor: 6}, 15, 6, true},
		{"too long", PasswordRule{MinLength: 65}, 65, 8, true},
		{"negative", PasswordRule{MinLength: -1}, -1, 8, true},
	} {
		alone, two := c.rule.Length(false), c.rule.Length(true)
		if alone != c.alone || two != c.two {
			t.Errorf("%s: got %d and %d, want %d and %d", c.name, alone, two, c.alone, c.two)
		}
		if err := c.rule.check(); (err != nil) != c.refused {
			t.Errorf("%s: got %v, want an error: %t", c.name, err, c.refused)
		}
	}
}
