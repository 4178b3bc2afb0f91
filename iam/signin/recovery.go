package signin

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Recovery codes stand in for a second factor that was lost. Each has 80 random bits, so that a plain
// hash keeps it, and 16 characters in groups of four (SB-50).
const (
	recoveryCount = 10
	recoveryBytes = 10
	recoveryChars = 16
	recoveryGroup = 4
)

// crockford is the base 32 without the letters that are taken for others: I, L, O, and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// recoveryCodes makes a new set of codes for an account, as they are shown once, with their hashes.
func recoveryCodes(rand io.Reader, account policy.AccountID) (codes []iam.Secret, hashes []string, err error) {
	encoding := base32.NewEncoding(crockford).WithPadding(base32.NoPadding)
	random := make([]byte, recoveryBytes)
	for range recoveryCount {
		if _, err := io.ReadFull(rand, random); err != nil {
			return nil, nil, fmt.Errorf("signin: no recovery codes: %w", err)
		}
		plain := encoding.EncodeToString(random)
		var groups []string
		for i := 0; i < len(plain); i += recoveryGroup {
			groups = append(groups, plain[i:i+recoveryGroup])
		}
		codes = append(codes, iam.NewSecret(strings.Join(groups, "-")))
		hashes = append(hashes, hashRecovery(account, plain))
	}
	return codes, hashes, nil
}

// recoveryHash returns what is stored of the code that somebody typed, and "" for what cannot be one:
// no row has that. The account is part of what is hashed: the code of another account is none (SB-50).
func recoveryHash(account policy.AccountID, typed string) string {
	plain, ok := plainRecovery(typed)
	if !ok {
		return ""
	}
	return hashRecovery(account, plain)
}

// hashRecovery hashes a code of 16 characters. As these are always the last ones, no two pairs of an
// account and a code are hashed alike.
func hashRecovery(account policy.AccountID, plain string) string {
	sum := sha256.Sum256([]byte(string(account) + "\x00" + plain))
	return hex.EncodeToString(sum[:])
}

// plainRecovery undoes what people do to a code: lower case, other groups or none, and the letters
// that look like digits (Crockford).
func plainRecovery(typed string) (plain string, ok bool) {
	var b strings.Builder
	for _, r := range typed {
		switch {
		case 'a' <= r && r <= 'z':
			r += 'A' - 'a'
		case r == '-' || r == ' ' || r == '\t' || r == '\r' || r == '\n':
			continue
		}
		switch r {
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if b.Len() == recoveryChars || !strings.ContainsRune(crockford, r) {
			return "", false
		}
		b.WriteRune(r)
	}
	return b.String(), b.Len() == recoveryChars
}
