package signinhttp

import (
	"fmt"
	"net/http"
)

// A route is a path with what is done there.
type route struct {
	path string
	// page is the template that a GET shows, and a POST whose form is to be mended; "" for neither.
	page string
	// fill adds to the page what it shows. It may refuse it, and it never changes anything (SB-16).
	fill func(x *exchange, p *Page) error
	// look is what a GET answers as JSON; nil where there is a page alone.
	look func(x *exchange) (any, error)
	// form is the path of the page where that is another route's: there is no GET here. "" for the own path.
	form string

	fields []string // of the body; each is wanted, but with a question mark
	wrong  string   // what is said of wrong credentials
	post   func(x *exchange) error
}

func (rt *route) methods() []string {
	var methods []string
	if rt.page != "" && rt.form == "" {
		methods = append(methods, http.MethodGet)
	}
	if rt.post != nil {
		methods = append(methods, http.MethodPost)
	}
	return methods
}

const (
	wrongPair     = "the address or the password is wrong"
	wrongPassword = "the password is wrong"
	wrongCode     = "the code is wrong"
)

// allRoutes is everything that is served. TestTheDocumentationNamesEveryRoute holds the package's comment against it.
func (h *Handler) allRoutes() ([]*route, error) {
	l := h.links
	all := []*route{
		{path: l.RootLogin, page: "login", fields: signInFields, wrong: wrongPair, post: signIn},
		{path: l.RootForgot, page: "forgot", fields: []string{"email"}, post: forgot},
		{path: l.Code, page: "code", fill: atStage, fields: codeFields, wrong: wrongCode, post: secondFactor},
		{path: l.Recovery, page: "recovery", fill: atCode, fields: codeFields, wrong: wrongCode, post: recoveryCode},
		{path: l.Enroll, page: "enroll", fill: atEnrollment, post: enroll},
		{path: l.EnrollConfirm, page: "enroll", fill: confirming, form: l.Enroll, fields: codeFields, wrong: wrongCode, post: confirmEnrollment},
		{path: l.NewPassword, page: "newpassword", fill: atStage, fields: []string{"password"}, post: newPassword},
		{path: l.SignOut, page: "signout", post: signOut},

		{path: l.Activate, page: "activate", fill: fillActivate, look: lookActivate, fields: []string{"token", "name?", "password?"}, post: activate},
		{path: l.Reset, page: "reset", fill: fillReset, look: lookReset, fields: []string{"token", "password", "bearer?"}, post: reset},
		{path: l.ConfirmEmail, page: "confirmemail", fill: fillConfirmEmail, look: lookConfirmEmail, fields: []string{"token"}, post: confirmEmail},

		{path: l.Account, page: "account", fill: fillAccount, look: whoAmI},
		{path: l.ChangePassword, page: "password", fill: signedIn, fields: []string{"current", "password"}, wrong: wrongPassword, post: changePassword},
		{path: l.Confirm, page: "confirm", fill: confirmable, fields: []string{"password"}, wrong: wrongPassword, post: confirm},
		{path: l.ChangeEmail, page: "email", fill: signedIn, fields: []string{"email"}, post: changeEmail},
		{path: l.Sessions, page: "sessions", fill: fillSessions, look: listSessions},
		{path: l.Sessions + "/{session}/end", page: "sessions", fill: fillSessions, form: l.Sessions, post: endSession},
		{path: l.EndOthers, page: "sessions", fill: fillSessions, form: l.Sessions, post: endOthers},
		{path: l.SecondFactor, page: "factor", fill: fillFactor, look: lookFactor},
		{path: l.ReplaceFactor, page: "factor", fill: fillFactor, form: l.SecondFactor, fields: codeFields, wrong: wrongCode, post: replaceFactor},
		{path: l.RemoveFactor, page: "factor", fill: fillFactor, form: l.SecondFactor, fields: codeFields, wrong: wrongCode, post: removeFactor},
		{path: l.NewCodes, page: "factor", fill: fillFactor, form: l.SecondFactor, fields: codeFields, wrong: wrongCode, post: newCodes},
	}
	if l.Login != l.RootLogin {
		all = append(all,
			&route{path: l.Login, page: "login", fields: signInFields, wrong: wrongPair, post: signIn},
			&route{path: l.Forgot, page: "forgot", fields: []string{"email"}, post: forgot},
		)
	}
	taken := make(map[string]bool)
	for _, rt := range all {
		if taken[rt.path] {
			return nil, fmt.Errorf("signinhttp: two pages have the path %s: see iam.Config.Paths", rt.path)
		}
		taken[rt.path] = true
	}
	return all, nil
}

var (
	signInFields = []string{"email", "password", "bearer?"}
	codeFields   = []string{"code"}
)
