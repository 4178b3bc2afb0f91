package iamtest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func adminAttacks() []Attack {
	return []Attack{
		{"an invitation of oneself", "SB-61, SB-63, CVE-2026-29195", []string{needsMails, "Invite"}, inviteOneself},
		{"another role for oneself", "SB-61, SB-63, CVE-2026-27899, CVE-2026-35595", []string{"SetRoles"}, raiseOneself},
		{"an act on root", "SB-62, SB-65, CVE-2026-55077", []string{"SetRoles", "Disable", "Delete"}, actOnRoot},
		{"the last administrator", "SB-65", []string{"SetRoles", "Disable", "Delete"}, lastAdministrator},
		{"a session of a demoted account", "SB-44, ASVS 8.3.2", []string{"Accounts"}, demotedSession},
		{"a cursor of another organisation", "SB-72, CVE-2026-33503, CVE-2025-48949", []string{"Accounts"}, foreignCursor},
	}
}

// mayGive reports whether the policy lets somebody give a role to others: they manage accounts, and one of their roles
// gives it.
func (p *Person) mayGive(role policy.Role, need policy.Permission) bool {
	svc := p.world.Host.Service
	sub := p.Subject()
	return need != "" && svc.Can(sub, need.Action(), need.Kind().Of(p.Org)) && slices.ContainsFunc(sub.Roles(), func(own policy.Role) bool {
		return slices.Contains(svc.Policy().Gives(own), role)
	})
}

// inviteOneself invites, as everybody, an alias of one's own with every role that one may not give.
func inviteOneself(w *World) {
	rules := w.Host.Service.Rules()
	for _, held := range w.given() {
		p := w.member(held)
		for _, role := range w.roles() {
			if p.mayGive(role, rules.Permissions.ManageAccounts) {
				continue
			}
			local, domain, _ := strings.Cut(newAddress("me"), "@")
			email := local + "+alias@" + domain
			a := p.asksToInvite(email, "Myself", string(role))
			for _, made := range w.census() {
				if string(made.Email) == email {
					w.errorf("%s makes %s of an alias of its own: %s", held, role, a.short())
				}
			}
		}
	}
}

// raiseOneself takes, as everybody, every role that one has not.
func raiseOneself(w *World) {
	for _, held := range w.given() {
		for _, role := range w.roles() {
			if role == held {
				continue
			}
			p := w.member(held)
			before := p.Subject()
			a := p.ask(w.Host.Doors.SetRoles, Values{"account": string(p.ID), "role": string(role)})
			now, _ := p.account()
			if !now.HasRole(role) {
				continue
			}
			for _, name := range w.Host.Service.Policy().PermissionsOf(role) {
				if !slices.ContainsFunc(before.Roles(), func(own policy.Role) bool {
					return slices.Contains(w.Host.Service.Policy().PermissionsOf(own), name)
				}) {
					w.errorf("%s makes itself %s, with %s: %s", held, role, name, a.short())
					break
				}
			}
		}
	}
}

// actOnRoot does to root, as every sub-account, what is for those below.
func actOnRoot(w *World) {
	root := w.places[w.Home].root
	if root == "" {
		w.lack = "root"
		return
	}
	before := must(w.system(w.Home).Account(w.ctx(), root))(w.tb)
	for _, held := range w.given() {
		p := w.member(held)
		for _, door := range []Route{w.Host.Doors.SetRoles, w.Host.Doors.Disable, w.Host.Doors.Delete} {
			a := p.ask(door, Values{"account": string(root)})
			now, err := w.system(w.Home).Account(w.ctx(), root)
			if err != nil || now.Status != before.Status || !slices.Equal(now.Roles, before.Roles) || !now.Root {
				w.errorf("%s as %s does something to root: %s", door.Pattern, held, a.short())
				return
			}
		}
	}
}

// rounds is how often a race is run: one alone may come out well by chance.
const rounds = 3

