package signin_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

// TestSignInLife does random things to the sign-in life of one account, and holds what happens against a model
// that says in a few lines what should.
func TestSignInLife(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		rapid.Check(t, func(t *rapid.T) {
			l := newLife(t, w)
			acts := slices.Sorted(maps.Keys(lifeActs))
			for range rapid.IntRange(1, 40).Draw(t, "acts") {
				act := rapid.SampledFrom(acts).Draw(t, "act")
				lifeActs[act](l)
				l.look(act)
			}
		})
	})
}

// The limits are small, so that chance meets them. A lock is over before a sign-in would be that waits for a code.
var lifeConfig = signin.Config{AccountLimit: iam.Limit{Attempts: 4, Pause: 2 * time.Minute}}

// life is an account, and what the model knows of it.
type life struct {
	*person
	rt       *rapid.T
	sessions []*modelSession // also those that have ended
	active   bool
	factor   bool
	step     int64     // the last time step whose code was used
	attempts int       // that were wrong, or not right yet
	until    time.Time // when they count no more
}

type modelSession struct {
	token        iam.Token
	half, ended  bool
	seen, expire time.Time
	fresh        time.Time
}

func newLife(t *rapid.T, w *world) *life {
	o := w.organizationWith(lanit.System(), lifeConfig)
	o.world = &world{TB: w.TB, db: w.db, st: w.st}
	return &life{person: o.account(), rt: t, active: true}
}

func (l *life) now() time.Time { return l.svc.Now() }

// holds reports whether the model's session is there.
func (l *life) lives(s *modelSession) bool {
	return !s.ended && l.now().Before(s.expire) && l.now().Sub(s.seen) < 30*time.Minute
}

// attempt is what the model says of a guess.
func (l *life) attempt() (allowed bool) {
	switch {
	case !l.now().Before(l.until):
		l.attempts = 1
	case l.attempts >= 4:
		return false
	default:
		l.attempts++
	}
	l.until = l.now().Add(2 * time.Minute)
	return true
}

// wrong is what follows a wrong guess: the last one ends the sign-ins that wait for a code.
func (l *life) wrong() {
	if l.attempts >= 4 {
		l.end(func(s *modelSession) bool { return s.half })
	}
}

func (l *life) forgive() { l.attempts, l.until = 0, time.Time{} }

func (l *life) end(which func(s *modelSession) bool) {
	for _, s := range l.sessions {
		s.ended = s.ended || which(s)
	}
}

func everySession(*modelSession) bool { return true }

// open notes a session as it should be.
func (l *life) opens(opened signin.Opened, half bool) {
	s := &modelSession{token: opened.Token, half: half, seen: l.now(), fresh: l.now(), expire: l.now().Add(12 * time.Hour)}
	want := iam.Full
	if half {
		s.expire, want = l.now().Add(2*time.Minute), iam.NeedsSecondFactor
	}
	if opened.Session.Stage != want {
		l.rt.Fatalf("the session has the stage %q, want %q", opened.Session.Stage, want)
	}
	l.sessions = append(l.sessions, s)
}

// want holds an error against the model's.
func (l *life) want(what string, err, want error) {
	if want == nil && err != nil || want != nil && !errors.Is(err, want) {
		l.rt.Fatalf("%s: got the error %v, want %v", what, err, want)
	}
}

// one is a session of the half ones or of the others, also one that has ended; nil when there is none.
func (l *life) one(half bool) *modelSession {
	var all []*modelSession
	for _, s := range l.sessions {
		if s.half == half {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return rapid.SampledFrom(all).Draw(l.rt, "session")
}

// look compares every session that there ever was with the model.
func (l *life) look(act string) {
	open := 0
	for i, s := range l.sessions {
		lives := l.active && l.lives(s)
		if l.lives(s) {
			open++
		}
		_, _, err := l.in.Session(l.ctx(), s.token)
		var staged *signin.StageError
		switch {
		case !lives:
			if errors.As(err, &staged) {
				l.rt.Fatalf("behind %q, session %d is alive: %v", act, i, err)
			}
			l.want("a session that is over", err, signin.ErrSession)
		case s.half:
			if !errors.As(err, &staged) {
				l.rt.Fatalf("behind %q, session %d, which waits for a code: %v", act, i, err)
			}
		default:
			l.want("a session", err, nil)
			if l.now().Sub(s.seen) >= time.Minute {
				s.seen = l.now()
			}
		}
	}
	if got := l.open(); got != open {
		l.rt.Fatalf("behind %q there are %d sessions, want %d", act, got, open)
	}
	if has := l.stored().Secret != ""; has != l.factor {
		l.rt.Fatalf("behind %q there is a second factor: %v", act, has)
	}
}
