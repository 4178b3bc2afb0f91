package signin

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/castellan-iam/castellan/iam"
)

// rfcSecret is the one of RFC 6238, appendix B.
var rfcSecret = iam.NewSecret(totpBase32.EncodeToString([]byte("12345678901234567890")))

// The vectors of RFC 6238, appendix B, for SHA-1, cut to six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	for seconds, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		now := time.Unix(seconds, 0)
		if step, ok := matchTOTP(rfcSecret, code, now); !ok || step != seconds/30 {
			t.Errorf("%d: got %d, %t, want %d", seconds, step, ok, seconds/30)
		}
	}
}

// The vectors of RFC 4226, appendix D, which are codes of the first ten steps.
func TestTOTPCodesAreThoseOfHOTP(t *testing.T) {
	t.Parallel()
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := totpCode([]byte("12345678901234567890"), int64(step)); got != want {
			t.Errorf("step %d: got %s, want %s", step, got, want)
		}
	}
}

// Another implementation's codes are accepted, at any time and with any secret.
func TestTOTPAgreesWithPquerna(t *testing.T) {
	t.Parallel()
	for i := range 300 {
		e, err := newEnrollment(rand.Reader, "Acme", "ann@example.com")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(int64(i)*7_919_333, 0)
		code, err := totp.GenerateCode(e.Secret.Reveal(), now)
		if err != nil {
			t.Fatal(err)
		}
		if step, ok := matchTOTP(e.Secret, code, now); !ok || step != totpStep(now) {
			t.Errorf("%s at %v: got %d, %t", code, now, step, ok)
		}
	}
}

// A code is good in its own step and in the next one, to the second, and never before its time
// (SB-47). The step that is returned is the code's own: with the current one, a code could be used
// twice (SB-46).
func TestTOTPWindow(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	const step = 50_000_000
	begin := time.Unix(step*totpPeriod, 0)
	for _, c := range []struct {
		name string
		now  time.Time
		want bool
	}{
		{"a step early", begin.Add(-30 * time.Second), false},
		{"a moment early", begin.Add(-1), false},
		{"its first moment", begin, true},
		{"its last moment", begin.Add(30*time.Second - 1), true},
		{"the next step", begin.Add(30 * time.Second), true},
		{"the last moment of the next", begin.Add(60*time.Second - 1), true},
		{"too late", begin.Add(60 * time.Second), false},
		{"much too late", begin.Add(time.Hour), false},
	} {
		got, ok := matchTOTP(rfcSecret, totpCode(key, step), c.now)
		if ok != c.want || ok && got != step || !ok && got != 0 {
			t.Errorf("%s: got %d, %t, want %t", c.name, got, ok, c.want)
		}
	}
}

// A code is six ASCII digits, with spaces where people put them.
func TestTOTPCodeAsTyped(t *testing.T) {
	t.Parallel()
	now := time.Unix(1234567890, 0) // 005924
	for _, typed := range []string{"005924", "005 924", " 005924\n", "00 59 24", "0\u00a005924"} {
		if _, ok := matchTOTP(rfcSecret, typed, now); !ok {
			t.Errorf("%q is refused", typed)
		}
	}
	for _, typed := range []string{"", " ", "5924", "05924", "0005924", "00592400", "005925", "005-924", "+05924", "00592a", "٠٠٥٩٢٤", "００５９２４", "005924\x00", "00592\xff", strings.Repeat("005924", 1000)} {
		if step, ok := matchTOTP(rfcSecret, typed, now); ok || step != 0 {
			t.Errorf("%.20q is taken", typed)
		}
	}
	code := totpCode(nil, totpStep(now)) // the code of a key that is not there
	for _, secret := range []iam.Secret{{}, iam.NewSecret("1"), iam.NewSecret("not base32"), iam.NewSecret("=")} {
		if _, ok := matchTOTP(secret, code, now); ok {
			t.Errorf("a code is taken with the secret %q", secret.Reveal())
		}
	}
}

