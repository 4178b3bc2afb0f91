package iam

import (
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// mailServerTestsPerHour are of one actor: a test opens connections wherever the server is said to be (SB-96).
const mailServerTestsPerHour = 10

// MailServer returns an organisation's own mail server with its password, for those who send its mail. It is ErrNotFound
// when there is none, and ErrKeys when the password cannot be opened.
func (s *Service) MailServer(ctx context.Context, org policy.OrgID) (MailServer, Secret, error) {
	server, err := s.store.MailServer(ctx, org)
	if err != nil {
		return MailServer{}, Secret{}, err
	}
	password, err := s.mailPassword(org, server)
	if err != nil {
		return MailServer{}, Secret{}, err
	}
	return server, password, nil
}

func (s *Service) mailPassword(org policy.OrgID, server MailServer) (Secret, error) {
	if server.Password == "" {
		return Secret{}, nil
	}
	password, err := s.config.Keys.Open(mailServerUse(org), server.Password)
	if err != nil {
		return Secret{}, err
	}
	return NewSecret(password), nil
}

// TestMailServer returns what it takes to test the organisation's own mail server (D3): the server, its password,
// and the one address that the test may mail to, the actor's own (SB-96). The test is written down.
// ErrThrottled says that there were too many. The system has no address, and tests nothing.
func (a Actor) TestMailServer(ctx context.Context) (MailServer, Secret, Email, error) {
	need := a.rules().Permissions.TestMailServer
	var server MailServer
	var password Secret
	var to Email
	err := a.writeAside(ctx, need, a.orgWide(need), func(c *change) error {
		actor, err := c.account(c.sub.ID())
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return err
		case actor.Email == "":
			return invalid("Email", "a test is mailed to who makes it, who has no address")
		}
		if server, err = c.tx.MailServer(c.ctx, c.org); err != nil {
			return err
		}
		if password, err = c.svc.mailPassword(c.org, server); err != nil {
			return err
		}
		n, err := c.tx.CountEvents(c.ctx, c.org, MailServerTested, actor.ID, c.now.Add(-time.Hour))
		if err != nil {
			return err
		}
		if n >= mailServerTestsPerHour {
			return &ThrottledError{Until: c.now.Add(time.Hour)}
		}
		to = actor.Email
		return c.record(MailServerTested, string(c.org), changed("host", "", server.Host))
	})
	if err != nil {
		return MailServer{}, Secret{}, "", err
	}
	return server, password, to, nil
}
