package crash_test

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// alone are the acts that one hand does where no other does the same: there is one root, and one mail server. They
// make what they need before the call.
var alone = map[string]act{
	"Activate": onSomeone(func(p *person) bool { return p.invited }, iam.AccountActivated, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		account, err := a.Activate(ctx, p.id)
		if err == nil {
			p.status, p.invited = account.Status, false
		}
		return nil, err
	}),
	"GiveGrantOn": onSomeone(active, iam.GrantGiven, "grant", func(ctx context.Context, h *hand, a iam.Actor, c *call, p *person) (facts, error) {
		_, err := a.GiveGrantOn(ctx, p.id, emqx.DeploymentView, emqx.Deployment.Of(c.org.id).Named(c.request), time.Time{})
		return nil, err
	}),
	"Manage": onSomeone(active, iam.AccountUnlocked, "", func(ctx context.Context, _ *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		return nil, a.Manage(ctx, p.id, func(c iam.Change) error { return c.Record(iam.AccountUnlocked, iam.Done) })
	}),
	"Own": single(func(ctx context.Context, _ *hand, a iam.Actor, _ *call) error {
		return a.Own(ctx, func(c iam.Change) error { return c.Record(iam.PasswordChanged, iam.Done) })
	}),
	"ExportEvents": single(func(ctx context.Context, _ *hand, a iam.Actor, _ *call) error {
		return a.ExportEvents(ctx, io.Discard, iam.ExportParams{})
	}),
	"SetMailServer": single(func(ctx context.Context, _ *hand, a iam.Actor, c *call) error {
		_, err := a.SetMailServer(ctx, mailServer(c))
		return err
	}),
	"RemoveMailServer": prepared(withMailServer, func(ctx context.Context, _ *hand, a iam.Actor, _ *call) error { return a.RemoveMailServer(ctx) }),
	"TestMailServer": prepared(withMailServer, func(ctx context.Context, _ *hand, a iam.Actor, _ *call) error {
		_, _, _, err := a.TestMailServer(ctx)
		return err
	}),
	"ChangeEmail": onSomeone(active, iam.EmailChangeAsked, "", func(ctx context.Context, _ *hand, a iam.Actor, c *call, p *person) (facts, error) {
		_, err := a.ChangeEmail(ctx, p.id, "other-"+c.request+"@example.com")
		return nil, err
	}),
	"CancelEmailChange": prepared(func(ctx context.Context, h *hand, a iam.Actor, c *call) error {
		c.target = h.someone(c.org, active)
		_, err := a.ChangeEmail(ctx, c.target.id, "next-"+c.request+"@example.com")
		return err
	}, func(ctx context.Context, _ *hand, a iam.Actor, c *call) error {
		return a.CancelEmailChange(ctx, c.target.id)
	}),
	"OfferRoot": prepared(withHeir, func(ctx context.Context, _ *hand, a iam.Actor, c *call) error {
		_, err := a.OfferRoot(ctx, c.target.id)
		return err
	}),
	"WithdrawRootOffer": prepared(withOffer, func(ctx context.Context, _ *hand, a iam.Actor, _ *call) error { return a.WithdrawRootOffer(ctx) }),
	"AcceptRoot": prepared(withOffer, func(ctx context.Context, h *hand, _ iam.Actor, c *call) error {
		sub, err := h.svc.Subject(ctx, c.target.id)
		if err != nil {
			return err
		}
		if _, err := h.svc.As(sub).AcceptRoot(ctx); err != nil {
			return err
		}
		c.org.root = c.target.id
		c.org.forget(c.target)
		c.org.devices, c.org.keys = nil, nil
		return nil
	}),
	"TakeManagement": prepared(withDeputy, func(ctx context.Context, h *hand, _ iam.Actor, c *call) error {
		sub, err := h.svc.Subject(ctx, c.target.id)
		if err != nil {
			return err
		}
		_, err = h.svc.As(sub).TakeManagement(ctx, emqx.Deployment, "d-"+c.request)
		return err
	}),
	"Unshare": prepared(func(ctx context.Context, h *hand, a iam.Actor, c *call) error {
		c.target = h.someone(c.org, active)
		if _, err := a.Claim(ctx, emqx.Deployment, "d-"+c.request); err != nil {
			return err
		}
		given, err := a.Share(ctx, emqx.Deployment, "d-"+c.request, iam.ShareParams{To: c.target.id, Permissions: []policy.Permission{emqx.DeploymentView}})
		if err == nil {
			c.share = given[0].ID
		}
		return err
	}, func(ctx context.Context, _ *hand, a iam.Actor, c *call) error {
		return a.Unshare(ctx, emqx.Deployment, "d-"+c.request, c.share)
	}),
	"SendReset": onSomeone(active, iam.PasswordResetAsked, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		return nil, h.in.SendReset(ctx, a, p.id)
	}),
	"SetPassword": onSomeone(active, iam.PasswordSet, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		err := h.in.SetPassword(ctx, a, p.id, iam.NewSecret(password))
		p.knows = p.knows && err != nil // it must be changed first
		return nil, err
	}),
	"ChangePassword": onSomeone(signedIn, iam.PasswordChanged, "", func(ctx context.Context, h *hand, _ iam.Actor, c *call, p *person) (facts, error) {
		opened, err := h.in.ChangePassword(ctx, p.sessions[0], iam.NewSecret(password), iam.NewSecret(password+" "+c.request))
		if err == nil {
			p.sessions, p.knows = []iam.Token{opened.Token}, false
		}
		return nil, err
	}),
	"Enroll": onSomeone(signedIn, "", "", func(ctx context.Context, h *hand, _ iam.Actor, _ *call, p *person) (facts, error) {
		_, err := h.in.Enroll(ctx, p.sessions[0])
		return nil, err
	}),
}

