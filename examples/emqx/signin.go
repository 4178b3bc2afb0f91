package main

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// E2, E10: the platform account is the root of an organisation. It has no creator, so that its
// password is chosen by the link of a mail, and it signs in at an address of its own.
func (s *story) platformAccount() error {
	org, err := s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: acme, Name: "Acme Industries", Root: &iam.CreateAccountParams{Email: email("Rosa"), Profile: iam.Profile{Name: "Rosa"}},
	})
	if err != nil {
		return err
	}
	s.ids["Rosa"] = org.Root
	if err := s.in.RequestReset(s.ctx, signin.ResetParams{Email: email("Rosa")}); err != nil {
		return err
	}
	if err := s.deliver(); err != nil {
		return err
	}
	password := iam.NewSecret("correct horse battery staple")
	if _, err := s.in.ResetPassword(s.ctx, s.links[email("Rosa")], password); err != nil {
		return err
	}
	address, err := s.svc.RootLoginAddress()
	if err != nil {
		return err
	}
	opened, err := s.in.SignIn(s.ctx, signin.SignInParams{Email: email("Rosa"), Password: password}) // no Org: root's own address
	if err != nil {
		return err
	}
	s.say("at %s her session is %s", address, opened.Session.Stage)
	s.passwords["Rosa"] = password
	_, err = s.signIn("Rosa")
	if err := s.refused("Rosa at the sub-accounts' address", err); err != nil {
		return err
	}
	return s.deliver()
}

// signIn signs somebody in at the login address of acme's sub-accounts.
func (s *story) signIn(name string) (signin.Opened, error) {
	return s.in.SignIn(s.ctx, signin.SignInParams{Org: acme, Email: email(name), Password: s.passwords[name]})
}

// E9: the link holds for an hour, and is good once. Until it is used, the account is pending.
func (s *story) activate() error {
	_, err := s.signIn("Ada")
	if err := s.refused("Ada signs in before she follows the link", err); err != nil {
		return err
	}
	for _, name := range []string{"Ada", "Paul", "Uma", "Carl"} {
		account, err := s.in.Accept(s.ctx, s.links[email(name)], signin.AcceptParams{})
		if err != nil {
			return err
		}
		s.say("%s is %s", name, account.Status)
	}
	s.now = s.now.Add(time.Hour)
	_, err = s.in.Accept(s.ctx, s.links[email("Otto")], signin.AcceptParams{})
	if err := s.refused("Otto follows his an hour later", err); err != nil {
		return err
	}
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	if _, err := rosa.ResendInvitation(s.ctx, s.ids["Otto"]); err != nil {
		return err
	}
	if err := s.deliver(); err != nil {
		return err
	}
	account, err := s.in.Accept(s.ctx, s.links[email("Otto")], signin.AcceptParams{})
	if err != nil {
		return err
	}
	s.say("Otto is %s", account.Status)
	return nil
}

// E8, E12: whoever was given a password chooses another one before anything else.
func (s *story) firstSignIn() error {
	opened, err := s.signIn("Uma")
	if err != nil {
		return err
	}
	s.say("with the initial password her session needs %s first", opened.Session.Stage)
	_, err = s.in.ChooseNewPassword(s.ctx, opened.Token, s.passwords["Uma"])
	if err := s.refused("the initial password once more", err); err != nil {
		return err
	}
	s.passwords["Uma"] = iam.NewSecret("tea at four, as ever")
	if opened, err = s.in.ChooseNewPassword(s.ctx, opened.Token, s.passwords["Uma"]); err != nil {
		return err
	}
	sub, session, err := s.in.Session(s.ctx, opened.Token) // what each request begins with
	if err != nil {
		return err
	}
	s.say("with one of her own it is %s, and its requests are %s's", session.Stage, sub.Email())
	return s.deliver()
}
