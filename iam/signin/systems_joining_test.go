package signin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// yes is the answer that an error is. Only a refusal is a no: anything else ends the test.
func (o *org) yes(err error) string {
	o.Helper()
	switch {
	case err == nil:
		return "yes"
	case isRefusal(err):
		return "no"
	}
	o.Fatal(err)
	return ""
}

// isRefusal reports whether an error says that something is not done in the system, or not by this one.
func isRefusal(err error) bool {
	return slices.ContainsFunc([]error{
		iam.ErrForbidden, iam.ErrInvalid, iam.ErrToken, iam.ErrRoot, iam.ErrLastAdministrator, signin.ErrCredentials,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}

// listed are names in a cell.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// whoMay are the roles whose holder may do something, root's first.
func (o *org) whoMay(try func(p *person) error) string {
	o.Helper()
	var names []string
	for _, role := range o.svc.Policy().Roles() {
		p := o.root
		if role != o.svc.Rules().RootRole {
			p = o.account(role)
		}
		if o.yes(try(p)) == "yes" {
			names = append(names, string(role))
		}
	}
	if len(names) == 0 {
		return "nobody"
	}
	return listed(names)
}

// tries invites somebody, with a good first password where whoever invites chooses it.
func (p *person) tries(email string, roles ...policy.Role) error {
	var password iam.Secret
	if p.svc.Rules().FirstPassword == iam.ByCreator {
		password = goodPassword()
	}
	return third(p.in.Invite(p.ctx(), p.actor(), iam.InviteParams{Email: email, Roles: roles}, password))
}

func whoInvites(o *org) string {
	return o.whoMay(func(p *person) error { return p.tries(address("guest"), o.lowest()) })
}

func rootsRole(o *org) string { return o.yes(o.root.tries(address("guest"), o.svc.Rules().RootRole)) }

func firstPassword(o *org) string {
	chosen := func(password iam.Secret) string {
		params := iam.InviteParams{Email: address("guest"), Roles: []policy.Role{o.lowest()}}
		return o.yes(third(o.in.Invite(o.ctx(), o.root.actor(), params, password)))
	}
	switch with, without := chosen(goodPassword()), chosen(iam.Secret{}); with + " " + without {
	case "yes no":
		return "who invites"
	case "no yes":
		return "who is invited"
	default:
		return fmt.Sprintf("with one: %s, without: %s", with, without)
	}
}

func takesPassword(text string) func(o *org) string {
	return func(o *org) string {
		password := iam.NewSecret(text)
		if o.svc.Rules().FirstPassword == iam.ByInvitee {
			guest := o.root.invite(address("guest"))
			return o.yes(second(o.in.Accept(o.ctx(), guest.token, signin.AcceptParams{Password: password})))
		}
		params := iam.InviteParams{Email: address("guest"), Roles: []policy.Role{o.lowest()}}
		return o.yes(third(o.in.Invite(o.ctx(), o.root.actor(), params, password)))
	}
}

// linkHolds tries the last millisecond of a link, and the first one that is too late.
func linkHolds(o *org) string {
	early, late := o.root.invite(address("early")), o.root.invite(address("late"))
	holds := must(o.st.Invitation(o.Context(), o.id, early.id))(o).Expires.Sub(o.clock.now())
	o.clock.advance(holds - time.Millisecond)
	before := o.yes(early.accept())
	o.clock.advance(time.Millisecond)
	if at := o.yes(late.accept()); before != "yes" || at != "no" {
		return fmt.Sprintf("a millisecond before %v: %s, at it: %s", holds, before, at)
	}
	return briefly(holds)
}

// briefly is a duration without zeros: 1h, 24h, 1m.
func briefly(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func resent(o *org) string {
	guest := o.root.invite(address("guest"))
	again := func() error { return second(o.root.actor().ResendInvitation(o.ctx(), guest.id)) }
	pause := until(again()).Sub(o.clock.now())
	o.clock.advance(pause)
	o.ok(again())
	earlier := o.yes(guest.accept())
	guest.token = o.linked()
	if later := o.yes(guest.accept()); earlier != "no" || later != "yes" {
		return fmt.Sprintf("the earlier link: %s, the later: %s", earlier, later)
	}
	return "after " + briefly(pause)
}

func invitedAnew(o *org) string {
	guest := o.root.invite(address("guest"))
	if o.root.tries(guest.email, o.lowest()) == nil {
		return "before it has expired too"
	}
	o.clock.advance(must(o.st.Invitation(o.Context(), o.id, guest.id))(o).Expires.Sub(o.clock.now()))
	return o.another(guest.person)
}

// another invites an address once more, and says what that makes.
func (o *org) another(before *person) string {
	o.Helper()
	guest := o.root.invite(before.email)
	switch {
	case guest.id == before.id:
		return "the same account"
	case o.yes(guest.accept()) != "yes":
		return "an account that nobody can activate"
	default:
		return "another account"
	}
}

func firstStage(o *org) string {
	guest := o.root.invite(address("guest"))
	o.ok(guest.accept())
	return string(guest.begin().Session.Stage)
}

// signsInAt tries to sign in at the login address of the organisation, or at the one of all.
func signsInAt(organization bool) func(o *org) string {
	return func(o *org) string {
		var at policy.OrgID
		if organization {
			at = o.id
		}
		var names []string
		for _, who := range []struct {
			name string
			*person
		}{{"root", o.root}, {"member", o.account()}} {
			who.login = at
			if o.yes(second(who.try(who.password))) == "yes" {
				names = append(names, who.name)
			}
		}
		return listed(names)
	}
}

func addressElsewhere(o *org) string {
	return o.yes(o.sibling().root.tries(o.account().email, o.lowest()))
}

func addressAsRoot(o *org) string {
	params := iam.CreateOrganizationParams{Name: "Another", Root: &iam.CreateAccountParams{Email: o.account().email}}
	return o.yes(second(o.svc.System("test").CreateOrganization(o.Context(), params)))
}

func rootsAddress(o *org) string {
	return o.yes(o.sibling().root.tries(o.root.email, o.lowest()))
}

// subRoles are the roles of sub-accounts.
func (o *org) subRoles() []policy.Role {
	return slices.DeleteFunc(o.svc.Policy().Roles(), func(role policy.Role) bool { return role == o.svc.Rules().RootRole })
}

func secondRole(o *org) string {
	return o.yes(third(o.root.actor().SetRoles(o.Context(), o.account().id, o.subRoles()[:2]...)))
}

func boundRoles(o *org) string {
	var names []string
	for _, role := range o.subRoles() {
		bound := iam.Binding{Account: o.account(role).id, Role: role, Project: "plant"}
		if o.yes(o.root.actor().Bind(o.Context(), bound)) == "yes" {
			names = append(names, string(role))
		}
	}
	return listed(names)
}

func quotas(o *org) string {
	var names []string
	for _, permission := range o.svc.Policy().Vocabulary() {
		kind := permission.Kind()
		if slices.Contains(names, string(kind)) {
			continue
		}
		if o.yes(second(o.root.actor().SetQuota(o.Context(), o.account().id, kind, 1))) == "yes" {
			names = append(names, string(kind))
		}
	}
	return listed(names)
}
