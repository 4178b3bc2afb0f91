package iam_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

var ctx = context.Background()

// Setting up: a database, its tables, a service, and a first customer with its root account.
func Example() {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	defer closeDB(db)
	check(store.Migrate(ctx, db))

	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
	check(err)
	acme, err := svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: "Rosa@acme.example"},
	})
	check(err)

	root, err := svc.Subject(ctx, acme.Root)
	check(err)
	fmt.Println(root.Email(), root.Roles(), svc.Can(root, emqx.Create, emqx.Project.Of(acme.ID)))
	// Output: rosa@acme.example [root] true
}

// A handler is guarded in one line: what is refused is answered dully, and logged in full.
func ExampleService_Authorize() {
	host := openHost()
	defer host.close()
	uma := host.account("Uma", emqx.ProjectUser)
	host.bind(uma, emqx.ProjectUser, "plant")

	remove := func(w http.ResponseWriter, r *http.Request) {
		sub := iam.FromContext(r.Context())
		deployment := emqx.Deployment.In(host.org, "plant").Named(r.PathValue("id"))
		if err := host.svc.Authorize(sub, emqx.Delete, deployment); err != nil {
			var refusal *iam.ForbiddenError
			if errors.As(err, &refusal) {
				fmt.Println("log:", refusal.Decision.Reason) // or refusal.Facts(), with everything
			}
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}

	for _, id := range []policy.AccountID{uma, host.root} {
		sub, err := host.svc.Subject(ctx, id) // middleware does this, once a request
		check(err)
		r := httptest.NewRequest("DELETE", "/deployments/d1", nil)
		w := httptest.NewRecorder()
		remove(w, r.WithContext(iam.NewContext(r.Context(), sub)))
		fmt.Println(w.Code)
	}
	// Output:
	// log: read_only
	// 403
	// 204
}

// A denial says why, and what would help: the smallest grants first.
func ExampleService_Explain() {
	host := openHost()
	defer host.close()
	sub := host.subject(host.account("Uma", emqx.ProjectUser))

	decision := host.svc.Explain(sub, emqx.Rename, emqx.Deployment.In(host.org, "plant").Named("d1"))
	fmt.Println(decision.Allowed(), decision.Reason)
	for _, remedy := range decision.Remedies()[:4] {
		fmt.Println(remedy.Grant, remedy.Givers)
	}
	// Output:
	// false no_grant
	// deployment:rename at org/acme/resource/deployment/d1 [root administrator]
	// deployment:rename at org/acme/project/plant [root administrator]
	// deployment:rename at org/acme [root administrator]
	// project_user at org/acme/project/plant [root administrator]
}

// Two people are bound to a project in one go, and one of them is taken away again.
func ExampleActor_Bind() {
	host := openHost()
	defer host.close()
	uma, paul := host.account("Uma", emqx.ProjectUser), host.account("Paul", emqx.ProjectAdmin)

	root := host.svc.As(host.subject(host.root))
	check(root.Bind(ctx,
		iam.Binding{Account: uma, Role: emqx.ProjectUser, Project: "plant"},
		iam.Binding{Account: paul, Role: emqx.ProjectAdmin, Project: "plant"},
	))
	check(root.Unbind(ctx, iam.Binding{Account: uma, Role: emqx.ProjectUser, Project: "plant"}))

	bindings, err := root.ProjectBindings(ctx, "plant", iam.AccountQuery{})
	check(err)
	for _, b := range bindings {
		fmt.Println(host.name(b.Account), b.Role)
	}

	// A role must be held before it can be bound.
	err = root.Bind(ctx, iam.Binding{Account: paul, Role: emqx.ProjectUser, Project: "plant"})
	fmt.Println(errors.Is(err, iam.ErrInvalid))
	// Output:
	// Paul project_admin
	// true
}

// Who may delete this deployment, and by what?
func ExampleService_WhoCan() {
	host := openHost()
	defer host.close()
	host.account("Ada", emqx.Administrator)
	host.account("Otto", emqx.Auditor)
	host.bind(host.account("Paul", emqx.ProjectAdmin), emqx.ProjectAdmin, "plant")

	decisions, err := host.svc.WhoCan(ctx, emqx.Delete, emqx.Deployment.In(host.org, "plant").Named("d1"))
	check(err)
	for _, d := range decisions {
		fmt.Println(host.name(d.Subject), "by", d.Grant)
	}
	// Output:
	// Rosa by root at org/acme
	// Ada by administrator at org/acme
	// Paul by project_admin at org/acme/project/plant
}

// deployment is a row of the host's.
type deployment struct {
	org     policy.OrgID
	project policy.ProjectID
	id      string
}

// Resource says what the row is to the policy.
func (d deployment) Resource() policy.Resource {
	return emqx.Deployment.In(d.org, d.project).Named(d.id)
}

// A list that is in memory already is narrowed to what somebody may see.
func ExampleFilter() {
	host := openHost()
	defer host.close()
	uma := host.account("Uma", emqx.ProjectUser)
	host.bind(uma, emqx.ProjectUser, "plant")

	all := []deployment{{host.org, "plant", "d1"}, {host.org, "lab", "d2"}, {"globex", "plant", "d3"}}
	for _, d := range iam.Filter(host.subject(uma), emqx.View, all) {
		fmt.Println(d.id)
	}
	// Output: d1
}

// A console draws the buttons of a page from one call.
func ExampleService_Permissions() {
	host := openHost()
	defer host.close()
	uma := host.account("Uma", emqx.ProjectUser)
	host.bind(uma, emqx.ProjectUser, "plant")

	page := emqx.Deployment.In(host.org, "plant").Named("d1")
	for _, p := range host.svc.Permissions(host.subject(uma), page) {
		if p.Kind() == emqx.Deployment {
			fmt.Println(p.Action())
		}
	}
	// Output:
	// list
	// view
	// rename
}

// The host's row, the binding and its audit event commit together, or vanish together.
func ExampleService_WithStore() {
	host := openHost()
	defer host.close()
	paul := host.account("Paul", emqx.ProjectAdmin)
	check(host.db.Exec("CREATE TABLE projects (id TEXT)").Error)
	sub := host.subject(host.root)

	create := func(project policy.ProjectID, end error) error {
		return host.db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Exec("INSERT INTO projects (id) VALUES (?)", project).Error; err != nil {
				return err
			}
			svc := host.svc.WithStore(host.st.In(tx))
			if err := svc.As(sub).Bind(ctx, iam.Binding{Account: paul, Role: emqx.ProjectAdmin, Project: project}); err != nil {
				return err
			}
			return end
		})
	}
	check(create("plant", nil))
	fmt.Println(create("lab", errors.New("the host changes its mind")))

	var rows []string
	check(host.db.Raw("SELECT id FROM projects").Scan(&rows).Error)
	bindings, err := host.svc.As(sub).Bindings(ctx, paul)
	check(err)
	events, err := host.svc.As(sub).Events(ctx, iam.EventQuery{Type: iam.ProjectBound})
	check(err)
	fmt.Println(rows, len(bindings), bindings[0].Project, len(events))
	// Output:
	// the host changes its mind
	// [plant] 1 plant 1
}

