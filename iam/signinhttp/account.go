package signinhttp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// stage is how far the session has come. Without one it is an error.
func (x *exchange) stage() (iam.Stage, error) {
	_, _, err := x.session()
	var staged *signin.StageError
	if errors.As(err, &staged) {
		return staged.Stage, nil
	}
	return iam.Full, err
}

// session is who is signed in.
func (x *exchange) session() (iam.Subject, iam.Session, error) {
	token, _ := x.token(x.r)
	return x.in.Session(x.r.Context(), token)
}

// me is who is signed in, and everything that they may do in their organisation, outside of projects.
type me struct {
	opened
	Permissions []policy.Permission `json:"permissions"`
}

// whoAmI answers for a sign-in that is not finished too: a page that was loaded again must know where it stands. It says the
// stage then, and nothing of the account (SB-43).
func whoAmI(x *exchange) (any, error) {
	sub, session, err := x.session()
	var staged *signin.StageError
	switch {
	case errors.As(err, &staged):
		return opened{Stage: staged.Stage}, nil
	case err != nil:
		return nil, err
	}
	permissions := x.svc.Permissions(sub, policy.Resource{Org: sub.Org()})
	if permissions == nil {
		permissions = []policy.Permission{} // an empty list, and not null
	}
	account := &accountView{ID: sub.ID(), Org: sub.Org(), Email: sub.Email(), Root: sub.Root(), Roles: sub.Roles()}
	return me{opened{Stage: session.Stage, Account: account}, permissions}, nil
}

// signedIn lets a page be seen by whose session is full.
func signedIn(x *exchange, p *Page) error {
	sub, _, err := x.session()
	p.Subject = sub
	return err
}

func fillAccount(x *exchange, p *Page) error {
	if err := signedIn(x, p); err != nil {
		return err
	}
	p.Email, p.Org = string(p.Subject.Email()), p.Subject.Org()
	for _, role := range p.Subject.Roles() {
		p.Roles = append(p.Roles, x.svc.Policy().Title(role))
	}
	return nil
}

func changePassword(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.ChangePassword(x.r.Context(), token, x.body.secret("current"), x.body.secret("password"))
	if err != nil {
		return err
	}
	return x.goOn(got)
}

// confirmable lets the page be seen by those whom Confirm takes.
func confirmable(x *exchange, _ *Page) error {
	stage, err := x.stage()
	if err == nil && stage != iam.Full && stage != iam.NeedsEnrollment {
		return &signin.StageError{Stage: stage}
	}
	return err
}

func confirm(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.Confirm(x.r.Context(), token, x.body.secret("password"))
	if err != nil {
		return err
	}
	return x.goOn(got)
}

func changeEmail(x *exchange) error {
	token, _ := x.token(x.r)
	asked, err := x.in.ChangeEmail(x.r.Context(), token, x.body.text["email"])
	if err != nil {
		return err
	}
	if !x.html {
		return x.json(http.StatusAccepted, moving{NewEmail: asked.Email})
	}
	p, err := x.page()
	if err != nil {
		return err
	}
	p.Finished, p.NewEmail = true, string(asked.Email)
	return x.show(http.StatusOK, "email", p)
}

// passwordRule says what a new password must be.
func (x *exchange) passwordRule() string {
	rule := x.svc.Rules().Password
	var kinds []string
	for _, kind := range []struct {
		wanted bool
		name   string
	}{
		{rule.Upper, "an upper-case letter"}, {rule.Lower, "a lower-case letter"}, {rule.Digit, "a digit"}, {rule.Special, "a sign"},
	} {
		if kind.wanted {
			kinds = append(kinds, kind.name)
		}
	}
	text := "At least " + strconv.Itoa(rule.Length(false)) + " characters"
	if n := rule.Length(true); n < rule.Length(false) {
		text += ", or " + strconv.Itoa(n) + " for an account with a second factor"
	}
	if n := len(kinds) - 1; n > 0 {
		kinds = []string{strings.Join(kinds[:n], ", ") + " and " + kinds[n]}
	}
	if len(kinds) > 0 {
		text += ", with " + kinds[0]
	}
	return text + "."
}
