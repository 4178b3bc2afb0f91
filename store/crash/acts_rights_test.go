package crash_test

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// project is one of the hand's own, in this process.
func (h *hand) project() policy.ProjectID { return h.projects()[h.chance.IntN(3)] }

func (h *hand) projects() []policy.ProjectID {
	all := make([]policy.ProjectID, 3)
	for n := range all {
		all[n] = policy.ProjectID(fmt.Sprintf("p-%s-%d-%d", h.process, h.number, n))
	}
	return all
}

// rights are the acts about projects, grants and API keys.
var rights = map[string]act{
	"Bind": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, worker)
		if p == nil {
			return false
		}
		var bindings []iam.Binding
		for _, project := range h.projects() {
			b := iam.Binding{Account: p.id, Role: emqx.ProjectUser, Project: project}
			if !slices.Contains(p.bound, b) {
				bindings = append(bindings, b)
				c.must = append(c.must, iam.ProjectBound)
			}
		}
		c.touches = []string{aboutAccount(p, "bound")}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			if err := a.Bind(ctx, bindings...); err != nil {
				return nil, err
			}
			p.bound = append(p.bound, bindings...)
			return p.boundTo("yes"), nil
		}
		return len(bindings) > 0
	},
	"Unbind": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, func(p *person) bool { return active(p) && len(p.bound) > 0 })
		if p == nil {
			return false
		}
		for range p.bound {
			c.must = append(c.must, iam.ProjectUnbound)
		}
		c.touches = []string{aboutAccount(p, "bound")}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			if err := a.Unbind(ctx, p.bound...); err != nil {
				return nil, err
			}
			gone := p.boundTo("")
			p.bound = nil
			return gone, nil
		}
		return true
	},
	// The host's own row, the choice for the project and the event, in a transaction of the host's.
	"OpenProject": func(h *hand, org *organization, c *call) bool {
		project := policy.ProjectID("h-" + c.request)
		c.must = []iam.EventType{iam.ProjectOpened}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			sub, err := h.svc.Subject(ctx, org.root)
			if err != nil {
				return nil, err
			}
			err = h.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := tx.Exec("INSERT INTO host_projects (org_id, id) VALUES (?, ?)", org.id, project).Error; err != nil {
					return err
				}
				return h.svc.WithStore(h.st.In(tx)).As(sub).OpenProject(ctx, project)
			})
			if err != nil {
				return nil, err
			}
			org.open = append(org.open, project)
			return facts{"project/" + string(project): "true", "host/" + string(project): "yes"}, nil
		}
		return true
	},
	"CloseProject": func(h *hand, org *organization, c *call) bool {
		if len(org.open) == 0 {
			return false
		}
		project := org.open[0]
		c.must, c.touches = []iam.EventType{iam.ProjectClosed}, []string{"project/" + string(project)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			err := a.CloseProject(ctx, project)
			if err == nil {
				org.open = org.open[1:]
			}
			return facts{"project/" + string(project): "false"}, err
		}
		return true
	},
	"ForgetProject": func(h *hand, org *organization, c *call) bool {
		project := h.project()
		in := func(b iam.Binding) bool { return b.Project == project }
		for _, p := range org.people {
			c.touches = append(c.touches, aboutAccount(p, "bound"))
		}
		c.must = []iam.EventType{iam.ProjectForgotten}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			err := a.ForgetProject(ctx, project)
			if err != nil {
				return nil, err
			}
			now := facts{}
			for _, p := range org.people {
				p.bound = slices.DeleteFunc(p.bound, in)
				p.grants = slices.DeleteFunc(p.grants, func(g iam.Grant) bool { return g.Grant.At.Project == project })
				now[aboutAccount(p, "bound", string(project), "project_user")] = ""
			}
			return now, nil
		}
		return true
	},
	"GiveGrant": onSomeone(active, iam.GrantGiven, "grant", func(ctx context.Context, h *hand, a iam.Actor, c *call, p *person) (facts, error) {
		g := policy.GrantPermission(emqx.DeploymentStartStop, policy.AtProject(c.org.id, h.project()))
		given, err := a.GiveGrant(ctx, p.id, g)
		if err == nil {
			p.grants = append(p.grants, given)
		}
		return nil, err
	}),
	"RevokeGrant": onSomeone(func(p *person) bool { return active(p) && len(p.grants) > 0 }, iam.GrantRevoked, "grant",
		func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
			err := a.RevokeGrant(ctx, p.grants[0].ID)
			if err == nil {
				p.grants = p.grants[1:]
			}
			return nil, err
		}),
	"CreateAPIKey": func(h *hand, org *organization, c *call) bool {
		c.must = []iam.EventType{iam.APIKeyCreated}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			key, _, err := a.CreateAPIKey(ctx, keyParams(c.request))
			if err != nil {
				return nil, err
			}
			org.keys = append(org.keys, key.ID)
			return facts{"key/" + string(key.ID): c.request}, nil
		}
		return true
	},
	"UpdateAPIKey": onKey(iam.APIKeyUpdated, func(ctx context.Context, a iam.Actor, c *call, id iam.APIKeyID) (facts, error) {
		_, err := a.UpdateAPIKey(ctx, id, keyParams(c.request))
		return facts{"key/" + string(id): c.request}, err
	}),
	"DeleteAPIKey": onKey(iam.APIKeyDeleted, func(ctx context.Context, a iam.Actor, c *call, id iam.APIKeyID) (facts, error) {
		err := a.DeleteAPIKey(ctx, id)
		if err == nil {
			c.org.keys = c.org.keys[1:]
		}
		return facts{"key/" + string(id): ""}, err
	}),
}

func keyParams(description string) iam.APIKeyParams {
	return iam.APIKeyParams{Description: description, Scope: policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true}}
}

// onKey is an act on one API key.
func onKey(must iam.EventType, do func(ctx context.Context, a iam.Actor, c *call, id iam.APIKeyID) (facts, error)) act {
	return func(h *hand, org *organization, c *call) bool {
		if len(org.keys) == 0 {
			return false
		}
		id := org.keys[0]
		c.must, c.touches = []iam.EventType{must}, []string{"key/" + string(id)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) { return do(ctx, a, c, id) }
		return true
	}
}

// boundTo are the facts about what somebody is bound to.
func (p *person) boundTo(value string) facts {
	all := facts{}
	for _, b := range p.bound {
		all[aboutAccount(p, "bound", string(b.Project), string(b.Role))] = value
	}
	return all
}
