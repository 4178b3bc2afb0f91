package adminhttp

import (
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

func roleRoutes() []route {
	return []route{
		operation("GET", "/roles", "listRoles", "List the roles, each with how many permissions it carries", listRoles),
		operation("GET", "/matrix", "getMatrix", "Get which role has which permission", getMatrix),
	}
}

type role struct {
	Name        policy.Role `json:"name"`
	Title       string      `json:"title"`
	Permissions int         `json:"permissions" doc:"How many permissions it brings, anywhere and under any condition."`
	Bindable    bool        `json:"bindable" doc:"Whether it is bound to projects."`
	Assignable  bool        `json:"assignable" doc:"Whether whoever asks may give it in the whole organization."`
}

type roleList struct {
	Roles []role `json:"roles"`
}

type matrix struct {
	Roles []policy.Role `json:"roles"`
	Rows  []matrixRow   `json:"rows"`
}

type matrixRow struct {
	Permission policy.Permission `json:"permission"`
	Roles      []policy.Role     `json:"roles" doc:"The roles that bring it, anywhere and under any condition."`
}

// listRoles is the page of roles (L3), for who may see the accounts.
func listRoles(c *call, _ none) (roleList, error) {
	p, names, err := c.roles()
	if err != nil {
		return roleList{}, err
	}
	root := c.svc.Rules().RootRole
	return roleList{list(names, func(name policy.Role) role {
		give := policy.GrantRole(name, policy.AtOrg(c.sub.Org()))
		return role{
			Name: name, Title: p.Title(name), Permissions: len(p.PermissionsOf(name)), Bindable: p.Bindable(name),
			Assignable: name != root && c.sub.Holder().MayGrant(give) == nil,
		}
	})}, nil
}

func getMatrix(c *call, _ none) (matrix, error) {
	p, names, err := c.roles()
	if err != nil {
		return matrix{}, err
	}
	has := map[policy.Permission][]policy.Role{}
	for _, name := range names {
		for _, permission := range p.PermissionsOf(name) {
			has[permission] = append(has[permission], name)
		}
	}
	return matrix{Roles: names, Rows: list(p.Vocabulary(), func(permission policy.Permission) matrixRow {
		return matrixRow{permission, append([]policy.Role{}, has[permission]...)}
	})}, nil
}

// roles are those that can be held in the organisation of whoever asks: other organisations' own are not among
// them (SB-67).
func (c *call) roles() (*policy.Policy, []policy.Role, error) {
	need := c.svc.Rules().Permissions.ListAccounts
	if err := c.svc.Authorize(c.sub, need.Action(), need.Kind().Of(c.sub.Org())); err != nil {
		return nil, nil, err
	}
	p := c.svc.Policy()
	return p, slices.DeleteFunc(p.Roles(), func(name policy.Role) bool { return !name.UsableIn(c.sub.Org()) }), nil
}
