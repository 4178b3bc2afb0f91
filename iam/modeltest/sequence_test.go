package modeltest_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// sequence is one story: two organisations of a system, and the model of them.
type sequence struct {
	*rapid.T
	db     *gorm.DB
	st     iam.Store
	svc    *iam.Service // makes the changes, and keeps subjects in memory
	plain  *iam.Service // asks the database each time
	there  *iam.Service // another node with a memory, which asks behind each step what has changed
	in     *signin.Service
	m      *model
	seen   *coverage
	number int // of the story in its database: no two share an address or a peer
	now    time.Time
	peers  int
	lines  []string
	rows   dump
	logs   map[*org]*log
	slow   bool // the post goes out when it is drawn only
	leads  []string
}

var morning = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// begin makes the two organisations. What is drawn as zero is the plainest world.
func begin(t *rapid.T, db *gorm.DB, seen *coverage, number int, book *rulebook) *sequence {
	s := &sequence{T: t, db: db, st: store.New(db), seen: seen, number: number, now: morning, logs: map[*org]*log{}}
	s.nodes(book.system)
	var err error
	s.in, err = signin.New(s.svc, signin.Config{AccountLimit: guesses, ResetLimit: resets, PeerLimit: iam.Limit{Attempts: 100_000, Pause: time.Minute}})
	s.must(err)
	s.m = &model{book: book, now: func() time.Time { return s.now }, counts: map[string]*count{}}
	s.say("Once there was %s.", book.system.Name)
	seen.stories++
	s.slow = s.chance(3)
	s.settle("acme", !s.chance(3), "rosa", "ada", "uma", "otto")
	s.settle("beta", true, "rex", "zoe", "kim")
	for _, o := range s.m.orgs {
		for _, a := range o.accounts[:2] { // who has no password yet begins with a link
			w := s.system(o)
			out := s.m.sendReset(w, a)
			s.must(s.in.SendReset(s.ctx(), w.actor, a.id))
			out.then()
		}
	}
	s.deliver()
	for _, o := range s.m.orgs {
		s.check(o)
	}
	return s
}

// settle makes an organisation: root, if it is to have one, somebody who manages, and others.
func (s *sequence) settle(nick string, rooted bool, names ...string) {
	book := s.m.book
	o := &org{nick: nick, name: nick, projects: map[policy.ProjectID]bool{}, held: map[string]*account{}, tests: map[*account][]time.Time{}}
	params := iam.CreateOrganizationParams{Name: nick}
	if rooted {
		params.Root = &iam.CreateAccountParams{Email: s.address(names[0])}
		if book.quotas {
			params.Root.Quotas = map[policy.Kind]int{book.thing: 9}
		}
	}
	made, err := s.svc.System("the model").CreateOrganization(s.ctx(), params)
	s.must(err)
	o.id = made.ID
	s.m.orgs, s.logs[o] = append(s.m.orgs, o), newLog()
	system := s.system(o)
	if rooted {
		root := &account{nick: names[0], id: made.Root}
		s.m.born(system, newborn{roles: []policy.Role{book.root}, email: s.address(names[0]), active: true, quota: -1}, root)
		root.root, root.most, root.unlimited = true, 9, !book.quotas
	}
	by := system
	for i, name := range names[1:] {
		n := newborn{roles: []policy.Role{book.roles[min(i, len(book.roles)-1)]}, email: s.address(name), active: true, quota: -1}
		if book.quotas {
			n.quota = []int{5, 2, 1}[i]
		}
		a := &account{nick: name}
		out := s.m.create(by, n, a)
		got, _, err := by.actor.CreateAccount(s.ctx(), s.params(n))
		if class(err) != done || out.refuses() {
			s.Fatalf("%s is made: got %v, want %s", name, err, out.want)
		}
		a.id = got.ID
		out.then()
		if i == 0 && book.quotas {
			by = s.standing(a)
		}
	}
}

func (s *sequence) must(err error) {
	if err != nil {
		s.fail("%v", err)
	}
}

// ctx comes from a peer that no other story has.
func (s *sequence) ctx() context.Context { return s.from(0) }

func (s *sequence) from(peer int) context.Context {
	addr := netip.AddrFrom4([4]byte{10, byte(s.number >> 8), byte(s.number), byte(peer)})
	return iam.WithOrigin(s.Context(), iam.Origin{Peer: addr, Request: "r1", Agent: "model"})
}

