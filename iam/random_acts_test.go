package iam_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// A randomAct tries something, and says what it was. It empties the target when it is about no account.
type randomAct func(g *graph, a iam.Actor, target *policy.AccountID) (what string, err error)

// randomActs are everything that an Actor can change, by their names.
var randomActs = map[string]randomAct{
	"CreateAccount": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		*target = ""
		roles := g.someRoles()
		account, _, err := a.CreateAccount(g.Context(), iam.CreateAccountParams{Roles: roles, Active: often(g.T)})
		if err == nil {
			g.accounts = append(g.accounts, account.ID)
		}
		return fmt.Sprintf("create with %v", roles), err
	},
	"UpdateProfile": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		return fmt.Sprintf("name %s", *target), second(a.UpdateProfile(g.Context(), *target, iam.Profile{Name: rapid.StringN(0, 4, 16).Draw(g.T, "name")}))
	},
	"SetRoles": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		roles := g.someRoles()
		_, _, err := a.SetRoles(g.Context(), *target, roles...)
		return fmt.Sprintf("set roles of %s to %v", *target, roles), err
	},
	"Activate": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		return fmt.Sprintf("activate %s", *target), second(a.Activate(g.Context(), *target))
	},
	"Disable": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		return fmt.Sprintf("disable %s", *target), second(a.Disable(g.Context(), *target))
	},
	"Enable": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		return fmt.Sprintf("enable %s", *target), second(a.Enable(g.Context(), *target))
	},
	"Delete": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		err := a.Delete(g.Context(), *target)
		if err == nil {
			g.accounts = slices.DeleteFunc(g.accounts, func(id policy.AccountID) bool { return id == *target })
		}
		return fmt.Sprintf("delete %s", *target), err
	},
	"Bind": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		b := g.someBinding(*target)
		return fmt.Sprintf("bind %+v", b), a.Bind(g.Context(), b)
	},
	"Unbind": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		b := g.someBinding(*target)
		return fmt.Sprintf("unbind %+v", b), a.Unbind(g.Context(), b)
	},
	"OpenProject": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		*target = ""
		return "open p0", a.OpenProject(g.Context(), "p0")
	},
	"CloseProject": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		*target = ""
		return "close p0", a.CloseProject(g.Context(), "p0")
	},
	"ForgetProject": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		*target = ""
		project := pick(g.T, graphProjects)
		return "forget " + string(project), a.ForgetProject(g.Context(), project)
	},
	"GiveGrant": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		grant := g.someGrant()
		return fmt.Sprintf("give %s to %s", grant, *target), second(a.GiveGrant(g.Context(), *target, grant))
	},
	"HandOver": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		params := iam.HandOverParams{
			From: *target, To: pick(g.T, g.accounts), Then: pick(g.T, []iam.Departure{iam.ThenKeep, iam.ThenDisable, iam.ThenDelete}),
			DropRest: often(g.T),
		}
		_, err := a.HandOver(g.Context(), params)
		if err == nil && params.Then == iam.ThenDelete {
			g.accounts = slices.DeleteFunc(g.accounts, func(id policy.AccountID) bool { return id == *target })
		}
		return fmt.Sprintf("hand over %+v", params), err
	},
	"RevokeGrant": func(g *graph, a iam.Actor, target *policy.AccountID) (string, error) {
		grants, err := g.system().Grants(g.Context(), *target)
		if err != nil || len(grants) == 0 {
			return "", iam.ErrNotFound
		}
		grant := pick(g.T, grants)
		return fmt.Sprintf("revoke %s of %s", grant.Grant, *target), a.RevokeGrant(g.Context(), grant.ID)
	},
}

// someBinding is by a role that the account holds, mostly.
func (g *graph) someBinding(id policy.AccountID) iam.Binding {
	role := pick(g.T, g.roles)
	if often(g.T) {
		role = pick(g.T, g.get(id).Roles)
	}
	return iam.Binding{Account: id, Role: role, Project: pick(g.T, graphProjects)}
}

func (g *graph) someGrant() policy.Grant {
	at := pick(g.T, []policy.Place{
		policy.AtOrg(g.id), policy.AtProject(g.id, "p0"), policy.AtProject(g.id, "p1"), policy.AtResource(g.id, g.thing, "x"),
	})
	grant := policy.GrantPermission(pick(g.T, g.permissions), at)
	if !often(g.T) {
		grant = policy.GrantRole(pick(g.T, g.roles), at)
	}
	if !often(g.T) {
		grant = grant.Until(g.clock.now().Add(time.Hour))
	}
	return grant
}
