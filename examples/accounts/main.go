// Command accounts is the life of a sub-account in one run: it is invited by mail, activated by the
// link, signs in, gets a second factor, is disabled, and everything is found in the audit log.
//
//	go run ./examples/accounts
//
// It keeps its rows in memory, and prints its mail in place of sending it. In a program of yours the
// mailer is that of package smtp, and the outbox runs beside the server: go out.Run(ctx).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "accounts:", err)
		os.Exit(1)
	}
}

// story is the backend of the example, and what its people remember.
type story struct {
	io.Writer
	ctx context.Context
	db  *gorm.DB
	svc *iam.Service
	in  *signin.Service
	out *outbox.Outbox

	now      time.Time
	links    []iam.Token // of the mails, in their order
	rosa     iam.Account // root of acme
	uma      iam.Account // whom she invites
	password iam.Secret  // uma's
	factor   signin.Enrollment
}

func run(ctx context.Context, w io.Writer) error {
	dir, err := os.MkdirTemp("", "castellan-accounts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &story{Writer: w, now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
	s.ctx = iam.WithOrigin(ctx, iam.Origin{Peer: netip.MustParseAddr("192.0.2.7"), Request: "r-1"})
	if err := s.open(dir + "/accounts.db"); err != nil {
		return err
	}
	defer s.close()
	for _, chapter := range []struct {
		title string
		tell  func() error
	}{
		{"Rosa invites Uma", s.invite},
		{"Uma follows the link", s.accept},
		{"Uma signs in", s.signIn},
		{"Acme requires a second factor", s.secondFactor},
		{"Uma leaves", s.leave},
		{"What the audit log says", s.audit},
	} {
		fmt.Fprintf(s, "\n%s\n", chapter.title)
		if err := chapter.tell(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

// open makes the backend: a database, the service, sign-in and outbox on it, and the organisation.
func (s *story) open(path string) (err error) {
	if s.db, err = sqlite.Open(path); err != nil {
		return err
	}
	if err := store.Migrate(s.ctx, s.db); err != nil {
		return err
	}
	s.svc, err = iam.New(store.New(s.db), emqx.System(), iam.Config{
		BaseURL:  "https://console.acme.example",
		AuditKey: []byte("a key of the example; keep yours out of the database"),
		Keys:     iam.Keys{{ID: "k1", Secret: [32]byte{1}}}, // read yours from where secrets are kept
		Now:      func() time.Time { return s.now },
	})
	if err != nil {
		return err
	}
	if s.in, err = signin.New(s.svc, signin.Config{}); err != nil {
		return err
	}
	if s.out, err = outbox.New(s.svc, printer{s}, outbox.Config{Product: "Acme Console"}); err != nil {
		return err
	}
	org, err := s.svc.System("example").CreateOrganization(s.ctx, iam.CreateOrganizationParams{
		ID: "acme", Name: "Acme Industries", Root: &iam.CreateAccountParams{Email: "rosa@acme.example", Profile: iam.Profile{Name: "Rosa"}},
	})
	if err != nil {
		return err
	}
	s.rosa, err = s.svc.System("example").In("acme").Account(s.ctx, org.Root)
	return err
}

func (s *story) close() {
	if connections, err := s.db.DB(); err == nil {
		connections.Close()
	}
}

// root acts for Rosa.
func (s *story) root() (iam.Actor, error) {
	sub, err := s.svc.Subject(s.ctx, s.rosa.ID)
	return s.svc.As(sub), err
}

func (s *story) invite() error {
	rosa, err := s.root()
	if err != nil {
		return err
	}
	invitation, warnings, err := s.in.Invite(s.ctx, rosa, iam.InviteParams{
		Email: "Uma@ACME.example", Roles: []policy.Role{emqx.ProjectUser}, Profile: iam.Profile{Name: "Uma"},
	}, iam.NewSecret("an initial, long one"))
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  %s is invited until %s\n", invitation.Email, invitation.Expires.Format(time.DateTime))
	for _, warning := range warnings {
		fmt.Fprintf(s, "  warning: %s\n", warning)
	}
	return s.deliver()
}

func (s *story) accept() error {
	link := s.links[0]
	invited, err := s.svc.LookInvitation(s.ctx, link) // what the page shows; nothing is used up
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the page greets %s of %s\n", invited.Account.Name, invited.Organization.Name)
	if s.uma, err = s.in.Accept(s.ctx, link, signin.AcceptParams{}); err != nil {
		return err
	}
	fmt.Fprintf(s, "  the account is %s\n", s.uma.Status)
	_, err = s.in.Accept(s.ctx, link, signin.AcceptParams{})
	fmt.Fprintf(s, "  once more: %v\n", err)
	return nil
}

func (s *story) signIn() error {
	_, err := s.signInWith("a guess")
	fmt.Fprintf(s, "  a guess: %v\n", err)
	opened, err := s.signInWith("an initial, long one")
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the initial password: the session needs %s first\n", opened.Session.Stage)
	s.password = iam.NewSecret("correct horse battery staple")
	if opened, err = s.in.ChooseNewPassword(s.ctx, opened.Token, s.password); err != nil {
		return err
	}
	sub, session, err := s.in.Session(s.ctx, opened.Token) // what each request begins with
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  a new password: the session is %s, and its requests are %s's\n", session.Stage, sub.Email())
	return s.deliver()
}

// signInWith signs Uma in at her organisation's login address.
func (s *story) signInWith(password string) (signin.Opened, error) {
	return s.in.SignIn(s.ctx, signin.SignInParams{Org: "acme", Email: "uma@acme.example", Password: iam.NewSecret(password)})
}

func (s *story) secondFactor() error {
	rosa, err := s.root()
	if err != nil {
		return err
	}
	if _, err := rosa.UpdateOrganization(s.ctx, iam.OrganizationParams{Name: "Acme Industries", SecondFactor: iam.SecondFactorRequired}); err != nil {
		return err
	}
	opened, err := s.signInWith(s.password.Reveal())
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the password: the session needs %s first\n", opened.Session.Stage)
	if s.factor, err = s.in.Enroll(s.ctx, opened.Token); err != nil {
		return err
	}
	picture, err := s.factor.QR()
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  her authenticator reads a picture that begins with %q\n", picture[1:4])
	enrolled, err := s.in.ConfirmEnrollment(s.ctx, opened.Token, s.code())
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the first code: the session is %s, and there are %d recovery codes\n", enrolled.Session.Stage, len(enrolled.Codes))
	s.now = s.now.Add(time.Minute)
	if opened, err = s.signInWith(s.password.Reveal()); err != nil {
		return err
	}
	code := s.code()
	again := opened.Token
	if opened, err = s.in.SecondFactor(s.ctx, opened.Token, code); err != nil {
		return err
	}
	fmt.Fprintf(s, "  password and code: the session is %s\n", opened.Session.Stage)
	_, err = s.in.SecondFactor(s.ctx, again, code)
	fmt.Fprintf(s, "  the same code once more: %v\n", err)
	return s.deliver()
}

func (s *story) leave() error {
	rosa, err := s.root()
	if err != nil {
		return err
	}
	ends, err := rosa.Preview(s.ctx, s.uma.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  disabling her ends %d sessions\n", ends.Sessions)
	if _, err := rosa.Disable(s.ctx, s.uma.ID); err != nil {
		return err
	}
	_, err = s.signInWith(s.password.Reveal())
	fmt.Fprintf(s, "  the right password: %v\n", err)
	return nil
}

func (s *story) audit() error {
	rosa, err := s.root()
	if err != nil {
		return err
	}
	events, err := rosa.Events(s.ctx, iam.EventQuery{Ascending: true})
	if err != nil {
		return err
	}
	for _, e := range events {
		by := string(e.Email)
		if by == "" {
			by = e.Role
		}
		fmt.Fprintf(s, "  %s  %-18s %-7s %s\n", e.Time.Format(time.TimeOnly), by, e.Outcome, e.Type)
	}
	report, err := rosa.VerifyEvents(s.ctx, iam.Checkpoint{})
	if err != nil {
		return err
	}
	fmt.Fprintf(s, "  the chain of %d events is whole\n", report.Events)

	// Somebody with access to the database makes the failed guess look like a success.
	if err := s.db.WithContext(s.ctx).Exec("UPDATE iam_events SET outcome = '' WHERE outcome = 'failed'").Error; err != nil {
		return err
	}
	_, err = rosa.VerifyEvents(s.ctx, iam.Checkpoint{})
	var broken *iam.LogError
	if !errors.As(err, &broken) {
		return fmt.Errorf("nobody noticed: %w", err)
	}
	fmt.Fprintf(s, "  after an UPDATE by hand, at event %v:\n    %s\n", broken.At, broken.Problem)
	return nil
}

// deliver does what the outbox does beside a server.
func (s *story) deliver() error {
	for {
		sent, err := s.out.SendDue(s.ctx)
		if err != nil || sent == 0 {
			return err
		}
	}
}

// printer is a mailer that prints, and keeps the links as the people who get them do.
type printer struct{ *story }

var token = regexp.MustCompile(`token=([\w-]+)`)

func (p printer) Send(_ context.Context, m iam.Message) (string, error) {
	fmt.Fprintf(p, "  mail to %s: %s\n", m.To, m.Subject)
	if found := token.FindStringSubmatch(m.Text); found != nil {
		p.links = append(p.links, iam.ParseToken(found[1]))
		for line := range strings.Lines(token.ReplaceAllString(m.Text, "token=…")) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "https://") {
				fmt.Fprintf(p, "    %s\n", line)
			}
		}
	}
	return "250 printed", nil
}

// code is what Uma's authenticator shows.
func (s *story) code() string {
	code, err := totp.GenerateCode(s.factor.Secret.Reveal(), s.now)
	if err != nil {
		return err.Error() // which is no code
	}
	return code
}
