// Command devicehub is the sub-accounts of Milesight DeviceHub in one run, chapter by chapter: who
// creates whom, a mail server of the customer's own with its test, quotas of devices, sharing and
// transferring them.
//
//	go run ./examples/devicehub
//
// Its rows are in SQLite, and its mails go through two mail servers on this machine, all gone at the
// end. Each chapter names the requirements that it shows. In a program of yours the outbox runs beside
// the server as go out.Run(ctx), and who acts comes from the session.
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
	"github.com/castellan-iam/castellan/iam/devicehub"
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
		fmt.Fprintln(os.Stderr, "devicehub:", err)
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

	mails *smtptest.Server            // acme's own mail server
	host  *smtptest.Server            // the one of the host
	read  int                         // how many messages of acme's were read
	inbox map[string]smtptest.Message // the last mail of each address
	links map[string]iam.Token        // the last link of each address

	now time.Time
	ids map[string]policy.AccountID // accounts by name
}

func run(ctx context.Context, w io.Writer) error {
	s := &story{
		Writer: w, now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
		inbox: map[string]smtptest.Message{}, links: map[string]iam.Token{}, ids: map[string]policy.AccountID{},
	}
	s.ctx = iam.WithOrigin(ctx, iam.Origin{Peer: netip.MustParseAddr("192.0.2.7")}) // as a middleware does for each request
	dir, err := os.MkdirTemp("", "castellan-devicehub")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.host, err = smtptest.Open(); err != nil {
		return err
	}
	defer s.host.Close()
	if s.mails, err = smtptest.Open(); err != nil {
		return err
	}
	defer s.mails.Close()
	if err := s.open(dir + "/devicehub.db"); err != nil {
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
		{"Acme has bought twenty devices", s.organization},
		{"Rita sets acme's own mail server, and tests it", s.mailServer},
		{"Who creates whom", s.createAccounts},
		{"Sam and the mail server", s.mailServerOfOthers},
		{"The fields of a sub-account", s.fields},
		{"Ben's activation, and once more", s.activate},
		{"Whom they do not create", s.refusedAccounts},
		{"Managing / Max Manageable", s.quotas},
		{"Quotas that are refused", s.refusedQuotas},
		{"A quota that is changed later", s.changeQuota},
		{"Ben gets a task", s.tasks},
		{"Ann claims devices", s.claim},
		{"She shares one with Ben, for a week", s.share},
		{"Sam takes management of a device of hers", s.takeManagement},
		{"And transfers it", s.transfer},
		{"Ann leaves", s.leave},
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
	s.svc, err = iam.New(store.New(s.db), devicehub.System(), iam.Config{
		BaseURL: "https://devicehub.example",
		Keys:    iam.Keys{{ID: "k1", Secret: [32]byte{1}}}, // they seal the mail server's password; read yours from where secrets are kept
		Now:     clock,
	})
	if err != nil {
		return err
	}
	if s.in, err = signin.New(s.svc, signin.Config{}); err != nil {
		return err
	}
	mailer, err := smtp.New(s.host.Settings(), smtp.Config{Now: clock})
	if err != nil {
		return err
	}
	s.out, err = outbox.New(s.svc, mailer, outbox.Config{
		Product:  "DeviceHub",
		Parallel: 1, // one by one, so that the mails keep their order
		SMTP: smtp.Config{
			Now:     clock,
			RootCAs: s.mails.Settings().RootCAs, // the system does not know the authority of a test's server
			Allow:   anyAddress,                 // leave this out: customers do not choose servers of your own network (SB-96)
		},
	})
	return err
}

// anyAddress allows mail servers on this machine too.
func anyAddress(string, int, netip.Addr) error { return nil }

func (s *story) close() {
	if connections, err := s.db.DB(); err == nil {
		connections.Close()
	}
}

// email is the address of somebody at acme.
func email(name string) string { return strings.ToLower(name) + "@acme.example" }

// as acts for somebody of acme. A server takes the subject of the session in place of loading it by id.
func (s *story) as(name string) (iam.Actor, error) {
	sub, err := s.svc.Subject(s.ctx, s.ids[name])
	return s.svc.As(sub), err
}

// both acts for two people: most chapters have two.
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
