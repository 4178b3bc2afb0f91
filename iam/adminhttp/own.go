package adminhttp

import (
	"github.com/castellan-iam/castellan/policy"
)

func ownRoutes() []route {
	return []route{
		operation("GET", "/me", "getOwnAccount", "Get the account of whoever asks", getOwnAccount),
		operation("GET", "/me/permissions", "listOwnPermissions", "List what whoever asks may do, to draw a console", listOwnPermissions),
	}
}

type permissionsQuery struct {
	Project policy.ProjectID `query:"project" max:"255" doc:"In this project. Defaults to the whole organization."`
}

type permissionList struct {
	Permissions []policy.Permission `json:"permissions"`
}

func getOwnAccount(c *call, _ none) (account, error) {
	a, err := c.actor.Account(c.r.Context(), c.sub.ID())
	return showAccount(a), err
}

// listOwnPermissions asks nobody's permission: it says of whoever asks what the policy says of their roles. Whether
// there is such a project it does not tell.
func listOwnPermissions(c *call, in permissionsQuery) (permissionList, error) {
	around := policy.Resource{Org: c.sub.Org(), Project: in.Project}
	return permissionList{append([]policy.Permission{}, c.svc.Permissions(c.sub, around)...)}, nil
}
