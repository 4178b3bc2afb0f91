package main

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// startAttacked starts the backend for package iamtest: as newApp does, with a clock that can be set.
func startAttacked(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	_, db := openSeeded(tb)
	a := &app{store: store.New(db), tables: tables{db}}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	a.svc, err = iam.New(a.store, emqx.System(), iam.Config{Now: clock.Now, BaseURL: base, Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1}}}})
	must(err)
	a.in, err = signin.New(a.svc, signin.Config{Hash: signin.HashParams{Memory: 12288, Time: 3}}) // the cheapest that is allowed
	must(err)
	a.door, err = newDoor(a.in, a.svc, signinhttp.Config{Guard: iamhttp.Config{Logger: quiet}})
	must(err)
	a.guard = iamhttp.New(a.svc, nil, iamhttp.Config{Subject: a.door.Subject, Logger: quiet})

	h := iamtest.Host{Service: a.svc, Handler: a.handler(), SignIn: a.in, Doors: iamtest.SignInHTTP(a.svc)}
	for _, r := range a.routes() {
		h.Patterns = append(h.Patterns, r.pattern)
		if strings.Contains(r.pattern, " ") {
			h.Routes = append(h.Routes, iamtest.Route{Pattern: r.pattern, Body: attackBodies[r.pattern]})
		}
	}
	h.Doors.Invite = iamtest.Route{Pattern: "POST /api/accounts", Body: `{"name": "{name}", "email": "{email}", "role": "{role}", "password": "{password}"}`}
	h.Seed = func(tb testing.TB, org policy.OrgID) iamtest.Values {
		p := project{Org: org, ID: policy.ProjectID(newID()), Name: "Plant"}
		d := deployment{Org: org, Project: p.ID, ID: newID(), Name: "Press line", Plan: "premium", TLS: "1.3"}
		must(a.tables.insert(tb.Context(), &p))
		must(a.tables.insert(tb.Context(), &d))
		account, _, err := a.svc.System("test").In(org).CreateAccount(tb.Context(), iam.CreateAccountParams{
			Email: strings.ToLower(rand.Text()) + "@acme.example", Roles: []policy.Role{emqx.ProjectUser}, Active: true,
		})
		must(err)
		return iamtest.Values{"project": string(p.ID), "deployment": d.ID, "account": string(account.ID), "role": string(emqx.ProjectUser)}
	}
	return h
}

// attackBodies are what each route that reads a body is sent, with the ids that it names.
var attackBodies = map[string]string{
	"POST /api/projects":                        `{"name": "Hall 4"}`,
	"PUT /api/projects/{project}":               `{"name": "Hall 3", "note": "as it is called"}`,
	"POST /api/projects/{project}/deployments":  `{"name": "New", "plan": "premium"}`,
	"POST /api/deployments/{deployment}/rename": `{"name": "Renamed"}`,
	"POST /api/deployments/{deployment}/move":   `{"project": "{project}"}`,
	"PUT /api/deployments/{deployment}/tls":     `{"min_version": "1.2"}`,
	"POST /api/accounts":                        `{"name": "nina", "email": "nina@example.com", "role": "project_user", "password": "a first one for the new person"}`,
}

// The backend stands every attack that there is a route for.
func TestAttacks(t *testing.T) {
	t.Parallel()
	iamtest.Attacks(t, startAttacked, iamtest.AttacksConfig{Parallel: true})
}

// Who of all people gets through where.
func TestWhoGetsThrough(t *testing.T) {
	t.Parallel()
	iamtest.Matrix(t, startAttacked, iamtest.MatrixConfig{Golden: "testdata/people.golden", Update: *update, Parallel: true})
}
