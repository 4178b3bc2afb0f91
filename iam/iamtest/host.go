package iamtest

import (
	"net/http"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// Start starts a host for one world, as main does: on a database of the test's, with clock.Now as iam.Config.Now. It
// starts no outbox, since the world sends the mails itself. What must be closed is closed in tb.Cleanup.
//
// It is called often: for every attack, and whenever a request has changed something that the next one would meet.
// The worlds of one database may follow each other, each in organisations of its own, and are not at work at once;
// where Parallel is set in the config of Matrix or Attacks, each needs a database of its own.
type Start func(tb testing.TB, clock *Clock) Host

// Host is an application under test.
type Host struct {
	// Service is the host's.
	Service *iam.Service
	// Handler is everything that the host serves, as it stands behind its server.
	Handler http.Handler
	// SignIn is the host's, where it uses package signin. Defaults to none: passwords, links to reset them and second
	// factors are not attacked.
	SignIn *signin.Service
	// Doors are the routes by which people come in. Defaults to none: see Authenticate.
	Doors Doors
	// Routes are the host's guarded routes: those of the matrix, and those that are attacked.
	Routes []Route
	// Patterns are everything that the host has registered, where it can say so, as patterns of http.ServeMux: the matrix
	// fails for one that is neither in Routes nor among Doors. Those that end in a slash are passed over, as they are what
	// leads nowhere else. Defaults to not known.
	Patterns []string
	// Seed makes the host's own rows in an organisation, and returns their ids by the names that the routes have
	// in braces. What it calls project is where accounts are bound. It is called for two organisations, and gives
	// each its own ids. Defaults to no rows.
	Seed func(tb testing.TB, org policy.OrgID) Values
	// Authenticate makes a request somebody's, for a host with a sign-in of its own; sub is the zero Subject for
	// nobody. It may also be a stand-in for that, which a system needs whose Rules require a second factor of everybody.
	// Defaults to signing in at Doors.SignIn, with real sessions.
	Authenticate func(r *http.Request, sub iam.Subject)
	// APIKeys says that the routes take API keys, behind Bearer: see iamhttp.KeyOf. Defaults to no.
	APIKeys bool
	// Mail are the texts of the mails, as the host's outbox has them. Defaults to those that are shipped.
	Mail outbox.Config
}

// check ends the test for a host that nothing can be asked of.
func (h Host) check(tb testing.TB) {
	tb.Helper()
	switch {
	case h.Service == nil || h.Handler == nil:
		tb.Fatal("iamtest: Host.Service or Host.Handler is nil")
	case h.Authenticate == nil && (h.SignIn == nil || h.Doors.SignIn.missing()):
		tb.Fatal("iamtest: nobody can be signed in: Host has neither Authenticate, nor SignIn with Doors.SignIn")
	case h.byCookie() && h.Service.Rules().SecondFactor == iam.SecondFactorRequired:
		tb.Fatal("iamtest: the system requires a second factor of everybody, which the people here have not: set Host.Authenticate")
	}
}

// byCookie reports whether people are known by what a browser sends by itself.
func (h Host) byCookie() bool { return h.Authenticate == nil }
