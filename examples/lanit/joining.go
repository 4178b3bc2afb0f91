package main

import (
	"cmp"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// openOrganization is what a sign-up page does: the organisation with its Master, who chooses a password by
// a link, as who has forgotten theirs.
func (s *story) openOrganization() error {
	org, err := s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: "acme", Name: "Acme", Root: &iam.CreateAccountParams{Email: s.mila.email, Profile: iam.Profile{Name: s.mila.name, Phone: "+7 495 123-45-67"}},
	})
	if err != nil {
		return err
	}
	s.mila.id = org.Root
	if err := s.in.RequestReset(s.ctx, signin.ResetParams{Email: s.mila.email}); err != nil {
		return err
	}
	if err := s.deliver(); err != nil {
		return err
	}
	s.mila.password = iam.NewSecret("Harbour 3, at dawn")
	opened, err := s.in.ResetPassword(s.ctx, s.mila.link, s.mila.password)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  Mila's session is %s, and she is %s\n", opened.Session.Stage, s.titles(opened.Account.Roles))
	return s.deliver()
}

// invite asks two people in (L2, L5): the invitation, its mail and its event are one transaction.
func (s *story) invite() error {
	for _, guest := range []struct {
		*person
		role  policy.Role
		phone string
	}{{s.ann, lanit.Admin, "+7 495 765-43-21"}, {s.bob, lanit.Member, ""}} {
		if err := s.inviteAs(s.mila, guest.person, guest.role, guest.phone); err != nil {
			return err
		}
	}
	// The page behind the link shows the invitation, and uses nothing up.
	invited, err := s.svc.LookInvitation(s.ctx, s.ann.link)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  Ann's page: %s, become %s of %s\n", invited.Account.Name, s.titles(invited.Account.Roles), invited.Organization.Name)
	return s.accept(s.ann, "lantern", "lantern over the bay", "Password1!", "Lantern 7, over the bay")
}

// inviteAs invites for somebody.
func (s *story) inviteAs(by, guest *person, role policy.Role, phone string) error {
	actor, err := s.as(by)
	if err != nil {
		return err
	}
	invitation, _, err := s.in.Invite(s.ctx, actor, iam.InviteParams{
		Email: guest.email, Roles: []policy.Role{role}, Profile: iam.Profile{Name: guest.name, Phone: phone},
	}, iam.Secret{}) // no password: who is invited chooses it
	if err != nil {
		return err
	}
	guest.id = invitation.Account
	fmt.Fprintf(s, "  %s invites %s as %s, until %s\n", by.name, guest.name, s.svc.Policy().Title(role), invitation.Expires.Format(time.DateTime))
	return s.deliver()
}

// accept tries one password after the other, until one is good enough. A refusal uses nothing up.
func (s *story) accept(p *person, passwords ...string) error {
	for _, text := range passwords {
		p.password = iam.NewSecret(text)
		account, err := s.in.Accept(s.ctx, p.link, signin.AcceptParams{Password: p.password})
		if errors.Is(err, iam.ErrInvalid) {
			fmt.Fprintf(s, "  %s tries %q: %v\n", p.name, text, err)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(s, "  %s has a password, and is %s\n", p.name, account.Status)
		return nil
	}
	return fmt.Errorf("no password is good enough for %s", p.name)
}

// late is L6: past its day a link is dead, and the address is invited anew. Ann does that, as an Admin may (L2).
func (s *story) late() error {
	s.now = s.now.Add(24 * time.Hour)
	_, err := s.svc.LookInvitation(s.ctx, s.bob.link)
	fmt.Fprintf(s, "  Bob's link, a day later: %v\n", err)
	if err := s.inviteAs(s.ann, s.bob, lanit.Member, ""); err != nil {
		return err
	}
	if err := s.accept(s.bob, "Seven grey geese, 7"); err != nil {
		return err
	}
	bob, err := s.as(s.bob)
	if err != nil {
		return err
	}
	_, _, err = s.in.Invite(s.ctx, bob, iam.InviteParams{Email: "carl@acme.example", Roles: []policy.Role{lanit.Member}}, iam.Secret{})
	fmt.Fprintf(s, "  Bob, a Member, invites Carl: %v\n", err)
	return nil
}

// page is what the IAM page shows (L3).
func (s *story) page() error {
	ann, err := s.as(s.ann)
	if err != nil {
		return err
	}
	accounts, err := ann.Accounts(s.ctx, iam.AccountQuery{})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  Name\tE-mail\tPhone\tPermission\tStatus")
	for _, a := range accounts {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", a.Name, a.Email, cmp.Or(a.Phone, "–"), s.titles(a.Roles), a.Status)
	}
	fmt.Fprintln(table, "\n  Role\tPermissions")
	for _, role := range s.svc.Policy().Roles() {
		fmt.Fprintf(table, "  %s\t%d\n", s.svc.Policy().Title(role), len(s.svc.Policy().PermissionsOf(role)))
	}
	return table.Flush()
}
