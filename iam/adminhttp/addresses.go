package adminhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func addressRoutes() []route {
	return []route{
		operation("POST", "/accounts/{account}/email-change", "changeEmail", "Ask for another address, which both addresses confirm by mail", changeEmail).
			creating().also(http.StatusTooManyRequests),
		operation("DELETE", "/accounts/{account}/email-change", "cancelEmailChange", "Take back a change of address that waits", cancelEmailChange),
	}
}

type emailChangeRequest struct {
	accountPath
	Body struct {
		Email string `json:"email"`
	} `body:"application/json"`
}

type emailChange struct {
	Account      policy.AccountID `json:"account"`
	Email        iam.Email        `json:"email" doc:"The new address."`
	OldConfirmed bool             `json:"old_confirmed"`
	NewConfirmed bool             `json:"new_confirmed"`
	By           policy.AccountID `json:"by,omitempty"`
	Created      time.Time        `json:"created"`
	Expires      time.Time        `json:"expires"`
}

func showEmailChange(e iam.EmailChange) emailChange {
	return emailChange{
		Account: e.Account, Email: e.Email, OldConfirmed: e.OldDone, NewConfirmed: e.NewDone, By: e.By,
		Created: e.Created.UTC(), Expires: e.Expires.UTC(),
	}
}

// changeEmail asks who changes their own address for a fresh session: an address is a way in (SB-05).
func changeEmail(c *call, in emailChangeRequest) (emailChange, error) {
	if in.Account == c.sub.ID() {
		if err := c.fresh(); err != nil {
			return emailChange{}, err
		}
	}
	change, err := c.actor.ChangeEmail(c.r.Context(), in.Account, in.Body.Email)
	return showEmailChange(change), err
}

func cancelEmailChange(c *call, in accountPath) (none, error) {
	return none{}, c.actor.CancelEmailChange(c.r.Context(), in.Account)
}
