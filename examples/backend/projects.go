package main

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

func (a *app) listProjects(w http.ResponseWriter, r *http.Request, reach policy.Reach) error {
	p, err := pageOf(r)
	if err != nil {
		return err
	}
	found, err := a.tables.projects(r.Context(), reach, p)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string]any{"projects": found})
}

// projectBody is what a client says about a project.
type projectBody struct {
	Name string `json:"name"`
	Note string `json:"note"`
}

func (a *app) createProject(w http.ResponseWriter, r *http.Request) error {
	var body projectBody
	if err := read(r, &body); err != nil {
		return err
	}
	p := project{Org: subject(r).Org(), ID: policy.ProjectID(newID()), Name: body.Name, Note: body.Note}
	if err := p.check(); err != nil {
		return err
	}
	if err := a.tables.insert(r.Context(), &p); err != nil {
		return err
	}
	return write(w, http.StatusCreated, p)
}

func (a *app) getProject(w http.ResponseWriter, _ *http.Request, p project) error {
	return write(w, http.StatusOK, p)
}

func (a *app) editProject(w http.ResponseWriter, r *http.Request, p project) error {
	var body projectBody
	if err := read(r, &body); err != nil {
		return err
	}
	p.Name, p.Note = body.Name, body.Note
	if err := p.check(); err != nil {
		return err
	}
	if err := a.tables.updateProject(r.Context(), p); err != nil {
		return err
	}
	return write(w, http.StatusOK, p)
}

// deleteProject removes an empty project with everything that Castellan knows about it: the row and
// the bindings go together, or both stay.
func (a *app) deleteProject(w http.ResponseWriter, r *http.Request, p project) error {
	err := a.transaction(r.Context(), func(t tables, svc *iam.Service) error {
		if _, err := t.hold(r.Context(), p.Org, p.ID); err != nil {
			return err
		}
		empty, err := t.isEmpty(r.Context(), p)
		if err != nil {
			return err
		}
		if !empty {
			return &iamhttp.StatusError{Status: http.StatusConflict, Detail: "it has deployments: delete or move them first"}
		}
		if err := t.deleteProject(r.Context(), p); err != nil {
			return err
		}
		return svc.As(subject(r)).ForgetProject(r.Context(), p.ID)
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// bindingBody is a binding as clients see it.
type bindingBody struct {
	Role    policy.Role      `json:"role"`
	Account policy.AccountID `json:"account"`
}

func (a *app) listBindings(w http.ResponseWriter, r *http.Request, p project) error {
	bindings, err := a.as(r).ProjectBindings(r.Context(), p.ID, iam.AccountQuery{})
	if err != nil {
		return err
	}
	list := []bindingBody{}
	for _, b := range bindings {
		list = append(list, bindingBody{b.Role, b.Account})
	}
	return write(w, http.StatusOK, map[string]any{"bindings": list})
}

func (a *app) bind(w http.ResponseWriter, r *http.Request, p project) error {
	// The project is held, so that none is bound that is being deleted: Castellan has no table of projects.
	err := a.transaction(r.Context(), func(t tables, svc *iam.Service) error {
		if _, err := t.hold(r.Context(), p.Org, p.ID); err != nil {
			return err
		}
		return svc.As(subject(r)).Bind(r.Context(), binding(r, p))
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *app) unbind(w http.ResponseWriter, r *http.Request, p project) error {
	if err := a.as(r).Unbind(r.Context(), binding(r, p)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// binding is the one that the path names.
func binding(r *http.Request, p project) iam.Binding {
	return iam.Binding{
		Account: policy.AccountID(r.PathValue("account")),
		Role:    policy.Role(r.PathValue("role")),
		Project: p.ID,
	}
}

// newID makes an id of a row: 80 random bits.
func newID() string { return strings.ToLower(rand.Text()[:16]) }
