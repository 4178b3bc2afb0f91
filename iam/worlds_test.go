package iam_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
)

// TestWorlds puts the worlds that the policies are held to into a database, and asks every request
// of theirs in every way that Service has: all of them must give the answer that the world wants.
func TestWorlds(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for _, c := range []struct {
			system iam.System
			file   string
			asked  int // at least
		}{
			{emqx.System(), "emqx.world", 80}, {lanit.System(), "lanit.world", 15},
			{devicehub.System(), "devicehub.world", 30}, {emqx.System(), "odd.world", 30},
		} {
			w.run(c.file, func(w *world) {
				l := loaded{world: w, fixture: policytest.Read(w, "../policy/testdata/"+c.file), prefix: c.file + " "}
				var clock *clock
				l.svc, clock = w.service(c.system)
				if !l.fixture.Now.IsZero() {
					clock.millis.Store(l.fixture.Now.UnixMilli())
				}
				l.load()
				asked := 0
				for _, one := range l.fixture.Cases {
					if l.ask(one) {
						asked++
					}
				}
				if asked < c.asked {
					w.Errorf("only %d of %d requests were asked: the others name what cannot be stored", asked, len(l.fixture.Cases))
				}
			})
		}
	})
}

// loaded is a world in a database. Organisations and accounts have a prefix there, for the worlds share names.
type loaded struct {
	*world
	fixture *policytest.Fixture
	svc     *iam.Service
	prefix  string
}

// storable reports whether a database can hold the id.
func storable(id string) bool {
	return utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}

// name is the id in the database: what does not fit behind the prefix is cut off at its front.
func name[T ~string](l loaded, id T) T {
	if id == "" {
		return ""
	}
	return T(l.prefix) + id[max(0, len(id)+len(l.prefix)-iam.MaxID):]
}

func (l loaded) resource(r policy.Resource) policy.Resource {
	r.Org, r.Owner = name(l, r.Org), name(l, r.Owner)
	return r
}

func (l loaded) grant(g policy.Grant) policy.Grant {
	g.At.Org = name(l, g.At.Org)
	return g
}

func (l loaded) load() {
	ctx := l.Context()
	for _, org := range l.orgs() {
		id := name(l, org)
		must(l.svc.System("a world").CreateOrganization(ctx, iam.CreateOrganizationParams{ID: id}))(l)
		l.ok(l.st.Write(ctx, id, func(tx iam.Tx) error { return l.fill(tx, org) }))
	}
}

// orgs are the organisations that can be stored, each once.
func (l loaded) orgs() []policy.OrgID {
	var all []policy.OrgID
	for _, a := range l.fixture.Accounts {
		all = append(all, a.Org)
	}
	for _, p := range l.fixture.Projects {
		all = append(all, p.Org)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id policy.OrgID) bool { return !storable(string(id)) })
}

// fill writes the world as it stands: an actor would refuse some of it.
func (l loaded) fill(tx iam.Tx, org policy.OrgID) error {
	ctx := l.Context()
	for _, p := range l.fixture.Projects {
		if p.Org == org {
			if _, err := tx.PutProject(ctx, iam.Project{ID: p.ID, Open: p.Open}); err != nil {
				return err
			}
		}
	}
	for _, a := range l.fixture.Accounts {
		if a.Org != org || !storable(string(a.ID)) {
			continue
		}
		account := iam.Account{ID: name(l, a.ID), Org: name(l, org), Roles: a.Roles, Status: iam.Active}
		if a.Disabled {
			account.Status = iam.Disabled
		}
		if err := tx.InsertAccount(ctx, account, false); err != nil {
			return err
		}
	}
	for i, h := range slices.Concat(l.fixture.Bindings, l.fixture.Grants) {
		if h.Grant.At.Org != org || !storable(string(h.Account)) {
			continue
		}
		id := name(l, h.Account)
		if i < len(l.fixture.Bindings) && h.Grant.Expires.IsZero() {
			if _, err := tx.InsertBinding(ctx, iam.Binding{Account: id, Role: h.Grant.Role, Project: h.Grant.At.Project}); err != nil {
				return err
			}
			continue
		}
		grant := iam.Grant{ID: iam.GrantID(fmt.Sprint("g", i)), Account: id, Grant: l.grant(h.Grant)}
		if err := tx.InsertGrant(ctx, grant); err != nil {
			return err
		}
	}
	return nil
}

