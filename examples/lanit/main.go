// Command lanit is the story of an organisation of LANIT Cloud IAM in one run: its Master invites people by
// mail, they choose their passwords, get second factors and other roles, one of them leaves, and the log has it all.
//
//	go run ./examples/lanit
//
// It keeps its rows in a file that goes with it, and has a mail server of its own, whose mailbox it reads in
// place of its people. In a program of yours that is the server of your provider, and the outbox runs beside
// yours: go out.Run(ctx).
package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "lanit:", err)
		os.Exit(1)
	}
}

// backend is what a program needs that has accounts.
type backend struct {
	db  *gorm.DB
	svc *iam.Service     // accounts, roles and the log
	in  *signin.Service  // passwords, second factors and sessions
	out *outbox.Outbox   // mails, as they are written
	box *smtptest.Server // mails, as they arrive
}

// story is the backend with the time and the people of the example.
type story struct {
	io.Writer
	backend
	ctx  context.Context
	now  time.Time
	read int // how many mails were read

	mila *person // the Master
	ann  *person
	bob  *person
}

func run(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "castellan-lanit")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &story{
		Writer: w,
		ctx:    iam.WithOrigin(ctx, iam.Origin{Peer: netip.MustParseAddr("192.0.2.7"), Request: "r-1"}), // as the log shows it
		now:    time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
		mila:   &person{name: "Mila", email: "mila@acme.example"},
		ann:    &person{name: "Ann", email: "ann@acme.example"},
		bob:    &person{name: "Bob", email: "bob@acme.example"},
	}
	defer s.close()
	if err := s.open(filepath.Join(dir, "lanit.db")); err != nil {
		return err
	}
	for i, chapter := range []struct {
		title string
		tell  func() error
	}{
		{"Mila opens an organisation", s.openOrganization},
		{"She invites Ann and Bob", s.invite},
		{"Bob comes too late", s.late},
		{"The IAM page", s.page},
		{"Acme requires a second factor", s.secondFactor},
		{"Bob becomes Billing", s.billing},
		{"An address is one account's, everywhere", s.elsewhere},
		{"Who pays", s.payer},
		{"Bob leaves", s.leave},
		{"What the log says", s.log},
	} {
		s.now = s.now.Add(10 * time.Minute)
		fmt.Fprintf(s, "\n%d. %s\n", i+1, chapter.title)
		if err := chapter.tell(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
	}
	return nil
}

// open makes the backend: a database, a mail server, and the services on them.
func (s *story) open(path string) (err error) {
	if s.db, err = sqlite.Open(path); err != nil {
		return err
	}
	if err := store.Migrate(s.ctx, s.db); err != nil {
		return err
	}
	s.svc, err = iam.New(store.New(s.db), lanit.System(), iam.Config{
		BaseURL:  "https://cloud.lanit.example",
		AuditKey: []byte("a key of the example; keep yours out of the database"),
		Keys:     iam.Keys{{ID: "k1", Secret: [32]byte{1}}}, // read yours from where secrets are kept
		Now:      func() time.Time { return s.now },         // leave it out, and it is time.Now
	})
	if err != nil {
		return err
	}
	if s.in, err = signin.New(s.svc, signin.Config{Product: "LANIT Cloud"}); err != nil {
		return err
	}
	if s.box, err = smtptest.Open(); err != nil {
		return err
	}
	mailer, err := smtp.New(s.box.Settings(), smtp.Config{})
	if err != nil {
		return err
	}
	// One mail after the other: what this prints has an order.
	s.out, err = outbox.New(s.svc, mailer, outbox.Config{Product: "LANIT Cloud", Parallel: 1})
	return err
}

func (s *story) close() {
	if s.box != nil {
		s.box.Close()
	}
	if s.db == nil {
		return
	}
	if connections, err := s.db.DB(); err == nil {
		connections.Close()
	}
}
