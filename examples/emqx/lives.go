package main

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// E11: a root's address is for no sub-account anywhere; a sub-account's can be one in other organisations
// too, and can register as a root of its own.
func (s *story) addresses() error {
	org, err := s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: "globex", Name: "Globex", Root: &iam.CreateAccountParams{Email: "gina@globex.example"},
	})
	if err != nil {
		return err
	}
	gina, err := s.svc.Subject(s.ctx, org.Root)
	if err != nil {
		return err
	}
	create := func(email string) error {
		_, _, err := s.svc.As(gina).CreateAccount(s.ctx, iam.CreateAccountParams{Email: email, Roles: []policy.Role{emqx.Auditor}})
		return err
	}
	if err := s.refused("Globex makes a sub-account of Rosa's address", create(email("Rosa"))); err != nil {
		return err
	}
	if err := create(email("Uma")); err != nil {
		return err
	}
	s.say("Globex makes one of Uma's: she has two accounts now, that know nothing of each other")
	_, err = s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: "paulsworks", Name: "Paul's Works", Root: &iam.CreateAccountParams{Email: email("Paul")},
	})
	if err != nil {
		return err
	}
	s.say("Paul registers an organisation of his own")
	return s.refused("Globex makes a sub-account of Paul's address now", create(email("Paul")))
}

// E12: an administrator sets another password, adds a role and edits the note. The account is told, and its sessions
// end.
func (s *story) changes() error {
	opened, err := s.signIn("Uma")
	if err != nil {
		return err
	}
	ada, err := s.as("Ada")
	if err != nil {
		return err
	}
	uma := s.ids["Uma"]
	if err := s.in.SetPassword(s.ctx, ada, uma, iam.NewSecret("chosen by someone else")); err != nil {
		return err
	}
	_, _, err = s.in.Session(s.ctx, opened.Token)
	if err := s.refused("the session that Uma had", err); err != nil {
		return err
	}
	_, err = s.signIn("Uma")
	if err := s.refused("the password that she had", err); err != nil {
		return err
	}
	s.passwords["Uma"] = iam.NewSecret("chosen by someone else")
	if opened, err = s.signIn("Uma"); err != nil {
		return err
	}
	s.say("with the one that Ada has set, her session needs %s first", opened.Session.Stage)
	s.passwords["Uma"] = iam.NewSecret("a heron in gray water")
	if opened, err = s.in.ChooseNewPassword(s.ctx, opened.Token, s.passwords["Uma"]); err != nil {
		return err
	}
	next := iam.NewSecret("two herons in gray water")
	_, err = s.in.ChangePassword(s.ctx, opened.Token, iam.NewSecret("a guess at the current one"), next)
	if err := s.refused("she changes it herself, with a wrong current one", err); err != nil {
		return err
	}
	if _, err := s.in.ChangePassword(s.ctx, opened.Token, s.passwords["Uma"], next); err != nil {
		return err
	}
	s.passwords["Uma"] = next
	account, warnings, err := ada.SetRoles(s.ctx, uma, emqx.ProjectUser, emqx.ProjectAdmin)
	if err != nil {
		return err
	}
	s.say("her roles: %s %v", s.titles(account.Roles), warnings)
	if account, err = ada.UpdateProfile(s.ctx, uma, iam.Profile{Name: "Uma", Note: "day shift"}); err != nil {
		return err
	}
	s.say("her note: %s", account.Note)
	return s.deliver()
}

// E13: who is disabled cannot sign in, is bound to nothing, and is not among a project's accounts. Enabling brings
// everything back.
func (s *story) disable() error {
	ada, err := s.as("Ada")
	if err != nil {
		return err
	}
	uma := s.ids["Uma"]
	if _, err := ada.Disable(s.ctx, uma); err != nil {
		return err
	}
	_, err = s.signIn("Uma")
	if err := s.refused("Uma signs in", err); err != nil {
		return err
	}
	err = ada.Bind(s.ctx, iam.Binding{Account: uma, Role: emqx.ProjectUser, Project: lab})
	if err := s.refused("Ada binds her to the lab", err); err != nil {
		return err
	}
	if err := s.boundToPlant(ada); err != nil {
		return err
	}
	if _, err := ada.Enable(s.ctx, uma); err != nil {
		return err
	}
	opened, err := s.signIn("Uma")
	if err != nil {
		return err
	}
	s.say("enabled, she signs in: her session is %s", opened.Session.Stage)
	return s.boundToPlant(ada)
}

func (s *story) boundToPlant(actor iam.Actor) error {
	bound, err := actor.ProjectBindings(s.ctx, plant, iam.AccountQuery{Role: emqx.ProjectUser})
	if err != nil {
		return err
	}
	for _, b := range bound {
		s.say("the plant has %s as %s", s.named(string(b.Account)), b.Role)
	}
	return nil
}

// E14: who is deleted does not come back. A new account of the same address has nothing of the old one.
func (s *story) remove() error {
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	old := s.ids["Carl"]
	opened, err := s.signIn("Carl")
	if err != nil {
		return err
	}
	ends, err := rosa.Preview(s.ctx, old)
	if err != nil {
		return err
	}
	s.say("it would end %d session, %d bindings and %d API keys", ends.Sessions, len(ends.Bindings), ends.APIKeys)
	if err := rosa.Delete(s.ctx, old); err != nil {
		return err
	}
	_, _, err = s.in.Session(s.ctx, opened.Token)
	if err := s.refused("the session that he had", err); err != nil {
		return err
	}
	_, err = rosa.Enable(s.ctx, old)
	if err := s.refused("Rosa wants him back", err); err != nil {
		return err
	}
	account, _, err := rosa.CreateAccount(s.ctx, iam.CreateAccountParams{
		Email: email("Carl"), Roles: []policy.Role{emqx.Accountant}, Active: true, Profile: iam.Profile{Name: "Carl"},
	})
	if err != nil {
		return err
	}
	s.say("a new account of his address is another one: %v; his audit events stay", account.ID != old)
	s.ids["Carl, deleted"] = old
	s.ids["Carl"] = account.ID
	return nil
}
