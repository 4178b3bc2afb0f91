package iamhttp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// The people of the examples: ann is an administrator of acme, and pat a project user who is bound
// to its project p1. The deployment d1 is in p1, d2 in p2. A host signs in by its sessions; the
// examples by a header.
func exampleHost() (*iam.Service, *iamhttp.Guard) {
	svc, err := iam.New(staff(), emqx.System(), iam.Config{})
	if err != nil {
		panic(err)
	}
	return svc, iamhttp.New(svc, account, iamhttp.Config{Logger: slog.New(slog.DiscardHandler)})
}

func show(h http.Handler, method, path string, who policy.AccountID) {
	w := serve(h, request(method, path, who))
	fmt.Println(w.Code, w.Body)
}

// The item is loaded once, and the handler gets the one that was decided about. What pat may not
// even view is absent to it.
func ExampleRequireItem() {
	_, guard := exampleHost()
	mux := http.NewServeMux()
	mux.Handle("PUT /deployments/{id}/name", iamhttp.RequireItem(guard, emqx.DeploymentRename, loadDeployment,
		func(w http.ResponseWriter, r *http.Request, d *deployment) error {
			_, err := fmt.Fprintf(w, "%s has a new name", d.id)
			return err
		}))
	h := guard.Load(mux)

	show(h, "PUT", "/deployments/d1/name", "pat")
	show(h, "PUT", "/deployments/d2/name", "pat")
	show(h, "PUT", "/deployments/d1/name", "")
	// Output:
	// 200 d1 has a new name
	// 404 {"type":"about:blank","title":"Not Found","status":404}
	// 401 {"type":"about:blank","title":"Unauthorized","status":401}
}

// A list is handed what the subject reaches, and is narrowed to it.
func ExampleRequireReach() {
	_, guard := exampleHost()
	h := guard.Load(iamhttp.RequireReach(guard, emqx.DeploymentList,
		func(w http.ResponseWriter, r *http.Request, reach policy.Reach) error {
			// With GORM: db.Scopes(store.InReach(reach, …)).Find(&rows)
			for _, id := range []string{"d1", "d2"} {
				if reach.Contains(deployments()[id].Resource()) {
					fmt.Fprintf(w, "[%s]", id)
				}
			}
			return nil
		}))

	show(h, "GET", "/deployments", "ann")
	show(h, "GET", "/deployments", "pat")
	// Output:
	// 200 [d1][d2]
	// 200 [d1]
}

// What is about to be made is not there yet: its place is asked about.
func ExampleRequireIn() {
	_, guard := exampleHost()
	mux := http.NewServeMux()
	mux.Handle("POST /projects/{project}/deployments", iamhttp.RequireIn(guard, emqx.DeploymentCreate, loadSite,
		func(w http.ResponseWriter, r *http.Request, s site) error {
			w.WriteHeader(http.StatusCreated)
			_, err := fmt.Fprintf(w, "a deployment in %s", s.id)
			return err
		}))
	h := guard.Load(mux)

	show(h, "POST", "/projects/p1/deployments", "ann")
	show(h, "POST", "/projects/p1/deployments", "pat")
	// Output:
	// 201 a deployment in p1
	// 403 {"type":"about:blank","title":"Forbidden","status":403}
}

// What is about the whole organisation needs no look-up: it is the one of whoever asks. That it
// exists is no secret, so the answer is 403.
func ExampleGuard_RequireOrg() {
	_, guard := exampleHost()
	h := guard.Load(guard.RequireOrg(emqx.AuditLogView, served))

	show(h, "GET", "/audit", "ann")
	show(h, "GET", "/audit", "pat")
	// Output:
	// 200 served
	// 403 {"type":"about:blank","title":"Forbidden","status":403}
}

// A console asks for the buttons of a page.
func ExampleGuard_Permissions_buttons() {
	_, guard := exampleHost()
	mux := http.NewServeMux()
	mux.Handle("GET /deployments/{id}/permissions", guard.Permissions(deploymentResource))

	w := serve(guard.Load(mux), request("GET", "/deployments/d1/permissions", "pat"))
	var page struct{ Permissions []policy.Permission }
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		fmt.Println(err)
	}
	fmt.Println(page.Permissions[:3])
	// Output:
	// [deployment:list deployment:view deployment:rename]
}

// A handler hands on the error of a change, whatever it is: the actor's own check is the guard here.
func ExampleGuard_Handler_actor() {
	svc, guard := exampleHost()
	invite := guard.Handler(func(w http.ResponseWriter, r *http.Request) error {
		email, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		_, _, err = svc.As(iam.FromContext(r.Context())).CreateAccount(r.Context(), iam.CreateAccountParams{
			Email: string(email),
			Roles: []policy.Role{emqx.Auditor},
		})
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusCreated)
		return nil
	})

	show(guard.Load(invite), "POST", "/accounts", "pat")
	// Output:
	// 403 {"type":"about:blank","title":"Forbidden","status":403}
}

// An error of the host's own says how it is answered.
func ExampleStatusError() {
	_, guard := exampleHost()
	upload := guard.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if got := r.Header.Get("Content-Type"); got != "text/csv" {
			return &iamhttp.StatusError{
				Status: http.StatusUnsupportedMediaType,
				Detail: "want text/csv",
				Err:    fmt.Errorf("got %q", got), // for the log
			}
		}
		return nil
	})

	show(guard.Load(upload), "POST", "/devices", "ann")
	// Output:
	// 415 {"type":"about:blank","title":"Unsupported Media Type","status":415,"detail":"want text/csv"}
}
