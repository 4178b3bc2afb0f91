package signinhttp

import (
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// invited is what the link of an invitation shows.
type invited struct {
	Organization  string    `json:"organization"`
	Email         iam.Email `json:"email"`
	Name          string    `json:"name,omitempty"`
	FirstPassword bool      `json:"first_password"` // must the person choose one (L5)?
}

func lookActivate(x *exchange) (any, error) {
	found, err := x.svc.LookInvitation(x.r.Context(), x.linkToken())
	if err != nil {
		return nil, err
	}
	return invited{
		Organization: found.Organization.Name, Email: found.Account.Email, Name: found.Account.Name,
		FirstPassword: x.svc.Rules().FirstPassword == iam.ByInvitee,
	}, nil
}

func fillActivate(x *exchange, p *Page) error {
	found, err := x.svc.LookInvitation(x.r.Context(), x.linkToken())
	if err != nil {
		return err
	}
	p.Organization, p.Email, p.Name = found.Organization.Name, string(found.Account.Email), found.Account.Name
	if name, typed := x.body.text["name"]; typed {
		p.Name = name
	}
	p.AskPassword = x.svc.Rules().FirstPassword == iam.ByInvitee
	p.Token = x.linkToken().Reveal()
	return nil
}

// activated is an account that may sign in from now on, and where.
type activated struct {
	Account accountView `json:"account"`
	Login   string      `json:"login"`
}

// activate accepts an invitation. Who is signed in at that moment does not matter, and stays so (SB-17).
func activate(x *exchange) error {
	account, err := x.in.Accept(x.r.Context(), x.linkToken(), signin.AcceptParams{Name: x.body.text["name"], Password: x.body.secret("password")})
	if err != nil {
		return err
	}
	login := x.loginOf(account.Org, account.Root)
	if x.html {
		p := x.blank()
		p.Finished, p.SignedInAt, p.Email = true, login, string(account.Email)
		return x.show(http.StatusOK, "activate", p)
	}
	return x.json(http.StatusOK, activated{
		Account: accountView{ID: account.ID, Org: account.Org, Email: account.Email, Root: account.Root, Roles: account.Roles}, Login: login,
	})
}

// forgot asks for a link to reset a password. The answer is the same whether or not there is such an account (SB-24).
func forgot(x *exchange) error {
	org, err := x.org()
	if err != nil {
		return err
	}
	if err := x.in.RequestReset(x.r.Context(), signin.ResetParams{Org: org, Email: x.body.text["email"]}); err != nil {
		return err
	}
	if x.html {
		p := x.blank()
		p.Finished = true
		return x.show(http.StatusOK, "forgot", p)
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

type resetting struct {
	Email iam.Email `json:"email"`
}

func lookReset(x *exchange) (any, error) {
	account, err := x.in.LookReset(x.r.Context(), x.linkToken())
	if err != nil {
		return nil, err
	}
	return resetting{account.Email}, nil
}

func fillReset(x *exchange, p *Page) error {
	account, err := x.in.LookReset(x.r.Context(), x.linkToken())
	if err != nil {
		return err
	}
	p.Email, p.Token = string(account.Email), x.linkToken().Reveal()
	return nil
}

// reset replaces a forgotten password. A sign-in begins with it: what the browser was signed in as before ends.
func reset(x *exchange) error {
	got, err := x.in.ResetPassword(x.r.Context(), x.linkToken(), x.body.secret("password"))
	if err != nil {
		return err
	}
	return x.begin(got)
}

// moving is a change of address.
type moving struct {
	Email    iam.Email `json:"email,omitempty"`
	NewEmail iam.Email `json:"new_email,omitempty"`
	Done     bool      `json:"done"` // nothing is waited for any more
}

func lookConfirmEmail(x *exchange) (any, error) {
	found, err := x.svc.LookEmailChange(x.r.Context(), x.linkToken())
	if err != nil {
		return nil, err
	}
	return moving{Email: found.Account.Email, NewEmail: found.Change.Email}, nil
}

func fillConfirmEmail(x *exchange, p *Page) error {
	found, err := x.svc.LookEmailChange(x.r.Context(), x.linkToken())
	if err != nil {
		return err
	}
	p.Email, p.NewEmail, p.Token = string(found.Account.Email), string(found.Change.Email), x.linkToken().Reveal()
	p.Organization = found.Organization.Name
	return nil
}

// confirmEmail confirms one of the two addresses of a change.
func confirmEmail(x *exchange) error {
	account, done, err := x.svc.ConfirmEmail(x.r.Context(), x.linkToken())
	if err != nil {
		return err
	}
	if !x.html {
		return x.json(http.StatusOK, moving{Email: account.Email, Done: done})
	}
	p := x.blank()
	p.Finished, p.Email = true, string(account.Email)
	if done {
		p.SignedInAt = x.loginOf(account.Org, account.Root)
	}
	return x.show(http.StatusOK, "confirmemail", p)
}
