package main

import (
	"context"
	_ "embed"
	"fmt"
	"iter"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/batch"
)

//go:embed roles.cedar
var rolesCedar []byte

func cedarEntries() []entry {
	return []entry{{
		name: "cedar-go", module: "github.com/cedar-policy/cedar-go", class: engine,
		knows: knows{roles: true, projects: true, orgs: true, conditions: true, reasons: true, lists: true},
		lists: "x/exp/batch over the candidates", nodes: "none",
		make: func() contestant { return new(cedarPolicies) },
	}}
}

// cedarPolicies keeps all entities in memory. Membership is modeled as Cedar's documentation recommends for roles:
// an account's parents are groups, and a resource's entity names the groups. What is asked about is the project
// itself, or the organization, for a resource of theirs would be an entity with the one attribute that says where it lies.
type cedarPolicies struct {
	w        *world
	policies slicePolicies
	entities types.EntityMap
}

// slicePolicies gives Authorize the policies in the order of the file: a PolicySet would walk a map each time.
type slicePolicies []namedPolicy

type namedPolicy struct {
	id     cedar.PolicyID
	policy *cedar.Policy
}

func (s slicePolicies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range s {
			if !yield(s[i].id, s[i].policy) {
				return
			}
		}
	}
}

func cedarAccount(id string) types.EntityUID { return cedar.NewEntityUID("Account", types.String(id)) }

func cedarAction(kind, action string) types.EntityUID {
	return cedar.NewEntityUID("Action", types.String(kind+":"+action))
}

// cedarGroup is who holds a role somewhere.
func cedarGroup(where, role string) types.EntityUID {
	return cedar.NewEntityUID("Group", types.String(where+"/"+role))
}

// cedarPlace is a project, or an organization for what lies in no project.
func cedarPlace(org, project string) types.EntityUID {
	if project == "" {
		return cedar.NewEntityUID("Org", types.String(org))
	}
	return cedar.NewEntityUID("Project", types.String(org+"/"+project))
}

func (c *cedarPolicies) load(_ context.Context, w *world) error {
	list, err := cedar.NewPolicyListFromBytes("roles.cedar", rolesCedar)
	if err != nil {
		return err
	}
	c.w, c.policies, c.entities = w, nil, make(types.EntityMap)
	for i, p := range list {
		c.policies = append(c.policies, namedPolicy{cedar.PolicyID(fmt.Sprintf("policy%d", i)), p})
	}
	for i := range w.permissions {
		p := &w.permissions[i]
		if p.conditional {
			continue
		}
		var groups []types.EntityUID
		for _, role := range p.orgWide() {
			groups = append(groups, cedar.NewEntityUID("Action", types.String(role)))
		}
		for _, role := range p.bound() {
			groups = append(groups, cedar.NewEntityUID("Action", types.String("bound "+role)))
		}
		c.add(types.Entity{UID: cedarAction(p.kind, p.action), Parents: types.NewEntityUIDSet(groups...)})
	}
	for _, org := range w.orgs {
		attributes := types.RecordMap{"org": cedarPlace(org, "")}
		for _, role := range w.roles {
			attributes[types.String(role)] = cedarGroup(org, role)
		}
		c.add(types.Entity{UID: cedarPlace(org, ""), Attributes: types.NewRecord(attributes)})
		for _, project := range w.projects {
			attributes := types.RecordMap{"org": cedarPlace(org, "")}
			for _, role := range bindable {
				attributes[types.String(role)] = cedarGroup(org+"/"+project, role)
			}
			c.add(types.Entity{UID: cedarPlace(org, project), Attributes: types.NewRecord(attributes)})
		}
	}
	for i := range w.accounts {
		c.add(cedarMember(&w.accounts[i], nil))
	}
	return nil
}

func (c *cedarPolicies) add(e types.Entity) { c.entities[e.UID] = e }

// cedarMember is the account in its groups, but for a binding that is taken away.
func cedarMember(a *account, without *binding) types.Entity {
	var groups []types.EntityUID
	for _, role := range a.roles {
		groups = append(groups, cedarGroup(a.org, role))
	}
	for _, b := range a.bindings {
		if without == nil || b != *without {
			groups = append(groups, cedarGroup(a.org+"/"+b.project, b.role))
		}
	}
	return types.Entity{UID: cedarAccount(a.id), Parents: types.NewEntityUIDSet(groups...)}
}

func (c *cedarPolicies) can(_ context.Context, r *request) (bool, error) {
	decision, diagnostic := cedar.Authorize(c.policies, c.entities, cedar.Request{
		Principal: cedarAccount(r.account), Action: cedarAction(r.kind, r.action), Resource: cedarPlace(r.org, r.project),
	})
	if len(diagnostic.Errors) > 0 {
		return false, cedarError(diagnostic.Errors[0].Message)
	}
	return decision == cedar.Allow, nil
}

// cedarError is what a policy failed with.
type cedarError string

func (e cedarError) Error() string { return "cedar: " + string(e) }

func (c *cedarPolicies) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	var places []types.Value
	for _, project := range c.w.projects {
		places = append(places, cedarPlace(ask.org, project))
	}
	var all []string
	err := batch.Authorize(ctx, c.policies, c.entities, batch.Request{
		Principal: cedarAccount(ask.account), Action: cedarAction(ask.kind, ask.action), Resource: batch.Variable("project"),
		Context: types.Record{}, Variables: batch.Variables{"project": places},
	}, func(r batch.Result) error {
		if r.Decision == cedar.Allow {
			all = append(all, string(r.Request.Resource.ID)[len(ask.org)+1:])
		}
		return nil
	})
	return all, err
}

func (c *cedarPolicies) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	var members []types.Value
	for i, accounts := 0, c.w.members(ask.org); i < len(accounts); i++ {
		members = append(members, cedarAccount(accounts[i].id))
	}
	var all []string
	err := batch.Authorize(ctx, c.policies, c.entities, batch.Request{
		Principal: batch.Variable("account"), Action: cedarAction(ask.kind, ask.action), Resource: cedarPlace(ask.org, ask.project),
		Context: types.Record{}, Variables: batch.Variables{"account": members},
	}, func(r batch.Result) error {
		if r.Decision == cedar.Allow {
			all = append(all, string(r.Request.Principal.ID))
		}
		return nil
	})
	return all, err
}

func (c *cedarPolicies) revoke(_ context.Context, a *account, b binding) error {
	c.add(cedarMember(a, &b))
	return nil
}

func (c *cedarPolicies) close() error { return nil }
