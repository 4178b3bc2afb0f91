package crash_test

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func held(id string) string { return "holding/" + string(emqx.Deployment) + "/" + id }

// holdings are the acts about what accounts hold, and what is made of an organisation.
var holdings = map[string]act{
	"SetQuota": onSomeone(active, iam.QuotaChanged, "quota", func(ctx context.Context, h *hand, a iam.Actor, c *call, p *person) (facts, error) {
		most := 10 + h.chance.IntN(90_000) // another one than before
		_, err := a.SetQuota(ctx, p.id, emqx.Deployment, most)
		p.quota = p.quota || err == nil
		return nil, err
	}),
	"Claim": func(h *hand, org *organization, c *call) bool {
		d := &device{id: "d-" + c.request, holder: org.root}
		c.must = []iam.EventType{iam.ResourceClaimed}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			_, err := a.Claim(ctx, emqx.Deployment, d.id)
			if err == nil {
				org.devices = append(org.devices, d)
			}
			return facts{held(d.id): string(org.root)}, err
		}
		return true
	},
	"Transfer": func(h *hand, org *organization, c *call) bool {
		d := org.device(func(d *device) bool { return d.holder == org.root })
		p := h.someone(org, func(p *person) bool { return active(p) && p.quota && !org.holds(p) })
		if d == nil || p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.ResourceTransferred}, []string{held(d.id)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			_, err := a.Transfer(ctx, emqx.Deployment, d.id, p.id)
			if err == nil {
				d.holder, d.shares = p.id, nil
			}
			return facts{held(d.id): string(p.id)}, err
		}
		return true
	},
	"Share": func(h *hand, org *organization, c *call) bool {
		d, p := org.device(func(*device) bool { return true }), h.someone(org, active)
		if d == nil || p == nil || d.holder == p.id {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.GrantGiven, iam.GrantGiven}, []string{aboutAccount(p, "grant")}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			shares, err := a.Share(ctx, emqx.Deployment, d.id, iam.ShareParams{
				To: p.id, Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentStartStop},
			})
			if err == nil {
				d.shares = shares
			}
			return nil, err
		}
		return true
	},
	"Release": func(h *hand, org *organization, c *call) bool {
		d := org.device(func(*device) bool { return true })
		if d == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.ResourceReleased}, []string{held(d.id)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			err := a.Release(ctx, emqx.Deployment, d.id)
			if err == nil {
				org.devices = slices.DeleteFunc(org.devices, func(other *device) bool { return other == d })
			}
			return facts{held(d.id): ""}, err
		}
		return true
	},
	"HandOver": func(h *hand, org *organization, c *call) bool {
		from := h.someone(org, func(p *person) bool { return worker(p) && len(org.people) > 3 })
		to := h.someone(org, func(p *person) bool { return worker(p) && p != from })
		if from == nil || to == nil {
			return false
		}
		c.must = []iam.EventType{iam.HandedOver, iam.AccountDeleted}
		c.touches = []string{aboutAccount(from), aboutAccount(to)}
		for _, d := range org.devices {
			c.touches = append(c.touches, held(d.id))
		}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			done, err := a.HandOver(ctx, iam.HandOverParams{From: from.id, To: to.id, Then: iam.ThenDelete, DropRest: true})
			if err != nil {
				return nil, err
			}
			now := facts{aboutAccount(from, "status"): ""}
			for _, d := range done.Holdings {
				now[held(d.ID)] = string(to.id)
			}
			return now, h.afterHandOver(ctx, org, from, to)
		}
		return true
	},
	"UpdateOrganization": func(h *hand, org *organization, c *call) bool {
		c.must = []iam.EventType{iam.OrganizationUpdated}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			_, err := a.UpdateOrganization(ctx, iam.OrganizationParams{Name: c.request})
			return nil, err
		}
		return true
	},
	"CreateOrganization": func(h *hand, org *organization, c *call) bool {
		if h.process != "" && h.chance.IntN(10) > 0 {
			return false
		}
		next := &organization{id: policy.OrgID("o-" + c.request)}
		c.org = next
		c.must = []iam.EventType{iam.OrganizationCreated, iam.AccountCreated}
		c.as = func(context.Context) (iam.Actor, error) { return iam.Actor{}, nil }
		c.do = func(ctx context.Context, _ iam.Actor) (facts, error) {
			made, err := h.svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
				ID: next.id, Name: c.request, Root: &iam.CreateAccountParams{Email: "root-" + c.request + "@example.com"},
			})
			if err != nil {
				return nil, err
			}
			next.root = made.Root
			h.orgs = append(h.orgs, next)
			return facts{"organization/root": string(made.Root), "account/" + string(made.Root) + "/roles": "root"}, nil
		}
		return true
	},
	"Record": func(h *hand, org *organization, c *call) bool {
		c.must = []iam.EventType{"deployment.created"}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			return nil, a.Record(ctx, iam.RecordParams{Type: "deployment.created", Target: c.request})
		}
		return true
	},
}

// device is the first resource that is fit, or nil.
func (org *organization) device(fit func(d *device) bool) *device {
	if n := slices.IndexFunc(org.devices, fit); n >= 0 {
		return org.devices[n]
	}
	return nil
}

// afterHandOver reads anew what is whose.
func (h *hand) afterHandOver(ctx context.Context, org *organization, from, to *person) error {
	system := h.svc.System("look").In(org.id)
	var err error
	if to.bound, err = system.Bindings(ctx, to.id); err != nil {
		return err
	}
	var kept []*device
	for _, d := range org.devices {
		d.holder, err = h.svc.Holder(ctx, org.id, emqx.Deployment, d.id)
		switch {
		case err == nil:
			kept = append(kept, d)
		case !errors.Is(err, iam.ErrNotFound): // that there was no room for
			return err
		}
	}
	org.devices = kept
	org.forget(from)
	return nil
}

// acts are all acts by name; shared are those that a hand does where others do the same.
var (
	acts   = joined(people, rights, holdings, alone)
	shared = slices.Sorted(maps.Keys(joined(people, rights, holdings)))
)

func joined(all ...map[string]act) map[string]act {
	one := map[string]act{}
	for _, some := range all {
		maps.Copy(one, some)
	}
	return one
}
