package storetest

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// names are the bindings as account-role-project.
func (w *world) names(bindings []iam.Binding) []string {
	var all []string
	for _, b := range bindings {
		all = append(all, fmt.Sprintf("%s %s %s", b.Account[len(w.tag)+1:], b.Role, b.Project))
	}
	return all
}

const projectBindings = "ProjectBindings returns the bindings of a project's active accounts, sorted by account and role; " +
	"with a query, of those accounts only that it matches (its Project and Status do not count)"

var bindingPromises = []promise{
	{"BindingReader.Bindings", "Bindings returns what an account is bound to, sorted by project and role", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		w.bind(ann, "r2", "p2", "p1", "P1")
		w.bind(ann, "r1", "p2")
		w.bind(bob, "r1", "p1")
		w.equal(w.names(must(w.st.Bindings(w.ctx, w.org, ann))(w)), []string{"ann r2 P1", "ann r2 p1", "ann r1 p2", "ann r2 p2"})
	}},
	{"BindingReader.ProjectBindings", projectBindings, func(w *world) {
		b := w.account("b", roles(admin))
		b.Name = "Berta"
		w.add(w.account("c"), b, w.account("off", status(iam.Disabled)), w.account("new", status(iam.Pending)), w.account("not"))
		for _, name := range []string{"c", "b", "off", "new"} {
			w.bind(w.id(name), "r2", "p1", "p2")
			w.bind(w.id(name), "r1", "p1")
		}
		got := func(q iam.AccountQuery) []string {
			return w.names(must(w.st.ProjectBindings(w.ctx, w.org, "p1", q))(w))
		}
		all := []string{"b r1 p1", "b r2 p1", "c r1 p1", "c r2 p1"}
		w.equal(got(iam.AccountQuery{}), all)
		w.equal(got(iam.AccountQuery{Keyword: "BERTA"}), all[:2])
		w.equal(got(iam.AccountQuery{Role: admin}), all[:2])
		w.equal(got(iam.AccountQuery{Project: "p9", Status: iam.Disabled}), all)
		w.equal(got(iam.AccountQuery{Limit: 1}), all[:2]) // a page is of accounts
		w.equal(got(iam.AccountQuery{After: w.id("b")}), all[2:])
	}},
	{"BindingWriter.InsertBinding", "InsertBinding adds a binding and reports whether it was new", func(w *world) {
		b := iam.Binding{Account: w.named("ann"), Role: user, Project: "p"}
		for _, want := range []bool{true, false} {
			w.write(func(tx iam.Tx) error {
				added, err := tx.InsertBinding(w.ctx, b)
				w.equal(added, want)
				return err
			})
		}
		w.equal(must(w.st.Bindings(w.ctx, w.org, b.Account))(w), []iam.Binding{b})
	}},
	{"BindingWriter.InsertBinding", "An account that is not of the organisation is ErrNotFound", func(w *world) {
		for _, id := range []policy.AccountID{w.id("nobody"), w.another().named("ann")} {
			w.is(w.try(func(tx iam.Tx) error {
				_, err := tx.InsertBinding(w.ctx, iam.Binding{Account: id, Role: user, Project: "p"})
				return err
			}), iam.ErrNotFound)
		}
	}},
	{"BindingWriter.DeleteBinding", "DeleteBinding removes a binding and reports whether there was one", func(w *world) {
		ann := w.named("ann")
		w.bind(ann, user, "p", "q")
		w.bind(ann, boss, "p")
		for _, want := range []bool{true, false} {
			w.write(func(tx iam.Tx) error {
				removed, err := tx.DeleteBinding(w.ctx, iam.Binding{Account: ann, Role: user, Project: "p"})
				w.equal(removed, want)
				return err
			})
		}
		w.write(func(tx iam.Tx) error { // casbin-facts P7: an empty field is no wildcard
			removed, err := tx.DeleteBinding(w.ctx, iam.Binding{Account: ann, Role: user})
			w.equal(removed, false)
			return err
		})
		w.equal(w.names(must(w.st.Bindings(w.ctx, w.org, ann))(w)), []string{"ann project_admin p", "ann project_user q"})
	}},
}