// What authenticators read in the URI is what was asked for, whatever stands in the names (SB-49).
func TestEnrollmentURI(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("🪶", 300)
	for _, c := range []struct{ issuer, account, wantIssuer, wantAccount string }{
		{"Acme", "ann@example.com", "Acme", "ann@example.com"},
		{"Acme Robotics", "ann+x@example.com", "Acme Robotics", "ann+x@example.com"},
		{"Acme: Robotics", "ann:lee", "Acme Robotics", "ann lee"},
		{"A/B&secret=AAAA#f?x=1%3A", "a/b?secret=BBBB&issuer=Evil", "A/B&secret=AAAA#f?x=1%3A", "a/b?secret=BBBB&issuer=Evil"},
		{"Ça & là", "安@example.com", "Ça & là", "安@example.com"},
		{" line\r\nbreak ", "\x00\xff", "line break", "\x00\xff"},
		{"", "ann@example.com", "", "ann@example.com"},
		{"", "a", "", "a"},
		{long, long, strings.Repeat("🪶", 40), strings.Repeat("🪶", 64)},
	} {
		e, err := newEnrollment(rand.Reader, c.issuer, c.account)
		if err != nil {
			t.Fatal(err)
		}
		key, err := otp.NewKeyFromURL(e.URI.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if key.Issuer() != c.wantIssuer || key.AccountName() != c.wantAccount || key.Secret() != e.Secret.Reveal() ||
			key.Type() != "totp" || key.Period() != 30 || key.Digits() != 6 || key.Algorithm() != otp.AlgorithmSHA1 {
			t.Errorf("%q, %q: got %s", c.issuer, c.account, e.URI.Reveal())
		}
		if strings.ContainsAny(e.URI.Reveal(), " +\r\n") {
			t.Errorf("%q, %q: not escaped: %s", c.issuer, c.account, e.URI.Reveal())
		}
		if raw, err := totpBase32.DecodeString(e.Secret.Reveal()); err != nil || len(raw) != 20 {
			t.Errorf("the secret has %d bytes, %v: want 20", len(raw), err)
		}
		checkQR(t, e)
	}
}

// checkQR checks what can be seen of a QR code without a reader: its size, its two colours, the white
// around it, four modules wide, and its three eyes.
func checkQR(t *testing.T, e Enrollment) {
	t.Helper()
	b, err := e.QR()
	if err != nil {
		t.Errorf("%s: %v", e.URI.Reveal(), err)
		return
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil || picture.Bounds() != image.Rect(0, 0, 640, 640) {
		t.Fatalf("got a picture of %v, %v, want 640 × 640", picture.Bounds(), err)
	}
	black := func(x, y int) bool { return picture.At(x, y) == color.RGBA{A: 255} }
	first := 0
	for first < 640 && !black(first, first) {
		first++
	}
	eye := 0
	for black(first+eye, first) {
		eye++
	}
	module := eye / 7
	if first == 640 || eye%7 != 0 || first < 4*module {
		t.Fatalf("the first eye is %d pixels wide and begins at %d", eye, first)
	}
	last := 639
	for last > 0 && !black(last, first) {
		last--
	}
	if 639-last < 4*module {
		t.Fatalf("the second eye ends at %d", last)
	}
	for i := range eye {
		if !black(last-i, first) || !black(first, last-i) || black(last-i, first-1) || black(first-1, last-i) {
			t.Fatalf("%s: no eye at the right or at the bottom", e.URI.Reveal())
		}
	}
}

// A second factor without randomness is none, and nothing prints one.
func TestEnrollmentIsSecret(t *testing.T) {
	t.Parallel()
	if e, err := newEnrollment(strings.NewReader("too short"), "Acme", "ann"); !errors.Is(err, io.ErrUnexpectedEOF) || !e.Secret.IsZero() {
		t.Errorf("without randomness: got %v", err)
	}
	e, err := newEnrollment(rand.Reader, "Acme", "ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, e); strings.Contains(got, e.Secret.Reveal()) {
			t.Errorf("%s prints the secret: %s", verb, got)
		}
	}
	bad := Enrollment{URI: iam.NewSecret("otpauth://totp/x?secret=AAAA\x00"), Secret: e.Secret}
	if _, err := bad.QR(); err == nil || strings.Contains(err.Error(), "AAAA") {
		t.Errorf("a damaged URI: got %v", err)
	}
	bad.URI = iam.NewSecret("otpauth://totp/" + strings.Repeat("A", 5000))
	if _, err := bad.QR(); err == nil || strings.Contains(err.Error(), "AAAA") {
		t.Errorf("a URI that is too long: got %v", err)
	}
}
