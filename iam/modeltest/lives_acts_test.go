package modeltest_test

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var names = []string{"bob", "cleo", "dora", "emil", "fay", "gus", "hal", "ivy", "jon", "kai", "lea", "max", "nan", "pia", "quin", "ron", "sue", "tom", "val", "wes"}

// newborn draws who is to be made, and the name by which the story knows them.
func (s *sequence) newborn() (newborn, *account) {
	made := 0
	for _, o := range s.m.orgs {
		made += len(o.accounts) + len(o.gone)
	}
	n := newborn{roles: s.someRoles(), quota: -1}
	if !s.chance(8) {
		n.email = s.someEmail()
	}
	if s.m.book.quotas || s.chance(20) {
		n.quota = one(s, -1, 1, 0, 2, 5)
	}
	return n, &account{nick: fmt.Sprint(names[made%len(names)], made)}
}

func (s *sequence) quotas(n newborn) map[policy.Kind]int {
	if n.quota < 0 {
		return nil
	}
	return map[policy.Kind]int{s.m.book.thing: n.quota}
}

func (n newborn) String() string {
	text := fmt.Sprintf("%s as %v", local(n.email), n.roles)
	if n.quota >= 0 {
		text += fmt.Sprintf(" with a quota of %d", n.quota)
	}
	return text
}

var lifeActs = map[string]act{
	"Actor.CreateAccount": {do: by(func(s *sequence, w who) (string, outcome, error) {
		n, made := s.newborn()
		n.active = !s.chance(4)
		out := s.m.create(w, n, made)
		got, _, err := w.actor.CreateAccount(s.ctx(), s.params(n))
		made.id = got.ID
		return fmt.Sprintf("makes %s (%v)", made.nick, n), out, err
	})},
	"Actor.UpdateProfile": on(func(s *sequence, w who, a *account) (string, outcome, error) {
		name := one(s, "Ann", "Zoë", "")
		out := s.m.rename(w, a, name)
		return fmt.Sprintf("names %s %q", a.nick, name), out, second(w.actor.UpdateProfile(s.ctx(), a.id, iam.Profile{Name: name}))
	}),
	"Actor.SetRoles": on(func(s *sequence, w who, a *account) (string, outcome, error) {
		roles := s.someRoles()
		out := s.m.setRoles(w, a, roles)
		return fmt.Sprintf("makes %s %v", a.nick, roles), out, third(w.actor.SetRoles(s.ctx(), a.id, roles...))
	}),
	"Actor.Activate": on(func(s *sequence, w who, a *account) (string, outcome, error) {
		out := s.m.setStatus(w, a, iam.Active, iam.Pending)
		if out.want == "field Status" && a.status == iam.Disabled {
			out = onField("Status")
		}
		return "activates " + a.nick, out, second(w.actor.Activate(s.ctx(), a.id))
	}),
	"Actor.Disable": on(func(s *sequence, w who, a *account) (string, outcome, error) {
		out := s.m.setStatus(w, a, iam.Disabled, iam.Active, iam.Pending)
		return "disables " + a.nick, out, second(w.actor.Disable(s.ctx(), a.id))
	}),
	"Actor.Enable": {often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.such(w.org, func(a *account) bool { return a.status == iam.Disabled })
		out := s.m.setStatus(w, a, iam.Active, iam.Disabled)
		return "enables " + a.nick, out, second(w.actor.Enable(s.ctx(), a.id))
	})},
	"Actor.Delete": on(func(s *sequence, w who, a *account) (string, outcome, error) {
		out := s.m.delete(w, a)
		return "deletes " + a.nick, out, w.actor.Delete(s.ctx(), a.id)
	}),
	"Actor.HandOver": {often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		h := &handover{from: s.target(w.org), to: s.target(w.org), then: one(s, iam.ThenKeep, iam.ThenDisable, iam.ThenDelete), drop: s.chance(2)}
		out := s.m.handOver(w, h)
		_, err := w.actor.HandOver(s.ctx(), iam.HandOverParams{From: h.from.id, To: h.to.id, Then: h.then, DropRest: h.drop})
		then := []string{"", ", and is disabled", ", and is deleted"}[h.then]
		if h.drop {
			then += " with the rest"
		}
		return fmt.Sprintf("hands %s over to %s%s", h.from.nick, h.to.nick, then), out, err
	})},
	"Actor.UpdateOrganization": {do: by(func(s *sequence, w who) (string, outcome, error) {
		name, rule := one(s, "Acme", "Beta"), one(s, iam.SecondFactorAllowed, iam.SecondFactorRequired)
		out := s.m.updateOrganization(w, name, rule == iam.SecondFactorRequired)
		what := "leaves the second factor to everybody"
		if rule == iam.SecondFactorRequired {
			what = "requires a second factor"
		}
		return what, out, second(w.actor.UpdateOrganization(s.ctx(), iam.OrganizationParams{Name: name, SecondFactor: rule}))
	})},
	"Actor.Record": {do: by(func(s *sequence, w who) (string, outcome, error) {
		out := nothing()
		if !w.system() && w.account.status != iam.Active {
			out = refused(forbidden)
		}
		return "writes into the log", out, w.actor.Record(s.ctx(), iam.RecordParams{Type: "press.started"})
	})},
	"Actor.ExportEvents": {do: by(func(s *sequence, w who) (string, outcome, error) {
		out := nothing()
		if !w.may(s.m.book.export, "") {
			out = refused(forbidden)
		}
		var b bytes.Buffer
		err := w.actor.ExportEvents(s.ctx(), &b, iam.ExportParams{Format: iam.ExportJSON})
		if err == nil && !bytes.Contains(b.Bytes(), []byte(iam.EventsExported)) {
			err = fmt.Errorf("the export does not have itself: %d bytes", b.Len())
		}
		return "exports the log", out, err
	})},
}