// item is a resource of the host's.
type item struct{ r policy.Resource }

func (i item) Resource() policy.Resource { return i.r }

// ask holds every way against the world's answer. It reports false for a request that cannot be made.
func (l loaded) ask(c policytest.Case) bool {
	l.Helper()
	r := l.resource(c.Resource)
	account, _ := l.fixture.Account(c.Account)
	if !storable(string(c.Account)) || !storable(string(account.Org)) || !storable(string(c.Resource.Org)) {
		return false
	}
	var sub iam.Subject
	id := name(l, c.Account)
	if c.Account != "" {
		sub = must(l.svc.Subject(l.Context(), id))(l)
	}
	d := l.svc.Explain(sub, c.Action, r)
	if d.Reason != c.Want || c.Rule != "" && d.Rule.String() != c.Rule {
		l.Errorf("%s:%d: %s: got %s, want %s", l.fixture.Name, c.Line, c, d, c.Want)
	}
	if through := d.Grant.Until(c.Through.Expires); !c.Through.IsZero() && through != l.grant(c.Through) {
		l.Errorf("%s:%d: %s: got it through %s, want %s", l.fixture.Name, c.Line, c, d.Grant, c.Through)
	}
	who := must(l.svc.WhoCan(l.Context(), c.Action, r))(l)
	mine := slices.IndexFunc(who, func(d policy.Decision) bool { return d.Subject == id })
	for _, answer := range []struct {
		way string
		got bool
	}{
		{"Can", l.svc.Can(sub, c.Action, r)},
		{"Authorize", l.svc.Authorize(sub, c.Action, r) == nil},
		{"Check", l.svc.Check(l.Context(), id, c.Action, r).Allowed()},
		{"Reach", l.svc.Reach(sub, c.Action, r.Kind).Contains(r)},
		{"Permissions", slices.Contains(l.svc.Permissions(sub, r), c.Permission())},
		{"Filter", len(iam.Filter(sub, c.Action, []item{{r}, {policy.Resource{}}})) == 1},
		{"WhoCan", mine >= 0},
	} {
		if answer.got != c.Allowed() {
			l.Errorf("%s:%d: %s: %s answers %t, want %t", l.fixture.Name, c.Line, c, answer.way, answer.got, c.Allowed())
		}
	}
	if mine >= 0 && who[mine].String() != d.String() {
		l.Errorf("%s:%d: %s: WhoCan says %s, and Explain %s", l.fixture.Name, c.Line, c, who[mine], d)
	}
	if !slices.IsSortedFunc(who, func(a, b policy.Decision) int { return cmp.Compare(a.Subject, b.Subject) }) {
		l.Errorf("%s:%d: %s: WhoCan is not sorted", l.fixture.Name, c.Line, c)
	}
	return true
}

// A list longer than a page of anything is whole in WhoCan.
func TestWhoCanNamesEverybody(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		const many = 1100
		w.ok(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
			for i := range many {
				id := policy.AccountID(fmt.Sprintf("%04d", i))
				if err := tx.InsertAccount(o.Context(), iam.Account{ID: id, Org: o.id, Status: iam.Active, Roles: []policy.Role{emqx.Auditor}}, false); err != nil {
					return err
				}
			}
			return nil
		}))
		who := must(o.svc.WhoCan(o.Context(), emqx.View, emqx.Deployment.In(o.id, "p1").Named("d")))(w)
		equal(w, "those who can", len(who), many+1)
	})
}
