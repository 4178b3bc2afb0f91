package storetest

import (
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// alike are ids that some collation or driver takes for each other.
var alike = []string{
	"a", "A", "a ", " a", "á", "a\u0301", "à", "ａ", "ä", "ae", "æ", "ss", "ß", "ẞ", "i", "I", "ı", "İ", "K", "\u212a", "ﬁ", "fi",
	"1", "01", "1.0", "%", "_", "\\", "'", "\"", "?", "@", "$1", ":x", "😀", "😁", "a\u200b", "\u00a0", "0x41", "null", "true",
}

// unstorable are ids that some database cannot keep as they are.
var unstorable = []string{"", "\x00", "a\x00b", "\xff", "a\xc3", "\n", "\u0085", "\x7f", strings.Repeat("a", iam.MaxID+1)}

// longest is an id that just fits.
func (w *world) longest() string { return w.tag + strings.Repeat("é", (iam.MaxID-len(w.tag))/2) }

const bytewise = "Ids are compared byte by byte, without regard to case or locale rules"

var idPromises = []promise{
	{"Store", bytewise, func(w *world) {
		var want []policy.AccountID
		var accounts []iam.Account
		for _, name := range append(slices.Clone(alike), "") {
			a := w.account(name)
			a.Note = name
			accounts = append(accounts, a)
			want = append(want, a.ID)
		}
		w.add(accounts...)
		slices.Sort(want)
		w.equal(ids(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), want)
		for _, name := range alike {
			w.equal(must(w.st.Account(w.ctx, w.org, w.id(name)))(w).Note, name)
			w.equal(must(w.st.Subject(w.ctx, w.id(name)))(w).Account, w.id(name))
		}
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, w.id("a")) })
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), len(alike))
	}},
	{"Store", bytewise, func(w *world) {
		for _, name := range alike {
			org := iam.Organization{ID: policy.OrgID(w.tag + name), Name: name}
			w.ok(w.st.Create(w.ctx, org, func(iam.Tx) error { return nil }))
		}
		for _, name := range alike {
			w.equal(must(w.st.Organization(w.ctx, policy.OrgID(w.tag+name)))(w).Name, name)
		}
	}},
	{"Store", bytewise, func(w *world) {
		ann := w.named("ann")
		var want []iam.Binding
		for _, name := range alike {
			for _, role := range []policy.Role{"r", policy.Role("r" + name)} {
				w.bind(ann, role, policy.ProjectID(name))
				want = append(want, iam.Binding{Account: ann, Project: policy.ProjectID(name), Role: role})
			}
			w.grant(iam.GrantID(name), ann, policy.AtResource(w.org, "kind", name))
			w.equal(w.project(policy.ProjectID(name), true), true)
		}
		slices.SortFunc(want, byProject)
		w.equal(must(w.st.Bindings(w.ctx, w.org, ann))(w), want)
		w.equal(len(must(w.st.Projects(w.ctx, w.org))(w)), len(alike))
		for _, name := range alike {
			w.equal(len(must(w.st.ProjectBindings(w.ctx, w.org, policy.ProjectID(name), iam.AccountQuery{}))(w)), 2)
			w.equal(must(w.st.Grant(w.ctx, w.org, iam.GrantID(name)))(w).Grant.At.ID, name)
		}
		record := must(w.st.Subject(w.ctx, ann))(w)
		w.equal([]int{len(record.Bindings), len(record.Grants), len(record.OpenProjects)}, []int{2 * len(alike), len(alike), len(alike)})
	}},
	{"Store", bytewise, func(w *world) {
		var all []policy.Role
		for _, name := range alike {
			all = append(all, policy.Role("r"+name))
		}
		w.named("ann", roles(all...))
		slices.Sort(all)
		w.equal(must(w.st.Account(w.ctx, w.org, w.id("ann")))(w).Roles, all)
		w.equal(must(w.st.Administrators(w.ctx, w.org, []policy.Role{"R"}))(w), 0)
	}},
	{"Store", bytewise, func(w *world) {
		id := policy.AccountID(w.longest())
		a := iam.Account{ID: id, Org: w.org, Status: iam.Active}
		w.add(a)
		w.equal(must(w.st.Subject(w.ctx, id))(w).Account, id)
		_, err := w.st.Subject(w.ctx, id[:len(id)-2])
		w.is(err, iam.ErrNotFound)
	}},
	// What cannot be stored is not there, and asking for it is no failure of the database.
	{"Reader", "What belongs to another organisation is not found", func(w *world) {
		ann := w.named("ann")
		for _, id := range unstorable {
			_, err := w.st.Organization(w.ctx, policy.OrgID(id))
			w.is(err, iam.ErrNotFound)
			_, err = w.st.Account(w.ctx, w.org, policy.AccountID(id))
			w.is(err, iam.ErrNotFound)
			_, err = w.st.AccountByEmail(w.ctx, w.org, iam.Email(id))
			w.is(err, iam.ErrNotFound)
			_, err = w.st.Subject(w.ctx, policy.AccountID(id))
			w.is(err, iam.ErrNotFound)
			_, err = w.st.Grant(w.ctx, w.org, iam.GrantID(id))
			w.is(err, iam.ErrNotFound)
			w.is(w.st.Write(w.ctx, policy.OrgID(id), func(iam.Tx) error { return nil }), iam.ErrNotFound)
			w.equal(must(w.st.RootEmail(w.ctx, iam.Email(id)))(w), false)
			w.equal(must(w.st.Administrators(w.ctx, w.org, []policy.Role{policy.Role(id)}))(w), 0)
			w.equal(len(must(w.st.Bindings(w.ctx, w.org, policy.AccountID(id)))(w)), 0)
			w.equal(len(must(w.st.ProjectBindings(w.ctx, w.org, policy.ProjectID(id), iam.AccountQuery{}))(w)), 0)
			w.equal(len(must(w.st.Grants(w.ctx, w.org, policy.AccountID(id)))(w)), 0)
			w.equal(len(must(w.st.Projects(w.ctx, policy.OrgID(id)))(w)), 0)
			w.equal(len(must(w.st.Candidates(w.ctx, w.org, iam.CandidateQuery{
				OrgRoles: []policy.Role{policy.Role(id)}, Project: policy.ProjectID(id), ProjectRoles: []policy.Role{user},
				Grants: true, Place: policy.AtProject(w.org, policy.ProjectID(id)),
			}))(w)), 0)
			if id == "" {
				continue // is no narrowing
			}
			for _, q := range []iam.AccountQuery{
				{After: policy.AccountID(id)}, {Status: iam.Status(id)}, {Role: policy.Role(id)}, {Project: policy.ProjectID(id)},
			} {
				w.equal(len(must(w.st.Accounts(w.ctx, w.org, q))(w)), 0)
			}
			for _, q := range []iam.EventQuery{{Actor: policy.AccountID(id)}, {Target: id}, {Type: iam.EventType(id)}} {
				w.equal(len(must(w.st.Events(w.ctx, w.org, q))(w)), 0)
			}
		}
		w.equal(must(w.st.Subject(w.ctx, ann))(w).Account, ann)
	}},
	{"Tx", "Tx changes one organisation within a Write", func(w *world) {
		// What cannot be stored is refused, and do can go on.
		ann := w.named("ann")
		for _, id := range unstorable {
			w.field(w.st.Create(w.ctx, iam.Organization{ID: policy.OrgID(id)}, func(iam.Tx) error { return nil }), "ID", nil)
		}
		w.write(func(tx iam.Tx) error {
			for _, id := range unstorable {
				w.field(tx.InsertAccount(w.ctx, iam.Account{ID: policy.AccountID(id), Org: w.org, Status: iam.Active}, false), "ID", nil)
				w.field(tx.InsertAccount(w.ctx, w.account("bob", roles(policy.Role(id))), false), "Roles", nil)
				w.field(tx.InsertGrant(w.ctx, iam.Grant{ID: iam.GrantID(id), Account: ann, Grant: policy.GrantRole(user, policy.AtOrg(w.org))}), "ID", nil)
				_, err := tx.InsertBinding(w.ctx, iam.Binding{Account: ann, Role: user, Project: policy.ProjectID(id)})
				w.field(err, "Project", nil)
				_, err = tx.InsertBinding(w.ctx, iam.Binding{Account: ann, Role: policy.Role(id), Project: "p"})
				w.field(err, "Role", nil)
				_, err = tx.PutProject(w.ctx, iam.Project{ID: policy.ProjectID(id)})
				w.field(err, "ID", nil)
				w.field(tx.Append(w.ctx, iam.Event{Type: iam.EventType(id)}, link), "Type", nil)
				if id != "" { // which is none
					w.field(tx.Append(w.ctx, iam.Event{Type: "t", Role: id}, link), "Role", nil)
					w.field(tx.Append(w.ctx, iam.Event{Type: "t", Request: id}, link), "Request", nil)
				}
				w.field(tx.Append(w.ctx, iam.Event{Type: "t"}, func(iam.Event, string) string { return id }), "Hash", nil)
				w.is(tx.DeleteAccount(w.ctx, policy.AccountID(id)), iam.ErrNotFound)
				w.is(tx.DeleteGrant(w.ctx, iam.GrantID(id)), iam.ErrNotFound)
			}
			for _, text := range []string{"\x00", "\xff", "\x1f"} {
				bob := w.account("bob")
				bob.Note = text
				w.field(tx.InsertAccount(w.ctx, bob, false), "Note", nil)
				w.field(tx.Append(w.ctx, iam.Event{Type: "t", Reason: text}, link), "Reason", nil)
			}
			return nil
		})
		w.equal(ids(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), []policy.AccountID{ann})
		w.equal(len(must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w)), 0)
	}},
}

func byProject(a, b iam.Binding) int {
	if c := strings.Compare(string(a.Project), string(b.Project)); c != 0 {
		return c
	}
	return strings.Compare(string(a.Role), string(b.Role))
}
