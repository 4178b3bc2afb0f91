package castellan_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/pgnotify"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// The snippets of the README stand in this file: TestReadmeSnippetsCompile finds them here.

// Deployment is a row of the host's own.
type Deployment struct {
	ID        string           `gorm:"primaryKey"`
	OrgID     policy.OrgID     `gorm:"column:org_id"`
	ProjectID policy.ProjectID `gorm:"column:project_id"`
}

func (d Deployment) Resource() policy.Resource {
	return emqx.Deployment.In(d.OrgID, d.ProjectID).Named(d.ID)
}

// Project is another one.
type Project struct {
	ID    policy.ProjectID `gorm:"primaryKey"`
	OrgID policy.OrgID     `gorm:"column:org_id"`
}

// app is a host in a temporary folder: an organisation "acme" with its root account, and with Uma,
// who is bound to the project p1.
type app struct {
	db   *gorm.DB
	st   *store.Store
	svc  *iam.Service
	root iam.Subject
	uma  iam.Subject
	dir  string
}

func open(ctx context.Context, path string) (*iam.Service, *gorm.DB, error) {
	setUp := func() (*iam.Service, error) {
		db, err := sqlite.Open("app.db") // or gorm.Open(postgres.Open(dsn)), or MySQL
		if err != nil {
			return nil, err
		}
		if err := store.Migrate(ctx, db); err != nil {
			return nil, err
		}
		svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
		return svc, err
	}
	_ = setUp // the README's lines, which would leave a file behind

	db, err := sqlite.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(ctx, db); err != nil {
		return nil, nil, err
	}
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
	return svc, db, err
}

// remember is a host with several nodes on PostgreSQL.
func remember(ctx context.Context, db *gorm.DB, pool *sql.DB) error {
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{
		MaxStaleness: 2 * time.Second,
		Listener:     pgnotify.New(pool), // PostgreSQL; other databases are asked four times within the bound
	})
	if err != nil {
		return err
	}
	go svc.Run(ctx)
	return nil
}

var _ = remember // which needs a PostgreSQL: store/pgnotify tests it

func newApp(ctx context.Context) *app {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	svc, db, err := open(ctx, filepath.Join(dir, "app.db"))
	check(err)
	a := &app{db: db, st: store.New(db), svc: svc, dir: dir}
	check(db.Migrator().CreateTable(&Deployment{}, &Project{}))
	org, err := svc.System("example").CreateOrganization(ctx, iam.CreateOrganizationParams{
		ID: "acme", Name: "Acme", Root: &iam.CreateAccountParams{Email: "rosa@acme.example"},
	})
	check(err)
	a.root, err = svc.Subject(ctx, org.Root)
	check(err)
	account, _, err := svc.As(a.root).CreateAccount(ctx, iam.CreateAccountParams{
		Email: "bound@acme.example", Roles: []policy.Role{emqx.ProjectUser}, Active: true,
	})
	check(err)
	check(svc.As(a.root).Bind(ctx, iam.Binding{Account: account.ID, Role: emqx.ProjectUser, Project: "p1"}))
	a.uma, err = svc.Subject(ctx, account.ID)
	check(err)
	return a
}

