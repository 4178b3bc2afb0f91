package signinhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// Signing in stands beside the host's own routes, which the guard keeps.
func Example() {
	svc, in, done := exampleServices()
	defer done()

	door, err := signinhttp.New(in, svc, signinhttp.Config{Product: "Example Console", Home: "/", Next: []string{"/projects/"}})
	check(err)
	guard := iamhttp.New(svc, nil, iamhttp.Config{Subject: door.Subject, Logger: discard})
	console := guard.Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, "Hello, ", iam.FromContext(r.Context()).Email())
		return err
	})
	mux := http.NewServeMux()
	mux.Handle("/", guard.Load(console))
	door.Mount(mux)

	email, password := exampleOwner(svc, in)
	signedIn := ask(mux, "POST", "/login", `{"email": "`+email+`", "password": "`+password+`"}`)
	fmt.Println(signedIn.Code, signedIn.Body.String()[:15])
	fmt.Println(ask(mux, "GET", "/", "").Code)
	fmt.Println(ask(mux, "GET", "/", "", signedIn.Result().Cookies()...).Body)
	// Output:
	// 200 {"stage":"full"
	// 401
	// Hello, rosa@acme.example
}

// ask sends JSON, or nothing.
func ask(h http.Handler, method, path, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func exampleServices() (*iam.Service, *signin.Service, func()) {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	db, err := sqlite.Open(filepath.Join(dir, "app.db"))
	check(err)
	check(store.Migrate(context.Background(), db))
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{BaseURL: "https://console.example.com"})
	check(err)
	in, err := signin.New(svc, signin.Config{})
	check(err)
	return svc, in, func() {
		pool, err := db.DB()
		check(err)
		check(pool.Close())
		check(os.RemoveAll(dir))
	}
}

// exampleOwner makes an organisation whose owner has chosen a password, by the link of a mail.
func exampleOwner(svc *iam.Service, in *signin.Service) (email, password string) {
	ctx := context.Background()
	email, password = "rosa@acme.example", "Correct-horse-7-battery"
	_, err := svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{Name: "Acme", Root: &iam.CreateAccountParams{Email: email}})
	check(err)
	check(in.RequestReset(ctx, signin.ResetParams{Email: email}))
	mails, err := svc.Store().LeaseMails(ctx, "example", svc.Now(), svc.Now().Add(time.Minute), 1)
	check(err)
	mail, err := svc.ReadyMail(ctx, mails[0], "example")
	check(err)
	link, err := url.Parse(mail.Link.Reveal())
	check(err)
	_, err = in.ResetPassword(ctx, iam.ParseToken(link.Query().Get("token")), iam.NewSecret(password))
	check(err)
	return email, password
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
