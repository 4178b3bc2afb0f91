// Command emqx is the sub-accounts of EMQX Platform in one run, chapter by chapter: the platform
// account, users with initial passwords, projects, the role matrix, API keys and the audit log.
//
//	go run ./examples/emqx
//
// Its rows are in SQLite, and its mails go through a mail server on this machine, both gone at the
// end. Each chapter names the requirements that it shows. In a program of yours the mail server is a
// real one, the outbox runs beside the server as go out.Run(ctx), and who acts comes from the session.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "emqx:", err)
		os.Exit(1)
	}
}

const acme policy.OrgID = "acme"

// story is the backend of the example, and what its people remember.
type story struct {
	io.Writer
	ctx context.Context
	db  *gorm.DB
	svc *iam.Service
	in  *signin.Service
	out *outbox.Outbox

	mails *smtptest.Server
	read  int                         // how many of its messages were read
	inbox map[string]smtptest.Message // the last mail of each address
	links map[string]iam.Token        // the last link of each address

	now       time.Time
	ids       map[string]policy.AccountID // acme's accounts by name
	passwords map[string]iam.Secret
}

func run(ctx context.Context, w io.Writer) error {
	s := &story{
		Writer: w, now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
		inbox: map[string]smtptest.Message{}, links: map[string]iam.Token{},
		ids: map[string]policy.AccountID{}, passwords: map[string]iam.Secret{},
	}
	s.ctx = iam.WithOrigin(ctx, iam.Origin{Peer: netip.MustParseAddr("192.0.2.7")}) // as a middleware does for each request
	dir, err := os.MkdirTemp("", "castellan-emqx")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.mails, err = smtptest.Open(); err != nil {
		return err
	}
	defer s.mails.Close()
	if err := s.open(dir + "/emqx.db"); err != nil {
		return err
	}
	defer s.close()
	return s.tell()
}

func (s *story) tell() error {
	for _, chapter := range []struct {
		title string
		tell  func() error
	}{
		{"Rosa opens the platform account", s.platformAccount},
		{"She creates sub-accounts", s.createSubAccounts},
		{"They activate them", s.activate},
		{"Uma signs in for the first time", s.firstSignIn},
		{"The list of users", s.users},
		{"What an administrator is, and is not", s.administrator},
		{"Carl gets a second role", s.rolesAddUp},
		{"Projects are bound, from both sides", s.bindings},
		{"Bindings that are refused", s.refusedBindings},
		{"Two deployments of the plant, as Uma sees them", s.matrix},
		{"A project that is open to all", s.openProject},
		{"One address in two organisations", s.addresses},
		{"Ada changes Uma's account", s.changes},
		{"Uma is disabled, and enabled again", s.disable},
		{"Carl is deleted, for ever", s.remove},
		{"A platform API key", s.apiKey},
		{"The audit log, as Otto reads it", s.auditLog},
	} {
		fmt.Fprintf(s, "\n%s\n", chapter.title)
		if err := chapter.tell(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
		s.now = s.now.Add(5 * time.Minute)
	}
	return nil
}

// open makes the backend: a database, and the services on it.
func (s *story) open(path string) (err error) {
	clock := func() time.Time { return s.now } // leave every Now out in a program of yours
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
		Now:      clock,
	})
	if err != nil {
		return err
	}
	if s.in, err = signin.New(s.svc, signin.Config{}); err != nil {
		return err
	}
	mailer, err := smtp.New(s.mails.Settings(), smtp.Config{Now: clock})
	if err != nil {
		return err
	}
	s.out, err = outbox.New(s.svc, mailer, outbox.Config{Product: "Acme Console", Parallel: 1}) // one by one, so that the mails keep their order
	return err
}

func (s *story) close() {
	if connections, err := s.db.DB(); err == nil {
		connections.Close()
	}
}

// as acts for somebody of acme. A server takes the subject of the session in place of loading it by id.
func (s *story) as(name string) (iam.Actor, error) {
	sub, err := s.svc.Subject(s.ctx, s.ids[name])
	return s.svc.As(sub), err
}

// both acts for two people: most chapters have one who may and one who may not.
func (s *story) both(one, other string) (iam.Actor, iam.Actor, error) {
	first, err := s.as(one)
	if err != nil {
		return iam.Actor{}, iam.Actor{}, err
	}
	second, err := s.as(other)
	return first, second, err
}

// say prints a line of the story.
func (s *story) say(format string, args ...any) { fmt.Fprintf(s, "  "+format+"\n", args...) }

// refused prints how something was refused. The story goes wrong when it was not.
func (s *story) refused(what string, err error) error {
	if err == nil {
		return fmt.Errorf("nobody refused: %s", what)
	}
	text := err.Error()
	var forbidden *iam.ForbiddenError
	if errors.As(err, &forbidden) {
		text += "; in the log: " + strings.TrimPrefix(forbidden.Facts(), "iam: ") // the facts are not for the outside
	}
	s.say("refused: %s\n    %s", what, s.named(text))
	return nil
}

// named writes names where a text has the ids of accounts, which are others in every run.
func (s *story) named(text string) string {
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, string(id), name)
	}
	return text
}
