package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// staff are the sub-accounts of acme: all five roles (E1), each with the password that Rosa sets at first.
var staff = []struct {
	name     string
	roles    []policy.Role
	note     string
	password string
}{
	{"Ada", []policy.Role{emqx.Administrator}, "stands in for Rosa", "seven gray herons wade"},
	{"Paul", []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser}, "", "a kettle on the mountain"},
	{"Uma", []policy.Role{emqx.ProjectUser}, "night shift", "an initial, long one"},
	{"Carl", []policy.Role{emqx.Accountant}, "", "lanterns over the harbor"},
	{"Otto", []policy.Role{emqx.Auditor}, "external", "nine winters in a valley"},
}

// email is the address of somebody at acme.
func email(name string) string { return strings.ToLower(name) + "@acme.example" }

// E8, E9, E10: an invitation has the roles, a note and an initial password, and the mail two addresses.
// The login address stands at the top of user management, to be sent to members.
func (s *story) createSubAccounts() error {
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	address, err := s.svc.LoginAddress(acme)
	if err != nil {
		return err
	}
	s.say("sub-accounts sign in at %s", address)
	for _, p := range staff {
		s.passwords[p.name] = iam.NewSecret(p.password)
		invitation, warnings, err := s.in.Invite(s.ctx, rosa, iam.InviteParams{
			Email: email(p.name), Roles: p.roles, Profile: iam.Profile{Name: p.name, Note: p.note},
		}, s.passwords[p.name])
		if err != nil {
			return err
		}
		s.ids[p.name] = invitation.Account
		s.say("%s is invited until %s", invitation.Email, invitation.Expires.Format(time.TimeOnly))
		for _, warning := range warnings { // for project roles, which see nothing yet
			s.say("  warning: %s", warning)
		}
	}
	if err := s.deliver(); err != nil {
		return err
	}
	s.say("Uma's reads:")
	s.show(email("Uma"))
	return nil
}

// E7: root, administrators and auditors see the list; everybody else sees nothing of it.
func (s *story) users() error {
	otto, uma, err := s.both("Otto", "Uma")
	if err != nil {
		return err
	}
	accounts, err := otto.Accounts(s.ctx, iam.AccountQuery{})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  E-mail\tRoles\tNote\tStatus")
	for _, a := range accounts {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", a.Email, s.titles(a.Roles), a.Note, a.Status)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = uma.Accounts(s.ctx, iam.AccountQuery{})
	return s.refused("Uma looks at it", err)
}

// titles are the names under which people know roles.
func (s *story) titles(roles []policy.Role) string {
	var all []string
	for _, role := range roles {
		all = append(all, s.svc.Policy().Title(role))
	}
	return strings.Join(all, ", ")
}

// E2, E7: an administrator does what root does, but is a sub-account: it can be changed and disabled, and root cannot.
func (s *story) administrator() error {
	ada, otto, err := s.both("Ada", "Otto")
	if err != nil {
		return err
	}
	account, _, err := ada.CreateAccount(s.ctx, iam.CreateAccountParams{
		Email: email("Tess"), Roles: []policy.Role{emqx.Auditor}, Profile: iam.Profile{Name: "Tess"},
	})
	if err != nil {
		return err
	}
	s.say("Ada creates Tess, who is %s", account.Status)
	if err := ada.Delete(s.ctx, account.ID); err != nil {
		return err
	}
	_, _, err = otto.CreateAccount(s.ctx, iam.CreateAccountParams{Email: email("Tess"), Roles: []policy.Role{emqx.Auditor}})
	if err := s.refused("Otto creates an account", err); err != nil {
		return err
	}
	_, err = ada.Disable(s.ctx, s.ids["Rosa"])
	if err := s.refused("Ada disables Rosa", err); err != nil {
		return err
	}
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	if err := s.refused("Rosa deletes herself", rosa.Delete(s.ctx, s.ids["Rosa"])); err != nil {
		return err
	}
	if _, err := rosa.Disable(s.ctx, s.ids["Ada"]); err != nil {
		return err
	}
	account, err = rosa.Enable(s.ctx, s.ids["Ada"])
	if err != nil {
		return err
	}
	s.say("Rosa disables Ada, and enables her again: she is %s", account.Status)
	return nil
}

// E1, E4: what any of somebody's roles allows is allowed.
func (s *story) rolesAddUp() error {
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	for _, roles := range [][]policy.Role{{emqx.Accountant}, {emqx.Auditor}, {emqx.Accountant, emqx.Auditor}} {
		account, _, err := rosa.SetRoles(s.ctx, s.ids["Carl"], roles...)
		if err != nil {
			return err
		}
		sub, err := s.svc.Subject(s.ctx, account.ID)
		if err != nil {
			return err
		}
		pay := s.svc.Can(sub, emqx.Manage, emqx.BillingPayment.Of(acme))
		read := s.svc.Can(sub, emqx.View, emqx.AuditLog.Of(acme))
		s.say("%-20s changes the payment: %-5v  reads the audit log: %v", s.titles(account.Roles), pay, read)
	}
	return nil
}
