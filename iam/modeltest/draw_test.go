package modeltest_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Everything is drawn as an index into a small pool, the plainest first, so that a failing story shrinks. It is drawn
// bit by bit: a range of rapid's own would be the first of the pool most of the time.
var indexes = rapid.Custom(func(t *rapid.T) int {
	v := 0
	for range indexBits {
		v <<= 1
		if bit.Draw(t, "") {
			v++
		}
	}
	return v
})

var bit = rapid.Bool()

const indexBits = 11

func (s *sequence) index(n int) int { return indexes.Draw(s.T, "") * n >> indexBits }

// chance is true once in n times.
func (s *sequence) chance(n int) bool { return s.index(n) == n-1 }

func one[T any](s *sequence, from ...T) T { return from[s.index(len(from))] }

// aim is an organisation: mostly the first.
func (s *sequence) aim() *org { return one(s, s.m.orgs[0], s.m.orgs[0], s.m.orgs[0], s.m.orgs[1]) }

func (s *sequence) system(o *org) who {
	return who{book: s.m.book, now: s.now, org: o, actor: s.svc.System("the model").In(o.id), as: "the system"}
}

// standing is an account that acts as it stands.
func (s *sequence) standing(a *account) who {
	w := s.m.standing(a)
	sub, err := s.svc.Subject(s.ctx(), a.id)
	s.must(err)
	w.actor = s.svc.As(sub)
	if len(a.roles) > 0 {
		w.as += " (" + string(a.roles[0]) + ")"
	}
	return w
}

// who draws who acts: the system, those who manage, anybody, somebody by a session, a program by a key.
func (s *sequence) who(o *org) (w who, fresh *dump) {
	switch kind := s.index(10); {
	case kind == 0, len(o.accounts) == 0:
		return s.system(o), nil
	case kind <= 4:
		return s.standing(one(s, o.accounts[:min(2, len(o.accounts))]...)), nil
	case kind == 7 || kind == 8:
		if w, ok := s.bySession(o); ok {
			rows := s.read()
			return w, &rows
		}
	case kind == 9:
		if w, ok := s.byKey(o); ok {
			rows := s.read()
			return w, &rows
		}
	}
	return s.standing(one(s, o.accounts...)), nil
}

func (s *sequence) bySession(o *org) (who, bool) {
	x := s.session(func(x *session) bool { return x.of.org == o && s.m.full(x) == "" })
	if x == nil {
		return who{}, false
	}
	sub, _, err := s.in.Session(s.ctx(), x.token)
	if err != nil {
		s.fail("%s's session: got %v, and the model says it is full", x.of.nick, err)
	}
	if s.m.ago(x.seen) >= time.Minute {
		x.seen = s.now
	}
	w := s.m.standing(x.of)
	if x.holds != nil {
		w.holds, w.open = x.holds, x.open
	}
	w.actor, w.as = s.svc.As(sub), x.of.nick+" (by a session)"
	return w, true
}

func (s *sequence) byKey(o *org) (who, bool) {
	var all []*apiKey
	for _, a := range o.accounts {
		for _, k := range a.keys {
			if k.works(s.now) {
				all = append(all, k)
			}
		}
	}
	if len(all) == 0 {
		return who{}, false
	}
	k := one(s, all...)
	sub, _, err := s.in.Key(s.ctx(), k.secret)
	if err != nil {
		s.fail("%s's key: got %v, and the model says it opens", k.of.nick, err)
	}
	w := s.m.standing(k.of)
	scope := k.scope
	w.actor, w.as, w.key, w.scope = s.svc.As(sub), k.of.nick+" (by a key)", k, &scope
	return w, true
}