// lastAdministrator lets two administrators without a root get rid of each other at once, and one of them of itself; and
// then lets whoever is left leave.
func lastAdministrator(w *World) {
	rules := w.Host.Service.Rules()
	role := rules.RootRole
	if len(rules.Administrators) > 0 {
		role = rules.Administrators[len(rules.Administrators)-1]
	}
	if role == rules.RootRole {
		w.lack = "administrators beside root, whom nobody gets rid of"
		return
	}
	for _, door := range []Route{w.Host.Doors.Disable, w.Host.Doors.Delete, w.Host.Doors.SetRoles} {
		for range rounds {
			org := must(w.Host.Service.System("iamtest").CreateOrganization(w.ctx(), iam.CreateOrganizationParams{Name: "Rootless"}))(w.tb)
			w.places[org.ID] = &place{values: Values{}}
			one, two := w.person(w.create(org.ID, "One", true, role)).ready(), w.person(w.create(org.ID, "Two", true, role)).ready()
			w.leave(door, []*Person{one, two, one}, []*Person{two, one, one})
			left := w.administrators(org.ID, role)
			for _, p := range left {
				stays := map[policy.AccountID]*Person{one.ID: one, two.ID: two}[p.ID]
				w.leave(door, []*Person{stays}, []*Person{stays})
			}
			if len(left) == 0 || len(w.administrators(org.ID, role)) == 0 {
				w.errorf("%s: the last administrator of an organisation is gone, as they left at once, or by themselves", door.Pattern)
				return
			}
		}
	}
}

// leave lets people do something to others, at once.
func (w *World) leave(door Route, by, to []*Person) {
	w.tb.Helper()
	reqs := make([]*http.Request, len(by))
	for i := range by {
		reqs[i] = w.requestOf(door, Values{"account": string(to[i].ID)})
		by[i].sign(reqs[i])
	}
	atOnce(len(reqs), func(i int) bool { return w.send(reqs[i]).through() })
}

func (w *World) administrators(org policy.OrgID, role policy.Role) []iam.Account {
	w.tb.Helper()
	return must(w.system(org).Accounts(w.ctx(), iam.AccountQuery{Role: role, Status: iam.Active}))(w.tb)
}

// ready signs somebody in before what is done at once.
func (p *Person) ready() *Person {
	p.world.tb.Helper()
	return p.signedIn()
}

// demotedSession takes the right to see accounts from somebody who is signed in.
func demotedSession(w *World) {
	if w.Host.Service.Rules().RoleChanges == iam.AtNextSignIn {
		w.lack = "change of roles before the next sign-in (L10)"
		return
	}
	list := w.Host.Service.Rules().Permissions.ListAccounts
	weak := slices.IndexFunc(w.given(), func(r policy.Role) bool {
		return !slices.Contains(w.Host.Service.Policy().PermissionsOf(r), list)
	})
	if weak < 0 {
		w.lack = "role that may not see accounts"
		return
	}
	p := w.member(w.most())
	if a := p.ask(w.Host.Doors.Accounts, nil); !a.through() {
		w.lack = "role beside root's that may see accounts"
		return
	}
	_, _, err := w.system(w.Home).SetRoles(w.ctx(), p.ID, w.given()[weak])
	w.ok(err)
	if a := p.ask(w.Host.Doors.Accounts, nil); a.through() {
		w.errorf("who was demoted while signed in goes on: %s", a.short())
	}
}

// foreignCursor reads on where another organisation's list goes on, and with cursors that were made up.
func foreignCursor(w *World) {
	w.create(w.Foreign, "Second", true, w.least())
	theirs := w.As(Stranger)
	cursor := theirs.ask(w.Host.Doors.Accounts, nil).field("next")
	if cursor == "" {
		w.errorf("the list of accounts does not go on: want a page of one in Doors.Accounts, and next in its JSON")
		return
	}
	p := w.strongest(w.Home)
	ours := w.census()
	for _, c := range []string{cursor, cursor[:len(cursor)-1] + "A", "0", "1 OR 1=1", "%", strings.Repeat("A", 64), string(w.Foreign)} {
		a := p.ask(w.Host.Doors.Accounts, Values{"cursor": c})
		for id, account := range ours {
			if account.Org == w.Foreign && strings.Contains(string(a.body), string(id)) {
				w.errorf("a cursor shows another organisation's accounts: %s", a.short())
				return
			}
		}
		if c == cursor && a.through() {
			w.errorf("another organisation's cursor is taken: %s", a.short())
		}
	}
}
