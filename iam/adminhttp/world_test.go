package adminhttp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// shipped is a system with what its requests need.
type shipped struct {
	system iam.System
	strong policy.Role       // of sub-accounts, the one that may do the most
	least  policy.Role       // what targets hold
	other  policy.Role       // what setRoles makes of it
	task   policy.Permission // what giveGrant gives
}

func systems() []shipped {
	return []shipped{
		{emqx.System(), emqx.Administrator, emqx.ProjectUser, emqx.Auditor, emqx.DeploymentView},
		{lanit.System(), lanit.Master, lanit.Member, lanit.BillingRole, lanit.ResourceView},
		{devicehub.System(), devicehub.SuperAdmin, devicehub.Basic, devicehub.Admin, devicehub.SubaccountList},
	}
}

// clock stands still until it is set.
type clock struct{ millis atomic.Int64 }

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// prefix is where the tests have the API.
const prefix = "/iam/v1"

// host is a host of a system, with the API behind its guard.
type host struct {
	testing.TB
	shipped
	db    *gorm.DB
	st    iam.Store
	svc   *iam.Service
	clock *clock
	logs  *bytes.Buffer
	api   http.Handler
	doc   document
}

func newHost(t testing.TB, s shipped) *host {
	t.Helper()
	return newHostOn(t, testdb.Open(t, testdb.SQLite), s, func(*adminhttp.Config) {})
}

func newHostOn(t testing.TB, db *gorm.DB, s shipped, adjust func(*adminhttp.Config)) *host {
	t.Helper()
	h := &host{TB: t, shipped: s, db: db, st: store.New(db), clock: new(clock), logs: new(bytes.Buffer)}
	h.clock.millis.Store(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	h.svc = must(iam.New(h.st, s.system, iam.Config{
		Now: h.clock.now, BaseURL: "https://console.example.com", Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}},
	}))(t)
	config := adminhttp.Config{
		Prefix:         prefix,
		CursorKey:      []byte("a key of tests, 32 bytes at least"),
		SignIn:         must(signin.New(h.svc, signin.Config{}))(t),
		TestMailServer: testMailServer,
		Fresh:          func(*http.Request) error { return nil },
	}
	adjust(&config)
	guard := iamhttp.New(h.svc, whoever, iamhttp.Config{Logger: slog.New(slog.NewJSONHandler(h.logs, nil))})
	h.api = guard.Load(must(adminhttp.New(h.svc, guard, config))(t))
	return h
}

// whoever signs people in by a header: a stand-in for a session.
func whoever(r *http.Request) (policy.AccountID, error) {
	return policy.AccountID(r.Header.Get("Test-Account")), nil
}

// testMailServer finds every server well.
func testMailServer(ctx context.Context, actor iam.Actor) (smtp.Report, error) {
	if _, _, _, err := actor.TestMailServer(ctx); err != nil {
		return smtp.Report{}, err
	}
	return smtp.Report{Stages: []smtp.Stage{{Name: smtp.StageDNS, Status: smtp.Passed, Reply: "192.0.2.1"}}}, nil
}

// org is an organisation of the host's.
type org struct {
	*host
	id   policy.OrgID
	root policy.AccountID
}

func (h *host) organization() *org {
	h.Helper()
	made := must(h.svc.System("test").CreateOrganization(h.Context(), iam.CreateOrganizationParams{
		Name: "Testers", Root: &iam.CreateAccountParams{Email: address("root")},
	}))(h)
	return &org{h, made.ID, made.Root}
}

func (o *org) system() iam.Actor { return o.svc.System("test").In(o.id) }

// account makes an active account with the roles.
func (o *org) account(roles ...policy.Role) policy.AccountID {
	o.Helper()
	return o.create(true, roles...)
}

func (o *org) create(active bool, roles ...policy.Role) policy.AccountID {
	o.Helper()
	a, _, err := o.system().CreateAccount(o.Context(), iam.CreateAccountParams{
		Email: address("member"), Roles: roles, Active: active, Profile: iam.Profile{Name: "Member"},
	})
	o.ok(err)
	return a.ID
}

// request is one of an account; "" for nobody.
func (h *host) request(method, path string, who policy.AccountID, media, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Test-Account", string(who))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	w := httptest.NewRecorder()
	h.api.ServeHTTP(w, r)
	return w
}

// get is the answer to a GET below the prefix.
func (h *host) get(who policy.AccountID, path string) *httptest.ResponseRecorder {
	return h.request("GET", prefix+path, who, "", "")
}

// send is the answer to JSON that is sent below the prefix.
func (h *host) send(who policy.AccountID, method, path, body string) *httptest.ResponseRecorder {
	return h.request(method, prefix+path, who, "application/json", body)
}

// address is an address that no other test has.
func address(local string) string { return local + "@" + strings.ToLower(rand.Text()) + ".example" }

// ok ends the test on an error.
func (h *host) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// must returns the value of a call, and ends the test on its error: must(call())(t).
func must[T any](value T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// golden compares a text with a file, and with -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: go test ./iam/adminhttp -update, and read the diff.\n%s", file, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "got  " + a[i] + "\nwant " + b[i]
		}
	}
	return "one is longer"
}

// line is a row as text.
func line(row map[string]any) string {
	var b strings.Builder
	for _, column := range slices.Sorted(maps.Keys(row)) {
		fmt.Fprintf(&b, "%s=%v ", column, row[column])
	}
	return b.String()
}

// dump is all that a client sees, so that two answers can be compared byte for byte.
func dump(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Result().Header)) {
		fmt.Fprintln(&b, name, w.Result().Header[name])
	}
	b.Write(w.Body.Bytes())
	return b.String()
}

// rows are all rows of the database but those of the audit log, as text, for comparing.
func (h *host) rows() string {
	h.Helper()
	var tables []string
	h.ok(h.db.Raw("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").Scan(&tables).Error)
	var b strings.Builder
	for _, table := range tables {
		if table == "iam_events" {
			continue // that something was refused is written down
		}
		var rows []map[string]any
		h.ok(h.db.Table(table).Find(&rows).Error)
		lines := make([]string, 0, len(rows))
		for _, row := range rows {
			for _, ofTheLog := range []string{"asides", "log_ordinal", "log_count", "log_head"} {
				delete(row, ofTheLog)
			}
			lines = append(lines, line(row))
		}
		slices.Sort(lines)
		b.WriteString(table + "\n" + strings.Join(lines, "\n") + "\n")
	}
	return b.String()
}
