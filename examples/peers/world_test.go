package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The transcript is a copy, so that the module can be read alone: it says what the one says that the shipped
// policy is held against (E3).
func TestTheMatrixIsThatOfTheSystem(t *testing.T) {
	t.Parallel()
	original, err := os.ReadFile(filepath.Join("..", "..", "iam", "emqx", "testdata", "matrix.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if string(original) != matrixCSV {
		t.Error("testdata/matrix.csv is behind iam/emqx/testdata/matrix.csv: copy it")
	}
}

// E5, E6: what the expected answers say about cells that were read in the vendor's document.
func TestExpectedAnswers(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 1)
	for _, tt := range []struct {
		roles          []string
		bound          binding
		name           string
		org, project   string
		want, anywhere bool
	}{
		{[]string{"administrator"}, binding{}, "deployment:create", "org-000", "project-001", true, true},
		{[]string{"administrator"}, binding{}, "deployment:create", "org-001", "project-001", false, true},
		{[]string{"auditor"}, binding{}, "deployment:view", "org-000", "project-001", true, true},
		{[]string{"auditor"}, binding{}, "deployment:create", "org-000", "project-001", false, false},
		{[]string{"auditor"}, binding{}, "deployment.tls:view", "org-000", "project-001", true, true},
		{[]string{"auditor"}, binding{}, "deployment.tls:manage", "org-000", "project-001", false, false},
		{[]string{"project_user"}, binding{"project_user", "project-001"}, "deployment:rename", "org-000", "project-001", true, true},
		{[]string{"project_user"}, binding{"project_user", "project-001"}, "deployment:rename", "org-000", "project-002", false, true},
		{[]string{"project_user"}, binding{"project_user", "project-001"}, "deployment:create", "org-000", "project-001", false, false},
		{[]string{"project_admin"}, binding{}, "deployment:create", "org-000", "project-001", false, true},
		{[]string{"project_user"}, binding{}, "ticket:manage", "org-000", "", true, true},
		{[]string{"accountant"}, binding{}, "billing.payment:manage", "org-000", "", true, true},
		{nil, binding{}, "ticket:view", "org-000", "", false, false},
	} {
		a := account{id: "ann", org: "org-000", roles: tt.roles}
		if tt.bound != (binding{}) {
			a.bindings = []binding{tt.bound}
		}
		i := slices.IndexFunc(w.permissions, func(p permission) bool { return p.name() == tt.name })
		if i < 0 {
			t.Fatalf("the matrix lacks %s", tt.name)
		}
		if got := a.may(&w.permissions[i], tt.org, tt.project); got != tt.want {
			t.Errorf("%v bound by %v: %s in %s/%s: got %t", tt.roles, tt.bound, tt.name, tt.org, tt.project, got)
		}
		if got := a.mayAnywhere(&w.permissions[i]); got != tt.anywhere {
			t.Errorf("%v: %s anywhere: got %t", tt.roles, tt.name, got)
		}
	}
}

func TestTheWorldIsWhatItIsSaidToBe(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 2)
	if len(w.accounts) != 2000 || len(w.members("org-001")) != 1000 || w.members("org-001")[0].org != "org-001" || w.members("nowhere") != nil {
		t.Fatalf("got %d accounts, of which %d in org-001", len(w.accounts), len(w.members("org-001")))
	}
	bindings := 0
	for i := range w.accounts {
		a := &w.accounts[i]
		bindings += len(a.bindings)
		if n := len(a.roles); n < 1 || n > 2 {
			t.Errorf("%s has %d roles", a.id, n)
		}
		for k, b := range a.bindings {
			if !isBindable(b.role) || !slices.Contains(a.roles, b.role) || slices.Contains(a.bindings[:k], b) {
				t.Errorf("%s has the binding %v, with the roles %v", a.id, b, a.roles)
			}
		}
	}
	if w.bindings != bindings {
		t.Errorf("it says %d bindings, and has %d", w.bindings, bindings)
	}
	if a, b := w.revocable(); !slices.Contains(a.bindings, b) {
		t.Errorf("%s has no binding %v to lose", a.id, b)
	}
}

func TestTheStreamIsHalfAllowed(t *testing.T) {
	t.Parallel()
	w := worldOf(t, 2)
	s := newStream(w, 1000, 20)
	allowed, foreign, outside := 0, 0, 0
	for i := range s.requests {
		r := &s.requests[i]
		if w.accounts[r.at].id != r.account {
			t.Fatalf("%+v is not about the account at %d", r, r.at)
		}
		if r.want {
			allowed++
		}
		if r.org != w.accounts[r.at].org {
			foreign++
		}
		if r.project == "" {
			outside++
		}
		if r.want && !r.wantRole {
			t.Errorf("%+v is allowed by no role", r)
		}
	}
	if allowed != 500 || foreign == 0 || outside == 0 || len(s.which) != 20 || len(s.who) != 20 {
		t.Errorf("of 1000 requests %d are allowed, %d about another organization, %d outside of projects; %d and %d questions",
			allowed, foreign, outside, len(s.which), len(s.who))
	}
	for _, ask := range s.who {
		if !slices.IsSorted(ask.want) {
			t.Errorf("the answer to %+v is not sorted", ask)
		}
	}
}

func worldOf(t testing.TB, orgs int) *world {
	t.Helper()
	w, err := newWorld(orgs)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