var grantPromises = []promise{
	{"BindingReader.Grants", "Grants returns the grants of an account, also those that have ended, sorted by id", func(w *world) {
		ann := w.named("ann")
		other := w.grant("g0", w.named("bob"), policy.AtOrg(w.org))
		w.equal(other.Account, w.id("bob"))
		b := w.grant("b", ann, policy.AtProject(w.org, "p"))
		w.equal(must(w.st.Grants(w.ctx, w.org, ann))(w), []iam.Grant{b})
		ended := iam.Grant{ID: "A", Account: ann, Created: noon, By: w.id("by"),
			Grant: policy.GrantPermission("deployment:stop", policy.AtResource(w.org, "deployment", "d1")).Until(noon.AddDate(-50, 0, 0))}
		w.write(func(tx iam.Tx) error { return tx.InsertGrant(w.ctx, ended) })
		w.equal(must(w.st.Grants(w.ctx, w.org, ann))(w), []iam.Grant{ended, b})
	}},
	{"BindingReader.Grant", "Grant returns one grant of the organisation, or ErrNotFound", func(w *world) {
		g := w.grant("g", w.named("ann"), policy.AtOrg(w.org))
		w.equal(must(w.st.Grant(w.ctx, w.org, "g"))(w), g)
		_, err := w.st.Grant(w.ctx, w.org, "G")
		w.is(err, iam.ErrNotFound)
	}},
	{"BindingWriter.InsertGrant", "InsertGrant adds a grant", func(w *world) {
		g := w.grant("g", w.named("ann"), policy.AtResource(w.org, "deployment", "d1"))
		w.equal(must(w.st.Grants(w.ctx, w.org, g.Account))(w), []iam.Grant{g})
	}},
	{"BindingWriter.InsertGrant", "An account that is not of the organisation is ErrNotFound, an id that is taken is ErrExists", func(w *world) {
		g := w.grant("g", w.named("ann"), policy.AtOrg(w.org))
		for _, id := range []policy.AccountID{w.id("nobody"), w.another().named("ann")} {
			w.is(w.try(func(tx iam.Tx) error {
				return tx.InsertGrant(w.ctx, iam.Grant{ID: "h", Account: id, Grant: g.Grant})
			}), iam.ErrNotFound)
		}
		w.write(func(tx iam.Tx) error {
			w.is(tx.InsertGrant(w.ctx, iam.Grant{ID: "g", Account: g.Account, Grant: policy.GrantRole(admin, policy.AtOrg(w.org))}), iam.ErrExists)
			return nil
		})
		w.equal(must(w.st.Grant(w.ctx, w.org, "g"))(w), g)
	}},
	{"BindingWriter.DeleteGrant", "DeleteGrant removes a grant, or returns ErrNotFound", func(w *world) {
		ann := w.named("ann")
		w.grant("g", ann, policy.AtOrg(w.org))
		h := w.grant("h", ann, policy.AtOrg(w.org))
		w.write(func(tx iam.Tx) error { return tx.DeleteGrant(w.ctx, "g") })
		w.equal(must(w.st.Grants(w.ctx, w.org, ann))(w), []iam.Grant{h})
		w.is(w.try(func(tx iam.Tx) error { return tx.DeleteGrant(w.ctx, "g") }), iam.ErrNotFound)
	}},
}

var projectPromises = []promise{
	{"BindingReader.Projects", "Projects returns the projects of the organisation for which a choice was made, sorted by id", func(w *world) {
		w.bind(w.named("ann"), user, "bound")
		w.project("p2", true)
		w.project("P1", false)
		w.another().project("elsewhere", true)
		w.equal(must(w.st.Projects(w.ctx, w.org))(w), []iam.Project{{ID: "P1"}, {ID: "p2", Open: true}})
	}},
	{"BindingWriter.PutProject", "PutProject writes the choice for a project, and reports whether that changed it", func(w *world) {
		w.equal([]bool{w.project("p", true), w.project("p", true), w.project("p", false), w.project("p", false), w.project("q", false)},
			[]bool{true, false, true, false, true})
		w.equal(must(w.st.Projects(w.ctx, w.org))(w), []iam.Project{{ID: "p"}, {ID: "q"}})
	}},
	{"BindingWriter.ForgetProject", "ForgetProject removes everything about a project: its choice, its bindings, and the grants in it", func(w *world) {
		ann := w.named("ann")
		w.bind(ann, user, "p", "q")
		w.project("p", true)
		w.project("q", true)
		w.grant("in", ann, policy.AtProject(w.org, "p"))
		w.grant("out", ann, policy.AtProject(w.org, "q"))
		w.grant("wide", ann, policy.AtOrg(w.org))
		w.write(func(tx iam.Tx) error {
			_, err := tx.ForgetProject(w.ctx, "p")
			return err
		})
		w.equal(must(w.st.Projects(w.ctx, w.org))(w), []iam.Project{{ID: "q", Open: true}})
		w.equal(w.names(must(w.st.Bindings(w.ctx, w.org, ann))(w)), []string{"ann project_user q"})
		w.equal(len(must(w.st.Grants(w.ctx, w.org, ann))(w)), 2)
	}},
	{"Forgotten.Bindings", "sorted by account and role", forgotten},
	{"Forgotten.Grants", "sorted by id", forgotten},
	{"BindingWriter.ForgetProject", "It returns the bindings and the grants that went", forgotten},
	{"BindingWriter.ForgetProject", "It returns the bindings and the grants that went", func(w *world) {
		w.add(w.account("a"))
		w.grant("wide", w.id("a"), policy.AtOrg(w.org))
		w.write(func(tx iam.Tx) error {
			gone, err := tx.ForgetProject(w.ctx, "") // no project: the whole organisation is not meant
			w.equal(gone, iam.Forgotten{})
			return err
		})
		w.equal(len(must(w.st.Grants(w.ctx, w.org, w.id("a")))(w)), 1)
	}},
}

// forgotten takes a project away that two accounts were bound to.
func forgotten(w *world) {
	w.bind(w.named("b"), user, "p", "q")
	w.bind(w.named("a"), user, "p")
	w.bind(w.id("a"), boss, "p")
	w.grant("g2", w.id("b"), policy.AtProject(w.org, "p"))
	w.grant("g1", w.id("a"), policy.AtProject(w.org, "p"))
	w.grant("g0", w.id("a"), policy.AtProject(w.org, "q"))
	w.write(func(tx iam.Tx) error {
		gone, err := tx.ForgetProject(w.ctx, "p")
		w.equal(w.names(gone.Bindings), []string{"a project_admin p", "a project_user p", "b project_user p"})
		var grants []iam.GrantID
		for _, g := range gone.Grants {
			grants = append(grants, g.ID)
		}
		w.equal(grants, []iam.GrantID{"g1", "g2"})
		return err
	})
}
