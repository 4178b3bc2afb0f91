package signin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/pquerna/otp"

	"github.com/castellan-iam/castellan/iam"
)

// Codes are those of RFC 6238 with its defaults, the only ones that every authenticator shows: six
// digits of HMAC-SHA-1, a new one every 30 seconds. SHA-1 is no weakness here, as nobody looks for
// collisions.
const (
	totpSecret = 20 // bytes: as many as SHA-1 gives (RFC 4226, 4)
	totpDigits = 6
	totpPeriod = 30 // seconds
)

// totpBase32 is how authenticators read and show a secret.
var totpBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpStep returns the number of the time step of a moment. Only the server's clock counts (SB-47).
func totpStep(now time.Time) int64 { return now.Unix() / totpPeriod }

// matchTOTP reports whether a code is one of the secret's, and of which step: of the current one or of
// the one before. So a code is good for 30 to 60 seconds: it may be typed while it changes, and the
// clock of a telephone may be slow, but not fast (SB-47). Spaces in the code are passed over, as
// people type "123 456". A code that matches may have been used before: the caller must write the
// step, and refuse it unless it is later than the last one (SB-46).
func matchTOTP(secret iam.Secret, code string, now time.Time) (step int64, ok bool) {
	key, err := totpBase32.DecodeString(secret.Reveal())
	code = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, code)
	if err != nil || len(key) == 0 || len(code) != totpDigits {
		return 0, false
	}
	current := totpStep(now)
	for _, s := range []int64{current - 1, current} {
		if subtle.ConstantTimeCompare([]byte(totpCode(key, s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// totpCode returns the code of a step (RFC 4226, 5.3).
func totpCode(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) &^ (1 << 31)
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}

// Enrollment is what an authenticator needs to make an account's codes. It is shown once (SB-49).
type Enrollment struct {
	// URI begins with otpauth://totp/ and is what the picture says.
	URI iam.Secret
	// Secret is the key in base32, for typing it in.
	Secret iam.Secret
}

// The label of an account in an authenticator, in characters. Cut there, the QR code has room for it
// whatever the script.
const (
	maxIssuer       = 40
	maxAccountLabel = 64
)

// newEnrollment makes a new secret. Issuer and account are what an authenticator shows beside the code:
// the host's or organisation's name, and the e-mail address or user name.
func newEnrollment(rand io.Reader, issuer, account string) (Enrollment, error) {
	key := make([]byte, totpSecret)
	if _, err := io.ReadFull(rand, key); err != nil {
		return Enrollment{}, fmt.Errorf("signin: no secret for a second factor: %w", err)
	}
	secret := totpBase32.EncodeToString(key)
	label := uriText(account, maxAccountLabel)
	query := fmt.Sprintf("secret=%s&algorithm=SHA1&digits=%d&period=%d", secret, totpDigits, totpPeriod)
	if issuer := uriText(issuer, maxIssuer); issuer != "" {
		label = issuer + ":" + label
		query += "&issuer=" + issuer
	}
	return Enrollment{URI: iam.NewSecret("otpauth://totp/" + label + "?" + query), Secret: iam.NewSecret(secret)}, nil
}

// uriText writes a text for the key URI, in which everything but letters and digits is escaped: some
// authenticators read a plus as a space. A colon parts the issuer from the account and may stand in
// neither, escaped or not, so that it becomes a space.
func uriText(text string, most int) string {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, ":", " ")), " ")
	if runes(text) > most {
		text = string([]rune(text)[:most])
	}
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// The picture in pixels: the code, and the white around it that readers need, four modules wide
// (ISO/IEC 18004). A code for a URI of ours has 41 modules a side or more.
const (
	qrCode   = 512
	qrMargin = 64
)

var errQR = errors.New("signin: the second factor's URI cannot be put into a picture")

// QR returns the URI as a picture, a PNG of 640 × 640 pixels. The picture is as secret as the URI.
func (e Enrollment) QR() ([]byte, error) {
	key, err := otp.NewKeyFromURL(e.URI.Reveal())
	if err != nil {
		return nil, errQR // the reason would repeat the URI
	}
	code, err := key.Image(qrCode, qrCode)
	if err != nil {
		return nil, errQR
	}
	side := image.Rect(0, 0, qrCode+2*qrMargin, qrCode+2*qrMargin)
	picture := image.NewPaletted(side, color.Palette{color.White, color.Black})
	draw.Draw(picture, side.Inset(qrMargin), code, image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
