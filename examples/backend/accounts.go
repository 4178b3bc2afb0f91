package main

import (
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// accountBody is an account as clients see it.
type accountBody struct {
	ID     policy.AccountID `json:"id"`
	Name   string           `json:"name"`
	Email  iam.Email        `json:"email"`
	Roles  []policy.Role    `json:"roles"`
	Status iam.Status       `json:"status"`
}

func bodyOf(a iam.Account) accountBody { return accountBody{a.ID, a.Name, a.Email, a.Roles, a.Status} }

// listAccounts may be searched: ?keyword=, ?role=, ?project=, ?status=.
func (a *app) listAccounts(w http.ResponseWriter, r *http.Request) error {
	p, err := pageOf(r)
	if err != nil {
		return err
	}
	accounts, err := a.as(r).Accounts(r.Context(), iam.AccountQuery{
		Keyword: r.FormValue("keyword"),
		Status:  iam.Status(r.FormValue("status")),
		Role:    policy.Role(r.FormValue("role")),
		Project: policy.ProjectID(r.FormValue("project")),
		After:   policy.AccountID(p.after),
		Limit:   p.limit,
	})
	if err != nil {
		return err
	}
	list := make([]accountBody, len(accounts))
	for i, account := range accounts {
		list[i] = bodyOf(account)
	}
	return write(w, http.StatusOK, map[string]any{"accounts": list})
}

// createAccount invites somebody. The demo sends no mail: the link to activate the account is in the answer.
func (a *app) createAccount(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name  string      `json:"name"`
		Email string      `json:"email"`
		Role  policy.Role `json:"role"`
		// Password is the first one, which must be changed at the first sign-in (E8).
		Password iam.Secret `json:"password"`
	}
	if err := read(r, &body); err != nil {
		return err
	}
	invitation, warnings, err := a.in.Invite(r.Context(), a.as(r), iam.InviteParams{
		Email: body.Email, Roles: []policy.Role{body.Role}, Profile: iam.Profile{Name: body.Name},
	}, body.Password)
	if err != nil {
		return err
	}
	account, err := a.as(r).Account(r.Context(), invitation.Account)
	if err != nil {
		return err
	}
	link, err := a.as(r).InvitationLink(r.Context(), invitation.Account)
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, map[string]any{"account": bodyOf(account), "warnings": warnings, "link": link.Reveal()})
}
