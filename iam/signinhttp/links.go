package signinhttp

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Links are the paths of the pages and forms, as a page gets them: with the organisation in place of {org}. The first five
// are those of iam.Config, and all others stand beside RootLogin.
type Links struct {
	Login        string // of an organisation; of root on root's own pages
	RootLogin    string
	Activate     string
	Reset        string
	ConfirmEmail string

	Forgot         string // Login + "/forgot": asks for a link to reset the password
	RootForgot     string // RootLogin + "/forgot"
	Code           string // "/login/code": of the authenticator
	Recovery       string // "/login/recovery": a recovery code in its place
	Enroll         string // "/login/enroll": makes the secret of a second factor
	EnrollConfirm  string // "/login/enroll/confirm": takes its first code
	NewPassword    string // "/login/password": in place of one that somebody else chose
	SignOut        string // "/logout"
	Account        string // "/account": who is signed in
	ChangePassword string // "/account/password"
	Confirm        string // "/account/confirm": takes the password once more
	ChangeEmail    string // "/account/email"
	Sessions       string // "/account/sessions"; each ends at its id + "/end"
	EndOthers      string // "/account/sessions/end-others"
	SecondFactor   string // "/account/second-factor"
	ReplaceFactor  string // "/account/second-factor/replace": another authenticator
	RemoveFactor   string // "/account/second-factor/remove"
	NewCodes       string // "/account/second-factor/codes": other recovery codes
}

// newLinks reads the paths out of the addresses that the service puts into mails, with {org} in them, and the base of them
// all, without a path.
func newLinks(svc *iam.Service) (l Links, base *url.URL, err error) {
	for _, a := range []struct {
		path    *string
		address func() (string, error)
	}{
		{&l.Login, func() (string, error) { return svc.LoginAddress(anyOrg) }},
		{&l.Activate, linkOf(svc, iam.ForInvitation)},
		{&l.Reset, linkOf(svc, iam.ForReset)},
		{&l.ConfirmEmail, linkOf(svc, iam.ForNewEmail)},
		{&l.RootLogin, svc.RootLoginAddress},
	} {
		address, err := a.address()
		if err != nil {
			return Links{}, nil, fmt.Errorf("signinhttp: there are no addresses: %w", err)
		}
		if base, err = url.Parse(address); err != nil {
			return Links{}, nil, fmt.Errorf("signinhttp: %w", err)
		}
		*a.path = base.Path
	}
	if l.Login != l.RootLogin && !strings.Contains(l.Login, anyOrg) {
		return Links{}, nil, errors.New("signinhttp: iam.Config.Paths.Login has no {org}: nobody would know whose login address it is")
	}
	l.Forgot, l.RootForgot = l.Login+"/forgot", l.RootLogin+"/forgot"
	l.Code, l.Recovery, l.NewPassword = l.RootLogin+"/code", l.RootLogin+"/recovery", l.RootLogin+"/password"
	l.Enroll = l.RootLogin + "/enroll"
	l.EnrollConfirm = l.Enroll + "/confirm"
	beside := path.Dir(l.RootLogin)
	l.SignOut, l.Account = path.Join(beside, "logout"), path.Join(beside, "account")
	l.ChangePassword, l.Confirm, l.ChangeEmail = l.Account+"/password", l.Account+"/confirm", l.Account+"/email"
	l.Sessions, l.SecondFactor = l.Account+"/sessions", l.Account+"/second-factor"
	l.EndOthers = l.Sessions + "/end-others"
	l.ReplaceFactor, l.RemoveFactor, l.NewCodes = l.SecondFactor+"/replace", l.SecondFactor+"/remove", l.SecondFactor+"/codes"
	return l, &url.URL{Scheme: base.Scheme, Host: base.Host}, nil
}

// anyOrg stands for an organisation's id in a pattern of http.ServeMux.
const anyOrg = "{org}"

func linkOf(svc *iam.Service, purpose iam.TokenPurpose) func() (string, error) {
	return func() (string, error) {
		link, err := svc.Link(purpose, iam.Token{})
		return link.Reveal(), err
	}
}

// at returns the links of an organisation's pages, or, for "", of root's.
func (l Links) at(org policy.OrgID) Links {
	if org == "" {
		l.Login, l.Forgot = l.RootLogin, l.RootForgot
		return l
	}
	id := url.PathEscape(string(org))
	l.Login, l.Forgot = strings.ReplaceAll(l.Login, anyOrg, id), strings.ReplaceAll(l.Forgot, anyOrg, id)
	return l
}

// loginOf returns the path at which an account signs in (E10).
func (h *Handler) loginOf(org policy.OrgID, root bool) string {
	if root && h.svc.Rules().SeparateRootLogin {
		org = ""
	}
	return h.links.at(org).Login
}

// stage returns the page on which a sign-in goes on, and "" for a session that is full.
func (l Links) stage(stage iam.Stage) string {
	switch stage {
	case iam.NeedsSecondFactor:
		return l.Code
	case iam.NeedsEnrollment:
		return l.Enroll
	case iam.NeedsPasswordReset:
		return l.NewPassword
	default:
		return ""
	}
}
