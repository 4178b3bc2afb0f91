package signin_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// world is a test with a database. Its organisations have random ids, so that many tests share one.
type world struct {
	testing.TB
	t  *testing.T // nil in a benchmark
	db *gorm.DB
	st iam.Store
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

func newWorld(t *testing.T, db *gorm.DB) *world {
	return &world{TB: t, t: t, db: db, st: store.New(db)}
}

// run is a parallel subtest on the same database.
func (w *world) run(name string, test func(w *world)) {
	w.Helper()
	w.t.Run(name, func(t *testing.T) {
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

func (c *clock) now() time.Time          { return time.UnixMilli(c.millis.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.millis.Add(d.Milliseconds()) }

// org is an organisation in a test.
type org struct {
	*world
	svc   *iam.Service
	in    *signin.Service
	clock *clock
	id    policy.OrgID
	root  *person
	peer  netip.Addr // where its people sign in from: nowhere else
}

// keys seal what is stored in the tests.
var keys = iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}}

const baseURL = "https://console.example.com"

// organization makes an organisation of the system with a root account, and a service that lets its people in.
func (w *world) organization(system iam.System) *org {
	w.Helper()
	return w.organizationWith(system, signin.Config{})
}

func (w *world) organizationWith(system iam.System, config signin.Config) *org {
	w.Helper()
	clock := newClock()
	svc := must(iam.New(w.st, system, iam.Config{Now: clock.now, BaseURL: baseURL, Keys: keys}))(w)
	in := must(signin.NewWeak(svc, config))(w)
	return (&org{world: w, svc: svc, in: in, clock: clock}).sibling()
}

// sibling makes another organisation of the same services.
func (o *org) sibling() *org {
	o.Helper()
	next := *o
	next.peer = randomPeer()
	email := address("root")
	made := must(o.svc.System("test").CreateOrganization(o.Context(), iam.CreateOrganizationParams{
		Name: "Testers", Root: &iam.CreateAccountParams{Email: email},
	}))(o)
	next.id = made.ID
	next.root = &person{org: &next, id: made.Root, email: email, login: made.ID}
	if o.svc.Rules().SeparateRootLogin {
		next.root.login = ""
	}
	next.root.knows(goodPassword())
	return &next
}

// node is the same organisation behind other services on the same database, as another node or a
// restart has them. It shares the clock.
func (o *org) node(config signin.Config) *org {
	o.Helper()
	next := *o
	next.svc = must(iam.New(o.st, iam.System{Name: "test", Policy: o.svc.Policy(), Rules: o.svc.Rules()}, iam.Config{
		Now: o.clock.now, BaseURL: baseURL, Keys: keys,
	}))(o)
	next.in = must(signin.NewWeak(next.svc, config))(o)
	return &next
}

// on is the same organisation on another store, which wraps the test's.
func (o *org) on(st iam.Store) *org {
	next := *o
	next.svc, next.in = o.svc.WithStore(st), o.in.WithStore(st)
	return &next
}

// address is an address that no other test has.
func address(local string) string { return local + "@" + strings.ToLower(rand.Text()) + ".example" }

// goodPassword is a password that every system's rule takes, and no other test has.
func goodPassword() iam.Secret { return iam.NewSecret("Aa1! " + rand.Text()) }

// randomPeer is a network that no other test has.
func randomPeer() netip.Addr {
	addr := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	_, _ = rand.Read(addr[4:8])
	addr[15] = 1
	return netip.AddrFrom16(addr)
}

// ctx is the context of a request from the organisation's own peer.
func (o *org) ctx() context.Context { return o.from(o.peer) }

// from is the context of a request from a peer.
func (w *world) from(peer netip.Addr) context.Context {
	return iam.WithOrigin(w.Context(), iam.Origin{Peer: peer, Request: "request-1", Agent: "test/1.0"})
}

// system is the actor that passes the policy.
func (o *org) system() iam.Actor { return o.svc.System("test").In(o.id) }

// lowest is a role of the system with little to do.
func (o *org) lowest() policy.Role {
	for _, role := range []policy.Role{emqx.Auditor, lanit.Member, devicehub.Basic} {
		if o.svc.Policy().HasRole(role) {
			return role
		}
	}
	o.Fatal("the system has none of the roles")
	return ""
}

// events returns the organisation's events of the types, or all, the oldest first.
func (o *org) events(types ...iam.EventType) []iam.Event {
	o.Helper()
	var all []iam.Event
	q := iam.EventQuery{Ascending: true, Limit: 1000}
	for {
		page := must(o.st.Events(o.Context(), o.id, q))(o)
		all = append(all, page...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Position()
	}
	if len(types) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(e iam.Event) bool { return !slices.Contains(types, e.Type) })
}

// value is what an event says about a field: what is new, or else what was before.
func value(e iam.Event, field string) string {
	for _, c := range e.Changes {
		if c.Field == field {
			return cmp.Or(c.After, c.Before)
		}
	}
	return ""
}

// require makes the organisation require a second factor, or leave it to the system.
func (o *org) require(rule iam.SecondFactorRule) {
	o.Helper()
	o.ok(second(o.system().UpdateOrganization(o.Context(), iam.OrganizationParams{Name: "Testers", SecondFactor: rule})))
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

// staged wants a session that is not Full yet.
func (w *world) staged(err error, stage iam.Stage) {
	w.Helper()
	var staged *signin.StageError
	if !errors.As(err, &staged) || staged.Stage != stage {
		w.Errorf("got the error %v, want a StageError of %q", err, stage)
	}
}

// equal compares what is comparable.
func equal[T comparable](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// second is the error of a call that returns a value too.
func second[T any](_ T, err error) error { return err }

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

// until is when who is throttled may come again; zero for another error.
func until(err error) time.Time {
	var throttled *iam.ThrottledError
	if errors.As(err, &throttled) {
		return throttled.Until
	}
	return time.Time{}
}

// third is the error of a call that returns two values too.
func third[T, U any](_ T, _ U, err error) error { return err }
