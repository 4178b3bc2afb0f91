package signin

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// FuzzMatchTOTP takes the codes of two steps with blanks in them, and no other text: no second spelling of a digit (SB-46).
func FuzzMatchTOTP(f *testing.F) {
	secret := totpBase32.EncodeToString(make([]byte, totpSecret))
	for _, seed := range []string{"", "328482", "328 482", " 3284 82\n", "３２８４８２", "+28482", "0x1234", "-00001", strings.Repeat(" ", 1000)} {
		f.Add(seed, secret, int64(59))
		f.Add(totpCode(make([]byte, totpSecret), 1)+seed, secret, int64(30))
	}
	f.Add("000000", "=", int64(0))
	f.Add("000000", "A", int64(-1))
	f.Fuzz(func(t *testing.T, code, secret string, unix int64) {
		unix %= 1 << 40
		step, ok := matchTOTP(iam.NewSecret(secret), code, time.Unix(unix, 0))
		key, err := totpBase32.DecodeString(secret)
		plain := strings.Join(strings.FieldsFunc(code, unicode.IsSpace), "")
		now := totpStep(time.Unix(unix, 0))
		want := err == nil && len(key) > 0 && (plain == totpCode(key, now) || plain == totpCode(key, now-1))
		if ok != want || ok && totpCode(key, step) != plain || !ok && step != 0 {
			t.Errorf("%q at %d: got step %d, %t, want %t", code, unix, step, ok, want)
		}
	})
}

// FuzzEnrollment puts any two names into a key URI that says them, and nothing else, to who reads it (SB-49).
func FuzzEnrollment(f *testing.F) {
	for _, seed := range [][2]string{{"Acme", "ann@acme.example"}, {"", ""}, {"A:B", "c:d%3Ae"}, {"&secret=AAAA", "?digits=8#"}, {"🙂", strings.Repeat("\xff", 100)}, {"\u202e", "a b+c"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, issuer, account string) {
		made, err := newEnrollment(strings.NewReader(strings.Repeat("k", totpSecret)), issuer, account)
		if err != nil {
			t.Fatal(err)
		}
		text := made.URI.Reveal()
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Fragment != "" || len(text) > 2000 {
			t.Fatalf("%q and %q: got %q, %v", issuer, account, text, err)
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || q.Get("secret") != made.Secret.Reveal() || q.Get("digits") != "6" || q.Get("period") != "30" || q.Get("algorithm") != "SHA1" || len(q) > 5 {
			t.Errorf("%q and %q: got %q, %v", issuer, account, text, err)
		}
		for name, values := range q {
			if len(values) != 1 {
				t.Errorf("%q and %q: %s is there %d times", issuer, account, name, len(values))
			}
		}
		label := strings.TrimPrefix(u.Path, "/")
		before, after, both := strings.Cut(label, ":")
		if both != (q.Get("issuer") != "") || both && before != q.Get("issuer") || strings.Contains(after, ":") {
			t.Errorf("%q and %q: got the label %q", issuer, account, label)
		}
	})
}

// FuzzHashes holds the stored forms apart: no two codes of one account, and no code of two accounts, are stored alike.
func FuzzHashes(f *testing.F) {
	f.Add("ann", "0123456789ABCDEF", "anne", "0123456789ABCDEF")
	f.Add("a\x00", "0123456789ABCDEF", "a", "O123-4567-89AB-CDEF")
	f.Fuzz(func(t *testing.T, a, typed, b, other string) {
		one, two := recoveryHash(policy.AccountID(a), typed), recoveryHash(policy.AccountID(b), other)
		plain, ok := plainRecovery(typed)
		again, also := plainRecovery(other)
		if (one == "") == ok || (two == "") == also {
			t.Fatalf("%q and %q: got %q and %q", typed, other, one, two)
		}
		if ok && also && (one == two) != (a == b && plain == again) {
			t.Errorf("%q of %q and %q of %q are stored as %q and %q", typed, a, other, b, one, two)
		}
		if ok && len(one) != 64 {
			t.Errorf("got %q", one)
		}
	})
}
