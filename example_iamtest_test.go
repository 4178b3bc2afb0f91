package castellan_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// attacked is the README's: what the tests of a host have.
func attacked(
	t *testing.T,
	newApp func(tb testing.TB, now func() time.Time) (*iam.Service, *signin.Service, http.Handler),
	seed func(tb testing.TB, org policy.OrgID) iamtest.Values,
) {
	start := func(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
		svc, in, app := newApp(tb, clock.Now) // as main does, on a database of the test's
		return iamtest.Host{
			Service: svc, SignIn: in, Handler: app, Doors: iamtest.SignInHTTP(svc),
			Routes: []iamtest.Route{{Pattern: "GET /deployments/{deployment}"}, {Pattern: "DELETE /deployments/{deployment}"}},
			Seed:   seed, // your rows in an organisation, and their ids
		}
	}
	iamtest.Matrix(t, start, iamtest.MatrixConfig{Golden: "testdata/routes.golden", Update: *update})
	iamtest.Attacks(t, start, iamtest.AttacksConfig{})
}

var _ = attacked // it compiles: a host of its own runs it in examples/backend
