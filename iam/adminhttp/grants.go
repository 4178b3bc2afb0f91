package adminhttp

import (
	"errors"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func grantRoutes() []route {
	return []route{
		operation("GET", "/accounts/{account}/grants", "listGrants", "List the grants of an account, also those that have ended", listGrants),
		operation("POST", "/accounts/{account}/grants", "giveGrant", "Give an account a single permission, or a role for a while", giveGrant).
			creating(),
		operation("DELETE", "/grants/{grant}", "revokeGrant", "Take a grant away", revokeGrant),
	}
}

type grant struct {
	ID         iam.GrantID       `json:"id"`
	Account    policy.AccountID  `json:"account"`
	Role       policy.Role       `json:"role,omitempty"`
	Permission policy.Permission `json:"permission,omitempty"`
	Project    policy.ProjectID  `json:"project,omitempty"`
	Kind       policy.Kind       `json:"kind,omitempty"`
	Resource   string            `json:"resource,omitempty"`
	Until      time.Time         `json:"until,omitzero" doc:"Absent when it does not end."`
	By         policy.AccountID  `json:"by,omitempty"`
	Created    time.Time         `json:"created"`
}

type grantList struct {
	Grants []grant `json:"grants"`
}

type grantRequest struct {
	accountPath
	Body struct {
		Role       policy.Role       `json:"role,omitempty" max:"255" doc:"Either a role or a permission."`
		Permission policy.Permission `json:"permission,omitempty" max:"255"`
		Project    policy.ProjectID  `json:"project,omitempty" max:"255" doc:"Where it holds. Defaults to the whole organization."`
		Kind       policy.Kind       `json:"kind,omitempty" max:"255" doc:"The kind of the one resource on which it holds."`
		Resource   string            `json:"resource,omitempty" max:"255" doc:"The id of that resource."`
		Until      time.Time         `json:"until,omitzero" doc:"When it ends. Defaults to never."`
	} `body:"application/json"`
}

type grantPath struct {
	Grant iam.GrantID `path:"grant"`
}

func showGrant(g iam.Grant) grant {
	return grant{
		ID: g.ID, Account: g.Account, Role: g.Grant.Role, Permission: g.Grant.Permission, Project: g.Grant.At.Project,
		Kind: g.Grant.At.Kind, Resource: g.Grant.At.ID, Until: utc(g.Grant.Expires), By: g.By, Created: g.Created.UTC(),
	}
}

func listGrants(c *call, in accountPath) (grantList, error) {
	found, err := c.actor.Grants(c.r.Context(), in.Account)
	return grantList{list(found, showGrant)}, err
}

func giveGrant(c *call, in grantRequest) (grant, error) {
	give, err := in.grant(c.sub.Org())
	if err != nil {
		return grant{}, err
	}
	given, err := c.actor.GiveGrant(c.r.Context(), in.Account, give)
	var field *iam.FieldError
	if errors.As(err, &field) && field.Field == "Grant" {
		// What is granted is unknown, or of another organisation: which of both is not told.
		field = &iam.FieldError{Field: "Permission", Problem: "there is no such permission here, or not on such a resource"}
		if in.Body.Role != "" {
			field = &iam.FieldError{Field: "Role", Problem: "there is no such role here"}
		}
		return grant{}, field
	}
	return showGrant(given), err
}

// grant is what the request wants to be given in the organisation.
func (in grantRequest) grant(org policy.OrgID) (policy.Grant, error) {
	b := in.Body
	at := policy.AtOrg(org)
	switch {
	case (b.Role == "") == (b.Permission == ""):
		return policy.Grant{}, malformed("permission", "want a role or a permission, and not both")
	case (b.Kind == "") != (b.Resource == ""):
		return policy.Grant{}, malformed("resource", "want kind and resource, or neither")
	case b.Resource != "" && b.Project != "":
		return policy.Grant{}, malformed("project", "want a project or a resource, and not both")
	case b.Resource != "":
		at = policy.AtResource(org, b.Kind, b.Resource)
	case b.Project != "":
		at = policy.AtProject(org, b.Project)
	}
	return policy.Grant{Role: b.Role, Permission: b.Permission, At: at, Expires: b.Until}, nil
}

func revokeGrant(c *call, in grantPath) (none, error) {
	return none{}, c.actor.RevokeGrant(c.r.Context(), in.Grant)
}
