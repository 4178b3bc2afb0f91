package signin

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Ten codes of 80 bits, all different, each of which is found again under its account alone (SB-50).
func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`)
	seen := map[string]bool{}
	for range 20 {
		codes, hashes, err := recoveryCodes(rand.Reader, "ann")
		if err != nil || len(codes) != 10 || len(hashes) != 10 {
			t.Fatalf("got %d codes, %d hashes, %v, want 10", len(codes), len(hashes), err)
		}
		for i, code := range codes {
			text := code.Reveal()
			if !shape.MatchString(text) || seen[text] || seen[hashes[i]] {
				t.Errorf("%s, %s: seen before, or of another shape", text, hashes[i])
			}
			seen[text], seen[hashes[i]] = true, true
			if got := recoveryHash("ann", text); got != hashes[i] || len(got) != 64 {
				t.Errorf("%s: got %s, want %s", text, got, hashes[i])
			}
			for _, other := range []policy.AccountID{"bob", "ANN", "ann ", "ann\x00", "an", ""} {
				if got := recoveryHash(other, text); got == hashes[i] {
					t.Errorf("%s is a code of %q too", text, other)
				}
			}
			if got := fmt.Sprintf("%v %+v %#v", codes, code, code); strings.Contains(got, text) {
				t.Errorf("printed: %s", got)
			}
		}
	}
}

// What is stored never changes: codes on paper must be good after an upgrade.
func TestRecoveryHashIsStable(t *testing.T) {
	t.Parallel()
	random := append(bytes.Repeat([]byte{0}, 10), bytes.Repeat([]byte{0xff}, 10)...)
	random = append(random, bytes.Repeat([]byte{0x00, 0x44, 0x32, 0x14, 0xc7}, 16)...)
	codes, hashes, err := recoveryCodes(bytes.NewReader(random), "ann")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"0000-0000-0000-0000", "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "0123-4567-0123-4567"} {
		if got := codes[i].Reveal(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		plain := strings.ReplaceAll(want, "-", "")
		if want := fmt.Sprintf("%x", sha256.Sum256([]byte("ann\x00"+plain))); hashes[i] != want {
			t.Errorf("%s: got %s, want %s", plain, hashes[i], want)
		}
	}
	if codes, hashes, err := recoveryCodes(bytes.NewReader(random[:99]), "ann"); codes != nil || hashes != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("with too little randomness: got %d codes, %v", len(codes), err)
	}
}

func TestRecoveryCodeAsTyped(t *testing.T) {
	t.Parallel()
	want := recoveryHash("ann", "0123-4567-89AB-1100")
	for _, typed := range []string{
		"0123456789AB1100", "0123-4567-89ab-1100", " 0123 4567 89ab 1100\r\n", "O123-4567-89AB-iLoO", "o1234-56789-abI-l0o", "--0123-4567-89AB-1100--",
	} {
		if got := recoveryHash("ann", typed); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
	for _, typed := range []string{
		"", "-", "0123-4567-89AB-110", "0123-4567-89AB-11000", "0123-4567-89AB-110U", "0123-4567-89AB-110!", "0123.4567.89AB.1100",
		"0123-4567-89AB-110\x00", "0123-4567-89AB-110\xff", "0123-4567-89AB-110٠", "0123-4567-89AB-110\u212A", strings.Repeat("0", 1<<20), want,
	} {
		if got := recoveryHash("ann", typed); got != "" {
			t.Errorf("%.40q: got %q, want none", typed, got)
		}
	}
}

// FuzzPlainRecovery looks for a code that is read in another way when it is read again, or that is
// read as something that cannot be a code.
func FuzzPlainRecovery(f *testing.F) {
	for _, seed := range []string{"", "0123-4567-89AB-CDEF", "o123-4567-89ab-ilil", "0123-4567-89AB-110U", "\xff", "ſ123456789abcdef", "\u212A123456789ABCDEF"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		plain, ok := plainRecovery(typed)
		if !ok {
			if plain != "" && recoveryHash("ann", typed) != "" {
				t.Errorf("%q is refused, and %q all the same", typed, plain)
			}
			return
		}
		if len(plain) != 16 || strings.Trim(plain, crockford) != "" {
			t.Errorf("%q is read as %q", typed, plain)
		}
		if again, ok := plainRecovery(plain); again != plain || !ok {
			t.Errorf("%q is read as %q, and that as %q", typed, plain, again)
		}
		if lower, ok := plainRecovery(strings.ToLower(plain)); lower != plain || !ok {
			t.Errorf("%q: in lower case it is read as %q", plain, lower)
		}
	})
}
