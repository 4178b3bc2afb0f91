package iamtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/policy"
)

// World is a host with two organisations: Home, where the people of [World.As] are, and Foreign, another customer of the
// host's. People are made when they are first asked for. A World belongs to one goroutine.
type World struct {
	Host    Host
	Clock   *Clock
	Mails   *Mailbox
	Home    policy.OrgID
	Foreign policy.OrgID

	tb      testing.TB
	attack  string // what messages begin with
	out     *outbox.Outbox
	base    *url.URL
	peer    string
	peers   int // the last of the others that were handed out
	places  map[policy.OrgID]*place
	people  map[string]*Person
	secret  iam.Secret // everybody's password
	hash    string     // and what is stored of it
	missing Values     // ids that nothing has
	lack    string     // what an attack has missed in the host, so that it proves nothing
}

// place is an organisation of a world.
type place struct {
	root      policy.AccountID
	strongest *Person
	values    Values
}

// NewWorld starts a host, and makes the two organisations in it.
func NewWorld(tb testing.TB, start Start) *World {
	tb.Helper()
	w := &World{
		Clock: newClock(), Mails: new(Mailbox), tb: tb, attack: "iamtest",
		places: make(map[policy.OrgID]*place), people: make(map[string]*Person),
		secret: newPassword(), missing: make(Values),
	}
	var random [2]byte
	_, _ = rand.Read(random[:]) // it never fails
	// Of a network for tests (RFC 2544), another one for each world, for guesses are counted by it.
	w.peer = fmt.Sprintf("198.18.%d.%d:40000", random[0], random[1])
	w.peers = int(random[0])<<8 | int(random[1])
	w.Host = start(tb, w.Clock)
	w.Host.check(tb)
	w.base = &url.URL{Scheme: "https", Host: "iamtest.example"}
	if address, err := w.Host.Service.RootLoginAddress(); err == nil {
		w.base = must(url.Parse(address))(tb)
		w.out = must(outbox.New(w.Host.Service, w.Mails, w.Host.Mail))(tb)
	}
	w.Home, w.Foreign = w.organization("Home"), w.organization("Foreign")
	return w
}

// organization makes an organisation with its root, where the system has one, an account with little to do, and the
// host's rows.
func (w *World) organization(name string) policy.OrgID {
	w.tb.Helper()
	params := iam.CreateOrganizationParams{Name: "The " + name + " company"}
	rules := w.Host.Service.Rules()
	if rules.RootRole != "" {
		params.Root = &iam.CreateAccountParams{Email: newAddress("root"), Profile: iam.Profile{Name: "Root"}}
	}
	org := must(w.Host.Service.System("iamtest").CreateOrganization(w.ctx(), params))(w.tb)
	at := &place{root: org.Root, values: Values{}}
	w.places[org.ID] = at
	if w.Host.Seed != nil {
		at.values = w.Host.Seed(w.tb, org.ID)
	}
	if at.values == nil {
		at.values = Values{}
	}
	at.values["org"] = string(org.ID)
	if at.values["role"] == "" {
		at.values["role"] = string(w.least())
	}
	if at.values["account"] == "" {
		at.values["account"] = string(w.create(org.ID, "Target", true, w.least()).ID)
	}
	for name, id := range at.values {
		if w.missing[name] == "" {
			w.missing[name] = noSuch(id)
		}
	}
	return org.ID
}

// create makes an account past every guard.
func (w *World) create(org policy.OrgID, name string, active bool, role policy.Role) iam.Account {
	w.tb.Helper()
	account, _, err := w.system(org).CreateAccount(w.ctx(), iam.CreateAccountParams{
		Email: newAddress("person"), Roles: []policy.Role{role}, Active: active, Profile: iam.Profile{Name: name},
	})
	w.ok(err)
	return account
}

// system acts in an organisation past every guard.
func (w *World) system(org policy.OrgID) iam.Actor { return w.Host.Service.System("iamtest").In(org) }

// ctx is the test's, also in its cleanup.
func (w *World) ctx() context.Context { return context.WithoutCancel(w.tb.Context()) }

// Values returns what the names in braces stand for in Home: what Host.Seed returned, and the ids org, account and role.
func (w *World) Values() Values { return w.places[w.Home].values }

// Deliver sends the mails that are due to Mails.
func (w *World) Deliver() {
	w.tb.Helper()
	if w.out == nil {
		w.tb.Fatal("iamtest: there are no mails without iam.Config.BaseURL")
	}
	_ = must(w.out.SendDue(w.ctx()))(w.tb)
}

// Link delivers, and returns the last link that was mailed to an address; "" when there is none.
func (w *World) Link(email iam.Email) string {
	w.tb.Helper()
	w.Deliver()
	for _, m := range slices.Backward(w.Mails.To(email)) {
		if link := LinkOf(m); link != "" {
			return link
		}
	}
	return ""
}

// roles are those that accounts can hold, without the custom ones.
func (w *World) roles() []policy.Role {
	return slices.DeleteFunc(w.Host.Service.Policy().Roles(), func(r policy.Role) bool { return strings.Contains(string(r), "@") })
}

// given are the roles that a sub-account can hold, the one with the most permissions first.
func (w *World) given() []policy.Role {
	p, root := w.Host.Service.Policy(), w.Host.Service.Rules().RootRole
	roles := slices.DeleteFunc(w.roles(), func(r policy.Role) bool {
		return r == root && !slices.ContainsFunc(p.Roles(), func(by policy.Role) bool { return slices.Contains(p.Gives(by), r) })
	})
	slices.SortStableFunc(roles, func(a, b policy.Role) int { return cmp.Compare(len(p.PermissionsOf(b)), len(p.PermissionsOf(a))) })
	if len(roles) == 0 {
		w.tb.Fatal("iamtest: the policy has no role that a sub-account could hold")
	}
	return roles
}

// most is the strongest role of sub-accounts, and least the weakest.
func (w *World) most() policy.Role  { return w.given()[0] }
func (w *World) least() policy.Role { all := w.given(); return all[len(all)-1] }

// errorf reports what is wrong with the host.
func (w *World) errorf(format string, args ...any) {
	w.tb.Helper()
	w.tb.Errorf(w.attack+": "+format, args...)
}

// ok ends the test on an error of the kit's own steps.
func (w *World) ok(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatalf("iamtest: %v", err)
	}
}

// must returns the value of a call, and ends the test on its error: must(call())(tb).
func must[T any](value T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatalf("iamtest: %v", err)
		}
		return value
	}
}

// newAddress is an address that nobody has.
func newAddress(local string) string { return local + "@" + strings.ToLower(rand.Text()) + ".example" }

// newPassword is one that every rule takes.
func newPassword() iam.Secret { return iam.NewSecret("Aa1! " + rand.Text()) }
