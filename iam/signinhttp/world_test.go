package signinhttp_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

const (
	baseURL = "https://example.com"
	cookie  = "__Host-session"
)

// keys seal what is stored in the tests.
var keys = iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}}

// world is a host with a database of its own.
type world struct {
	testing.TB
	db    *gorm.DB
	svc   *iam.Service
	in    *signin.Service
	door  *signinhttp.Handler
	logs  *logs
	clock *atomic.Int64 // milliseconds; it stands still until it is advanced
}

func newWorld(tb testing.TB, system iam.System, config signinhttp.Config) *world {
	tb.Helper()
	return newWorldWith(tb, system, signin.Config{}, config)
}

func newWorldWith(tb testing.TB, system iam.System, letIn signin.Config, config signinhttp.Config) *world {
	tb.Helper()
	return newWorldOn(tb, testdb.Open(tb, testdb.SQLite), system, letIn, config)
}

func newWorldOn(tb testing.TB, db *gorm.DB, system iam.System, letIn signin.Config, config signinhttp.Config) *world {
	tb.Helper()
	w := &world{TB: tb, db: db, logs: new(logs), clock: new(atomic.Int64)}
	w.clock.Store(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	w.svc = must(iam.New(store.New(w.db), system, iam.Config{Now: w.now, BaseURL: baseURL, Keys: keys}))(tb)
	letIn.Hash = signin.HashParams{Memory: 12288, Time: 3} // the cheapest that is allowed
	w.in = must(signin.New(w.svc, letIn))(tb)
	config.Guard.Logger = slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.door = must(signinhttp.New(w.in, w.svc, config))(tb)
	return w
}

func (w *world) now() time.Time          { return time.UnixMilli(w.clock.Load()).UTC() }
func (w *world) advance(d time.Duration) { w.clock.Add(d.Milliseconds()) }

// organization makes an organisation whose root has a password.
func (w *world) organization(id policy.OrgID) *person {
	w.Helper()
	email := "root@" + string(id) + ".example"
	made := must(w.svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
		ID: id, Name: "The " + string(id) + " company", Root: &iam.CreateAccountParams{Email: email},
	}))(w)
	p := &person{world: w, org: id, id: made.Root, email: email, login: "/o/" + string(id) + "/login"}
	if w.svc.Rules().SeparateRootLogin {
		p.login = "/login"
	}
	p.resets()
	return p
}

// person is an account with somebody who knows its password.
type person struct {
	*world
	org      policy.OrgID
	id       policy.AccountID
	email    string
	login    string
	password string
	secret   string // of the second factor
}

// member makes an active account in the root's organisation.
func (p *person) member(name string) *person {
	p.Helper()
	m := p.accountOf(name, true)
	m.resets()
	return m
}

// accountOf makes an account without a password.
func (p *person) accountOf(name string, active bool) *person {
	p.Helper()
	m := &person{world: p.world, org: p.org, email: name + "@" + string(p.org) + ".example", login: "/o/" + string(p.org) + "/login"}
	account, _, err := p.svc.System("test").In(p.org).CreateAccount(p.Context(), iam.CreateAccountParams{
		Email: m.email, Roles: []policy.Role{p.lowest()}, Active: active,
	})
	p.ok(err)
	m.id = account.ID
	return m
}

// lowest is a role of the system with little to do.
func (w *world) lowest() policy.Role {
	if w.svc.Policy().HasRole(emqx.Auditor) {
		return emqx.Auditor
	}
	return lanit.Member
}

// resets gives the account a password by a link, as for one that was forgotten.
func (p *person) resets() {
	p.Helper()
	p.password = goodPassword()
	opened := must(p.in.ResetPassword(p.Context(), p.token(iam.ForReset), iam.NewSecret(p.password)))(p)
	p.ok(p.in.SignOut(p.Context(), opened.Token))
}

// token makes the token of a link, past the mail.
func (p *person) token(purpose iam.TokenPurpose) iam.Token {
	p.Helper()
	token := must(iam.NewToken(rand.Reader))(p)
	p.ok(p.svc.Store().Write(p.Context(), p.org, func(tx iam.Tx) error {
		return tx.InsertToken(p.Context(), iam.TokenRecord{
			Hash: token.Hash(), Purpose: purpose, Org: p.org, Account: p.id, Email: iam.Email(p.email), Created: p.now(), Expires: p.now().Add(time.Hour),
		})
	}))
	return token
}

// opens signs in past the handler, to whatever stage.
func (p *person) opens() iam.Token {
	p.Helper()
	var org policy.OrgID
	if p.login != "/login" {
		org = p.org
	}
	opened := must(p.in.SignIn(p.Context(), signin.SignInParams{Org: org, Email: p.email, Password: iam.NewSecret(p.password)}))(p)
	return opened.Token
}

