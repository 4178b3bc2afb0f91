package iamtest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamtest"
	"github.com/castellan-iam/castellan/policy"
)

// Who gets through where, in a host with its own routes, signing in and the management.
func TestMatrix(t *testing.T) {
	t.Parallel()
	iamtest.Matrix(t, starting(nil), iamtest.MatrixConfig{Golden: "testdata/routes.golden", Update: *update, Parallel: true})
}

// example is the host of the examples, with other things at its paths.
func example(change func(h *iamtest.Host, at func(pattern string, serve http.HandlerFunc))) iamtest.Start {
	return func(tb testing.TB, clock *iamtest.Clock) iamtest.Host {
		h := startExample(tb, clock)
		next, mux := h.Handler, http.NewServeMux()
		mux.Handle("/", next)
		h.Handler = mux
		change(&h, func(pattern string, serve http.HandlerFunc) { mux.Handle(pattern, serve) })
		return h
	}
}

// Whatever the matrix promises to find, it finds.
func TestMatrixFindsWhatItPromises(t *testing.T) {
	t.Parallel()
	golden := filepath.Join(t.TempDir(), "old.golden")
	if err := os.WriteFile(golden, []byte("another table\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		start  iamtest.Start
		config iamtest.MatrixConfig
		says   string
	}{
		"a table that has changed":  {startExample, iamtest.MatrixConfig{Golden: golden}, "- another table\n+  1 root"},
		"a table that is not there": {startExample, iamtest.MatrixConfig{Golden: golden + "2"}, "there is no "},
		"no routes":                 {example(func(h *iamtest.Host, _ func(string, http.HandlerFunc)) { h.Routes = nil }), iamtest.MatrixConfig{}, "Host.Routes is empty"},
		"a person who is not there": {startExample, iamtest.MatrixConfig{People: []string{"emperor"}}, `there is no "emperor"`},
		"a route that is not asked": {example(func(h *iamtest.Host, _ func(string, http.HandlerFunc)) {
			h.Patterns = []string{"GET /bills", "/people", "GET /secrets/{id}", "/"}
		}), iamtest.MatrixConfig{}, "the host serves GET /secrets/{id}, and"},
		"a route at which nobody gets through": {example(func(h *iamtest.Host, _ func(string, http.HandlerFunc)) {
			h.Routes = append(h.Routes, iamtest.Route{Pattern: "GET /bilsl"})
		}), iamtest.MatrixConfig{}, "GET /bilsl lets nobody through"},
		"a route that fails": {example(func(_ *iamtest.Host, at func(string, http.HandlerFunc)) {
			at("GET /bills", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusInternalServerError) })
		}), iamtest.MatrixConfig{}, "GET /bills fails for root: 500"},
		"an answer that breaks off": {example(func(_ *iamtest.Host, at func(string, http.HandlerFunc)) {
			at("GET /bills", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}), iamtest.MatrixConfig{}, "GET /bills fails for root: 0"},
		"somebody who is disabled": {example(func(h *iamtest.Host, at func(string, http.HandlerFunc)) {
			at("POST /projects", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Test-Account") == "" {
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
		}), iamtest.MatrixConfig{}, "POST /projects does not turn disabled away: 200"},
		"nobody, whose body is read first": {example(func(_ *iamtest.Host, at func(string, http.HandlerFunc)) {
			at("POST /projects", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Test-Account") == "" {
					w.WriteHeader(http.StatusBadRequest)
				}
			})
		}), iamtest.MatrixConfig{}, "POST /projects does not turn nobody away: 400"},
		"an id of another organisation": {things(false), iamtest.MatrixConfig{}, "GET /things/{thing} answers another organisation's {thing} with 200"},
		"a stranger":                    {things(false), iamtest.MatrixConfig{People: []string{"root", iamtest.Stranger}}, "GET /things/{thing} lets somebody of another organisation through"},
		"a refusal that tells":          {things(true), iamtest.MatrixConfig{}, "tells another organisation's {thing} from one that does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := recorded(t, func(tb testing.TB) { iamtest.Matrix(tb, tt.start, tt.config) })
			if !strings.Contains(got.text(), tt.says) {
				t.Errorf("the matrix does not say %q; it says:\n%s", tt.says, got.text())
			}
		})
	}
}

// things is a host that looks its rows up without regard to whose they are: it shows others', or refuses them otherwise
// than those that are not there.
func things(tells bool) iamtest.Start {
	return example(func(h *iamtest.Host, at func(string, http.HandlerFunc)) {
		rows := make(map[string]policy.OrgID)
		h.Routes = []iamtest.Route{{Pattern: "GET /things/{thing}"}}
		h.Seed = func(_ testing.TB, org policy.OrgID) iamtest.Values {
			id := "thing-of-" + string(org)
			rows[id] = org
			return iamtest.Values{"thing": id}
		}
		at("GET /things/{thing}", func(w http.ResponseWriter, r *http.Request) {
			sub, err := h.Service.Subject(r.Context(), policy.AccountID(r.Header.Get("Test-Account")))
			org, there := rows[r.PathValue("thing")]
			switch {
			case err != nil || sub.Status() != iam.Active:
				w.WriteHeader(http.StatusUnauthorized)
			case !there:
				w.WriteHeader(http.StatusNotFound)
			case tells && org != sub.Org():
				w.WriteHeader(http.StatusForbidden)
			}
		})
	})
}

// A page of another site is found by the matrix too, where people are known by a cookie (SB-45).
func TestMatrixAsksAsAnotherSite(t *testing.T) {
	t.Parallel()
	start := starting(func(c *console, h *iamtest.Host) {
		h.Routes = []iamtest.Route{{Pattern: "DELETE /deployments/{deployment}"}}
		routeFlaws()["a page of another site"](c, h)
	})
	got := recorded(t, func(tb testing.TB) { iamtest.Matrix(tb, start, iamtest.MatrixConfig{People: []string{"root"}}) })
	if want := "DELETE /deployments/{deployment} takes what a browser's form sends"; !strings.Contains(got.text(), want) {
		t.Errorf("the matrix does not say %q; it says:\n%s", want, got.text())
	}
}

// What changes something is asked of a new world each time: nobody finds it done already.
func TestWhatGotThroughSpoilsNothing(t *testing.T) {
	t.Parallel()
	started := 0
	start := example(func(_ *iamtest.Host, at func(string, http.HandlerFunc)) {
		started++
		done := false
		at("POST /projects", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Test-Account") == "" || done {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			done = true
		})
	})
	file := filepath.Join(t.TempDir(), "routes.golden")
	got := recorded(t, func(tb testing.TB) {
		iamtest.Matrix(tb, start, iamtest.MatrixConfig{Golden: file, Update: true, People: []string{"root", "auditor", "accountant"}})
	})
	table := string(must(os.ReadFile(file))(t))
	if !strings.Contains(table, "POST /projects  ✓    ✓    ✓\n") || started < 4 {
		t.Errorf("somebody has met what another one did, in %d worlds:\n%s%s", started, table, got.text())
	}
}
