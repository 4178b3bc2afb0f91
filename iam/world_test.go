package iam_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// world is a test with a database. Its organisations have random ids, so that many tests share one.
type world struct {
	*testing.T
	db *gorm.DB
	st *store.Store
}

// eachDatabase runs the test on every database that can be reached, each with one of its own.
func eachDatabase(t *testing.T, test func(w *world)) {
	t.Helper()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) { test(newWorld(t, db)) })
}

// onSQLite runs the test on the database that is always there.
func onSQLite(t *testing.T, test func(w *world)) {
	t.Helper()
	test(newWorld(t, testdb.Open(t, testdb.SQLite)))
}

func newWorld(t *testing.T, db *gorm.DB) *world { return &world{T: t, db: db, st: store.New(db)} }

// run is a parallel subtest on the same database.
func (w *world) run(name string, test func(w *world)) {
	w.Helper()
	w.Run(name, func(t *testing.T) {
		t.Parallel()
		test(newWorld(t, w.db))
	})
}

// clock is the time of one organisation's tests: it stands still until it is set.
type clock struct{ millis atomic.Int64 }

var morning = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

func newClock() *clock {
	c := new(clock)
	c.millis.Store(morning.UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()) }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// service is a service of the system on the test's database, with a clock of its own.
func (w *world) service(system iam.System) (*iam.Service, *clock) {
	w.Helper()
	clock := newClock()
	return must(iam.New(w.st, system, iam.Config{Now: clock.now, BaseURL: "https://console.example", Keys: testKeys()}))(w), clock
}

// org is an organisation in a test.
type org struct {
	*world
	svc    *iam.Service
	clock  *clock
	id     policy.OrgID
	rootID policy.AccountID
}

// organization makes an organisation of the system, with its root account.
func (w *world) organization(system iam.System) *org {
	w.Helper()
	return w.organizationWith(system, iam.CreateOrganizationParams{Root: &iam.CreateAccountParams{Email: address("root")}})
}

// rootless makes an organisation whose owner the host keeps elsewhere.
func (w *world) rootless(system iam.System) *org {
	w.Helper()
	return w.organizationWith(system, iam.CreateOrganizationParams{})
}

func (w *world) organizationWith(system iam.System, params iam.CreateOrganizationParams) *org {
	w.Helper()
	svc, clock := w.service(system)
	made := must(svc.System("test").CreateOrganization(w.Context(), params))(w)
	return &org{world: w, svc: svc, clock: clock, id: made.ID, rootID: made.Root}
}

// sibling makes another organisation of the same service.
func (o *org) sibling() *org {
	o.Helper()
	made := must(o.svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Email: address("root")},
	}))(o)
	return &org{world: o.world, svc: o.svc, clock: o.clock, id: made.ID, rootID: made.Root}
}

// address is an address that no other test has.
func address(local string) string { return local + "@" + strings.ToLower(rand.Text()) + ".example" }

// system is the actor that passes the policy.
func (o *org) system() iam.Actor { return o.svc.System("test").In(o.id) }

// account makes an active account that holds the roles.
func (o *org) account(roles ...policy.Role) policy.AccountID {
	o.Helper()
	return o.create(iam.CreateAccountParams{Roles: roles, Active: true}).ID
}

// create makes an account past the policy.
func (o *org) create(params iam.CreateAccountParams) iam.Account {
	o.Helper()
	account, _, err := o.system().CreateAccount(o.Context(), params)
	if err != nil {
		o.Fatal(err)
	}
	return account
}

// without makes an active account that holds nothing, which no actor can make.
func (o *org) without() policy.AccountID {
	o.Helper()
	id := policy.AccountID(rand.Text())
	o.ok(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
		return tx.InsertAccount(o.Context(), iam.Account{ID: id, Org: o.id, Status: iam.Active}, false)
	}))
	return id
}

// get reads an account past the policy.
func (o *org) get(id policy.AccountID) iam.Account {
	o.Helper()
	return must(o.system().Account(o.Context(), id))(o)
}

// subject loads an account as it stands.
func (o *org) subject(id policy.AccountID) iam.Subject {
	o.Helper()
	return must(o.svc.Subject(o.Context(), id))(o)
}

// as acts for an account as it stands.
func (o *org) as(id policy.AccountID) iam.Actor {
	o.Helper()
	return o.svc.As(o.subject(id))
}

// root acts for the organisation's root account.
func (o *org) root() iam.Actor {
	o.Helper()
	return o.as(o.rootID)
}

// bind binds an account to projects, by a role that it holds.
func (o *org) bind(id policy.AccountID, role policy.Role, projects ...policy.ProjectID) {
	o.Helper()
	for _, project := range projects {
		o.ok(o.system().Bind(o.Context(), iam.Binding{Account: id, Role: role, Project: project}))
	}
}

// can asks as a request does: the subject is loaded, then decided about.
func (o *org) can(id policy.AccountID, p policy.Permission, project policy.ProjectID) bool {
	o.Helper()
	return o.svc.Can(o.subject(id), p.Action(), p.Kind().In(o.id, project).Named("r1"))
}

// canOrg is can outside of projects.
func (o *org) canOrg(id policy.AccountID, p policy.Permission) bool {
	o.Helper()
	return o.svc.Can(o.subject(id), p.Action(), p.Kind().Of(o.id))
}

// ok ends the test on an error.
func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused wants an error that is target.
func (w *world) refused(err, target error) {
	w.Helper()
	if !errors.Is(err, target) {
		w.Errorf("got the error %v, want %v", err, target)
	}
}

// wrong wants a FieldError about the field.
func (w *world) wrong(err error, field string) {
	w.Helper()
	var about *iam.FieldError
	if !errors.As(err, &about) || about.Field != field || !errors.Is(err, iam.ErrInvalid) {
		w.Errorf("got the error %v, want a FieldError about %s", err, field)
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

// inHostTransaction runs do in a transaction of the host, and ends it with its error.
func (o *org) inHostTransaction(do func(svc *iam.Service, tx *gorm.DB) error) error {
	return o.db.WithContext(o.Context()).Transaction(func(tx *gorm.DB) error {
		return do(o.svc.WithStore(o.st.In(tx)), tx)
	})
}

// canceled is a context that has ended.
func (w *world) canceled() context.Context {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	return ctx
}

// unwritable is an end that RFC 3339 has no year for.
func unwritable() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }
