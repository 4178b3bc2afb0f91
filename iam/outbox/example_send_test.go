package outbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// Somebody is invited, gets a mail, and follows its link. A host has go out.Run(ctx) in place of SendDue.
func Example() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	check(store.Migrate(ctx, db))
	server, err := smtptest.Open() // stands for the mail server of a provider
	check(err)
	defer server.Close()

	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{BaseURL: "https://cloud.acme.example"})
	check(err)
	mailer, err := smtp.New(server.Settings(), smtp.Config{})
	check(err)
	out, err := outbox.New(svc, mailer, outbox.Config{Product: "Acme Cloud"})
	check(err)

	harbour, err := svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
		Name: "Blue Harbour Ltd", ID: "harbour", Root: &iam.CreateAccountParams{Email: "ann@harbour.example"},
	})
	check(err)
	root, err := svc.Subject(ctx, harbour.Root)
	check(err)
	invitation, _, err := svc.As(root).Invite(ctx, iam.InviteParams{Email: "bob@harbour.example", Roles: []policy.Role{emqx.Auditor}})
	check(err)
	fmt.Println(invitation.Mail)

	sent, err := out.SendDue(ctx)
	check(err)
	mail := server.Messages()[0]
	link, token, _ := strings.Cut(links.FindString(mail.Text()), "token=")
	fmt.Println(sent, mail.To, mail.Header("Subject"))
	fmt.Println(link)

	bob, err := svc.AcceptInvitation(ctx, iam.ParseToken(token), iam.AcceptParams{Name: "Bob"})
	check(err)
	fmt.Println(bob.Name, bob.Status)

	sqlDB, err := db.DB()
	check(err)
	check(sqlDB.Close())
	// Output:
	// queued
	// 1 [bob@harbour.example] ann@harbour.example invites you to Blue Harbour Ltd on Acme Cloud
	// https://cloud.acme.example/activate?
	// Bob active
}
