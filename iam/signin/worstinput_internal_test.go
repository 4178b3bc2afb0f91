package signin

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// What is stored of a password, and what somebody types, is refused before it takes memory: a damaged row that asks for
// terabytes, a code of a mebibyte (SB-07, SB-08). It is not parallel: the allocations of other tests would count.
func TestWorstInputs(t *testing.T) {
	const mebibyte = 1 << 20
	long := strings.Repeat("A", mebibyte)
	dashes := strings.Repeat("-", mebibyte) + long
	salt, tag := strings.Repeat("A", 22), strings.Repeat("A", 43)
	hash := func(phc string) func() error {
		return func() error {
			_, err := parseHash(phc)
			return err
		}
	}
	h := makeHasher(HashParams{}, 1, strings.NewReader(""))
	for _, tt := range []struct {
		name string
		call func() error
		most uint64
	}{
		{"a hash that asks for 2 TiB", hash(hashPrefix + "m=2147483648,t=1,p=1$" + salt + "$" + tag), 8 << 10},
		{"a hash that asks for 4 TiB", hash(hashPrefix + "m=4294967295,t=1,p=1$" + salt + "$" + tag), 8 << 10},
		{"a hash that asks for a day", hash(hashPrefix + "m=19456,t=4294967295,p=1$" + salt + "$" + tag), 8 << 10},
		{"a hash with a number of a mebibyte", hash(hashPrefix + "m=" + strings.Repeat("9", mebibyte) + ",t=1,p=1$" + salt + "$" + tag), 4 << 20},
		{"a hash with a salt of a mebibyte", hash(hashPrefix + "m=19456,t=2,p=1$" + long + "$" + tag), 8 << 10},
		{"a hash with a tag of a mebibyte", hash(hashPrefix + "m=19456,t=2,p=1$" + salt + "$" + long), 8 << 10},
		{"a hash of commas", hash(hashPrefix + strings.Repeat(",", mebibyte) + "$$"), 20 << 20},
		{"a hash of dollars", hash(hashPrefix + strings.Repeat("$", mebibyte)), 20 << 20},
		{"a password of a mebibyte against a hash that asks for 1 GiB", func() error {
			_, _, err := h.Verify(t.Context(), iam.NewSecret(long), hashPrefix+"m=1048577,t=1,p=1$"+salt+"$"+tag, nil)
			return err
		}, 8 << 10},
		{"a password of a mebibyte that is new", func() error {
			return checkPassword(t.Context(), iam.PasswordRule{}, false, iam.NewSecret(long), []string{long}, nil)
		}, 64 << 10},
		{"a code of a mebibyte", func() error {
			if _, ok := matchTOTP(iam.NewSecret(strings.Repeat("A", 32)), long, time.Unix(59, 0)); !ok {
				return errHash
			}
			return nil
		}, 2 << 20},
		{"a recovery code of a mebibyte", func() error {
			if recoveryHash("ann", dashes) == "" {
				return errHash
			}
			return nil
		}, 8 << 10},
		{"names of a mebibyte in a key URI", func() error {
			made, err := newEnrollment(strings.NewReader(long), strings.Repeat("🙂", mebibyte/4), strings.Repeat(": ", mebibyte/2))
			return errors.Join(err, made.tooLong())
		}, 64 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tt.call()
		runtime.ReadMemStats(&after)
		got := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-60s %9d", tt.name, got)
		if got > tt.most {
			t.Errorf("%s: took %d bytes: want %d at most", tt.name, got, tt.most)
		}
		if err == nil {
			t.Errorf("%s is taken", tt.name)
		}
	}
}

// tooLong is an error for every URI that a picture has room for.
func (e Enrollment) tooLong() error {
	if len(e.URI.Reveal()) < 2000 {
		return errQR
	}
	return nil
}
