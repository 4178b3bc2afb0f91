package adminhttp

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func accountRoutes() []route {
	return []route{
		operation("GET", "/accounts", "listAccounts", "List the accounts of the organization, in the order of their making", listAccounts),
		operation("POST", "/accounts", "createAccount", "Create an account without an invitation", createAccount).creating(),
		operation("GET", "/accounts/{account}", "getAccount", "Get an account", getAccount),
		operation("PUT", "/accounts/{account}/profile", "updateProfile", "Replace the profile of an account", updateProfile),
		operation("PUT", "/accounts/{account}/roles", "setRoles", "Replace the roles of an account", setRoles),
	}
}

type accountQuery struct {
	page
	Keyword string           `query:"keyword" max:"1024" doc:"Must occur in the address or the profile, in letters of either case."`
	Status  iam.Status       `query:"status" enum:"pending,active,disabled"`
	Role    policy.Role      `query:"role" max:"255" doc:"Must be held in the organization."`
	Project policy.ProjectID `query:"project" max:"255" doc:"Must have a binding of the account."`
}

type accountList struct {
	Accounts []account `json:"accounts"`
	Next     string    `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

type accountCreation struct {
	Body struct {
		Email   string        `json:"email,omitempty"`
		Roles   []policy.Role `json:"roles"`
		Active  bool          `json:"active,omitempty" doc:"Active at once, and not pending."`
		Profile profile       `json:"profile,omitzero"`
		Quotas  []quotaLimit  `json:"quotas,omitempty" doc:"How many resources of a kind it may have, taken from its creator's own. Defaults to none at all."`
	} `body:"application/json"`
}

type profileUpdate struct {
	accountPath
	Body profile `body:"application/json"`
}

type rolesUpdate struct {
	accountPath
	Body struct {
		Roles []policy.Role `json:"roles"`
	} `body:"application/json"`
}

func listAccounts(c *call, in accountQuery) (accountList, error) {
	after, err := c.after(in.page)
	if err != nil {
		return accountList{}, err
	}
	found, err := c.actor.Accounts(c.r.Context(), iam.AccountQuery{
		Keyword: in.Keyword, Status: in.Status, Role: in.Role, Project: in.Project,
		After: policy.AccountID(after), Limit: in.size() + 1,
	})
	if err != nil {
		return accountList{}, err
	}
	found, next := cut(c, in.page, found, func(a iam.Account) string { return string(a.ID) })
	return accountList{list(found, showAccount), next}, nil
}

func createAccount(c *call, in accountCreation) (changedAccount, error) {
	quotas, err := quotasOf(in.Body.Quotas)
	if err != nil {
		return changedAccount{}, err
	}
	made, warnings, err := c.actor.CreateAccount(c.r.Context(), iam.CreateAccountParams{
		Email: in.Body.Email, Roles: in.Body.Roles, Active: in.Body.Active, Profile: iam.Profile(in.Body.Profile), Quotas: quotas,
	})
	return showChanged(made, warnings), err
}

func getAccount(c *call, in accountPath) (account, error) {
	a, err := c.actor.Account(c.r.Context(), in.Account)
	return showAccount(a), err
}

func updateProfile(c *call, in profileUpdate) (account, error) {
	a, err := c.actor.UpdateProfile(c.r.Context(), in.Account, iam.Profile(in.Body))
	return showAccount(a), err
}

func setRoles(c *call, in rolesUpdate) (changedAccount, error) {
	a, warnings, err := c.actor.SetRoles(c.r.Context(), in.Account, in.Body.Roles...)
	return showChanged(a, warnings), err
}
