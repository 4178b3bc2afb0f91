package signinhttp

import (
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// accountView is an account as its owner sees it.
type accountView struct {
	ID    policy.AccountID `json:"id"`
	Org   policy.OrgID     `json:"org"`
	Email iam.Email        `json:"email"`
	Root  bool             `json:"root,omitempty"`
	Roles []policy.Role    `json:"roles,omitempty"`
}

// opened is the answer to each step of a sign-in.
type opened struct {
	Stage   iam.Stage    `json:"stage"`
	Account *accountView `json:"account,omitempty"`
	Token   string       `json:"token,omitempty"`
	Codes   []string     `json:"recovery_codes,omitempty"`
}

// signIn takes an address and a password. What the browser was signed in as before has ended then: no token from before
// goes on (SB-37).
func signIn(x *exchange) error {
	org, err := x.org()
	if err != nil {
		return err
	}
	got, err := x.in.SignIn(x.r.Context(), signin.SignInParams{Org: org, Email: x.body.text["email"], Password: x.body.secret("password")})
	if err != nil {
		return err
	}
	return x.begin(got)
}

// begin hands the token of a new session out.
func (x *exchange) begin(got signin.Opened) error {
	if !x.body.bearer {
		if before := x.cookieToken(x.r); !before.IsZero() {
			if err := x.in.SignOut(x.r.Context(), before); err != nil {
				return err
			}
		}
	}
	return x.hand(got, x.body.bearer, nil)
}

// goOn hands the token of the next session out, the way that the one before came.
func (x *exchange) goOn(got signin.Opened) error {
	_, bearer := x.token(x.r)
	return x.hand(got, bearer, nil)
}

func (x *exchange) hand(got signin.Opened, bearer bool, codes []string) error {
	if !bearer {
		x.setCookie(got.Token)
	}
	if x.html {
		if len(codes) > 0 {
			return x.showCodes(codes, x.onward(got.Session.Stage))
		}
		return x.redirect(x.onward(got.Session.Stage))
	}
	a := got.Account
	answer := opened{Stage: got.Session.Stage, Account: &accountView{ID: a.ID, Org: a.Org, Email: a.Email, Root: a.Root, Roles: a.Roles}, Codes: codes}
	if bearer {
		answer.Token = got.Token.Reveal()
	}
	return x.json(http.StatusOK, answer)
}

// onward is the page behind a step.
func (x *exchange) onward(stage iam.Stage) string {
	next := x.next()
	if page := x.links.stage(stage); page != "" {
		return withNext(page, next)
	}
	if next != "" {
		return next
	}
	return x.config.Home
}

// atStage lets a page be seen by whose session waits for it: others are led to where they should be.
func atStage(x *exchange, _ *Page) error { return x.at(x.route.path) }

// atCode is atStage for the page that stands in for that of the code.
func atCode(x *exchange, _ *Page) error { return x.at(x.links.Code) }

func (x *exchange) at(page string) error {
	stage, err := x.stage()
	switch here := x.links.stage(stage); {
	case err != nil:
		return err
	case here == page:
		return nil
	case stage == iam.Full:
		return elsewhere(x.onward(stage))
	default:
		return &signin.StageError{Stage: stage}
	}
}

func secondFactor(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.SecondFactor(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	return x.goOn(got)
}

func recoveryCode(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.RecoveryCode(x.r.Context(), token, x.body.text["code"])
	if err != nil {
		return err
	}
	return x.goOn(got)
}

func newPassword(x *exchange) error {
	token, _ := x.token(x.r)
	got, err := x.in.ChooseNewPassword(x.r.Context(), token, x.body.secret("password"))
	if err != nil {
		return err
	}
	return x.goOn(got)
}

// signOut ends the session, of whatever stage. It is no error when there is none.
func signOut(x *exchange) error {
	token, bearer := x.token(x.r)
	login := x.links.RootLogin
	if sub, _, err := x.in.Session(x.r.Context(), token); err == nil {
		login = x.loginOf(sub.Org(), sub.Root())
	}
	if err := x.in.SignOut(x.r.Context(), token); err != nil {
		return err
	}
	if !bearer {
		x.setCookie(iam.Token{})
	}
	return x.done(login)
}