// single is an act of root's that needs nothing.
func single(do func(ctx context.Context, h *hand, a iam.Actor, c *call) error) act {
	return prepared(func(context.Context, *hand, iam.Actor, *call) error { return nil }, do)
}

// prepared is an act of root's with what it needs.
func prepared(prepare, do func(ctx context.Context, h *hand, a iam.Actor, c *call) error) act {
	return func(h *hand, org *organization, c *call) bool {
		if h.someone(org, active) == nil {
			return false
		}
		ctx := context.Background()
		sub, err := h.svc.Subject(ctx, org.root)
		if err == nil {
			err = prepare(ctx, h, h.svc.As(sub), c)
		}
		if err != nil {
			panic(c.act + ": " + err.Error())
		}
		c.do = func(ctx context.Context, a iam.Actor) (facts, error) { return nil, do(ctx, h, a, c) }
		return true
	}
}

func mailServer(c *call) iam.MailServerParams {
	return iam.MailServerParams{
		Host: "mail-" + c.request + ".example.com", Port: 465, Security: "tls", Username: "u", Password: iam.NewSecret("p"), From: "from@example.com",
	}
}

func withMailServer(ctx context.Context, _ *hand, a iam.Actor, c *call) error {
	_, err := a.SetMailServer(ctx, mailServer(c))
	return err
}

// withHeir makes an account that can become root.
func withHeir(ctx context.Context, h *hand, a iam.Actor, c *call) error {
	account, _, err := a.CreateAccount(ctx, iam.CreateAccountParams{
		Email: "made-" + c.request + "@example.com", Roles: []policy.Role{emqx.Administrator}, Active: true,
	})
	c.target = &person{id: account.ID, status: iam.Active, roles: account.Roles}
	return err
}

func withOffer(ctx context.Context, h *hand, a iam.Actor, c *call) error {
	if err := withHeir(ctx, h, a, c); err != nil {
		return err
	}
	_, err := a.OfferRoot(ctx, c.target.id)
	return err
}

// withDeputy makes an administrator with an account below it that holds something.
func withDeputy(ctx context.Context, h *hand, a iam.Actor, c *call) error {
	quota := map[policy.Kind]int{emqx.Deployment: 1}
	above, _, err := a.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Administrator}, Active: true, Quotas: quota})
	if err != nil {
		return err
	}
	c.target = &person{id: above.ID}
	sub, err := h.svc.Subject(ctx, above.ID)
	if err != nil {
		return err
	}
	below, _, err := h.svc.As(sub).CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Administrator}, Active: true, Quotas: quota})
	if err != nil {
		return err
	}
	if sub, err = h.svc.Subject(ctx, below.ID); err != nil {
		return err
	}
	_, err = h.svc.As(sub).Claim(ctx, emqx.Deployment, "d-"+c.request)
	return err
}

// reads are the methods of Actor that change nothing. Every other one is an act: see TestActsKnowEveryMethod.
var reads = []string{
	"APIKeys", "Account", "Accounts", "Bindings", "Checkpoint", "Events", "Grants", "Holdings", "Invitations", "MailServer", "Mails", "Organization",
	"Preview", "ProjectBindings", "Projects", "Quotas", "RootOffer", "Shares", "VerifyEvents",
}

func isRead(name string) bool { return slices.Contains(reads, name) }