// address is one that no other story has.
func (s *sequence) address(local string) string {
	return fmt.Sprintf("%s@s%d.example", local, s.number)
}

// local is an address in a story.
func local(address string) string {
	before, _, _ := strings.Cut(address, "@")
	if before == "" {
		return "nobody@…"
	}
	return before + "@…"
}

func (s *sequence) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// fail tells the story, with nothing in it that is another one each time.
func (s *sequence) fail(format string, args ...any) {
	s.Helper()
	s.seen.failed.Store(true)
	text := "\n" + strings.Join(s.lines, "\n") + "\n" + fmt.Sprintf(format, args...)
	for _, o := range s.m.orgs {
		text = strings.ReplaceAll(text, string(o.id), o.nick)
		for _, a := range slices.Concat(o.accounts, o.gone) {
			if a.id != "" {
				text = strings.ReplaceAll(text, string(a.id), a.nick)
			}
		}
	}
	s.Fatalf("%s", strings.ReplaceAll(text, fmt.Sprintf("@s%d.example", s.number), "@…"))
}

// step does one thing, and looks at what became of it.
func (s *sequence) step() {
	names := s.seen.weighted[s.m.book]
	if len(s.leads) > 0 && !s.chance(2) {
		names = s.leads
	} else if wanted := s.seen.wanted(s.m.book); len(wanted) > 0 && !s.chance(4) {
		names = wanted
	}
	name := names[s.index(len(names))]
	s.leads = nil
	next, there := acts[name].do(s)
	if !there {
		return
	}
	got := class(next.err)
	s.say("%-8s %s → %s", ago(s.now), next.said, got)
	s.seen.count(s.m.book, name, got)
	if got != next.out.want {
		s.fail("%s: got %v, and the model says %s", name, next.err, next.out.want)
	}
	before, o := s.rows, next.org
	if next.fresh != nil {
		before = *next.fresh
	}
	if got == done {
		next.out.then()
		s.leads = acts[name].leads
	}
	s.rows = s.read()
	s.must(s.there.Refresh(s.ctx()))
	s.look(name, next, before)
	if next.post || !s.slow && s.rows.queued() {
		s.deliver()
	}
	if next.writes() {
		for _, each := range s.m.orgs {
			if each == o || o == nil {
				s.check(each)
			}
		}
	}
}

// ago is when something happens, since the morning.
func ago(at time.Time) string {
	d := at.Sub(morning)
	return strings.Replace(d.String(), "m0s", "m", 1)
}

// move is what was tried, how it must end, and how it has.
type move struct {
	org   *org // whose rows may change; nil for whosever
	said  string
	out   outcome
	err   error
	fresh *dump // the rows before it, where looking who acts has written some
	post  bool  // the mail goes out behind it
	whole bool  // the refusal is of a part, and the rest is done
}

// writes reports whether it may have written something: it was done, or it was a guess, which is counted, and may end
// the sign-ins that wait for a code (SB-31).
func (m move) writes() bool {
	got := class(m.err)
	return got == done || got == credentials || m.whole
}

// class is how a call has ended, by what a caller branches on.
func class(err error) string {
	var field *iam.FieldError
	var staged *signin.StageError
	for _, known := range []struct {
		err   error
		class string
	}{
		{signin.ErrKey, "no key"}, {signin.ErrCredentials, credentials}, {signin.ErrStale, "stale"},
		{iam.ErrForbidden, forbidden}, {iam.ErrQuota, "quota"}, {iam.ErrHolds, "holds"}, {iam.ErrExists, "exists"},
		{iam.ErrRoot, "root"}, {iam.ErrLastAdministrator, "last administrator"}, {iam.ErrToken, dead}, {iam.ErrThrottled, "throttled"},
	} {
		if errors.Is(err, known.err) {
			return known.class
		}
	}
	switch {
	case err == nil:
		return done
	case errors.As(err, &staged):
		return "stage " + string(staged.Stage)
	case errors.Is(err, signin.ErrSession):
		return noSession
	case errors.As(err, &field):
		return "field " + field.Field
	case errors.Is(err, iam.ErrNotFound):
		return notFound
	}
	return "a failure"
}
