package iam_test

import (
	"errors"
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
)

// Somebody leaves: what they held goes to a colleague, and the account goes, all at once.
func ExampleActor_HandOver() {
	host := openHost()
	defer host.close()
	uma := host.account("Uma", emqx.ProjectUser, emqx.ProjectAdmin)
	ben := host.account("Ben", emqx.ProjectUser)
	host.bind(uma, emqx.ProjectUser, "plant")
	host.bind(uma, emqx.ProjectAdmin, "lab")
	root := host.svc.As(host.subject(host.root))

	params := iam.HandOverParams{From: uma, To: ben, Then: iam.ThenDelete}
	left, err := root.HandOver(ctx, params)
	for _, b := range left.Rest.Bindings {
		fmt.Println("refused, for Ben cannot be", b.Role, "of", b.Project)
	}
	fmt.Println(errors.Is(err, iam.ErrInvalid))

	params.DropRest = true
	done, err := root.HandOver(ctx, params)
	check(err)
	for _, b := range done.Bindings {
		fmt.Println(host.name(b.Account), "is", b.Role, "of", b.Project)
	}
	// Output:
	// refused, for Ben cannot be project_admin of lab
	// true
	// Ben is project_user of plant
}
