package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/sqlite"
)

var update = flag.Bool("update", false, "rewrite testdata")

// world is the backend with both organisations, in a database of its own.
type world struct {
	*app
	ids    map[string]policy.AccountID // by name
	tokens map[string]iam.Token        // of sessions, by name
}

const base = "http://localhost"

// beginning is what every world begins with: a database file, in which everybody is signed in.
type beginning struct {
	file   []byte
	tokens map[string]iam.Token // by name
}

var seeded = sync.OnceValues(func() (*beginning, error) {
	dir, err := os.MkdirTemp("", "castellan-backend")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "seeded.db")
	ctx := context.Background()
	db, err := sqlite.Open(file)
	if err != nil {
		return nil, err
	}
	a, err := newApp(ctx, db, base, nil)
	if err != nil {
		return nil, err
	}
	if err := a.seed(ctx); err != nil {
		return nil, err
	}
	begin := &beginning{tokens: make(map[string]iam.Token)}
	for _, d := range demos {
		for _, p := range d.people {
			org := d.org
			if p.role == emqx.Root {
				org = ""
			}
			opened, err := a.in.SignIn(ctx, signin.SignInParams{Org: org, Email: p.email(d.org), Password: p.password()})
			if err != nil {
				return nil, err
			}
			begin.tokens[p.name] = opened.Token
		}
	}
	connections, err := db.DB()
	if err != nil {
		return nil, err
	}
	if err := connections.Close(); err != nil {
		return nil, err
	}
	begin.file, err = os.ReadFile(file)
	return begin, err
})

// openSeeded opens a copy of the file that every world begins with.
func openSeeded(tb testing.TB) (*beginning, *gorm.DB) {
	tb.Helper()
	begin, err := seeded()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "backend.db")
	if err := os.WriteFile(path, begin.file, 0o600); err != nil {
		tb.Fatal(err)
	}
	db, err := sqlite.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	connections, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { connections.Close() })
	return begin, db
}

func newWorld(t *testing.T) *world {
	t.Helper()
	begin, db := openSeeded(t)
	a, err := newApp(t.Context(), db, base, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{app: a, ids: make(map[string]policy.AccountID), tokens: maps.Clone(begin.tokens)}
	for _, d := range demos {
		accounts, err := a.svc.System("test").In(d.org).Accounts(t.Context(), iam.AccountQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range accounts {
			w.ids[account.Name] = account.ID
		}
	}
	return w
}

// ask sends a request for somebody by name; "" for nobody.
func (w *world) ask(who, method, path, body string) *httptest.ResponseRecorder {
	return w.send(who, httptest.NewRequest(method, path, strings.NewReader(body)))
}

// from posts as a browser does that shows a page of another site, or our own.
func (w *world) from(site, who, path string) (status int) {
	r := httptest.NewRequest("POST", path, nil)
	r.Header.Set("Sec-Fetch-Site", site)
	return w.send(who, r).Code
}

func (w *world) send(who string, r *http.Request) *httptest.ResponseRecorder {
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+w.tokens[who].Reveal())
	}
	response := httptest.NewRecorder()
	w.handler().ServeHTTP(response, r)
	return response
}

// want sends a request that is to be answered with the status, and returns the body.
func (w *world) want(t *testing.T, status int, who, method, path, body string) string {
	t.Helper()
	response := w.ask(who, method, path, body)
	if response.Code != status {
		t.Errorf("%s: %s %s %s: got %d %s, want %d", who, method, path, body, response.Code, response.Body, status)
	}
	return response.Body.String()
}

// decoded reads a JSON body.
func decoded[T any](t *testing.T, body string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

func (w *world) subject(t *testing.T, who string) iam.Subject {
	t.Helper()
	sub, err := w.svc.Subject(t.Context(), w.ids[who])
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// exec runs a statement on the database, past the backend.
func (w *world) exec(t *testing.T, statement string) {
	t.Helper()
	if err := w.tables.db.Exec(statement).Error; err != nil {
		t.Fatal(err)
	}
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("%s has changed: read it, and run go test -update when it is right\n%s", file, got)
	}
}

func bodyOfResponse(r *http.Response) string {
	body, _ := io.ReadAll(r.Body)
	return string(body)
}
