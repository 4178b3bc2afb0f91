package adminhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func invitationRoutes() []route {
	often := http.StatusTooManyRequests
	return []route{
		operation("GET", "/invitations", "listInvitations", "List the invitations with the states of their mails", listInvitations),
		operation("POST", "/invitations", "invite", "Invite somebody by mail", invite).creating().also(often),
		stream[importRequest, importReport]("POST", "/invitations/import", "importInvitations",
			"Invite everybody in a CSV list: a line of report for each, and a summary as the last line", "application/x-ndjson", importInvitations),
		operation("POST", "/invitations/{account}/resend", "resendInvitation", "Send an invitation again, with another link", resendInvitation).
			also(often),
		operation("POST", "/invitations/{account}/link", "makeInvitationLink", "Make one more link for an invitation, to hand over in person: it is shown once", makeInvitationLink).
			creating(),
		operation("DELETE", "/invitations/{account}", "revokeInvitation", "Take an invitation back, with the account that it would activate", revokeInvitation),
	}
}

type invitation struct {
	Account  policy.AccountID    `json:"account"`
	Email    iam.Email           `json:"email"`
	State    iam.InvitationState `json:"state" enum:"open,expired,accepted"`
	By       policy.AccountID    `json:"by,omitempty"`
	Created  time.Time           `json:"created"`
	Renewed  time.Time           `json:"renewed" doc:"When it was sent last."`
	Renewals int                 `json:"renewals" doc:"How often it was sent again."`
	Expires  time.Time           `json:"expires"`
	Accepted time.Time           `json:"accepted,omitzero"`
	Mail     iam.MailState       `json:"mail,omitempty" enum:"queued,deferred,sent,bounced,expired,dropped" doc:"The state of the last message."`
	Reply    string              `json:"reply,omitempty" doc:"What the mail server said."`
}

type invitationQuery struct {
	page
	Open bool             `query:"open" doc:"Leave out what was accepted."`
	By   policy.AccountID `query:"by" max:"255"`
}

type invitationList struct {
	Invitations []invitation `json:"invitations"`
	Next        string       `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

type inviteRequest struct {
	Body struct {
		Email    string           `json:"email"`
		Roles    []policy.Role    `json:"roles"`
		Bindings []projectBinding `json:"bindings,omitempty" doc:"The projects that it is bound to from the start."`
		Profile  profile          `json:"profile,omitzero"`
		Quotas   []quotaLimit     `json:"quotas,omitempty" doc:"How many resources of a kind it may have, taken from its creator's own. Defaults to none at all."`
		Password iam.Secret       `json:"password,omitzero" doc:"The first password, where the system lets the creator choose it."`
	} `body:"application/json"`
}

type invited struct {
	Invitation invitation    `json:"invitation"`
	Warnings   []iam.Warning `json:"warnings"`
}

type invitationLink struct {
	Link string `json:"link" doc:"Whoever has it can become the account."`
}

func (c *call) showInvitation(i iam.Invitation) invitation {
	return invitation{
		Account: i.Account, Email: i.Email, State: i.StateAt(c.svc.Now()), By: i.By, Created: i.Created.UTC(), Renewed: i.Renewed.UTC(),
		Renewals: i.Renewals, Expires: i.Expires.UTC(), Accepted: utc(i.Accepted), Mail: i.Mail, Reply: i.Reply,
	}
}

func listInvitations(c *call, in invitationQuery) (invitationList, error) {
	after, err := c.after(in.page)
	if err != nil {
		return invitationList{}, err
	}
	found, err := c.actor.Invitations(c.r.Context(), iam.InvitationQuery{
		Open: in.Open, By: in.By, After: policy.AccountID(after), Limit: in.size() + 1,
	})
	if err != nil {
		return invitationList{}, err
	}
	found, next := cut(c, in.page, found, func(i iam.Invitation) string { return string(i.Account) })
	return invitationList{list(found, c.showInvitation), next}, nil
}

func invite(c *call, in inviteRequest) (invited, error) {
	quotas, err := quotasOf(in.Body.Quotas)
	if err != nil {
		return invited{}, err
	}
	params := iam.InviteParams{
		Email: in.Body.Email, Roles: in.Body.Roles, Profile: iam.Profile(in.Body.Profile),
		Bindings: bindingsOf("", in.Body.Bindings), Quotas: quotas,
	}
	var i iam.Invitation
	var warnings []iam.Warning
	switch {
	case c.config.SignIn != nil:
		i, warnings, err = c.config.SignIn.Invite(c.r.Context(), c.actor, params, in.Body.Password)
	case !in.Body.Password.IsZero():
		err = &iam.FieldError{Field: "Password", Problem: "there are no passwords here"}
	default:
		i, warnings, err = c.actor.Invite(c.r.Context(), params)
	}
	return invited{c.showInvitation(i), append([]iam.Warning{}, warnings...)}, err
}

func resendInvitation(c *call, in accountPath) (invitation, error) {
	i, err := c.actor.ResendInvitation(c.r.Context(), in.Account)
	return c.showInvitation(i), err
}

func makeInvitationLink(c *call, in accountPath) (invitationLink, error) {
	link, err := c.actor.InvitationLink(c.r.Context(), in.Account)
	return invitationLink{link.Reveal()}, err
}

func revokeInvitation(c *call, in accountPath) (none, error) {
	return none{}, c.actor.RevokeInvitation(c.r.Context(), in.Account)
}
