package main

import (
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// listDeployments narrows the list in SQL to what the subject reaches; ?project= narrows it further.
func (a *app) listDeployments(w http.ResponseWriter, r *http.Request, reach policy.Reach) error {
	p, err := pageOf(r)
	if err != nil {
		return err
	}
	in := policy.ProjectID(r.FormValue("project"))
	if err := checkText("project", string(in), 0, 100); err != nil {
		return err
	}
	found, err := a.tables.deployments(r.Context(), reach, in, p)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string]any{"deployments": found})
}

func (a *app) createDeployment(w http.ResponseWriter, r *http.Request, in project) error {
	var body struct {
		Name string `json:"name"`
		Plan string `json:"plan"`
	}
	if err := read(r, &body); err != nil {
		return err
	}
	d := deployment{Org: in.Org, Project: in.ID, ID: newID(), Name: body.Name, Plan: body.Plan, TLS: "1.3"}
	if err := d.check(); err != nil {
		return err
	}
	err := a.transaction(r.Context(), func(t tables, _ *iam.Service) error {
		if _, err := t.hold(r.Context(), in.Org, in.ID); err != nil {
			return err
		}
		return t.insert(r.Context(), &d)
	})
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, d)
}

func (a *app) getDeployment(w http.ResponseWriter, _ *http.Request, d deployment) error {
	return write(w, http.StatusOK, d)
}

func (a *app) start(w http.ResponseWriter, r *http.Request, d deployment) error {
	return a.run(w, r, d, true)
}

func (a *app) stop(w http.ResponseWriter, r *http.Request, d deployment) error {
	return a.run(w, r, d, false)
}

func (a *app) run(w http.ResponseWriter, r *http.Request, d deployment, running bool) error {
	d.Running = running
	if err := a.tables.updateDeployment(r.Context(), d, map[string]any{"running": running}); err != nil {
		return err
	}
	return write(w, http.StatusOK, d)
}

func (a *app) rename(w http.ResponseWriter, r *http.Request, d deployment) error {
	var body struct {
		Name string `json:"name"`
	}
	if err := read(r, &body); err != nil {
		return err
	}
	d.Name = body.Name
	if err := d.check(); err != nil {
		return err
	}
	if err := a.tables.updateDeployment(r.Context(), d, map[string]any{"name": d.Name}); err != nil {
		return err
	}
	return write(w, http.StatusOK, d)
}

// move needs the right where the deployment is, which the guard has asked for, and where it goes.
// There it is asked for any deployment of the project, and not for this one: a grant on one
// deployment goes with it, and would let it into every project.
func (a *app) move(w http.ResponseWriter, r *http.Request, d deployment) error {
	var body struct {
		Project policy.ProjectID `json:"project"`
	}
	if err := read(r, &body); err != nil {
		return err
	}
	if err := checkText("project", string(body.Project), 1, 100); err != nil {
		return err
	}
	err := a.transaction(r.Context(), func(t tables, svc *iam.Service) error {
		to, err := t.hold(r.Context(), d.Org, body.Project)
		if err != nil {
			return err
		}
		if err := svc.Authorize(subject(r), emqx.Move, emqx.Deployment.In(to.Org, to.ID)); err != nil {
			return err
		}
		return t.updateDeployment(r.Context(), d, map[string]any{"project_id": to.ID})
	})
	if err != nil {
		return err
	}
	d.Project = body.Project
	return write(w, http.StatusOK, d)
}

func (a *app) deleteDeployment(w http.ResponseWriter, r *http.Request, d deployment) error {
	if err := a.tables.deleteDeployment(r.Context(), d); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tlsBody is the facet deployment.tls.
type tlsBody struct {
	MinVersion string `json:"min_version"`
}

func (a *app) getTLS(w http.ResponseWriter, _ *http.Request, d deployment) error {
	return write(w, http.StatusOK, tlsBody{d.TLS})
}

func (a *app) putTLS(w http.ResponseWriter, r *http.Request, d deployment) error {
	var body tlsBody
	if err := read(r, &body); err != nil {
		return err
	}
	if err := checkOneOf("min_version", body.MinVersion, versions); err != nil {
		return err
	}
	if err := a.tables.updateDeployment(r.Context(), d, map[string]any{"tls": body.MinVersion}); err != nil {
		return err
	}
	return write(w, http.StatusOK, body)
}
