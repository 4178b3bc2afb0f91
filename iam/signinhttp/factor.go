package signinhttp

import (
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// enrollment is the secret of a second factor. It is shown once (SB-49).
type enrollment struct {
	URI    string `json:"uri"`
	Secret string `json:"secret"`
	QR     []byte `json:"qr"` // a PNG, in base64
}

// atEnrollment lets the page be seen by whoever may enroll.
func atEnrollment(x *exchange, _ *Page) error {
	stage, err := x.stage()
	if err == nil && stage != iam.Full && stage != iam.NeedsEnrollment {
		return &signin.StageError{Stage: stage}
	}
	return err
}

// confirming shows the form for the first code again, without the secret.
func confirming(x *exchange, p *Page) error {
	p.Confirming = true
	return atEnrollment(x, p)
}

func enroll(x *exchange) error {
	token, _ := x.token(x.r)
	made, err := x.in.Enroll(x.r.Context(), token)
	if err != nil {
		return err
	}
	return x.showEnrollment(made)
}

// replaceFactor is enroll for who has a second factor.
func replaceFactor(x *exchange) error {
	token, _ := x.token(x.r)
	made, err := x.in.ReplaceSecondFactor(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	return x.showEnrollment(made)
}

func (x *exchange) showEnrollment(made signin.Enrollment) error {
	picture, err := made.QR()
	if err != nil {
		return err
	}
	if !x.html {
		return x.json(http.StatusOK, enrollment{URI: made.URI.Reveal(), Secret: made.Secret.Reveal(), QR: picture})
	}
	p := x.blank()
	p.Confirming, p.Secret = true, made.Secret.Reveal()
	// Neither comes from outside: the first is made of base64, the second by net/url.
	p.Picture = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture))
	p.URI = template.URL(made.URI.Reveal())
	return x.show(http.StatusOK, "enroll", p)
}

func confirmEnrollment(x *exchange) error {
	token, bearer := x.token(x.r)
	got, err := x.in.ConfirmEnrollment(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	return x.hand(got.Opened, bearer, revealed(got.Codes))
}

func newCodes(x *exchange) error {
	token, _ := x.token(x.r)
	codes, err := x.in.NewRecoveryCodes(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	if x.html {
		return x.showCodes(revealed(codes), x.links.SecondFactor)
	}
	return x.json(http.StatusOK, map[string][]string{"recovery_codes": revealed(codes)})
}

// showCodes shows recovery codes once, and the way on.
func (x *exchange) showCodes(codes []string, onward string) error {
	p := x.blank()
	p.Codes, p.Next = codes, onward
	return x.show(http.StatusOK, "codes", p)
}

func revealed(secrets []iam.Secret) []string {
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	return texts
}

func removeFactor(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.RemoveSecondFactor(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	return x.goOn(got)
}

type factorView struct {
	On        bool `json:"on"`
	CodesLeft int  `json:"codes_left"`
}

func lookFactor(x *exchange) (any, error) {
	token, _ := x.token(x.r)
	has, left, err := x.in.HasSecondFactor(x.r.Context(), token)
	return factorView{has, left}, err
}

func fillFactor(x *exchange, p *Page) (err error) {
	token, _ := x.token(x.r)
	p.HasFactor, p.CodesLeft, err = x.in.HasSecondFactor(x.r.Context(), token)
	return err
}
