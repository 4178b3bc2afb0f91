package main

import (
	"regexp"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// token is what a link is good for: it is printed nowhere.
var token = regexp.MustCompile(`token=([\w-]+)`)

// deliver sends the mails that are due, as the outbox does beside a server, and opens them: each is
// a line of the story, and its link is kept as whoever got it keeps it.
func (s *story) deliver() error {
	if _, err := s.out.SendDue(s.ctx); err != nil {
		return err
	}
	arrived := s.mails.Messages()[s.read:]
	s.read += len(arrived)
	for _, m := range arrived {
		s.say("mail to %s: %s", m.To[0], m.Header("Subject"))
		s.inbox[m.To[0]] = m
		if found := token.FindStringSubmatch(m.Text()); found != nil {
			s.links[m.To[0]] = iam.ParseToken(found[1])
		}
	}
	return nil
}

// show prints somebody's last mail as they read it, but for the token.
func (s *story) show(address string) {
	for line := range strings.Lines(token.ReplaceAllString(s.inbox[address].Text(), "token=…")) {
		s.say("%s", strings.TrimRight("| "+line, " \n"))
	}
}