// Somebody may do one thing for an hour.
func ExampleActor_GiveGrant() {
	host := openHost()
	defer host.close()
	cora := host.account("Cora", emqx.Accountant)
	stop := func() policy.Reason {
		return host.svc.Explain(host.subject(cora), emqx.StartStop, emqx.Deployment.In(host.org, "plant").Named("d1")).Reason
	}

	root := host.svc.As(host.subject(host.root))
	fmt.Println(stop())
	_, err := root.GiveGrant(ctx, cora, policy.GrantPermission(
		emqx.DeploymentStartStop, policy.AtResource(host.org, emqx.Deployment, "d1"),
	).Until(host.clock.Add(time.Hour)))
	check(err)
	fmt.Println(stop())
	host.clock = host.clock.Add(time.Hour)
	fmt.Println(stop())
	// Output:
	// read_only
	// allowed
	// expired
}

// Something that was done as asked, and will probably surprise, comes with a warning.
func ExampleActor_CreateAccount() {
	host := openHost()
	defer host.close()

	uma, warnings, err := host.svc.As(host.subject(host.root)).CreateAccount(ctx, iam.CreateAccountParams{
		Email: "uma@acme.example", Roles: []policy.Role{emqx.ProjectUser}, Profile: iam.Profile{Note: "night shift"},
	})
	check(err)
	fmt.Println(uma.Status, uma.Roles, uma.Note)
	for _, warning := range warnings {
		fmt.Println(warning)
	}
	// Output:
	// pending [project_user] night shift
	// projects must be authorized: a project role without a binding sees no project
}
