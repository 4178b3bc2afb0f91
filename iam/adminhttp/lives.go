package adminhttp

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func lifeRoutes() []route {
	return []route{
		operation("POST", "/accounts/{account}/activate", "activateAccount", "Activate a pending account", activate),
		operation("POST", "/accounts/{account}/disable", "disableAccount", "Disable an account, and keep its data", disable),
		operation("POST", "/accounts/{account}/enable", "enableAccount", "Enable a disabled account", enable),
		operation("DELETE", "/accounts/{account}", "deleteAccount", "Delete an account, for ever", deleteAccount),
		operation("GET", "/accounts/{account}/removal", "previewRemoval", "Preview what deleting or disabling an account would end", previewRemoval),
		operation("POST", "/accounts/{account}/hand-over", "handOver", "Hand over what an account holds to another, and let it stay or go", handOver),
	}
}

type removal struct {
	Account     account      `json:"account"`
	Refusal     string       `json:"refusal,omitempty" enum:"root,last_administrator,holds,other" doc:"Why it would be refused. Absent when it would be done."`
	Sessions    int          `json:"sessions"`
	APIKeys     int          `json:"api_keys" doc:"How many rest while it is disabled, and go with it."`
	Bindings    []binding    `json:"bindings"`
	Grants      []grant      `json:"grants"`
	Holdings    []holding    `json:"holdings" doc:"They keep it from being deleted."`
	Invitations []invitation `json:"invitations" doc:"The open ones that it sent, whose links die with its right to invite."`
	EmailChange *emailChange `json:"email_change,omitempty"`
	RootOffer   *rootOffer   `json:"root_offer,omitempty"`
}

type handOverRequest struct {
	accountPath
	Body struct {
		To       policy.AccountID `json:"to"`
		Then     string           `json:"then,omitempty" enum:"keep,disable,delete" doc:"What becomes of the account. Defaults to keep."`
		DropRest bool             `json:"drop_rest,omitempty" doc:"Delete it also when not everything can be handed over."`
	} `body:"application/json"`
}

type handover struct {
	Bindings    []binding    `json:"bindings"`
	Grants      []grant      `json:"grants"`
	Holdings    []holding    `json:"holdings"`
	Invitations []invitation `json:"invitations"`
	Rest        rest         `json:"rest" doc:"What could not be handed over."`
}

type rest struct {
	Bindings    []binding    `json:"bindings"`
	Grants      []grant      `json:"grants"`
	Holdings    []holding    `json:"holdings"`
	Invitations []invitation `json:"invitations"`
}

func activate(c *call, in accountPath) (account, error) { return c.step(iam.Actor.Activate, in) }
func disable(c *call, in accountPath) (account, error)  { return c.step(iam.Actor.Disable, in) }
func enable(c *call, in accountPath) (account, error)   { return c.step(iam.Actor.Enable, in) }

// step changes the status of an account.
func (c *call) step(do func(iam.Actor, context.Context, policy.AccountID) (iam.Account, error), in accountPath) (account, error) {
	a, err := do(c.actor, c.r.Context(), in.Account)
	return showAccount(a), err
}

func deleteAccount(c *call, in accountPath) (none, error) {
	return none{}, c.actor.Delete(c.r.Context(), in.Account)
}

func previewRemoval(c *call, in accountPath) (removal, error) {
	r, err := c.actor.Preview(c.r.Context(), in.Account)
	if err != nil {
		return removal{}, err
	}
	shown := removal{
		Account: showAccount(r.Account), Refusal: refusal(r.Refusal), Sessions: r.Sessions, APIKeys: r.APIKeys, Bindings: list(r.Bindings, showBinding),
		Grants: list(r.Grants, showGrant), Holdings: list(r.Holdings, showHolding), Invitations: list(r.Invitations, c.showInvitation),
	}
	if r.EmailChange != nil {
		change := showEmailChange(*r.EmailChange)
		shown.EmailChange = &change
	}
	if r.RootOffer != nil {
		offer := showRootOffer(*r.RootOffer)
		shown.RootOffer = &offer
	}
	return shown, nil
}

// refusal is why something would be refused, as a word.
func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, iam.ErrRoot):
		return "root"
	case errors.Is(err, iam.ErrLastAdministrator):
		return "last_administrator"
	case errors.Is(err, iam.ErrHolds):
		return "holds"
	default:
		return "other"
	}
}

func handOver(c *call, in handOverRequest) (handover, error) {
	then := map[string]iam.Departure{"disable": iam.ThenDisable, "delete": iam.ThenDelete}[in.Body.Then]
	h, err := c.actor.HandOver(c.r.Context(), iam.HandOverParams{
		From: in.Account, To: in.Body.To, Then: then, DropRest: in.Body.DropRest,
	})
	if err != nil {
		return handover{}, err
	}
	return handover{
		Bindings: list(h.Bindings, showBinding), Grants: list(h.Grants, showGrant), Holdings: list(h.Holdings, showHolding),
		Invitations: list(h.Invitations, c.showInvitation),
		Rest: rest{
			Bindings: list(h.Rest.Bindings, showBinding), Grants: list(h.Rest.Grants, showGrant), Holdings: list(h.Rest.Holdings, showHolding),
			Invitations: list(h.Rest.Invitations, c.showInvitation),
		},
	}, nil
}
