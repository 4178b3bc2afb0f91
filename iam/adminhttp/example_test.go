package adminhttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// A host mounts the API below a prefix, behind its guard. Whoever asks is signed in by the host's own means.
func ExampleNew() {
	svc, close := exampleService()
	defer close()
	root, err := svc.System("example").CreateOrganization(context.Background(), iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: "root@acme.example"},
	})
	if err != nil {
		panic(err)
	}

	guard := iamhttp.New(svc, whoever, iamhttp.Config{})
	admin, err := adminhttp.New(svc, guard, adminhttp.Config{Prefix: "/iam/v1"})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/iam/v1/", guard.Load(admin))

	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Test-Account", string(root.Root))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	w := ask("POST", "/iam/v1/accounts", `{"email":"ann@acme.example","roles":["project_user"],"profile":{"name":"Ann"}}`)
	var made struct {
		Account  struct{ Email, Status string }
		Warnings []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
		panic(err)
	}
	fmt.Println(w.Code, made.Account.Email, made.Account.Status, made.Warnings)
	fmt.Println(ask("POST", "/iam/v1/accounts", `{"email":"bob@acme.example","roles":["auditor"],"root":true}`).Body)
	// Output:
	// 201 ann@acme.example pending [projects must be authorized: a project role without a binding sees no project]
	// {"type":"about:blank","title":"Bad Request","status":400,"detail":"unknown field","field":"root"}
}

// exampleService is a service on a database in a folder of its own.
func exampleService() (*iam.Service, func()) {
	dir, err := os.MkdirTemp("", "castellan")
	if err != nil {
		panic(err)
	}
	db, err := sqlite.Open(filepath.Join(dir, "example.db"), &gorm.Config{})
	if err != nil {
		panic(err)
	}
	if err := store.Migrate(context.Background(), db); err != nil {
		panic(err)
	}
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
	if err != nil {
		panic(err)
	}
	return svc, func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
		_ = os.RemoveAll(dir)
	}
}