// enrolls gives the account a second factor, and returns the full session in which that was done.
func (p *person) enrolls() iam.Token {
	p.Helper()
	token := p.opens()
	made := must(p.in.Enroll(p.Context(), token))(p)
	p.secret = made.Secret.Reveal()
	return must(p.in.ConfirmEnrollment(p.Context(), token, p.code()))(p).Token
}

// code is a code of the authenticator that was not used yet: the clock goes on to the next time step.
func (p *person) code() string {
	p.advance(30 * time.Second)
	return must(totpCode(p.secret, p.now()))(p)
}

// totpCode is the code of an authenticator with a secret at a time.
func totpCode(secret string, at time.Time) (string, error) { return totp.GenerateCode(secret, at) }

// linkToken takes the token out of a link.
func linkToken(tb testing.TB, link iam.Secret) iam.Token {
	tb.Helper()
	token := iam.ParseToken(must(url.Parse(link.Reveal()))(tb).Query().Get("token"))
	if token.IsZero() {
		tb.Fatal("the link has no token")
	}
	return token
}

var discard = slog.New(slog.DiscardHandler)

// goodPassword is a password that every system's rule takes, and no other test has.
func goodPassword() string { return "Aa1! " + rand.Text() }

// A request is sent to a handler, as a browser or another client does.
type request struct {
	method, path string
	json         any    // the body, unless it is nil; a string is sent as it is
	form         string // the body of a form, unless it is ""
	cookie       iam.Token
	header       map[string]string
}

func (w *world) send(q request) *httptest.ResponseRecorder {
	w.Helper()
	return sendTo(w, w.door, q)
}

func sendTo(tb testing.TB, h http.Handler, q request) *httptest.ResponseRecorder {
	tb.Helper()
	var body io.Reader
	kind := ""
	switch sent := q.json.(type) {
	case nil:
	case string:
		body, kind = strings.NewReader(sent), "application/json"
	default:
		text := must(json.Marshal(sent))(tb)
		body, kind = bytes.NewReader(text), "application/json"
	}
	if q.form != "" {
		body, kind = strings.NewReader(q.form), "application/x-www-form-urlencoded"
	}
	r := httptest.NewRequest(q.method, baseURL+q.path, body)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if !q.cookie.IsZero() {
		r.AddCookie(&http.Cookie{Name: cookie, Value: q.cookie.Reveal()})
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

var asPage = map[string]string{"Accept": "text/html,application/xhtml+xml"}

// form encodes the fields of a form: name, value, name, value.
func form(pairs ...string) string {
	values := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

type fields map[string]any

// signIn sends the right password, and returns the answer.
func (p *person) signIn() *httptest.ResponseRecorder {
	p.Helper()
	return p.send(request{method: "POST", path: p.login, json: fields{"email": p.email, "password": p.password}})
}

// tokenOf is the token in the cookie that an answer sets.
func tokenOf(tb testing.TB, rec *httptest.ResponseRecorder) iam.Token {
	tb.Helper()
	for _, c := range rec.Result().Cookies() {
		if c.Name == cookie {
			return iam.ParseToken(c.Value)
		}
	}
	tb.Fatalf("no cookie was set: %s", dump(rec))
	return iam.Token{}
}

// dump writes all that a client sees, so that two answers can be compared byte for byte.
func dump(rec *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, rec.Code)
	for _, name := range slices.Sorted(maps.Keys(rec.Result().Header)) {
		for _, value := range rec.Result().Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.WriteString(rec.Body.String())
	return b.String()
}

// holds reports whether a token opens a full session.
func (w *world) holds(token iam.Token) bool {
	w.Helper()
	_, _, err := w.in.Session(w.Context(), token)
	if err != nil && !errors.Is(err, signin.ErrSession) {
		w.Fatal(err)
	}
	return err == nil
}

// rows are all rows of the database, to see whether anything has changed.
func rows(tb testing.TB, db *gorm.DB) string {
	tb.Helper()
	var tables []string
	if err := db.Raw("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").Scan(&tables).Error; err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	for _, table := range tables {
		var all []map[string]any
		if err := db.Table(table).Find(&all).Error; err != nil {
			tb.Fatal(err)
		}
		for _, row := range all {
			for _, column := range slices.Sorted(maps.Keys(row)) {
				fmt.Fprintf(&b, "%s.%s=%v ", table, column, row[column])
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// logs collects what was logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// guarded is a route of the host's behind its guard.
func (w *world) guarded() http.Handler {
	guard := iamhttp.New(w.svc, nil, iamhttp.Config{Subject: w.door.Subject, Logger: discard})
	return guard.Load(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprint(rw, iam.FromContext(r.Context()).ID())
	}))
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
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

// equal compares what is comparable.
func equal[T comparable](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}
