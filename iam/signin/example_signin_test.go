package signin_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// Signing in: the token that comes out goes into a cookie, and each request asks who it belongs to.
func ExampleService_SignIn() {
	svc, in, done := exampleService()
	defer done()
	email, password := exampleOwner(svc, in)

	// Where the request comes from is throttled, and is part of the audit log.
	ctx := iam.WithOrigin(context.Background(), iam.Origin{Peer: netip.MustParseAddr("192.0.2.7")})
	_, err := in.SignIn(ctx, signin.SignInParams{Email: email, Password: iam.NewSecret("a guess")})
	fmt.Println(errors.Is(err, signin.ErrCredentials))

	opened, err := in.SignIn(ctx, signin.SignInParams{Email: email, Password: password})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed in:", opened.Session.Stage)
	cookie := opened.Token.Reveal()

	// Each request.
	sub, _, err := in.Session(ctx, iam.ParseToken(cookie))
	fmt.Println(sub.Email(), sub.Roles(), err)

	// Output:
	// true
	// signed in: full
	// rosa@acme.example [master] <nil>
}

// exampleService is a service on a new database.
func exampleService() (*iam.Service, *signin.Service, func()) {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	check(store.Migrate(context.Background(), db))
	svc, err := iam.New(store.New(db), lanit.System(), iam.Config{BaseURL: "https://console.example.com"})
	check(err)
	in, err := signin.New(svc, signin.Config{})
	check(err)
	return svc, in, func() {
		closeDB(db)
		check(os.RemoveAll(dir))
	}
}

// exampleOwner makes an organisation whose owner has chosen a password, by the link of a mail: the host
// leaves to package iam/outbox what is done with the mail here.
func exampleOwner(svc *iam.Service, in *signin.Service) (email string, password iam.Secret) {
	ctx := context.Background()
	email, password = "rosa@acme.example", iam.NewSecret("Correct-horse-7-battery")
	_, err := svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: email},
	})
	check(err)
	check(in.RequestReset(ctx, signin.ResetParams{Email: email}))
	mails, err := svc.Store().LeaseMails(ctx, "example", svc.Now(), svc.Now().Add(time.Minute), 1)
	check(err)
	mail, err := svc.ReadyMail(ctx, mails[0], "example")
	check(err)
	link, err := url.Parse(mail.Link.Reveal())
	check(err)
	_, err = in.ResetPassword(ctx, iam.ParseToken(link.Query().Get("token")), password)
	check(err)
	return email, password
}

func closeDB(db *gorm.DB) {
	pool, err := db.DB()
	check(err)
	check(pool.Close())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
