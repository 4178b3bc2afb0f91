package policy_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// A policy of three permissions and two roles, as a host writes its own.
const library = `p4, librarian, Librarian
p4, reader, Reader
p2, librarian, reader
p3, book, view, Books, Read a book
p3, book, lend, Books, Lend a book out
p3, book, rate, Books, Rate a book
p, librarian, org, book, view, allow, always
p, librarian, org, book, lend, allow, not_reserved
p, reader, org, book, view, allow, always
p, reader, project, book, rate, allow, always
`

func libraryPolicy() *policy.Policy {
	notReserved := policy.OneOf("not_reserved", "reserved", "no")
	return policy.Must(policy.Load("library.csv", []byte(library), policy.Config{Conditions: []policy.Condition{notReserved}}))
}

func ann(p *policy.Policy, grants ...policy.Grant) *policy.Holder {
	return p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: grants})
}

func Example() {
	p := libraryPolicy()
	h := ann(p, policy.GrantRole("reader", policy.AtOrg("acme")))
	book := policy.Kind("book").Of("acme").Named("moby-dick")

	fmt.Println(h.Can("view", book))
	fmt.Println(h.Can("lend", book))
	fmt.Println(h.Decide("lend", book))
	// Output:
	// true
	// false
	// ann may not book:lend: read only, by library.csv:9, holding reader at org/acme
}

// Every mistake of a file is told at once, with its line and what was expected.
func ExampleLoad_mistakes() {
	_, err := policy.Load("my.csv", []byte(strings.Join([]string{
		`p4, reader, Reader`,
		`p3, book, view, Books, Read a book`,
		`p, raeder, org, book, view, allow, always`,
		`p, reader, everywhere, book, veiw, allow, always`,
		`p, reader, org, book`,
	}, "\n")), policy.Config{})
	fmt.Println(err)
	// Output:
	// my.csv:3: unknown role "raeder": no p4 row declares it (did you mean reader?)
	// my.csv:4: unknown reach "everywhere": want org, project or own
	// my.csv:4: unknown action "veiw" of kind book: no p3 row declares it (did you mean view?)
	// my.csv:5: 3 fields after p: want 6: role, reach, kind, action, effect, condition
}

// A condition is asked about the resource's attributes. One that was not given satisfies nothing.
func ExampleCondition() {
	h := ann(libraryPolicy(), policy.GrantRole("librarian", policy.AtOrg("acme")))
	book := policy.Kind("book").Of("acme").Named("moby-dick")

	fmt.Println(h.Decide("lend", book.With("reserved", "no")).Reason)
	fmt.Println(h.Decide("lend", book.With("reserved", "yes")).Reason)
	fmt.Println(h.Decide("lend", book).Reason)
	// Output:
	// allowed
	// condition_not_met
	// condition_not_met
}

// A denial names the smallest grants that would help, and who may give them.
func ExampleDecision_Remedies() {
	h := ann(emqx.System().Policy, policy.GrantRole(emqx.ProjectUser, policy.AtOrg("acme")))
	d := h.Decide(emqx.StartStop, emqx.Deployment.In("acme", "p1").Named("d1"))
	fmt.Println(d)
	for _, r := range d.Remedies()[:4] {
		fmt.Println(r.Gives, r.Grant, r.Givers)
	}
	// Output:
	// ann may not deployment:start_stop: nothing that it holds there allows it
	// 1 deployment:start_stop at org/acme/resource/deployment/d1 [root administrator]
	// 1 deployment:start_stop at org/acme/project/p1 [root administrator]
	// 1 deployment:start_stop at org/acme [root administrator]
	// 51 project_admin at org/acme/project/p1 [root administrator]
}

// A grant may be a single permission on one resource, for a while.
func ExampleGrant_Until() {
	p := emqx.System().Policy
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	grant := policy.GrantPermission(emqx.DeploymentStartStop, policy.AtResource("acme", emqx.Deployment, "d1")).Until(noon)
	d1 := emqx.Deployment.In("acme", "p1").Named("d1")

	for _, now := range []time.Time{noon.Add(-time.Second), noon} {
		h := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: []policy.Grant{grant}, Now: now})
		fmt.Println(h.Decide(emqx.StartStop, d1).Reason)
	}
	// Output:
	// allowed
	// expired
}

