package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// person is somebody with what they keep: a password, an authenticator, and the link of the last mail.
type person struct {
	name     string
	email    string
	id       policy.AccountID // of the account; "" for none yet
	password iam.Secret
	factor   iam.Secret // the authenticator's; the zero Secret for none
	link     iam.Token
}

// as acts for somebody. A server has the subject of the session in place of this: in.Session(ctx, token).
func (s *story) as(p *person) (iam.Actor, error) {
	sub, err := s.svc.Subject(s.ctx, p.id)
	return s.svc.As(sub), err
}

// signIn signs somebody in. There is one login address for all: which organisation it is, the address says (L4).
func (s *story) signIn(p *person) (signin.Opened, error) {
	opened, err := s.in.SignIn(s.ctx, signin.SignInParams{Email: p.email, Password: p.password})
	if err != nil || opened.Session.Stage != iam.NeedsSecondFactor {
		return opened, err
	}
	code, err := s.code(p)
	if err != nil {
		return signin.Opened{}, err
	}
	return s.in.SecondFactor(s.ctx, opened.Token, code)
}

// code is what somebody's authenticator shows. Each code is good once, so that this waits for the next one.
func (s *story) code(p *person) (string, error) {
	s.now = s.now.Add(30 * time.Second)
	return totp.GenerateCode(p.factor.Reveal(), s.now)
}

var token = regexp.MustCompile(`token=([\w-]+)`)

// deliver sends what is queued, as the outbox does beside a server, and lets people read their mails.
func (s *story) deliver() error {
	if _, err := s.out.SendDue(s.ctx); err != nil {
		return err
	}
	mails := s.box.Messages()
	for _, mail := range mails[s.read:] {
		to := strings.Join(mail.To, ", ")
		fmt.Fprintf(s, "  mail to %s: %s\n", to, mail.Header("Subject"))
		for line := range strings.Lines(mail.Text()) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "https://") {
				s.follow(to, line)
			}
		}
	}
	s.read = len(mails)
	return nil
}

// follow prints a link without its token, and keeps the token for whom the mail is for.
func (s *story) follow(to, line string) {
	fmt.Fprintf(s, "    %s\n", token.ReplaceAllString(line, "token=…"))
	found := token.FindStringSubmatch(line)
	for _, p := range []*person{s.mila, s.ann, s.bob} {
		if found != nil && p.email == to {
			p.link = iam.ParseToken(found[1])
		}
	}
}

// name is how people know an account.
func (s *story) name(id policy.AccountID) string {
	for _, p := range []*person{s.mila, s.ann, s.bob} {
		if p.id == id {
			return p.name
		}
	}
	return ""
}

// titles are roles as people call them.
func (s *story) titles(roles []policy.Role) string {
	all := make([]string, len(roles))
	for i, role := range roles {
		all[i] = s.svc.Policy().Title(role)
	}
	return strings.Join(all, ", ")
}
