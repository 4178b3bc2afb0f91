package main

import (
	"net/http"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// The list that SQL narrows is the one that Can would leave.
func TestListsAreNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sizes := make(map[string]int)
	for who := range w.ids {
		sub := w.subject(t, who)
		var wantProjects, wantDeployments []string
		for _, d := range demos {
			for _, row := range d.projects {
				if row.Org = d.org; w.svc.Can(sub, emqx.List, row.Resource()) {
					wantProjects = append(wantProjects, string(row.ID))
				}
			}
			for _, row := range d.deployments {
				if row.Org = d.org; w.svc.Can(sub, emqx.List, row.Resource()) {
					wantDeployments = append(wantDeployments, row.ID)
				}
			}
		}
		var projects, deployments []string
		for _, row := range decoded[map[string][]project](t, w.want(t, http.StatusOK, who, "GET", "/api/projects", ""))["projects"] {
			projects = append(projects, string(row.ID))
		}
		for _, row := range decoded[map[string][]deployment](t, w.want(t, http.StatusOK, who, "GET", "/api/deployments", ""))["deployments"] {
			deployments = append(deployments, row.ID)
		}
		same(t, who+"'s projects", projects, wantProjects)
		same(t, who+"'s deployments", deployments, wantDeployments)
		sizes[who] = len(deployments)
	}
	if sizes["rosa"] != 4 || sizes["uma"] != 3 || sizes["gina"] != 1 {
		t.Errorf("got %v deployments, want 4 for rosa, 3 for uma, 1 for gina", sizes)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// A grant on one deployment brings it into the list, and a project that is opened all of its own.
func TestListsFollowGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := func() []string {
		var ids []string
		for _, row := range decoded[map[string][]deployment](t, w.want(t, http.StatusOK, "uma", "GET", "/api/deployments", ""))["deployments"] {
			ids = append(ids, row.ID)
		}
		return ids
	}
	plant := []string{"paint-shop", "press-line", "spare-robots"}
	same(t, "before", list(), plant)
	rosa := w.svc.As(w.subject(t, "rosa"))
	testbed := policy.AtResource("acme", emqx.Deployment, "testbed")
	if _, err := rosa.GiveGrant(t.Context(), w.ids["uma"], policy.GrantPermission(emqx.DeploymentList, testbed)); err != nil {
		t.Fatal(err)
	}
	same(t, "with a grant", list(), append([]string{"testbed"}, plant...))
	w.want(t, http.StatusOK, "rosa", "POST", "/api/deployments/spare-robots/move", `{"project": "attic"}`)
	same(t, "with one moved away", list(), []string{"paint-shop", "press-line", "testbed"})
	if err := rosa.OpenProject(t.Context(), "attic"); err != nil {
		t.Fatal(err)
	}
	same(t, "with the attic open", list(), append([]string{"testbed"}, plant...))
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var ids []string
	for after := ""; ; {
		page := decoded[map[string][]deployment](t, w.want(t, http.StatusOK, "rosa", "GET", "/api/deployments?limit=3&after="+after, ""))["deployments"]
		if len(page) == 0 {
			break
		}
		for _, row := range page {
			ids = append(ids, row.ID)
		}
		after = page[len(page)-1].ID
	}
	if want := []string{"paint-shop", "press-line", "spare-robots", "testbed"}; !slices.Equal(ids, want) {
		t.Errorf("got %v, want %v", ids, want)
	}
	lab := w.want(t, http.StatusOK, "rosa", "GET", "/api/deployments?project=lab", "")
	if rows := decoded[map[string][]deployment](t, lab)["deployments"]; len(rows) != 1 {
		t.Errorf("the lab's deployments: got %s, want the testbed", lab)
	}
	for _, project := range []string{"refinery", "no-such-id"} {
		if got := w.want(t, http.StatusOK, "rosa", "GET", "/api/deployments?project="+project, ""); got != "{\"deployments\":[]}\n" {
			t.Errorf("the deployments of %s: got %s, want none", project, got)
		}
	}
}

// Two organisations may use the same ids, and each meets its own rows only.
func TestTheSameIDsInTwoOrganizations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []any{
		&project{Org: "globex", ID: "plant", Name: "Power plant"},
		&deployment{Org: "globex", Project: "plant", ID: "press-line", Name: "Turbine", Plan: "premium", TLS: "1.3"},
	} {
		if err := w.tables.insert(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	name := func(who, path string) string {
		return decoded[struct{ Name string }](t, w.want(t, http.StatusOK, who, "GET", path, "")).Name
	}
	w.want(t, http.StatusOK, "gina", "PUT", "/api/projects/plant", `{"name": "Dam"}`)
	w.want(t, http.StatusOK, "gina", "POST", "/api/deployments/press-line/rename", `{"name": "Sluice"}`)
	got := []string{
		name("gina", "/api/projects/plant"), name("rosa", "/api/projects/plant"),
		name("gina", "/api/deployments/press-line"), name("rosa", "/api/deployments/press-line"),
	}
	if want := []string{"Dam", "Plant", "Sluice", "Press line"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.want(t, http.StatusNoContent, "gina", "DELETE", "/api/deployments/press-line", "")
	w.want(t, http.StatusNoContent, "gina", "DELETE", "/api/projects/plant", "")
	w.want(t, http.StatusOK, "rosa", "GET", "/api/deployments/press-line", "")
	if !slices.Contains(w.subject(t, "uma").Holder().Grants(), policy.GrantRole(emqx.ProjectUser, policy.AtProject("acme", "plant"))) {
		t.Error("globex has deleted its plant, and uma's binding to acme's has gone")
	}
}