// session draws one of those that are so, the latest first; nil when there is none.
func (s *sequence) session(is func(x *session) bool) *session {
	var all []*session
	for _, o := range s.m.orgs {
		for _, a := range slices.Concat(o.accounts, o.gone) {
			for _, x := range a.sessions {
				if is(x) {
					all = append(all, x)
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *session) int { return b.created.Compare(a.created) })
	return one(s, all...)
}

// anySession draws one that serves for a stage, mostly, and else any.
func (s *sequence) anySession(stages ...iam.Stage) *session {
	if !s.chance(5) {
		if x := s.session(func(x *session) bool { return slices.Contains(stages, s.m.stage(x)) }); x != nil {
			return x
		}
	}
	return s.session(func(*session) bool { return true })
}

// target draws whom it is done to: of the same organisation mostly, seldom one that is gone, or another's.
func (s *sequence) target(o *org) *account {
	switch s.index(12) {
	case 10:
		if len(o.gone) > 0 {
			return one(s, o.gone...)
		}
	case 11:
		for _, other := range s.m.orgs {
			if other != o {
				return one(s, other.accounts...)
			}
		}
	}
	if len(o.accounts) == 0 { // of a system that keeps no administrator but root
		return o.gone[0]
	}
	backwards := slices.Clone(o.accounts)
	slices.Reverse(backwards)
	return one(s, backwards...)
}

// such draws one that is so where there is one, most of the time.
func (s *sequence) such(o *org, is func(a *account) bool) *account {
	var all []*account
	for _, a := range o.accounts {
		if is(a) {
			all = append(all, a)
		}
	}
	if len(all) == 0 || s.chance(4) {
		return s.target(o)
	}
	return one(s, all...)
}

func (s *sequence) someRoles() []policy.Role {
	book := s.m.book
	switch s.index(12) {
	case 9:
		return []policy.Role{one(s, book.roles...), one(s, book.roles...)}
	case 10:
		return []policy.Role{book.root}
	case 11:
		return nil
	}
	return []policy.Role{one(s, book.roles...)}
}

// someEmail is a new address mostly, or one that somebody has.
func (s *sequence) someEmail() string {
	if s.chance(3) {
		o := one(s, s.m.orgs...)
		if len(o.accounts) > 0 {
			if a := one(s, o.accounts...); a.email != "" {
				return a.email
			}
		}
	}
	return s.address(one(s, "wim", "xia", "yan", "zed"))
}

func (s *sequence) someProject() policy.ProjectID { return one(s, policy.ProjectID("p0"), "p1") }

func (s *sequence) someTime() time.Time {
	switch s.index(4) {
	case 1:
		return s.now.Add(time.Hour)
	case 2:
		return s.now.Add(time.Minute)
	case 3:
		return s.now.Add(-time.Hour * time.Duration(s.index(2)))
	}
	return time.Time{}
}

func (s *sequence) someThing() string { return one(s, "d0", "d1", "d2", "d3") }

// heldThing is one that somebody holds, mostly.
func (s *sequence) heldThing(o *org) string {
	var all []string
	for _, id := range []string{"d0", "d1", "d2", "d3"} {
		if o.held[id] != nil {
			all = append(all, id)
		}
	}
	if len(all) == 0 || s.chance(6) {
		return s.someThing()
	}
	return one(s, all...)
}

func (s *sequence) someScope() policy.Scope {
	scope := policy.Scope{Permissions: []policy.Permission{one(s, s.m.book.granted...), one(s, s.m.book.granted...)}}
	switch s.index(4) {
	case 0, 1:
		scope.AllProjects = true
	case 2:
		scope.Projects = []policy.ProjectID{s.someProject()}
	}
	return scoped(scope)
}

// passwords that every system's rule takes.
func (s *sequence) somePassword() string {
	return one(s, "Correct-1-Horse-Battery", "Tr0mbone-under-Water!", "Quiet-7-Lantern-Moth", weakPassword)
}

// link draws one for a purpose: one that opens, mostly.
func (s *sequence) link(purposes ...iam.TokenPurpose) *link {
	var all, open []*link
	for _, l := range s.m.links {
		if slices.Contains(purposes, l.purpose) {
			all = append(all, l)
			if s.m.alive(l, purposes...) {
				open = append(open, l)
			}
		}
	}
	if len(open) > 0 && !s.chance(5) {
		all = open
	}
	if s.chance(15) {
		all = s.m.links // for another purpose (SB-12)
	}
	if len(all) == 0 {
		return nil
	}
	return one(s, all...)
}

func (s *sequence) someGrant(o *org) *grant {
	if s.chance(8) {
		o = one(s, s.m.orgs...)
	}
	var all []*grant
	for _, a := range o.accounts {
		all = append(all, a.grants...)
	}
	if len(all) == 0 {
		return nil
	}
	return one(s, all...)
}

func (s *sequence) someKey(o *org) *apiKey {
	if s.chance(8) {
		o = one(s, s.m.orgs...)
	}
	var all []*apiKey
	for _, a := range slices.Concat(o.accounts, o.gone) {
		all = append(append(all, a.keys...), a.lost...)
	}
	if len(all) == 0 {
		return nil
	}
	return one(s, all...)
}

// code is one of the account's authenticator, or one that is wrong.
func (s *sequence) code(a *account, secret string) string {
	switch s.index(6) {
	case 4:
		return codeOf(secret, s.now.Add(-30*time.Second))
	case 5:
		return "000000"
	}
	return codeOf(secret, s.now)
}

// recovery is a recovery code: an account's own, another's, or none.
func (s *sequence) recovery(a *account) string {
	if len(a.codes) > 0 && !s.chance(4) {
		return a.codes[s.index(len(a.codes))]
	}
	for _, b := range s.m.orgs[0].accounts {
		if len(b.codes) > 0 {
			return b.codes[0]
		}
	}
	return "AAAA-BBBB-CCCC-DDDD"
}
