package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// secondFactor is L8: once it is required, open sessions need it too.
func (s *story) secondFactor() error {
	opened, err := s.signIn(s.bob)
	if err != nil {
		return err
	}
	mila, err := s.as(s.mila)
	if err != nil {
		return err
	}
	_, err = mila.UpdateOrganization(s.ctx, iam.OrganizationParams{Name: "Acme", SecondFactor: iam.SecondFactorRequired})
	if err != nil {
		return err
	}
	_, _, err = s.in.Session(s.ctx, opened.Token) // what each request begins with
	var staged *signin.StageError
	if !errors.As(err, &staged) {
		return fmt.Errorf("the session goes on: %w", err)
	}
	fmt.Fprintf(s, "  Bob's open session needs %s first\n", staged.Stage)
	if err := s.enroll(s.bob, opened.Token); err != nil {
		return err
	}
	return s.deliver()
}

// enroll gives somebody an authenticator. Its picture is shown once, and the first code makes it count.
func (s *story) enroll(p *person, session iam.Token) error {
	made, err := s.in.Enroll(s.ctx, session)
	if err != nil {
		return err
	}
	p.factor = made.Secret
	code, err := s.code(p)
	if err != nil {
		return err
	}
	enrolled, err := s.in.ConfirmEnrollment(s.ctx, session, code)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  %s's first code: the session is %s, with %d recovery codes to keep\n", p.name, enrolled.Session.Stage, len(enrolled.Codes))
	return nil
}

// billing is L10: a session keeps the permissions that it was opened with.
func (s *story) billing() error {
	before, err := s.signIn(s.bob)
	if err != nil {
		return err
	}
	mila, err := s.as(s.mila)
	if err != nil {
		return err
	}
	bob, _, err := mila.SetRoles(s.ctx, s.bob.id, lanit.BillingRole)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the page says %s\n", s.titles(bob.Roles))
	if err := s.sees("in the session from before", before.Token); err != nil {
		return err
	}
	next, err := s.signIn(s.bob)
	if err != nil {
		return err
	}
	return s.sees("signed in again", next.Token)
}

// sees says what a session lets Bob do with bills.
func (s *story) sees(when string, session iam.Token) error {
	sub, _, err := s.in.Session(s.ctx, session)
	if err != nil {
		return err
	}
	may := s.svc.Can(sub, lanit.Manage, lanit.Billing.Of("acme"))
	fmt.Fprintf(s, "  %s, Bob manages bills: %t\n", when, may)
	return nil
}

// elsewhere is L4: an address that one organisation has is refused by every other, and as the Master of another.
func (s *story) elsewhere() error {
	globex, err := s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: "globex", Name: "Globex", Root: &iam.CreateAccountParams{Email: "gus@globex.example", Profile: iam.Profile{Name: "Gus"}},
	})
	if err != nil {
		return err
	}
	gus := &person{name: "Gus", id: globex.Root}
	actor, err := s.as(gus)
	if err != nil {
		return err
	}
	_, _, err = s.in.Invite(s.ctx, actor, iam.InviteParams{Email: "Bob@Acme.Example", Roles: []policy.Role{lanit.Member}}, iam.Secret{})
	fmt.Fprintf(s, "  Gus of Globex invites Bob@Acme.Example: %v\n", err)
	_, err = s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		Name: "Ann & Co", Root: &iam.CreateAccountParams{Email: s.ann.email},
	})
	fmt.Fprintf(s, "  Ann signs up with %s: %v\n", s.ann.email, err)
	return nil
}

// payer is L9: the Master pays, whoever asks for something.
func (s *story) payer() error {
	payer, err := s.svc.Payer(s.ctx, "acme", s.bob.id)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  for what Bob creates: %s\n", s.name(payer))
	return nil
}

// leave is the last day: what would end, who takes over, and then it is all one transaction.
func (s *story) leave() error {
	ann, err := s.as(s.ann)
	if err != nil {
		return err
	}
	// Bob may edit one server until the end of the month: beyond his role, and so to be handed over.
	server := lanit.Resource.Of("acme").Named("vm-7")
	month := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if _, err := ann.GiveGrantOn(s.ctx, s.bob.id, lanit.ResourceEdit, server, month); err != nil {
		return err
	}
	opened, err := s.signIn(s.bob)
	if err != nil {
		return err
	}
	ends, err := ann.Preview(s.ctx, s.bob.id)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  deleting Bob would end: sessions %d, grants %d\n", ends.Sessions, len(ends.Grants))
	// Rows of your own move in HandOverParams.Also, in the same transaction.
	moved, err := ann.HandOver(s.ctx, iam.HandOverParams{From: s.bob.id, To: s.ann.id, Then: iam.ThenDelete})
	if err != nil {
		return err
	}
	for _, g := range moved.Grants {
		fmt.Fprintf(s, "  %s has %s on %s now, until %s\n", s.name(g.Account), g.Grant.Permission, g.Grant.At, g.Grant.Expires.Format(time.DateOnly))
	}
	_, _, err = s.in.Session(s.ctx, opened.Token)
	fmt.Fprintf(s, "  Bob's open session: %v\n", err)
	_, err = s.signIn(s.bob)
	fmt.Fprintf(s, "  Bob signs in: %v\n", err)
	return s.deliver()
}

// log is L11: who did what, when, to whom; and nobody has changed it since.
func (s *story) log() error {
	ann, err := s.as(s.ann)
	if err != nil {
		return err
	}
	events, err := ann.Events(s.ctx, iam.EventQuery{Ascending: true})
	if err != nil {
		return err
	}
	for _, e := range events {
		by := string(e.Email)
		if by == "" {
			by = e.Role // the system, or nobody known
		}
		line := fmt.Sprintf("  %s  %-17s %-7s %-25s %s", e.Time.Format("02 Jan 15:04"), by, e.Outcome, e.Type, s.about(e))
		fmt.Fprintln(s, strings.TrimRight(line, " "))
	}
	report, err := ann.VerifyEvents(s.ctx, iam.Checkpoint{})
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the chain of %d events is whole\n", report.Events)
	return nil
}

// about is whom an event is about: by name, or by the address of who is no more.
func (s *story) about(e iam.Event) string {
	about := s.name(policy.AccountID(e.Target))
	for _, c := range e.Changes {
		if c.Field == "email" {
			about = cmp.Or(about, c.Before, c.After)
		}
	}
	return about
}
