package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const subjectOf = "Subject returns the record of an account in one round trip, whatever its status: ErrNotFound when there is none"

var subjectPromises = []promise{
	{"SubjectReader.Subject", subjectOf, func(w *world) {
		// That it is one round trip is for the store's own tests.
		for _, s := range []iam.Status{iam.Pending, iam.Active, iam.Disabled} {
			a := w.account(string(s), status(s), roles(admin, user))
			a.Email = w.email(string(s))
			w.add(a)
			w.equal(must(w.st.Subject(w.ctx, a.ID))(w), iam.SubjectRecord{
				Account: a.ID, Org: w.org, Status: s, Email: a.Email, Revision: w.revision(), Roles: []policy.Role{admin, user},
			})
		}
		_, err := w.st.Subject(w.ctx, w.id("nobody"))
		w.is(err, iam.ErrNotFound)
	}},
	{"SubjectReader.Subject", subjectOf, func(w *world) {
		root := w.account("root")
		root.Root = true
		w.add(root)
		w.equal(must(w.st.Subject(w.ctx, root.ID))(w).Root, true)
	}},
	{"SubjectReader.Subject", "Grants that have ended are among them", func(w *world) {
		ann := w.named("ann")
		var want []iam.Grant
		for i, end := range []time.Time{{}, time.Unix(0, 0).UTC(), noon, time.Date(1999, 12, 31, 23, 59, 59, 1e6, time.UTC)} {
			g := iam.Grant{ID: iam.GrantID(fmt.Sprint(i)), Account: ann, By: w.id("by"), Created: noon,
				Grant: policy.GrantPermission("deployment:start", policy.AtResource(w.org, "deployment", "d1")).Until(end)}
			w.write(func(tx iam.Tx) error { return tx.InsertGrant(w.ctx, g) })
			want = append(want, g)
		}
		w.equal(inOrder(must(w.st.Subject(w.ctx, ann))(w)).Grants, want)
	}},
	{"SubjectReader.Subject", "Bindings, grants and open projects come in no particular order and without duplicates", func(w *world) {
		ann, bob := w.named("ann", roles(boss, user)), w.named("bob", roles(user))
		w.bind(ann, user, "p1", "p2", "p1")
		w.bind(ann, boss, "p1")
		w.bind(bob, boss, "p3")
		w.grant("g1", ann, policy.AtOrg(w.org))
		w.grant("g2", ann, policy.AtProject(w.org, "p1"))
		w.grant("g3", bob, policy.AtOrg(w.org))
		w.project("open1", true)
		w.project("open2", true)
		w.project("shut", false)
		w.another().project("elsewhere", true)
		got := inOrder(must(w.st.Subject(w.ctx, ann))(w))
		w.equal(got.Bindings, []iam.Binding{{Account: ann, Role: boss, Project: "p1"}, {Account: ann, Role: user, Project: "p1"}, {Account: ann, Role: user, Project: "p2"}})
		w.equal(got.OpenProjects, []policy.ProjectID{"open1", "open2"})
		w.equal(len(got.Grants), 2)
		w.equal(len(got.Roles), 2)
	}},
}

// candidates returns the names of who comes into question.
func (w *world) candidates(q iam.CandidateQuery) []policy.AccountID {
	w.Helper()
	var all []policy.AccountID
	for _, record := range must(w.st.Candidates(w.ctx, w.org, q))(w) {
		all = append(all, record.Account[len(w.tag)+1:])
	}
	return all
}

