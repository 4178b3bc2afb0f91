package iamtest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// exampleT is the test of an example, which has none: what a host has is *testing.T.
func exampleT() (t testing.TB, done func()) { return newExampleTB() }

// startExample starts a host with a sign-in of its own, in whose place a header stands: that is enough to ask its routes.
func startExample(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
	db, err := sqlite.Open(filepath.Join(tb.TempDir(), "app.db"))
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = pool.Close() })
	if err := store.Migrate(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{Now: clock.Now})
	if err != nil {
		tb.Fatal(err)
	}
	guard := iamhttp.New(svc, func(r *http.Request) (policy.AccountID, error) {
		return policy.AccountID(r.Header.Get("Test-Account")), nil
	}, iamhttp.Config{Logger: slog.New(slog.DiscardHandler)})
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("GET /bills", guard.RequireOrg(emqx.BillingView, ok))
	mux.Handle("GET /people", guard.RequireOrg(emqx.SubaccountList, ok))
	mux.Handle("POST /projects", guard.RequireOrg(emqx.ProjectCreate, ok))
	return iamtest.Host{
		Service: svc, Handler: guard.Load(mux),
		Routes:       []iamtest.Route{{Pattern: "GET /bills"}, {Pattern: "GET /people"}, {Pattern: "POST /projects"}},
		Authenticate: func(r *http.Request, sub iam.Subject) { r.Header.Set("Test-Account", string(sub.ID())) },
	}
}

// Who gets through where is a table in a file.
func ExampleMatrix() {
	t, done := exampleT()
	defer done()
	file := filepath.Join(t.TempDir(), "routes.golden")
	iamtest.Matrix(t, startExample, iamtest.MatrixConfig{Golden: file, Update: true})
	table, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(table))
	// Output:
	// 1 root
	//  2 administrator
	//  3 project_admin
	//  4 project_user
	//  5 accountant
	//  6 auditor
	//  7 stranger
	//  8 pending
	//  9 disabled
	// 10 deleted
	// 11 nobody
	//
	//                 1    2    3    4    5    6    7    8    9    10   11
	// GET /bills      ✓    ✓    403  403  ✓    ✓    ✓    403  403  401  401
	// GET /people     ✓    ✓    403  403  403  ✓    ✓    403  403  401  401
	// POST /projects  ✓    ✓    403  403  403  403  ✓    403  403  401  401
	//
	// ✓ gets through   401 must sign in   403 may not   404 is told of nothing
}

// A world has somebody for each role.
func ExampleNewWorld() {
	t, done := exampleT()
	defer done()
	w := iamtest.NewWorld(t, startExample)
	for _, name := range []string{"root", "auditor", "project_user", iamtest.Nobody} {
		fmt.Println(name, w.As(name).Ask(iamtest.Route{Pattern: "GET /people"}).StatusCode)
	}
	// Output:
	// root 200
	// auditor 200
	// project_user 403
	// nobody 401
}

// An attack can be replayed on its own, while what it found is being mended.
func ExampleAttack_Replay() {
	t, done := exampleT()
	defer done()
	for _, attack := range iamtest.KnownAttacks() {
		if attack.Name == "a path written otherwise" {
			attack.Replay(t, startExample)
			fmt.Println(attack.Name, "was stood:", !t.Failed())
		}
	}
	// Output:
	// a path written otherwise was stood: true
}
