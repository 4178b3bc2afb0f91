package iamtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// The people of every world beside one for each role of the system, who is known by the role's name.
const (
	// Nobody is not signed in.
	Nobody = "nobody"
	// Pending was invited, and has not accepted.
	Pending = "pending"
	// Disabled was signed in when the account was disabled, and has kept the session.
	Disabled = "disabled"
	// Deleted was signed in when the account was deleted, and has kept the session.
	Deleted = "deleted"
	// Half has given the password, and not yet the code of the second factor.
	Half = "half signed in"
	// Key is an API key of the strongest account, with everything that this may do.
	Key = "API key"
	// Stranger is the strongest account of Foreign.
	Stranger = "stranger"
)

// Of a role that is bound to projects there are three: one who is bound to the project of Host.Seed, one who is bound to
// another one, and one who is bound to none.
const (
	elsewhere = ", bound elsewhere"
	unbound   = ", unbound"
)

// Names returns who there is, in the order of the policy's roles.
func (w *World) Names() []string {
	var all []string
	for _, role := range w.held() {
		all = append(all, string(role))
		if w.Host.Service.Policy().Bindable(role) && w.Values()["project"] != "" {
			all = append(all, string(role)+elsewhere, string(role)+unbound)
		}
	}
	if w.Host.APIKeys {
		all = append(all, Key)
	}
	all = append(all, Stranger)
	if w.halves() {
		all = append(all, Half)
	}
	return append(all, Pending, Disabled, Deleted, Nobody)
}

// held are the roles that somebody has: root's, and those of sub-accounts.
func (w *World) held() []policy.Role {
	given, root := w.given(), w.Host.Service.Rules().RootRole
	return slices.DeleteFunc(w.roles(), func(r policy.Role) bool { return r != root && !slices.Contains(given, r) })
}

// halves reports whether somebody can be signed in by half.
func (w *World) halves() bool {
	return w.Host.byCookie() && len(w.Host.Service.Keys()) > 0 &&
		w.Host.Service.Rules().SecondFactor != iam.SecondFactorUnavailable && !w.Host.Doors.SecondFactor.missing()
}

// As returns somebody by name: a role of the system, or one of the constants. An unknown name ends the test.
func (w *World) As(name string) *Person {
	w.tb.Helper()
	if p, met := w.people[name]; met {
		return p
	}
	if !slices.Contains(w.Names(), name) {
		w.tb.Fatalf("iamtest: there is no %q: there are %s", name, strings.Join(w.Names(), ", "))
	}
	p := w.meet(name)
	p.Name = name
	w.people[name] = p
	return p
}

func (w *World) meet(name string) *Person {
	w.tb.Helper()
	switch name {
	case Nobody:
		return &Person{world: w}
	case Stranger:
		return w.strongest(w.Foreign)
	case Pending:
		p := w.person(w.create(w.Home, Pending, false, w.most()))
		p.none = w.Host.byCookie() // nobody can sign in as it
		return p
	case Disabled:
		p := w.member(w.most()).met()
		_ = must(w.system(w.Home).Disable(w.ctx(), p.ID))(w.tb)
		return p.stale()
	case Deleted:
		p := w.member(w.most()).met().stale()
		w.ok(w.system(w.Home).Delete(w.ctx(), p.ID))
		return p
	case Half:
		p := w.member(w.most())
		p.enroll()
		return p.signedIn()
	case Key:
		return w.strongest(w.Home).key()
	}
	role, where, _ := strings.Cut(name, ",")
	if policy.Role(role) == w.Host.Service.Rules().RootRole {
		return w.strongest(w.Home)
	}
	p := w.member(policy.Role(role))
	switch project := w.Values()["project"]; {
	case where == "" && project != "":
		p.bind(policy.ProjectID(project))
	case ","+where == elsewhere:
		p.bind(policy.ProjectID(w.missing["project"]))
	}
	return p
}

// met is somebody whom the host has seen at all routes that only read: what it keeps of people, it keeps of this one.
func (p *Person) met() *Person {
	p.world.tb.Helper()
	for _, rt := range p.world.Host.Routes {
		if rt.safe() {
			p.ask(rt, nil)
		}
	}
	return p.signedIn()
}

// member makes an active account of Home.
func (w *World) member(role policy.Role) *Person {
	w.tb.Helper()
	return w.person(w.create(w.Home, string(role), true, role))
}

// strongest is root, or where there is none somebody with the strongest role.
func (w *World) strongest(org policy.OrgID) *Person {
	w.tb.Helper()
	at := w.places[org]
	if at.strongest != nil {
		return at.strongest
	}
	if at.root != "" {
		at.strongest = w.person(must(w.system(org).Account(w.ctx(), at.root))(w.tb))
	} else {
		at.strongest = w.person(w.create(org, "Strongest", true, w.most()))
	}
	return at.strongest
}

func (w *World) person(a iam.Account) *Person {
	return &Person{world: w, Name: fmt.Sprint(a.Roles), ID: a.ID, Org: a.Org, Email: a.Email, root: a.Root, roles: a.Roles}
}
