package iamhttp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// SB-60, SB-71: only an active account comes through Load; everybody else gets a status of their own.
func TestLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		who       policy.AccountID
		signInErr error
		want      int
		reason    string
		subject   any
	}{
		{"an active account is served", "ann", nil, 200, "", nil},
		{"nobody", "", nil, 401, "no_account", nil},
		{"nobody, with a reason", "", fmt.Errorf("%w: the token has ended", iamhttp.ErrNoAccount), 401, "no_account", nil},
		{"an unknown API key", "", iam.ErrNotFound, 401, "no_account", nil},
		{"an account beside an error is not used", "ann", iamhttp.ErrNoAccount, 401, "no_account", "ann"},
		{"an account that does not exist", "ghost", nil, 401, "no_account", "ghost"},
		{"a disabled account", "eve", nil, 403, "inactive_account", "eve"},
		{"a pending account", "new", nil, 403, "inactive_account", "new"},
		{"the database is away", "unlucky", nil, 503, "unavailable", "unlucky"},
		{"the sessions are away", "", errDatabase, 503, "unavailable", nil},
		{"the host refuses itself", "ann", fmt.Errorf("from this address: %w", iam.ErrForbidden), 403, "forbidden", "ann"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out logs
			signIn := func(*http.Request) (policy.AccountID, error) { return tt.who, tt.signInErr }
			guard := iamhttp.New(newService(t, emqx.System()), signIn, iamhttp.Config{Logger: out.logger()})
			reached := false
			w := serve(guard.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				reached = iam.FromContext(r.Context()).ID() == tt.who
			})), request("GET", "/", ""))
			if w.Code != tt.want || reached != (tt.want == 200) {
				t.Fatalf("got %d, handler reached: %v; want %d", w.Code, reached, tt.want)
			}
			if reached {
				return
			}
			if got, want := w.Body.String(), problemOf(tt.want); got != want {
				t.Errorf("got body %s, want %s", got, want)
			}
			if got := w.Header().Get("WWW-Authenticate"); (got == "Bearer") != (tt.want == 401) {
				t.Errorf("got WWW-Authenticate %q with status %d", got, tt.want)
			}
			if rec := out.one(t); rec["reason"] != tt.reason || rec["subject"] != tt.subject {
				t.Errorf("got record %v, want reason %q and subject %v", rec, tt.reason, tt.subject)
			}
		})
	}
}

func TestChallengesAreTheHosts(t *testing.T) {
	t.Parallel()
	want := []string{`Basic realm="console"`, `Bearer realm="API"`}
	guard := iamhttp.New(newService(t, emqx.System()), account, iamhttp.Config{Logger: slog.New(slog.DiscardHandler), Challenges: want})
	if got := serve(guard.Load(served), request("GET", "/", "")).Header().Values("WWW-Authenticate"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A client that has gone is not answered, and is no alarm; but a canceled context of somebody
// else's is a failure, and no success with an empty body.
func TestGoneClient(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{true, false} {
		var out logs
		signIn := func(*http.Request) (policy.AccountID, error) { return "", context.Canceled }
		guard := iamhttp.New(newService(t, emqx.System()), signIn, iamhttp.Config{Logger: out.logger()})
		r := request("GET", "/", "ann")
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		want, level := 503, "ERROR"
		if gone {
			want, level = 499, "DEBUG"
			cancel()
		}
		w := serve(guard.Load(served), r.WithContext(ctx))
		if rec := out.one(t); w.Code != want || rec["level"] != level || gone && w.Body.Len() > 0 {
			t.Errorf("gone %v: got %d %q, record %v; want %d at %s", gone, w.Code, w.Body, rec, want, level)
		}
	}
}

// What a host forgets to pass is found when it starts, and not by a request.
func TestNilArgumentsPanic(t *testing.T) {
	t.Parallel()
	svc := newService(t, emqx.System())
	guard := iamhttp.New(svc, account, iamhttp.Config{})
	for name, call := range map[string]func(){
		"service":     func() { iamhttp.New(nil, account, iamhttp.Config{}) },
		"account":     func() { iamhttp.New(svc, nil, iamhttp.Config{}) },
		"Load":        func() { guard.Load(nil) },
		"Require of":  func() { guard.Require(emqx.DeploymentView, nil, served) },
		"Require":     func() { guard.Require(emqx.DeploymentView, deploymentResource, nil) },
		"RequireOrg":  func() { guard.RequireOrg(emqx.AuditLogView, nil) },
		"Permissions": func() { guard.Permissions(nil) },
		"Handler":     func() { guard.Handler(nil) },
		"guard": func() {
			iamhttp.RequireItem(nil, emqx.DeploymentView, loadDeployment, func(http.ResponseWriter, *http.Request, *deployment) error { return nil })
		},
		"serve": func() { iamhttp.RequireItem(guard, emqx.DeploymentView, loadDeployment, nil) },
		"load": func() {
			iamhttp.RequireItem(guard, emqx.DeploymentView, nil, func(http.ResponseWriter, *http.Request, *deployment) error { return nil })
		},
		"in":    func() { iamhttp.RequireIn(guard, emqx.DeploymentCreate, loadSite, nil) },
		"reach": func() { iamhttp.RequireReach(guard, emqx.DeploymentList, nil) },
		"in of nothing": func() {
			iamhttp.RequireIn(nil, emqx.DeploymentCreate, loadSite, func(http.ResponseWriter, *http.Request, site) error { return nil })
		},
		"reach of nothing": func() {
			iamhttp.RequireReach(nil, emqx.DeploymentList, func(http.ResponseWriter, *http.Request, policy.Reach) error { return nil })
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

// It changes the process's default logger, so it does not run beside other tests.
func TestLoggerDefaultsToTheProcess(t *testing.T) {
	before, writer := slog.Default(), log.Writer()
	t.Cleanup(func() { slog.SetDefault(before); log.SetOutput(writer) })
	guard := iamhttp.New(newService(t, emqx.System()), account, iamhttp.Config{})
	var out logs
	slog.SetDefault(out.logger())
	guard.Error(serve(served, request("GET", "/", "")), request("GET", "/", ""), errors.New("boom"))
	if rec := out.one(t); rec["error"] != "boom" {
		t.Errorf("got record %v", rec)
	}
}