// inOrder sorts what comes in no particular order.
func inOrder(r iam.SubjectRecord) iam.SubjectRecord {
	slices.SortFunc(r.Bindings, byProject)
	slices.SortFunc(r.Grants, func(a, b iam.Grant) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(r.OpenProjects)
	return r
}

var candidatePromises = []promise{
	{"SubjectReader.Candidates", "Candidates returns the records of the organisation's active accounts that meet at least one of the query's criteria, in the order of their ids", func(w *world) {
		w.named("c", roles(admin, user))
		w.named("b", roles(admin))
		w.named("off", roles(admin), status(iam.Disabled))
		w.named("new", roles(admin), status(iam.Pending))
		w.bind(w.named("a"), user, "p1")
		w.named("not", roles(user))
		w.bind(w.id("c"), user, "p1", "p2")
		w.grant("g", w.id("c"), policy.AtProject(w.org, "p1"))
		w.project("open", true)
		w.another().named("d", roles(admin))
		q := iam.CandidateQuery{OrgRoles: []policy.Role{admin}, Project: "p1", ProjectRoles: []policy.Role{user}, Grants: true, Place: policy.AtProject(w.org, "p1")}
		w.equal(w.candidates(q), []policy.AccountID{"a", "b", "c"})
		for _, record := range must(w.st.Candidates(w.ctx, w.org, q))(w) {
			w.equal(inOrder(record), inOrder(must(w.st.Subject(w.ctx, record.Account))(w)))
		}
	}},
	{"CandidateQuery", "Empty criteria match nobody", func(w *world) {
		w.bind(w.named("ann", roles(admin)), user, "p1")
		w.grant("g", w.id("ann"), policy.AtOrg(w.org))
		w.project("p1", true)
		for _, q := range []iam.CandidateQuery{
			{}, {Project: "p1"}, {ProjectRoles: []policy.Role{user}}, {Place: policy.AtOrg(w.org)}, {Grants: true},
			{Grants: true, Place: policy.AtOrg(w.another().org)}, {OrgRoles: []policy.Role{}},
		} {
			w.equal(len(w.candidates(q)), 0)
		}
	}},
	{"CandidateQuery.OrgRoles", "holds one of these roles in the organisation", func(w *world) {
		w.named("ann", roles(admin))
		w.named("bob", roles(user, boss))
		w.named("cid", roles(user))
		w.equal(w.candidates(iam.CandidateQuery{OrgRoles: []policy.Role{boss, admin}}), []policy.AccountID{"ann", "bob"})
	}},
	{"CandidateQuery.ProjectRoles", "is bound to Project with one of these, or holds one of them while Project is open", func(w *world) {
		w.bind(w.named("bound", roles(user)), user, "p1")
		w.bind(w.named("other", roles(boss)), boss, "p1")
		w.bind(w.named("there", roles(user)), user, "p2")
		q := iam.CandidateQuery{Project: "p1", ProjectRoles: []policy.Role{user}}
		w.equal(w.candidates(q), []policy.AccountID{"bound"})
		w.project("p1", true)
		w.equal(w.candidates(q), []policy.AccountID{"bound", "there"})
		w.project("p1", false)
		w.equal(w.candidates(q), []policy.AccountID{"bound"})
	}},
	{"CandidateQuery.Grants", "holds any grant in Place, or in a place around it", func(w *world) {
		for name, at := range map[string]policy.Place{
			"org": policy.AtOrg(w.org), "p1": policy.AtProject(w.org, "p1"), "p2": policy.AtProject(w.org, "p2"),
			"d1": policy.AtResource(w.org, "deployment", "d1"), "d2": policy.AtResource(w.org, "deployment", "d2"),
			"x1": policy.AtResource(w.org, "connector", "d1"),
		} {
			w.grant(iam.GrantID(name), w.named(name), at)
		}
		in := func(project policy.ProjectID, at policy.Place) []policy.AccountID {
			return w.candidates(iam.CandidateQuery{Grants: true, Project: project, Place: at})
		}
		w.equal(in("", policy.AtOrg(w.org)), []policy.AccountID{"org"})
		w.equal(in("", policy.AtProject(w.org, "p1")), []policy.AccountID{"org", "p1"})
		w.equal(in("", policy.AtResource(w.org, "deployment.tls", "d1")), []policy.AccountID{"d1", "org"})
		w.equal(in("p1", policy.AtResource(w.org, "deployment", "d1")), []policy.AccountID{"d1", "org", "p1"})
	}},
}
