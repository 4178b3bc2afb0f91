package iam_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/store"
)

// Two nodes with memory, on one database. What the first one changes, it sees at once itself. The second sees it
// within MaxStaleness, and mostly sooner where Run runs; and at once when a request brings the revision of the change.
func ExampleService_SubjectAtLeast() {
	host := openHost()
	defer host.close()
	uma := host.account("Uma", emqx.ProjectUser)
	node := func() *iam.Service {
		svc, err := iam.New(store.New(host.db), emqx.System(), iam.Config{MaxStaleness: time.Minute})
		check(err)
		return svc
	}
	first, second := node(), node()
	for _, svc := range []*iam.Service{first, second} {
		_, err := svc.Subject(ctx, uma)
		check(err)
	}

	_, err := first.System("example").In(host.org).Disable(ctx, uma)
	check(err)
	revision, err := first.Revision(ctx, host.org) // the answer to the client has it, and its next request
	check(err)

	sub, err := first.Subject(ctx, uma)
	fmt.Println("here, at once:", sub.Status(), err)
	sub, err = second.Subject(ctx, uma)
	fmt.Println("there, within a minute:", sub.Status(), err)
	sub, err = second.SubjectAtLeast(ctx, uma, revision)
	fmt.Println("there, as of the change:", sub.Status(), err)
	_, err = second.SubjectAtLeast(ctx, uma, revision+1)
	fmt.Println("a change that never was:", errors.Is(err, iam.ErrBehind))
	// Output:
	// here, at once: disabled <nil>
	// there, within a minute: active <nil>
	// there, as of the change: disabled <nil>
	// a change that never was: true
}