// Reach is the same table read as a list: store.InReach makes a WHERE clause of it.
func ExampleHolder_Reach() {
	h := ann(emqx.System().Policy,
		policy.GrantRole(emqx.ProjectUser, policy.AtOrg("acme")),
		policy.GrantRole(emqx.ProjectUser, policy.AtProject("acme", "p2")),
		policy.GrantRole(emqx.ProjectUser, policy.AtProject("acme", "p1")),
	)
	fmt.Println(h.Reach(emqx.Rename, emqx.Deployment).Projects())
	fmt.Println(h.Reach(emqx.Delete, emqx.Deployment).IsNone())
	// Output:
	// [p1 p2]
	// true
}

// Nobody gives what they do not have, nor a role that the policy does not let them give.
func ExampleHolder_MayGrant() {
	p := emqx.System().Policy
	admin := ann(p, policy.GrantRole(emqx.Administrator, policy.AtOrg("acme")))
	user := ann(p, policy.GrantRole(emqx.ProjectUser, policy.AtProject("acme", "p1")))

	fmt.Println(admin.MayGrant(policy.GrantRole(emqx.ProjectAdmin, policy.AtProject("acme", "p1"))))
	fmt.Println(user.MayGrant(policy.GrantRole(emqx.ProjectAdmin, policy.AtProject("acme", "p1"))))

	var refused *policy.CeilingError
	errors.As(user.MayGrant(policy.GrantPermission(emqx.DeploymentDelete, policy.AtProject("acme", "p1"))), &refused)
	fmt.Println(refused.Missing)
	// Output:
	// <nil>
	// policy: ann may not give project_admin at org/acme/project/p1
	// [deployment:delete]
}

// A change of a policy is reviewed as what each role gains and loses.
func ExamplePolicy_Diff() {
	before := libraryPolicy()
	next, err := policy.Load("library.csv", []byte(strings.Replace(library, "p, reader, project, book, rate", "p, reader, org, book, lend", 1)),
		policy.Config{Conditions: before.Conditions()})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range before.Diff(next) {
		fmt.Println(c)
	}
	// Output:
	// + reader book:lend: org
	// - reader book:rate: project
}

// The roles of one organisation stand beside those of all.
func ExamplePolicy_With() {
	doc, err := policy.ReadDocument("acme.csv", []byte(strings.Join([]string{
		`p4, intern@acme, Intern`,
		`p2, librarian, intern@acme`,
		`p, intern@acme, org, book, view, allow, always`,
	}, "\n")))
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := libraryPolicy().With(doc)
	if err != nil {
		fmt.Println(err)
		return
	}
	intern := policy.CustomRole("acme", "intern")
	fmt.Println(intern, p.HasRole(intern), intern.UsableIn("other"))
	// Output:
	// intern@acme true false
}

// The matrix is what the compiled policy decides, so that it cannot tell anything else.
func ExamplePolicy_WriteMatrix() {
	if err := libraryPolicy().WriteMatrix(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | Permission | Librarian | Reader |
	// |---|:---:|:---:|
	// | **Books** | | |
	// | Read a book | ✓ | ✓ |
	// | Lend a book out | ✓ᶜ | ✗ |
	// | Rate a book | ✗ | ✓ᵖ |
	//
	// ᵖ in the projects that the account is bound to · ᵒ for what the account owns · ᶜ under the condition of the rule
}

// The same rules as a Casbin enforcer, for hosts with Casbin tooling.
func ExamplePolicy_Enforcer() {
	p := libraryPolicy()
	enforcer, err := p.Enforcer(ann(p, policy.GrantRole("reader", policy.AtOrg("acme"))))
	if err != nil {
		fmt.Println(err)
		return
	}
	book := policy.Kind("book").Of("acme").Named("moby-dick")
	fmt.Println(enforcer.Enforce(policy.Request("ann", "view", book)...))
	fmt.Println(enforcer.Enforce(policy.Request("ann", "lend", book)...))
	// Output:
	// true <nil>
	// false <nil>
}