var placeActs = map[string]act{
	"Actor.Bind":   {often: 3, only: inEMQX, do: by(func(s *sequence, w who) (string, outcome, error) { return s.binding(w, false) })},
	"Actor.Unbind": {often: 2, only: inEMQX, do: by(func(s *sequence, w who) (string, outcome, error) { return s.binding(w, true) })},
	"Actor.OpenProject": {do: by(func(s *sequence, w who) (string, outcome, error) {
		project := s.someProject()
		out := s.m.chooseProject(w, project, true)
		return "opens " + string(project), out, w.actor.OpenProject(s.ctx(), project)
	})},
	"Actor.CloseProject": {do: by(func(s *sequence, w who) (string, outcome, error) {
		project := s.someProject()
		out := s.m.chooseProject(w, project, false)
		return "closes " + string(project), out, w.actor.CloseProject(s.ctx(), project)
	})},
	"Actor.ForgetProject": {do: by(func(s *sequence, w who) (string, outcome, error) {
		project := s.someProject()
		out := s.m.forgetProject(w, project)
		return "forgets " + string(project), out, w.actor.ForgetProject(s.ctx(), project)
	})},
	"Actor.GiveGrant": {often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		a, g := s.target(w.org), s.someHeld()
		out := s.m.giveGrant(w, a, g, nil, &grant{})
		_, err := w.actor.GiveGrant(s.ctx(), a.id, s.stored(w.org, g))
		return fmt.Sprintf("gives %s %s", a.nick, s.stored(w.org, g)), out, err
	})},
	"Actor.GiveGrantOn": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a, book := s.target(w.org), s.m.book
		name := map[string]policy.Permission{"emqx": "deployment:rename", "lanit": "resource:edit", "devicehub": "device:view"}[book.system.Name]
		g := held{permission: name, at: place{id: s.someThing()}, until: s.someTime()}
		before := place{id: g.at.id, project: s.someProject()}
		out := s.m.giveGrant(w, a, g, &before, &grant{})
		r := book.thing.In(w.org.id, before.project).Named(before.id)
		_, err := w.actor.GiveGrantOn(s.ctx(), a.id, name, r, g.until)
		return fmt.Sprintf("gives %s %s in %s", a.nick, s.stored(w.org, g), before.project), out, err
	})},
	"Actor.RevokeGrant": {often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		g := s.someGrant(w.org)
		if g == nil {
			return "", outcome{}, nil
		}
		out := s.m.revokeGrant(w, g)
		return fmt.Sprintf("takes %s from %s", s.stored(g.to.org, g.held), g.to.nick), out, w.actor.RevokeGrant(s.ctx(), iam.GrantID(g.id))
	})},
}

func (s *sequence) binding(w who, take bool) (string, outcome, error) {
	a := s.target(w.org)
	b := binding{one(s, s.m.book.roles...), s.someProject()}
	if len(a.roles) > 0 && !s.chance(4) {
		b.role = one(s, a.roles...)
	}
	if able := slices.DeleteFunc(slices.Clone(s.m.book.bindable), func(r policy.Role) bool { return !a.has(r) }); len(able) == 0 && s.m.book.bindable != nil && !s.chance(3) {
		b.role = s.m.book.bindable[0]
	}
	out := s.m.bind(w, a, b, take)
	params := iam.Binding{Account: a.id, Role: b.role, Project: b.project}
	if take {
		return fmt.Sprintf("unbinds %s as %s from %s", a.nick, b.role, b.project), out, w.actor.Unbind(s.ctx(), params)
	}
	return fmt.Sprintf("binds %s as %s to %s", a.nick, b.role, b.project), out, w.actor.Bind(s.ctx(), params)
}

func (s *sequence) someHeld() held {
	g := held{permission: one(s, s.m.book.granted...), at: s.somePlace(), until: s.someTime()}
	if s.chance(3) {
		g.permission, g.role = "", one(s, s.m.book.roles...)
		g.at.id = ""
	}
	return g
}

func (s *sequence) somePlace() place {
	return one(s, place{}, place{}, place{project: "p0"}, place{project: "p1"}, place{id: "d0"}, place{id: "d1"})
}

// stored is a grant as the library has it.
func (s *sequence) stored(o *org, h held) policy.Grant {
	at := policy.AtOrg(o.id)
	switch {
	case h.at.project != "":
		at = policy.AtProject(o.id, h.at.project)
	case h.at.id != "":
		at = policy.AtResource(o.id, s.m.book.thing, h.at.id)
	}
	if h.role != "" {
		return policy.GrantRole(h.role, at).Until(h.until)
	}
	return policy.GrantPermission(h.permission, at).Until(h.until)
}
