package iamtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/store/testdb"
)

// A host that is made of the library's packages stands every attack, on every database. None is left out.
func TestAttacks(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		start := func(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
			return newConsole(tb, db, emqx.System(), clock).host()
		}
		for _, a := range iamtest.KnownAttacks() {
			t.Run(a.Name, func(t *testing.T) {
				got := recorded(t, func(tb testing.TB) { a.Replay(tb, start) })
				if got.Failed() || got.skipped != "" {
					t.Error(got.skipped + got.text())
				}
			})
		}
	})
}

// Systems in which other rules hold stand them too: one role each, addresses that are one account's everywhere, roles
// that change at the next sign-in, no projects, no keys.
func TestAttacksOnOtherSystems(t *testing.T) {
	t.Parallel()
	for _, system := range []iam.System{lanit.System(), devicehub.System()} {
		t.Run(system.Name, func(t *testing.T) {
			t.Parallel()
			start := func(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
				h := newConsole(tb, newDatabase(tb), system, clock).host()
				h.Seed = nil
				h.Routes = slices.DeleteFunc(h.Routes, func(rt iamtest.Route) bool {
					return !strings.Contains(rt.Pattern, "/accounts") || strings.Contains(rt.Pattern, "bindings")
				})
				return h
			}
			iamtest.Attacks(t, start, iamtest.AttacksConfig{})
		})
	}
}

// Whatever the host has not is said by name.
func TestAttacksSayWhatTheyLack(t *testing.T) {
	t.Parallel()
	lacks := make(map[string]string)
	for _, a := range iamtest.KnownAttacks() {
		got := recorded(t, func(tb testing.TB) { a.Replay(tb, startExample) })
		if got.Failed() {
			t.Errorf("%s: %s", a.Name, got.text())
		}
		lacks[a.Name] = got.skipped
	}
	for name, want := range map[string]string{
		"a path written otherwise":         "",
		"an account that is over":          "",
		"a link used twice":                "the host has no SignIn with Doors.SignIn",
		"an invitation of oneself":         "the host has no BaseURL",
		"another role for oneself":         "the host has no Doors.SetRoles",
		"a key of a demoted account":       "the host has no APIKeys",
		"a page of another site":           "the host has no sessions by cookie",
		"a cursor of another organisation": "the host has no Doors.Accounts",
	} {
		if got := lacks[name]; !strings.HasSuffix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Names are for Except and for go test -run, and each attack says where it is from.
func TestAttacksHaveNamesAndSources(t *testing.T) {
	t.Parallel()
	source := regexp.MustCompile(`^(SB-[0-9AB]\d?|CVE-\d{4}-\d+|GHSA(-[a-z0-9]{4}){3}|GO-\d{4}-\d+|ASVS \d+\.\d+\.\d+)$`)
	names := make(map[string]bool)
	for _, a := range iamtest.KnownAttacks() {
		if a.Name == "" || names[a.Name] {
			t.Errorf("there are two attacks %q", a.Name)
		}
		names[a.Name] = true
		for one := range strings.SplitSeq(a.Sources, ", ") {
			if !source.MatchString(one) {
				t.Errorf("%s: %q is no source", a.Name, one)
			}
		}
	}
	if len(names) < 60 {
		t.Errorf("there are %d attacks", len(names))
	}
}

// The doors are where the two packages have their routes.
func TestDoorsAreTheRoutesOfTheTwoPackages(t *testing.T) {
	t.Parallel()
	for _, system := range []iam.System{emqx.System(), lanit.System()} {
		c := newConsole(t, newDatabase(t), system, new(iamtest.Clock))
		served := make(map[string]bool)
		for _, pattern := range c.door.Routes() {
			served[pattern] = true
		}
		c.who = func(r *http.Request) (iam.Subject, error) {
			org := must(c.svc.System("test").CreateOrganization(r.Context(), iam.CreateOrganizationParams{
				Root: &iam.CreateAccountParams{Email: "root@" + strings.ToLower(t.Name()) + ".example"},
			}))(t)
			return c.svc.Subject(r.Context(), org.Root)
		}
		rec := answered(c.handler(), httptest.NewRequest("GET", base+"/iam/v1/openapi.json", nil))
		var document struct {
			Paths map[string]map[string]any
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &document); err != nil {
			t.Fatalf("%v: %s", err, rec.Body)
		}
		for path, methods := range document.Paths {
			for method := range methods {
				served[strings.ToUpper(method)+" /iam/v1"+path] = true
			}
		}
		doors := reflect.ValueOf(iamtest.SignInHTTP(c.svc).And(iamtest.AdminHTTP(c.svc, "/iam/v1")))
		for i := range doors.NumField() {
			pattern, _, _ := strings.Cut(doors.Field(i).Interface().(iamtest.Route).Pattern, "?")
			if !served[pattern] {
				t.Errorf("%s: the door %s is %q, which nobody serves", system.Name, doors.Type().Field(i).Name, pattern)
			}
		}
	}
}
