// Package iamtest attacks a host, in the host's own tests: its router, its database, its doors.
//
// Most hosts need two calls, and a function that starts the host as main does:
//
//	func start(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
//		app := newApp(tb, clock.Now) // on a database of the test's
//		return iamtest.Host{
//			Service: app.svc, SignIn: app.in, Handler: app.Handler(),
//			Doors:  iamtest.SignInHTTP(app.svc),
//			Routes: []iamtest.Route{{Pattern: "GET /deployments/{deployment}"}, {Pattern: "DELETE /deployments/{deployment}"}},
//			Seed:   app.seed, // a project and a deployment in an organisation, and their ids
//		}
//	}
//
//	func TestRoutes(t *testing.T) {
//		iamtest.Matrix(t, start, iamtest.MatrixConfig{Golden: "testdata/routes.golden", Update: *update})
//	}
//
//	func TestAttacks(t *testing.T) { iamtest.Attacks(t, start, iamtest.AttacksConfig{}) }
//
// [Matrix] asks each route as everybody: who holds each role, bound to the project and not, an API key, a stranger of
// another organisation, and those who must never get in. It keeps who gets through where as a table in a file, which is
// reviewed when it changes.
//
// [Attacks] replays what was done to account systems: the [KnownAttacks], each with the requirement that it breaks and
// the advisories that it is from. Those for which the host has no route are named in the log.
//
// Both make their organisations and people by themselves. A test of the host's own gets them from [NewWorld]:
//
//	w := iamtest.NewWorld(t, start)
//	answer := w.As("auditor").Ask(iamtest.Route{Pattern: "DELETE /deployments/{deployment}"})
//
// A host that signs people in by itself says how a request becomes somebody's, with [Host].Authenticate; what is aimed at
// package signin is left out then.
//
// What passes is not proven safe. An attack looks at what a client sees, and at what the service knows of accounts; the
// host's own rows are its own to look at. The package is for tests only, and has no database driver.
package iamtest
