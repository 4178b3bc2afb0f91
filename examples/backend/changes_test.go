package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// binds reports whether uma is bound to the attic.
func (w *world) binds(t *testing.T) bool {
	t.Helper()
	bindings, err := w.svc.System("test").In("acme").Bindings(t.Context(), w.ids["uma"])
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bindings {
		if b.Project == "attic" {
			return true
		}
	}
	return false
}

func TestDeletingAProjectTakesItsBindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(t, http.StatusNoContent, "rosa", "PUT", "/api/projects/attic/bindings/project_user/"+string(w.ids["uma"]), "")
	if !w.binds(t) {
		t.Fatal("uma is not bound to the attic")
	}
	w.want(t, http.StatusNoContent, "rosa", "DELETE", "/api/projects/attic", "")
	w.want(t, http.StatusNotFound, "rosa", "GET", "/api/projects/attic", "")
	if w.binds(t) {
		t.Error("the binding has outlived the project")
	}
}

// Whichever half fails, the project stays as it was: the row, and the binding.
func TestDeletingAProjectIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, trigger := range map[string]string{
		"the host's half fails":  "CREATE TRIGGER broken BEFORE DELETE ON projects BEGIN SELECT RAISE(ABORT, 'broken'); END",
		"Castellan's half fails": "CREATE TRIGGER broken BEFORE DELETE ON iam_bindings BEGIN SELECT RAISE(ABORT, 'broken'); END",
		"the last write fails":   "CREATE TRIGGER broken BEFORE INSERT ON iam_events WHEN NEW.type = 'project.forgotten' BEGIN SELECT RAISE(ABORT, 'broken'); END",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.want(t, http.StatusNoContent, "rosa", "PUT", "/api/projects/attic/bindings/project_user/"+string(w.ids["uma"]), "")
			w.exec(t, trigger)
			w.want(t, http.StatusInternalServerError, "rosa", "DELETE", "/api/projects/attic", "")
			w.want(t, http.StatusOK, "rosa", "GET", "/api/projects/attic", "")
			if !w.binds(t) {
				t.Error("the binding has gone, and the project is still there")
			}
			w.exec(t, "DROP TRIGGER broken")
			w.want(t, http.StatusNoContent, "rosa", "DELETE", "/api/projects/attic", "")
		})
	}
}

func TestOnlyAnEmptyProjectIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := w.want(t, http.StatusConflict, "rosa", "DELETE", "/api/projects/lab", "")
	if !strings.Contains(body, "deployments") {
		t.Errorf("the answer does not say why: %s", body)
	}
	w.want(t, http.StatusNoContent, "rosa", "DELETE", "/api/deployments/testbed", "")
	w.want(t, http.StatusNoContent, "rosa", "DELETE", "/api/projects/lab", "")
}

// Moving needs the right on both sides, and says no more of the other one than its missing does.
func TestMovingNeedsBothProjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const move, toLab = "/api/deployments/press-line/move", `{"project": "lab"}`
	unseen := w.want(t, http.StatusNotFound, "paul", "POST", move, toLab)
	for _, project := range []string{"no-such-id", "refinery"} {
		if got := w.want(t, http.StatusNotFound, "paul", "POST", move, `{"project": "`+project+`"}`); got != unseen {
			t.Errorf("moving to %s: got %s, want what the unseen lab answers: %s", project, got, unseen)
		}
	}
	w.want(t, http.StatusNoContent, "rosa", "PUT", "/api/projects/lab/bindings/project_admin/"+string(w.ids["paul"]), "")
	w.want(t, http.StatusOK, "paul", "POST", move, toLab)
	w.want(t, http.StatusNotFound, "uma", "GET", "/api/deployments/press-line", "") // it has left what she sees
}

// A grant on one deployment goes with it, and must not let it into a project that is not seen.
func TestAGrantOnADeploymentDoesNotOpenProjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	press := policy.AtResource("acme", emqx.Deployment, "press-line")
	_, err := w.svc.As(w.subject(t, "rosa")).GiveGrant(t.Context(), w.ids["uma"], policy.GrantPermission(emqx.DeploymentMove, press))
	if err != nil {
		t.Fatal(err)
	}
	w.want(t, http.StatusNotFound, "uma", "POST", "/api/deployments/press-line/move", `{"project": "lab"}`)
	w.want(t, http.StatusForbidden, "uma", "POST", "/api/deployments/press-line/move", `{"project": "plant"}`)
}

func TestADeploymentIsOnlyMadeInAProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const body = `{"name": "Mixer", "plan": "premium"}`
	for _, project := range []string{"no-such-id", "refinery"} {
		w.want(t, http.StatusNotFound, "rosa", "POST", "/api/projects/"+project+"/deployments", body)
	}
	made := decoded[deployment](t, w.want(t, http.StatusCreated, "paul", "POST", "/api/projects/plant/deployments", body))
	w.want(t, http.StatusOK, "uma", "GET", "/api/deployments/"+made.ID, "")
	w.want(t, http.StatusUnprocessableEntity, "paul", "POST", "/api/projects/plant/deployments", `{"name": "Mixer", "plan": "free"}`)
}

// A new account with a role for projects sees nothing until it is bound, and its maker is told.
func TestANewAccountSeesWhatItIsBoundTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const first, own = "chosen by somebody else", "and now one of her own"
	type answer struct {
		Account  accountBody
		Warnings []string
		Link     string
	}
	made := decoded[answer](t, w.want(t, http.StatusCreated, "ada", "POST", "/api/accounts",
		`{"name": "nina", "email": "nina@acme.example", "role": "project_user", "password": "`+first+`"}`))
	if len(made.Warnings) != 1 {
		t.Errorf("got the warnings %v, want one about projects", made.Warnings)
	}
	w.ids["nina"] = made.Account.ID
	w.signsInFirst(t, "nina", made.Link, first, own)
	binding := "/api/projects/lab/bindings/project_user/" + string(made.Account.ID)
	w.want(t, http.StatusNotFound, "nina", "GET", "/api/deployments/testbed", "")
	w.want(t, http.StatusNoContent, "ada", "PUT", binding, "")
	w.want(t, http.StatusOK, "nina", "GET", "/api/deployments/testbed", "")
	w.want(t, http.StatusNoContent, "ada", "DELETE", binding, "")
	w.want(t, http.StatusNotFound, "nina", "GET", "/api/deployments/testbed", "")

	w.want(t, http.StatusUnprocessableEntity, "ada", "PUT", "/api/projects/lab/bindings/project_admin/"+string(made.Account.ID), "")
	w.want(t, http.StatusConflict, "ada", "POST", "/api/accounts", `{"name": "x", "email": "NINA@acme.example", "role": "auditor", "password": "for nobody in particular"}`)
	w.want(t, http.StatusUnprocessableEntity, "ada", "POST", "/api/accounts", `{"name": "x", "email": "x@acme.example", "role": "root", "password": "for nobody in particular"}`)
}

func TestForeignPagesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := "/api/deployments/press-line/stop"
	if got := w.from("cross-site", "rosa", stop); got != http.StatusForbidden {
		t.Errorf("a page of another site: got %d, want 403", got)
	}
	if got := w.from("same-origin", "rosa", stop); got != http.StatusOK {
		t.Errorf("our own page: got %d, want 200", got)
	}
}
