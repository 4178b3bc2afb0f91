package main

import (
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// D3: root sets the mail server of its organisation, and tests it: the report says, stage by stage, what works and
// what to do about what does not. The mail of the test goes to root's own address.
func (s *story) mailServer() error {
	rita, err := s.as("Rita")
	if err != nil {
		return err
	}
	server := s.mails.Settings()
	params := iam.MailServerParams{
		Host: server.Host, Port: server.Port, Security: "starttls", From: "Acme Devices <devices@acme.example>",
		Username: server.Username, Password: iam.NewSecret("mistyped"),
	}
	for _, secret := range []iam.Secret{params.Password, server.Password} {
		params.Password = secret
		settings, err := rita.SetMailServer(s.ctx, params)
		if err != nil {
			return err
		}
		s.say("%s %s as %s, password set: %v", settings.Security, settings.Host, settings.Username, settings.PasswordSet)
		report, err := s.out.TestMailServer(s.ctx, rita)
		if err != nil {
			return err
		}
		s.say("OK: %v", report.OK())
		for line := range strings.Lines(s.portless(report.String())) {
			s.say("  %s", strings.TrimSuffix(line, "\n"))
		}
	}
	return s.deliver()
}

// portless is a text without the port of the mail server, which is another one in every run.
func (s *story) portless(text string) string {
	return strings.ReplaceAll(text, ":"+strconv.Itoa(s.mails.Settings().Port), ":…")
}

// D3: a Super Admin sees the settings, without the password, and neither changes nor tests them.
func (s *story) mailServerOfOthers() error {
	sam, err := s.as("Sam")
	if err != nil {
		return err
	}
	settings, err := sam.MailServer(s.ctx)
	if err != nil {
		return err
	}
	s.say("he sees %s, from %s", settings.Host, settings.From)
	if err := s.refused("Sam removes it", sam.RemoveMailServer(s.ctx)); err != nil {
		return err
	}
	_, err = s.out.TestMailServer(s.ctx, sam)
	return s.refused("Sam tests it", err)
}