func (a *app) close() {
	pool, err := a.db.DB()
	check(err)
	check(pool.Close())
	check(os.RemoveAll(a.dir))
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func Example() {
	ctx := context.Background()
	a := newApp(ctx)
	defer a.close()
	svc, sub := a.svc, a.uma
	org, project, id := sub.Org(), policy.ProjectID("p1"), "d1"

	can :=
		svc.Can(sub, emqx.StartStop, emqx.Deployment.In(org, project).Named(id))

	fmt.Println(can)
	fmt.Println(svc.Explain(sub, emqx.StartStop, emqx.Deployment.In(org, project).Named(id)).Reason)
	// Output:
	// false
	// read_only
}

// A handler gets the row that was decided about; a refusal has the right status.
func Example_guard() {
	ctx := context.Background()
	a := newApp(ctx)
	defer a.close()
	svc := a.svc
	session := func(r *http.Request) (policy.AccountID, error) { // the host's own sign-in
		return policy.AccountID(r.Header.Get("Account")), nil
	}
	load := func(r *http.Request) (Deployment, error) { // the host's own row
		return Deployment{ID: r.PathValue("id"), OrgID: "acme", ProjectID: "p1"}, nil
	}

	guard := iamhttp.New(svc, session, iamhttp.Config{})
	mux := http.NewServeMux()
	mux.Handle("POST /deployments/{id}/stop", iamhttp.RequireItem(guard, emqx.DeploymentStartStop, load,
		func(w http.ResponseWriter, r *http.Request, d Deployment) error {
			_, err := fmt.Fprintf(w, "%s stops\n", d.ID)
			return err
		}))
	app := guard.Load(mux)

	for _, who := range []policy.AccountID{a.root.ID(), a.uma.ID(), ""} {
		r := httptest.NewRequest("POST", "/deployments/d1/stop", nil)
		r.Header.Set("Account", string(who))
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 403
	// 401
}

// The reach of a subject narrows a list in SQL.
func Example_list() {
	ctx := context.Background()
	a := newApp(ctx)
	defer a.close()
	svc, db, sub := a.svc, a.db, a.uma
	check(db.Create([]Deployment{{"d1", "acme", "p1"}, {"d2", "acme", "p2"}, {"d3", "other", "p1"}}).Error)
	var deployments []Deployment

	list := func() error {
		reach := svc.Reach(sub, emqx.View, emqx.Deployment)
		columns := store.Columns{Org: "org_id", Project: "project_id", ID: "id"}
		err := db.Scopes(store.InReach(reach, columns)).Order("id").Find(&deployments).Error
		return err
	}

	fmt.Println(list(), deployments)
	// Output:
	// <nil> [{d1 acme p1}]
}

// People manage people under the same rules.
func Example_people() {
	ctx := context.Background()
	a := newApp(ctx)
	defer a.close()
	svc, sub := a.svc, a.root

	create := func() error {
		account, warnings, err := svc.As(sub).CreateAccount(ctx, iam.CreateAccountParams{
			Email: "uma@acme.example", Roles: []policy.Role{emqx.ProjectUser}, Active: true,
		})
		if err != nil {
			return err
		}
		fmt.Println(warnings)
		err = svc.As(sub).Bind(ctx, iam.Binding{Account: account.ID, Role: emqx.ProjectUser, Project: "p1"})
		return err
	}

	fmt.Println(create())
	sub = a.uma // who may not
	fmt.Println(create())
	// Output:
	// [projects must be authorized: a project role without a binding sees no project]
	// <nil>
	// iam: forbidden
}

// The host's row, the binding and the audit event commit or vanish together.
func Example_transaction() {
	ctx := context.Background()
	a := newApp(ctx)
	defer a.close()
	svc, st, db, sub, uma := a.svc, a.st, a.db, a.root, a.uma.ID()

	create := func(project Project) error {
		err := db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&project).Error; err != nil {
				return err
			}
			return svc.WithStore(st.In(tx)).As(sub).Bind(ctx, iam.Binding{Account: uma, Role: emqx.ProjectUser, Project: project.ID})
		})
		return err
	}

	fmt.Println(create(Project{ID: "p2", OrgID: "acme"}))
	uma = "nobody" // so that the binding is refused, and the project's row with it
	fmt.Println(create(Project{ID: "p3", OrgID: "acme"}))
	var projects int64
	check(db.Model(&Project{}).Count(&projects).Error)
	events, err := svc.As(sub).Events(ctx, iam.EventQuery{Type: iam.ProjectBound})
	fmt.Println(projects, len(events), err)
	// Output:
	// <nil>
	// iam: not found
	// 1 2 <nil>
}
