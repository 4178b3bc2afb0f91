package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// D1, D5: an organisation has exactly one root. How many devices it may have in all is the host's to say.
func (s *story) organization() error {
	org, err := s.svc.System("sign-up").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: acme, Name: "Acme", Root: &iam.CreateAccountParams{
			Email: email("Rita"), Profile: iam.Profile{Name: "Rita"}, Quotas: map[policy.Kind]int{devicehub.Device: 20},
		},
	})
	if err != nil {
		return err
	}
	s.ids["Rita"] = org.Root
	s.say("Rita is its root")
	return nil
}

// staff are acme's sub-accounts: each is created by somebody above it, with devices of theirs to manage (D1, D5).
var staff = []struct {
	by, name string
	role     policy.Role
	devices  int
	company  string
	mobile   string
}{
	{"Rita", "Sam", devicehub.SuperAdmin, 12, "", ""},
	{"Sam", "Ann", devicehub.Admin, 5, "Acme South", "+86 592 5550 123"},
	{"Sam", "Abe", devicehub.Admin, 4, "Acme North", ""},
	{"Ann", "Ben", devicehub.Basic, 2, "", ""},
}

// D1: root creates Super Admins, Admins and Basic users; a Super Admin creates the latter two, and an Admin the
// last.
func (s *story) createAccounts() error {
	for _, p := range staff {
		by, err := s.as(p.by)
		if err != nil {
			return err
		}
		invitation, _, err := s.in.Invite(s.ctx, by, iam.InviteParams{
			Email: email(p.name), Roles: []policy.Role{p.role}, Quotas: map[policy.Kind]int{devicehub.Device: p.devices},
			Profile: iam.Profile{Name: p.name, Username: "acme-" + strings.ToLower(p.name), Company: p.company, Phone: p.mobile},
		}, iam.Secret{}) // whoever is invited chooses the password
		if err != nil {
			return err
		}
		s.ids[p.name] = invitation.Account
		s.say("%s creates %s, %s", p.by, p.name, s.svc.Policy().Title(p.role))
		if err := s.deliver(); err != nil {
			return err
		}
		if p.name == "Ben" {
			break // who waits until a later chapter
		}
		if err := s.accept(p.name); err != nil {
			return err
		}
	}
	s.say("mails that went through the host's own server: %d", len(s.host.Messages()))
	return nil
}

// password is what everybody chooses here.
const password = "seven gray herons wade"

// accept follows the last link that somebody got.
func (s *story) accept(name string) error {
	_, err := s.in.Accept(s.ctx, s.links[email(name)], signin.AcceptParams{Password: iam.NewSecret(password)})
	return err
}

// D1: there is one root, nobody creates their equals, and a Basic user creates nobody.
func (s *story) refusedAccounts() error {
	for _, attempt := range []struct {
		by   string
		role policy.Role
	}{
		{"Rita", devicehub.Root}, {"Sam", devicehub.SuperAdmin}, {"Ann", devicehub.Admin}, {"Ben", devicehub.Basic},
	} {
		by, err := s.as(attempt.by)
		if err != nil {
			return err
		}
		_, _, err = by.CreateAccount(s.ctx, iam.CreateAccountParams{Email: email("Nick"), Roles: []policy.Role{attempt.role}})
		what := fmt.Sprintf("%s creates one more %s", attempt.by, s.svc.Policy().Title(attempt.role))
		if err := s.refused(what, err); err != nil {
			return err
		}
	}
	return nil
}

// D4: username, role, e-mail, manageable devices; company and mobile may be left out.
func (s *story) fields() error {
	rita, err := s.as("Rita")
	if err != nil {
		return err
	}
	accounts, err := rita.Accounts(s.ctx, iam.AccountQuery{Keyword: "acme-"})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  Username\tRole\tE-mail\tCompany\tMobile\tManageable devices\tStatus")
	for _, a := range accounts {
		quota, err := s.quota(rita, a.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\t%d\t%s\n",
			a.Username, s.svc.Policy().Title(a.Roles[0]), a.Email, a.Company, a.Phone, quota.Most, a.Status)
	}
	return table.Flush()
}

// D6: an account is activated by the link of a mail, which can be sent again. The link before is dead then.
func (s *story) activate() error {
	ann, err := s.as("Ann")
	if err != nil {
		return err
	}
	first := s.links[email("Ben")]
	if _, err := ann.ResendInvitation(s.ctx, s.ids["Ben"]); err != nil {
		return err
	}
	if err := s.deliver(); err != nil {
		return err
	}
	_, err = ann.ResendInvitation(s.ctx, s.ids["Ben"])
	if err := s.refused("Ann sends it a third time at once", err); err != nil {
		return err
	}
	_, err = s.svc.LookInvitation(s.ctx, first)
	if err := s.refused("Ben follows the first link", err); err != nil {
		return err
	}
	s.show(email("Ben"))
	if err := s.accept("Ben"); err != nil {
		return err
	}
	ben, err := ann.Account(s.ctx, s.ids["Ben"])
	if err != nil {
		return err
	}
	s.say("with the second one Ben is %s, since %s", ben.Status, ben.Activated.Format(time.TimeOnly))
	return nil
}
