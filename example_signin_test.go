package castellan_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// letIn is the README's: what a host does once, when it starts.
func letIn(ctx context.Context, path string, keys iam.Keys, password iam.Secret) (*iam.Service, *signin.Service, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(ctx, db); err != nil {
		return nil, nil, err
	}
	var service *iam.Service
	var signIn *signin.Service
	err = func() error {
		svc, err := iam.New(store.New(db), emqx.System(), iam.Config{
			BaseURL: "https://console.example.com", // what links in mails are built from, and nothing else
			Keys:    keys,                          // seal the secrets of second factors
		})
		if err != nil {
			return err
		}
		in, err := signin.New(svc, signin.Config{})
		if err != nil {
			return err
		}
		mailer, err := smtp.New(smtp.Server{Host: "mail.example.com", Username: "console", Password: password, From: "console@example.com"}, smtp.Config{})
		if err != nil {
			return err
		}
		out, err := outbox.New(svc, mailer, outbox.Config{Product: "Example Console"})
		if err != nil {
			return err
		}
		go out.Run(ctx) // on every node: each mail is sent by one of them
		service, signIn = svc, in
		return nil
	}()
	return service, signIn, err
}

// mounted is the README's: a host's routes beside those for signing in and for managing.
func mounted(svc *iam.Service, in *signin.Service, out *outbox.Outbox, console http.Handler) (http.Handler, error) {
	door, err := signinhttp.New(in, svc, signinhttp.Config{Product: "Example Console"})
	if err != nil {
		return nil, err
	}
	guard := iamhttp.New(svc, nil, iamhttp.Config{Subject: door.Subject})
	admin, err := adminhttp.New(svc, guard, adminhttp.Config{
		Prefix: "/iam/v1", SignIn: in, TestMailServer: out.TestMailServer, Fresh: door.Fresh,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/iam/v1/", guard.Load(admin))
	mux.Handle("/", guard.Load(console)) // yours
	door.Mount(mux)
	return mux, nil
}

// Whoever is not signed in gets no further than the door.
func Example_mount() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "castellan")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	svc, in, err := letIn(ctx, filepath.Join(dir, "app.db"), nil, iam.NewSecret("the mail server's"))
	if err != nil {
		log.Fatal(err)
	}
	out, err := outbox.New(svc, nil, outbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	app, err := mounted(svc, in, out, http.NotFoundHandler())
	if err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"/login", "/o/acme/login", "/iam/v1/accounts", "/iam/v1/openapi.json", "/anything"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", "text/html")
		rec := httptest.NewRecorder()
		app.ServeHTTP(rec, r)
		fmt.Println(path, rec.Code)
	}
	// Output:
	// /login 200
	// /o/acme/login 200
	// /iam/v1/accounts 401
	// /iam/v1/openapi.json 401
	// /anything 401
}

// Somebody is invited, accepts, and signs in.
func Example_invite() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "castellan")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	svc, in, err := letIn(ctx, filepath.Join(dir, "app.db"), nil, iam.NewSecret("the mail server's"))
	if err != nil {
		log.Fatal(err)
	}
	made, err := svc.System("example").CreateOrganization(ctx, iam.CreateOrganizationParams{
		ID: "acme", Root: &iam.CreateAccountParams{Email: "rosa@acme.example"},
	})
	if err != nil {
		log.Fatal(err)
	}
	sub, err := svc.Subject(ctx, made.Root)
	if err != nil {
		log.Fatal(err)
	}
	org, initialPassword := made.ID, iam.NewSecret("a password that two people know")

	invitation, _, err := in.Invite(ctx, svc.As(sub), iam.InviteParams{
		Email: "uma@acme.example", Roles: []policy.Role{emqx.ProjectUser},
	}, initialPassword)
	if err != nil {
		log.Fatal(err)
	}

	// The outbox mails a link like this one, which Rosa can copy as well.
	link, err := svc.As(sub).InvitationLink(ctx, invitation.Account)
	if err != nil {
		log.Fatal(err)
	}
	token := tokenOf(link)
	account, err := in.Accept(ctx, token, signin.AcceptParams{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(account.Email, "is", account.Status)

	email, password := "uma@acme.example", initialPassword
	opened, err := in.SignIn(ctx, signin.SignInParams{Org: org, Email: email, Password: password})
	if err != nil {
		log.Fatal(err)
	}
	opened, err = in.ChooseNewPassword(ctx, opened.Token, iam.NewSecret("a password that one person knows"))
	if err != nil {
		log.Fatal(err)
	}
	uma, session, err := session(ctx, in, opened)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(uma.Email(), "is signed in:", session.Stage)

	report, err := verify(ctx, svc, sub, iam.Checkpoint{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Events, "events, and none was touched")
	// Output:
	// uma@acme.example is active
	// uma@acme.example is signed in: full
	// 8 events, and none was touched
}

func session(ctx context.Context, in *signin.Service, opened signin.Opened) (iam.Subject, iam.Session, error) {
	sub, session, err := in.Session(ctx, opened.Token) // each request: two round trips
	return sub, session, err
}

func verify(ctx context.Context, svc *iam.Service, auditor iam.Subject, checkpoint iam.Checkpoint) (iam.LogReport, error) {
	report, err := svc.As(auditor).VerifyEvents(ctx, checkpoint)
	return report, err
}

// tokenOf is what a browser sends to the page that a link leads to.
func tokenOf(link iam.Secret) iam.Token {
	const parameter = "?token="
	text := link.Reveal()
	for i := range text {
		if len(text)-i > len(parameter) && text[i:i+len(parameter)] == parameter {
			return iam.ParseToken(text[i+len(parameter):])
		}
	}
	return iam.Token{}
}
