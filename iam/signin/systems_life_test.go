package signin_test

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func rolesFelt(o *org) string {
	p := o.account(o.subRoles()[0])
	opened := p.signIn()
	o.ok(third(o.root.actor().SetRoles(o.Context(), p.id, o.lowest())))
	felt := func(token iam.Token) bool {
		sub, _, err := o.in.Session(o.ctx(), token)
		o.ok(err)
		return slices.Equal(sub.Roles(), []policy.Role{o.lowest()})
	}
	switch {
	case felt(opened.Token):
		return "at once"
	case felt(p.signIn().Token):
		return "at the next sign-in"
	default:
		return "never"
	}
}

func requiredFactor(o *org) string {
	opened := o.account().signIn()
	o.ok(second(o.root.actor().UpdateOrganization(o.Context(), iam.OrganizationParams{Name: "Testers", SecondFactor: iam.SecondFactorRequired})))
	_, _, err := o.in.Session(o.ctx(), opened.Token)
	var staged *signin.StageError
	if !errors.As(err, &staged) {
		return fmt.Sprintf("nothing: %v", err)
	}
	return string(staged.Stage)
}

func ownFactor(o *org) string {
	p := o.account()
	opened := p.enroll()
	return o.yes(second(o.in.RemoveSecondFactor(o.ctx(), opened.Token, p.code())))
}

func whoResetsFactor(o *org) string {
	return o.whoMay(func(p *person) error {
		member := o.account()
		member.enroll()
		return o.in.ResetSecondFactor(o.ctx(), p.actor(), member.id)
	})
}

func whoSetsPassword(o *org) string {
	return o.whoMay(func(p *person) error { return o.in.SetPassword(o.ctx(), p.actor(), o.account().id, goodPassword()) })
}

func whoSendsReset(o *org) string {
	return o.whoMay(func(p *person) error { return o.in.SendReset(o.ctx(), p.actor(), o.account().id) })
}

func disabledEnabled(o *org) string {
	p := o.account()
	opened := p.signIn()
	o.ok(second(o.root.actor().Disable(o.Context(), p.id)))
	held, let := o.holds(opened.Token), o.yes(second(p.try(p.password)))
	o.ok(second(o.root.actor().Enable(o.Context(), p.id)))
	if again := o.yes(second(p.try(p.password))); held || let != "no" || o.holds(opened.Token) || again != "yes" {
		return fmt.Sprintf("the session went on: %t, signed in: %s, and when enabled: %s", held, let, again)
	}
	return "out at once, in again"
}

func deletedInvited(o *org) string {
	p := o.account()
	o.ok(o.root.actor().Delete(o.Context(), p.id))
	return o.another(p)
}

func whoReads(o *org) string {
	return o.whoMay(func(p *person) error { return second(p.actor().Events(o.Context(), iam.EventQuery{Limit: 1})) })
}

func whoExports(o *org) string {
	return o.whoMay(func(p *person) error { return p.actor().ExportEvents(o.Context(), io.Discard, iam.ExportParams{}) })
}

func whoMakesKeys(o *org) string {
	scope := policy.Scope{Permissions: o.svc.Policy().Vocabulary()[:1], AllProjects: true}
	return o.whoMay(func(p *person) error {
		return third(p.actor().CreateAPIKey(o.Context(), iam.APIKeyParams{Scope: scope}))
	})
}

func whoSetsMail(o *org) string {
	return o.whoMay(func(p *person) error { return second(p.actor().SetMailServer(o.Context(), ownMail)) })
}

// ownMail is a mail server that needs no password.
var ownMail = iam.MailServerParams{Host: "mail.example.com", Port: 25, Security: "plain", From: "console@example.com"}

func whoSeesMail(o *org) string {
	o.ok(second(o.system().SetMailServer(o.Context(), ownMail)))
	return o.whoMay(func(p *person) error { return second(p.actor().MailServer(o.Context())) })
}

func whoPays(o *org) string {
	payer := must(o.svc.Payer(o.Context(), o.id, o.account().id))(o)
	if payer != o.root.id {
		return "not root"
	}
	return "root"
}

func whoDisablesRoot(o *org) string {
	return o.whoMay(func(p *person) error { return second(p.actor().Disable(o.Context(), o.root.id)) })
}

// lastAdministrator is what becomes of the only account of an organisation whose owner the host keeps elsewhere.
func lastAdministrator(o *org) string {
	o.id = must(o.svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{Name: "No root"}))(o).ID
	only := o.account(o.subRoles()[0])
	if o.yes(o.system().Delete(o.Context(), only.id)) == "no" {
		return "stays"
	}
	return "goes"
}

// rootBecomes offers the organisation to a member, who accepts.
func rootBecomes(o *org) string {
	p := o.account()
	if o.yes(second(o.root.actor().OfferRoot(o.ctx(), p.id))) == "no" {
		return "not at all"
	}
	o.ok(second(p.actor().AcceptRoot(o.ctx())))
	former := must(o.system().Account(o.Context(), o.root.id))(o)
	var names []string
	for _, role := range former.Roles {
		names = append(names, string(role))
	}
	return listed(names)
}
