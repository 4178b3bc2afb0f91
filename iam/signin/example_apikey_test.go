package signin_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// A program acts by an API key: for the account that made it, and within the key's scope.
func ExampleService_Key() {
	svc, in, owner, done := exampleConsole()
	defer done()
	ctx := context.Background()

	// The secret is shown once: only its hash is stored.
	_, secret, err := svc.As(owner).CreateAPIKey(ctx, iam.APIKeyParams{
		Description: "dashboard",
		Scope: policy.Scope{
			Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentRename},
			Projects:    []policy.ProjectID{"p1"},
		},
	})
	check(err)

	// Each request of the program: behind net/http, iamhttp.KeyOf takes the secret out of the header.
	sub, key, err := in.Key(ctx, secret)
	check(err)
	inside, outside := emqx.Deployment.In(sub.Org(), "p1").Named("d1"), emqx.Deployment.In(sub.Org(), "p2").Named("d2")
	fmt.Println(key.Description, svc.Can(sub, emqx.View, inside), svc.Can(sub, emqx.Delete, inside), svc.Can(sub, emqx.View, outside))
	fmt.Println(svc.Explain(sub, emqx.View, outside).Reason)

	check(svc.As(owner).DeleteAPIKey(ctx, key.ID))
	_, _, err = in.Key(ctx, secret)
	fmt.Println(errors.Is(err, signin.ErrKey))

	// Output:
	// dashboard true false false
	// out_of_scope
	// true
}

// exampleConsole is an organisation on a new database, with the subject of its root account.
func exampleConsole() (*iam.Service, *signin.Service, iam.Subject, func()) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	check(store.Migrate(ctx, db))
	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
	check(err)
	in, err := signin.New(svc, signin.Config{})
	check(err)
	org, err := svc.System("sign-up").CreateOrganization(ctx, iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: "rosa@acme.example"},
	})
	check(err)
	owner, err := svc.Subject(ctx, org.Root)
	check(err)
	return svc, in, owner, func() {
		closeDB(db)
		check(os.RemoveAll(dir))
	}
}
