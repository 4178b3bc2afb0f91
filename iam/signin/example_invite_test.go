package signin_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// Inviting somebody, and accepting: the invitee proves the address by the link, and chooses a password.
func ExampleService_Accept() {
	host := openHost()
	defer host.close()
	ctx := context.Background()

	// An administrator invites. The mail is queued with it; package iam/outbox sends it.
	invitation, _, err := host.in.Invite(ctx, host.root(), iam.InviteParams{
		Email: "uma@acme.example", Roles: []policy.Role{lanit.Member},
	}, iam.Secret{})
	check(err)

	// The link of the mail leads to a page of the host's. To show it uses nothing up.
	token := iam.ParseToken(host.tokenOf(invitation.Account))
	invited, err := host.svc.LookInvitation(ctx, token)
	check(err)
	fmt.Println(invited.Account.Email, "is invited to", invited.Organization.Name)

	// The page's form comes back with a password.
	_, err = host.in.Accept(ctx, token, signin.AcceptParams{Password: iam.NewSecret("weak")})
	fmt.Println(err)
	account, err := host.in.Accept(ctx, token, signin.AcceptParams{Name: "Uma", Password: iam.NewSecret("Lantern 7 over the bay!")})
	check(err)
	fmt.Println(account.Name, "is", account.Status)

	_, err = host.in.Accept(ctx, token, signin.AcceptParams{Password: iam.NewSecret("Lantern 7 over the bay!")})
	fmt.Println(err)
	// Output:
	// uma@acme.example is invited to Acme
	// iam: Password: has 4 of at least 8 characters
	// Uma is active
	// iam: the link is not valid any more
}

// Setting up a second factor: the page shows the picture once, and the first code makes it count.
func ExampleService_Enroll() {
	host := openHost()
	defer host.close()
	ctx := context.Background()
	uma := signin.SignInParams{Org: host.org, Email: "uma@acme.example", Password: iam.NewSecret("Lantern 7 over the bay!")}
	host.account(uma)

	session, err := host.in.SignIn(ctx, uma)
	check(err)
	enrollment, err := host.in.Enroll(ctx, session.Token)
	check(err)
	picture, err := enrollment.QR() // for an <img>, and never for a log
	check(err)
	fmt.Println(len(picture) > 0, enrollment)

	enrolled, err := host.in.ConfirmEnrollment(ctx, session.Token, host.codeOf(enrollment))
	check(err)
	fmt.Println(len(enrolled.Codes), "recovery codes to write down")

	// From now on a password is not enough.
	host.now = host.now.Add(time.Minute)
	session, err = host.in.SignIn(ctx, uma)
	check(err)
	fmt.Println("needs:", session.Session.Stage)
	session, err = host.in.SecondFactor(ctx, session.Token, host.codeOf(enrollment))
	check(err)
	fmt.Println("is:", session.Session.Stage)
	// Output:
	// true {[secret] [secret]}
	// 10 recovery codes to write down
	// needs: second_factor
	// is: full
}

// host is a program with accounts, for examples.
type host struct {
	svc   *iam.Service
	in    *signin.Service
	org   policy.OrgID
	owner policy.AccountID
	now   time.Time
	close func()
}

func openHost() *host {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	ctx := context.Background()
	check(store.Migrate(ctx, db))
	h := &host{now: morning, close: func() {
		closeDB(db)
		check(os.RemoveAll(dir))
	}}
	h.svc, err = iam.New(store.New(db), lanit.System(), iam.Config{
		Now: func() time.Time { return h.now }, BaseURL: "https://console.example.com", Keys: keys,
	})
	check(err)
	h.in, err = signin.New(h.svc, signin.Config{Product: "Example"})
	check(err)
	acme, err := h.svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: "rosa@acme.example"},
	})
	check(err)
	h.org, h.owner = acme.ID, acme.Root
	return h
}

// root acts for the organisation's root account.
func (h *host) root() iam.Actor {
	sub, err := h.svc.Subject(context.Background(), h.owner)
	check(err)
	return h.svc.As(sub)
}

// account makes an active account.
func (h *host) account(params signin.SignInParams) {
	ctx := context.Background()
	invitation, _, err := h.in.Invite(ctx, h.root(), iam.InviteParams{Email: params.Email, Roles: []policy.Role{lanit.Member}}, iam.Secret{})
	check(err)
	_, err = h.in.Accept(ctx, iam.ParseToken(h.tokenOf(invitation.Account)), signin.AcceptParams{Password: params.Password})
	check(err)
}

// tokenOf is what the link to an invitation has in it.
func (h *host) tokenOf(id policy.AccountID) string {
	link, err := h.root().InvitationLink(context.Background(), id)
	check(err)
	u, err := url.Parse(link.Reveal())
	check(err)
	return u.Query().Get("token")
}

// codeOf is what an authenticator shows now.
func (h *host) codeOf(e signin.Enrollment) string { return signin.TOTP(e.Secret, h.now) }
