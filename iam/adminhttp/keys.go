package adminhttp

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func keyRoutes() []route {
	return []route{
		operation("GET", "/api-keys", "listAPIKeys", "List the API keys of the organization, in the order of their making, without their secrets", listAPIKeys),
		operation("POST", "/api-keys", "createAPIKey", "Make an API key that acts for whoever asks: its secret is shown once", createAPIKey).creating(),
		operation("PUT", "/api-keys/{key}", "updateAPIKey", "Replace description, scope and end of an API key, at once for whoever uses it", updateAPIKey),
		operation("DELETE", "/api-keys/{key}", "deleteAPIKey", "End an API key at once, for ever", deleteAPIKey),
	}
}

// apiKey is a key as people see it: nothing in it opens anything (SB-70).
type apiKey struct {
	ID          iam.APIKeyID     `json:"id"`
	Account     policy.AccountID `json:"account" doc:"Who made it, and for whom it acts."`
	Description string           `json:"description"`
	Scope       keyScope         `json:"scope"`
	Created     time.Time        `json:"created"`
	Updated     time.Time        `json:"updated"`
	Until       time.Time        `json:"until,omitzero" doc:"Absent when it does not end."`
	Used        time.Time        `json:"used,omitzero" doc:"The last use, give or take a minute. Absent before the first."`
}

// keyScope narrows a key: it may never do more than its account.
type keyScope struct {
	Permissions []policy.Permission `json:"permissions" max:"255"`
	AllProjects bool                `json:"all_projects,omitempty" doc:"The whole organization, with what lies outside of projects."`
	Projects    []policy.ProjectID  `json:"projects,omitempty" max:"255" doc:"These projects alone. Either they or all_projects."`
}

type keyQuery struct {
	page
	Account policy.AccountID `query:"account" max:"255" doc:"Who made it."`
}

type keyList struct {
	Keys []apiKey `json:"api_keys"`
	Next string   `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

// keyParams are what is decided about a key. What a request leaves out is empty.
type keyParams struct {
	Description string    `json:"description,omitempty"`
	Scope       keyScope  `json:"scope"`
	Until       time.Time `json:"until,omitzero" doc:"When it ends. Defaults to never."`
}

type keyCreation struct {
	Body keyParams `body:"application/json"`
}

type keyPath struct {
	Key iam.APIKeyID `path:"key"`
}

type keyUpdate struct {
	keyPath
	Body keyParams `body:"application/json"`
}

type createdKey struct {
	Key    apiKey `json:"api_key"`
	Secret string `json:"secret" doc:"What a program presents. It is in no other answer, and cannot be got again."`
}

func showKey(k iam.APIKey) apiKey {
	return apiKey{
		ID: k.ID, Account: k.Account, Description: k.Description, Created: k.Created.UTC(), Updated: k.Updated.UTC(),
		Until: utc(k.Expires), Used: utc(k.Used),
		Scope: keyScope{append([]policy.Permission{}, k.Scope.Permissions...), k.Scope.AllProjects, k.Scope.Projects},
	}
}

// params are those of the method.
func (p keyParams) params() (iam.APIKeyParams, error) {
	if p.Scope.AllProjects && len(p.Scope.Projects) > 0 {
		return iam.APIKeyParams{}, malformed("scope.projects", "want projects or all_projects, and not both")
	}
	return iam.APIKeyParams{Description: p.Description, Scope: policy.Scope(p.Scope), Expires: p.Until}, nil
}

func listAPIKeys(c *call, in keyQuery) (keyList, error) {
	after, err := c.after(in.page)
	if err != nil {
		return keyList{}, err
	}
	found, err := c.actor.APIKeys(c.r.Context(), iam.APIKeyQuery{
		Account: in.Account, After: iam.APIKeyID(after), Limit: in.size() + 1,
	})
	if err != nil {
		return keyList{}, err
	}
	found, next := cut(c, in.page, found, func(k iam.APIKey) string { return string(k.ID) })
	return keyList{list(found, showKey), next}, nil
}

// createAPIKey asks for a fresh session: a key is a way in that outlives it (SB-05).
func createAPIKey(c *call, in keyCreation) (createdKey, error) {
	if err := c.fresh(); err != nil {
		return createdKey{}, err
	}
	params, err := in.Body.params()
	if err != nil {
		return createdKey{}, err
	}
	made, secret, err := c.actor.CreateAPIKey(c.r.Context(), params)
	if err != nil {
		return createdKey{}, err
	}
	return createdKey{showKey(made), secret.Reveal()}, nil
}

func updateAPIKey(c *call, in keyUpdate) (apiKey, error) {
	params, err := in.Body.params()
	if err != nil {
		return apiKey{}, err
	}
	k, err := c.actor.UpdateAPIKey(c.r.Context(), in.Key, params)
	return showKey(k), err
}

func deleteAPIKey(c *call, in keyPath) (none, error) {
	return none{}, c.actor.DeleteAPIKey(c.r.Context(), in.Key)
}
