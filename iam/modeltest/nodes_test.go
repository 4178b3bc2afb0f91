package modeltest_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// staleness is longer than most of what goes by in a story, so that memories are used, and shorter than some.
const staleness = time.Hour

// nodes makes the services of a story.
func (s *sequence) nodes(system iam.System) {
	s.Helper()
	node := func(staleness time.Duration) *iam.Service {
		svc, err := iam.New(s.st, system, iam.Config{
			Now: func() time.Time { return s.now }, BaseURL: "https://console.example.com", Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1}}},
			MaxStaleness: staleness, SubjectMemory: 1 << 20,
		})
		s.must(err)
		return svc
	}
	s.plain, s.svc, s.there = node(0), node(staleness), node(staleness)
}

// decisions asks for every account what it may do, and wants the model's answers: of the database, of the node that
// makes the changes, which has them in its memory at once, and of the other one, which has asked what has changed
// (SB-38).
func (s *sequence) decisions(o *org) {
	s.Helper()
	revision, err := s.plain.Revision(s.ctx(), o.id)
	s.must(err)
	for _, a := range o.accounts {
		sub, err := s.plain.Subject(s.ctx(), a.id)
		s.must(err)
		s.sameOfAll(a, sub, revision)
		w := s.m.standing(a)
		for _, name := range s.m.book.granted {
			for _, at := range []place{{}, {project: "p0"}, {project: "p1"}, {id: "d0"}} {
				if at.id != "" && name.Kind().Base() != s.m.book.thing {
					continue
				}
				r := name.Kind().In(o.id, at.project).Named(at.id)
				if got, want := s.plain.Can(sub, name.Action(), r), w.may(name, "") || w.has(name, "", at, false, time.Time{}, true); got != want {
					s.fail("%s may %s at %+v: got %t, and the model says %t: %v", a.nick, name, at, got, want, s.plain.Explain(sub, name.Action(), r))
				}
			}
		}
		if a.status != iam.Active {
			if may := s.plain.Permissions(sub, s.m.book.thing.In(o.id, "p0").Named("d0").OwnedBy(a.id)); len(may) > 0 {
				s.fail("%s is %s and may %v", a.nick, a.status, may)
			}
		}
	}
	for _, a := range o.gone {
		for what, svc := range map[string]*iam.Service{"the database": s.plain, "who made the change": s.svc, "the other node": s.there} {
			if _, err := svc.Subject(s.ctx(), a.id); !errors.Is(err, iam.ErrNotFound) {
				s.fail("%s is gone, and %s says %v", a.nick, what, err)
			}
		}
	}
}

// sameOfAll wants each node to say the same of an account, and as of the revision that the database has; one that
// nobody has written yet is ErrBehind.
func (s *sequence) sameOfAll(a *account, sub iam.Subject, revision int64) {
	s.Helper()
	if sub.Revision() != revision {
		s.fail("%s is of the revision %d, and the organisation of %d", a.nick, sub.Revision(), revision)
	}
	want := s.standingOf(sub)
	for what, svc := range map[string]*iam.Service{"the database": s.plain, "who made the change": s.svc, "the other node": s.there} {
		for how, load := range map[string]func() (iam.Subject, error){
			"Subject":        func() (iam.Subject, error) { return svc.Subject(s.ctx(), a.id) },
			"SubjectAtLeast": func() (iam.Subject, error) { return svc.SubjectAtLeast(s.ctx(), a.id, revision) },
		} {
			got, err := load()
			s.must(err)
			if got := s.standingOf(got); got != want {
				s.fail("%s: %s says another thing of %s (- is the database's):\n%s", how, what, a.nick, difference(want, got))
			}
		}
	}
	if _, err := s.there.SubjectAtLeast(s.ctx(), a.id, revision+1); !errors.Is(err, iam.ErrBehind) {
		s.fail("%s of a revision that is not there yet: %v", a.nick, err)
	}
}

// standingOf is all that a subject tells, and what it may do.
func (s *sequence) standingOf(sub iam.Subject) string {
	text := fmt.Sprintf("revision %d, %s, root: %t, %v, %s", sub.Revision(), sub.Status(), sub.Root(), sub.Roles(), sub.Email())
	for _, name := range s.m.book.granted {
		for _, project := range []policy.ProjectID{"", "p0", "p1"} {
			for _, id := range []string{"d0", "d1"} {
				text += fmt.Sprintf("\n%s at %q %s: %t", name, project, id, s.plain.Can(sub, name.Action(), name.Kind().In(sub.Org(), project).Named(id)))
			}
		}
	}
	return text
}
