package crash_test

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// An act prepares a call, and reports whether there is what it needs.
type act func(h *hand, org *organization, c *call) bool

// people are the acts about accounts: how they come, change and go.
var people = map[string]act{
	"CreateAccount": func(h *hand, org *organization, c *call) bool {
		params := iam.CreateAccountParams{
			Email: "made-" + c.request + "@example.com", Roles: []policy.Role{emqx.ProjectUser}, Active: true,
			Quotas: map[policy.Kind]int{emqx.Deployment: 5},
		}
		c.must = []iam.EventType{iam.AccountCreated, iam.QuotaChanged}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			account, _, err := a.CreateAccount(ctx, params)
			if err != nil {
				return nil, err
			}
			p := &person{id: account.ID, email: params.Email, status: iam.Active, roles: params.Roles, quota: true}
			org.people = append(org.people, p)
			return facts{
				aboutAccount(p, "status"): "active", aboutAccount(p, "email"): params.Email, aboutAccount(p, "roles"): "project_user",
				aboutAccount(p, "quota", string(emqx.Deployment)): "5",
			}, nil
		}
		return true
	},
	"Invite": func(h *hand, org *organization, c *call) bool {
		p := &person{email: "invited-" + c.request + "@example.com", status: iam.Pending, roles: []policy.Role{emqx.ProjectUser}, invited: true}
		project := h.project()
		c.must = []iam.EventType{iam.AccountCreated, iam.ProjectBound, iam.InvitationSent}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			invitation, _, err := h.in.Invite(ctx, a, iam.InviteParams{
				Email: p.email, Roles: p.roles, Bindings: []iam.Binding{{Role: emqx.ProjectUser, Project: project}},
			}, iam.Secret{})
			if err != nil {
				return nil, err
			}
			p.id = invitation.Account
			p.bound = []iam.Binding{{Account: p.id, Role: emqx.ProjectUser, Project: project}}
			org.people = append(org.people, p)
			return facts{
				aboutAccount(p, "status"): "pending", aboutAccount(p, "invitation"): "open",
				aboutAccount(p, "bound", string(project), "project_user"): "yes", "mails/" + string(p.id) + "/" + iam.MailInvitation: "1",
			}, nil
		}
		return true
	},
	"ImportInvitations": func(h *hand, org *organization, c *call) bool {
		c.must = []iam.EventType{iam.AccountCreated, iam.InvitationSent, iam.AccountCreated, iam.InvitationSent, iam.AccountCreated, iam.InvitationSent}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			list := "email,roles\n"
			for _, n := range []string{"a", "b", "c"} {
				list += "listed-" + n + "-" + c.request + "@example.com,auditor\n"
			}
			_, err := a.ImportInvitations(ctx, strings.NewReader(list), iam.ImportParams{})
			return nil, err
		}
		return true
	},
	"ResendInvitation": onInvited(iam.InvitationResent, func(ctx context.Context, h *hand, a iam.Actor, p *person) (facts, error) {
		_, err := a.ResendInvitation(ctx, p.id)
		if err == nil {
			p.link = iam.Token{}
		}
		return facts{aboutAccount(p, "links"): ""}, err
	}),
	"InvitationLink": onInvited(iam.InvitationLinked, func(ctx context.Context, h *hand, a iam.Actor, p *person) (facts, error) {
		link, err := a.InvitationLink(ctx, p.id)
		if err != nil {
			return nil, err
		}
		address, err := url.Parse(link.Reveal())
		if err != nil {
			return nil, err
		}
		p.link = iam.ParseToken(address.Query().Get("token"))
		return nil, nil
	}),
	"RevokeInvitation": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, func(p *person) bool { return p.invited && len(org.people) > 2 })
		if p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.AccountDeleted, iam.InvitationRevoked}, []string{aboutAccount(p)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			err := a.RevokeInvitation(ctx, p.id)
			if err == nil {
				org.forget(p)
			}
			return facts{aboutAccount(p, "status"): "", aboutAccount(p, "invitation"): ""}, err
		}
		return true
	},
	"Accept": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, func(p *person) bool { return p.invited && !p.link.IsZero() })
		if p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.InvitationAccepted}, []string{aboutAccount(p)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			_, err := h.in.Accept(ctx, p.link, signin.AcceptParams{Password: iam.NewSecret(password)})
			if err == nil {
				p.status, p.invited, p.link, p.knows = iam.Active, false, iam.Token{}, true
			}
			return facts{
				aboutAccount(p, "status"): "active", aboutAccount(p, "invitation"): "accepted", aboutAccount(p, "password"): "set", aboutAccount(p, "links"): "",
			}, err
		}
		return true
	},
	"UpdateProfile": onSomeone(active, iam.AccountUpdated, "name", func(ctx context.Context, h *hand, a iam.Actor, c *call, p *person) (facts, error) {
		_, err := a.UpdateProfile(ctx, p.id, iam.Profile{Name: c.request})
		return facts{aboutAccount(p, "name"): c.request}, err
	}),
	"SetRoles": onSomeone(active, iam.AccountRolesChanged, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		next := []policy.Role{emqx.Auditor, emqx.ProjectUser}
		switch {
		case slices.Equal(p.roles, next):
			next = []policy.Role{emqx.Auditor}
		case slices.Equal(p.roles, next[:1]):
			next = []policy.Role{emqx.ProjectUser}
		}
		account, _, err := a.SetRoles(ctx, p.id, next...)
		if err != nil {
			return nil, err
		}
		p.roles = account.Roles
		if !slices.Contains(p.roles, emqx.ProjectUser) {
			p.bound = nil
		}
		return facts{aboutAccount(p, "roles"): texts(p.roles)}, nil
	}),
	"Disable": onSomeone(active, iam.AccountDisabled, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		_, err := a.Disable(ctx, p.id)
		if err == nil {
			p.status, p.sessions = iam.Disabled, nil
		}
		return facts{aboutAccount(p, "status"): "disabled"}, err
	}),
	"Enable": onSomeone(disabled, iam.AccountEnabled, "status", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		account, err := a.Enable(ctx, p.id)
		if err == nil {
			p.status = account.Status
		}
		return facts{aboutAccount(p, "status"): "active"}, err
	}),
	"Delete": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, func(p *person) bool { return !p.invited && !org.holds(p) && len(org.people) > 3 })
		if p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.AccountDeleted}, []string{aboutAccount(p)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			err := a.Delete(ctx, p.id)
			if err == nil {
				org.forget(p)
			}
			return facts{aboutAccount(p, "status"): "", aboutAccount(p, "roles"): "", aboutAccount(p, "password"): ""}, err
		}
		return true
	},
	"SignIn": func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, func(p *person) bool { return active(p) && p.knows })
		if p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{iam.SignedIn}, []string{aboutAccount(p, "session")}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) {
			opened, err := h.in.SignIn(ctx, signin.SignInParams{Org: org.id, Email: p.email, Password: iam.NewSecret(password)})
			if err != nil {
				return nil, err
			}
			p.sessions = append(p.sessions, opened.Token)
			return facts{aboutAccount(p, "session", string(opened.Session.ID)): string(iam.Full)}, nil
		}
		return true
	},
	"SignOut": onSomeone(signedIn, iam.SignedOut, "session", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		token := p.sessions[0]
		_, session, err := h.in.Session(ctx, token)
		if err != nil {
			return nil, err
		}
		if err := h.in.SignOut(ctx, token); err != nil {
			return nil, err
		}
		p.sessions = p.sessions[1:]
		return facts{aboutAccount(p, "session", string(session.ID)): ""}, nil
	}),
	"EndSessions": onSomeone(signedIn, iam.SessionsEnded, "session", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		_, err := h.in.EndSessions(ctx, a, p.id)
		if err == nil {
			p.sessions = nil
		}
		return nil, err
	}),
}

func disabled(p *person) bool { return p.status == iam.Disabled }
func signedIn(p *person) bool { return active(p) && len(p.sessions) > 0 }

// onSomeone is an act on one account that writes one event at least, and touches one kind of facts about it.
func onSomeone(fit func(p *person) bool, must iam.EventType, touches string,
	do func(ctx context.Context, h *hand, a iam.Actor, c *call, p *person) (facts, error)) act {
	return func(h *hand, org *organization, c *call) bool {
		p := h.someone(org, fit)
		if p == nil {
			return false
		}
		c.must, c.touches = []iam.EventType{must}, []string{aboutAccount(p, touches)}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) { return do(ctx, h, a, c, p) }
		return true
	}
}

// onInvited is an act on an open invitation.
func onInvited(must iam.EventType, do func(ctx context.Context, h *hand, a iam.Actor, p *person) (facts, error)) act {
	fit := func(p *person) bool { return p.invited && p.email != "" }
	return func(h *hand, org *organization, c *call) bool {
		made := onSomeone(fit, must, "links", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
			return do(ctx, h, a, p)
		})(h, org, c)
		if made {
			c.touches = append(c.touches, "mails/")
		}
		return made
	}
}

// texts writes ids as events do.
func texts[T ~string](ids []T) string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return strings.Join(all, " ")
}
