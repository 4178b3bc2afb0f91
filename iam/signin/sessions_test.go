package signin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestSessions(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-36: the token is stored in no column", tokenIsHashed)
		w.run("SB-37: each step has a new token, and the old one is dead", newTokenEachStep)
		w.run("SB-41: idle and absolute limits, to the millisecond", sessionLimits)
		w.run("SB-41: a session is touched once a minute at most", touchedOnceAMinute)
		w.run("SB-42: own sessions", ownSessions)
		w.run("SB-42: sessions of those below, and of nobody else", sessionsOfOthers)
	})
}

func tokenIsHashed(w *world) {
	p := w.organization(lanit.System()).account()
	opened := p.enroll()
	half := p.begin()
	var text strings.Builder
	for _, table := range must(w.db.Migrator().GetTables())(w) {
		if !strings.HasPrefix(table, "iam_") {
			continue
		}
		var rows []map[string]any
		w.ok(w.db.Table(table).Find(&rows).Error)
		for _, row := range rows {
			for _, v := range row {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				fmt.Fprintln(&text, v)
			}
		}
	}
	all := text.String()
	for _, o := range []signin.Opened{opened, half} {
		if token := o.Token.Reveal(); len(token) < 22 || strings.Contains(all, token) {
			w.Errorf("a token of %d characters is stored as it is, or too short", len(token))
		}
		if !strings.Contains(all, string(o.Token.Hash())) {
			w.Error("the hash of a token was not found, so that nothing was proven")
		}
	}
	if strings.Contains(all, p.password.Reveal()) {
		w.Error("the password is stored as it is")
	}
	// Nor does the library hand out what is stored (SB-70).
	shown := must(p.in.Sessions(p.ctx(), opened.Token))(w)
	_, session, err := p.in.Session(p.ctx(), opened.Token)
	w.ok(err)
	for _, s := range append(shown, session, opened.Session, half.Session) {
		if s.Hash != "" || s.Pinned != "" {
			w.Errorf("a session shows what is stored: %+v", s)
		}
	}
	equal(w, "sessions", len(shown), 2)
}

func newTokenEachStep(w *world) {
	p := w.organization(emqx.System()).account()
	p.enroll()
	p.credential(func(c *iam.Credential) { c.MustChange = true })
	ctx := p.ctx()
	var tokens []iam.Token
	step := func(opened signin.Opened, stage iam.Stage) iam.Token {
		w.Helper()
		equal(w, "stage", opened.Session.Stage, stage)
		for _, old := range tokens {
			w.refused(second(p.in.Sessions(ctx, old)), signin.ErrSession)
			w.refused(second(p.in.SecondFactor(ctx, old, p.wrongCode())), signin.ErrSession)
			equal(w, "the same token again", old.Reveal() == opened.Token.Reveal(), false)
		}
		tokens = append(tokens, opened.Token)
		return opened.Token
	}
	token := step(p.begin(), iam.NeedsSecondFactor)
	token = step(must(p.in.SecondFactor(ctx, token, p.code()))(w), iam.NeedsPasswordReset)
	p.password = goodPassword()
	token = step(must(p.in.ChooseNewPassword(ctx, token, p.password))(w), iam.Full)
	token = step(must(p.in.Confirm(ctx, token, p.password))(w), iam.Full)
	next := goodPassword()
	token = step(must(p.in.ChangePassword(ctx, token, p.password, next))(w), iam.Full)
	equal(w, "the last token holds", p.holds(token), true)
	equal(w, "sessions", p.open(), 1) // that of enroll went with the old password
}

func sessionLimits(w *world) {
	config := signin.Config{Idle: 7 * time.Minute, Lifetime: time.Hour, StageLifetime: 5 * time.Minute}
	o := w.organizationWith(emqx.System(), config)
	p := o.account()
	at := func(opened signin.Opened, wait time.Duration, want bool) {
		w.Helper()
		o.clock.advance(wait)
		equal(w, fmt.Sprint("held after ", o.clock.now().Sub(opened.Session.Created)), o.holds(opened.Token), want)
	}
	// Idle: a millisecond before the end it holds, and that use prolongs it.
	opened := p.signIn()
	at(opened, 7*time.Minute-time.Millisecond, true)
	at(opened, 7*time.Minute-time.Millisecond, true)
	at(opened, 7*time.Minute, false)
	// Absolute: used all the time, it ends after its lifetime, and a step-up does not prolong it (SB-41).
	opened = p.signIn()
	for range 10 {
		at(opened, 5*time.Minute, true)
	}
	token := must(p.in.Confirm(p.ctx(), opened.Token, p.password))(w).Token
	equal(w, "the beginning of the session that goes on", must(p.in.Sessions(p.ctx(), token))(w)[0].Created, opened.Session.Created)
	opened.Token = token
	at(opened, 5*time.Minute, true)
	at(opened, 5*time.Minute-time.Millisecond, true)
	at(opened, time.Millisecond, false)
	equal(w, "own sessions that are shown", p.open(), 0)
	// A sign-in that waits for a code does not wait for long.
	p.enroll()
	for _, c := range []struct {
		wait time.Duration
		want error
	}{{5*time.Minute - 30*time.Second - time.Millisecond, nil}, {5*time.Minute - 30*time.Second, signin.ErrSession}} {
		half := p.begin()
		o.clock.advance(c.wait)
		code := p.code() // 30 seconds later
		_, err := p.in.SecondFactor(p.ctx(), half.Token, code)
		if !errors.Is(err, c.want) {
			w.Errorf("a code after %v: got the error %v, want %v", c.wait, err, c.want)
		}
	}
}

// countedTouches is a store that counts what is written for the use of a session.
type countedTouches struct {
	iam.Store
	n *atomic.Int64
}

func (s countedTouches) TouchSession(ctx context.Context, hash iam.TokenHash, seen time.Time) error {
	s.n.Add(1)
	return s.Store.TouchSession(ctx, hash, seen)
}

func touchedOnceAMinute(w *world) {
	o := w.organization(emqx.System())
	var touches atomic.Int64
	o = o.on(countedTouches{w.st, &touches})
	opened := o.account().signIn()
	for second := range 10 * 60 {
		equal(w, "held", o.holds(opened.Token), true)
		if got, most := touches.Load(), int64(second/60); got > most {
			w.Fatalf("%d seconds after the sign-in the session was written %d times, want %d", second, got, most)
		}
		o.clock.advance(time.Second)
	}
	equal(w, "writes in ten minutes", touches.Load(), 9)
	equal(w, "seen", must(o.in.Sessions(o.ctx(), opened.Token))(w)[0].Seen, opened.Session.Created.Add(9*time.Minute))
}

func ownSessions(w *world) {
	o := w.organization(emqx.System())
	p, other := o.account(), o.account()
	old := p.signIn()
	p.clock.advance(time.Second)
	now := p.signIn()
	foreign := other.signIn()
	ctx := p.ctx()

	shown := must(p.in.Sessions(ctx, now.Token))(w)
	if len(shown) != 2 || shown[0].ID != now.Session.ID || shown[1].ID != old.Session.ID {
		w.Fatalf("got the sessions %+v, want the newest first, and nobody else's", shown)
	}
	equal(w, "peer", shown[0].Peer, p.peer.String())
	equal(w, "agent", shown[0].Agent, "test/1.0")
	for _, id := range []iam.SessionID{foreign.Session.ID, "", "nothing", iam.SessionID(rand.Text())} {
		w.refused(p.in.EndSession(ctx, now.Token, id), iam.ErrNotFound)
	}
	w.ok(p.in.EndSession(ctx, now.Token, old.Session.ID))
	w.refused(p.in.EndSession(ctx, now.Token, old.Session.ID), iam.ErrNotFound)
	equal(w, "the session that was ended", p.holds(old.Token), false)
	p.signIn()
	p.signIn()
	equal(w, "ended", must(p.in.EndOtherSessions(ctx, now.Token))(w), 2)
	equal(w, "ended again", must(p.in.EndOtherSessions(ctx, now.Token))(w), 0)
	equal(w, "the session that asked", p.holds(now.Token), true)
	equal(w, "the session of somebody else", p.holds(foreign.Token), true)

	// Ending takes a password that was given a while ago at most; looking does not.
	p.clock.advance(15*time.Minute - time.Millisecond)
	w.ok(second(p.in.EndOtherSessions(ctx, now.Token)))
	p.clock.advance(time.Millisecond)
	w.refused(second(p.in.EndOtherSessions(ctx, now.Token)), signin.ErrStale)
	w.refused(p.in.EndSession(ctx, now.Token, now.Session.ID), signin.ErrStale)
	w.ok(second(p.in.Sessions(ctx, now.Token)))
	now = must(p.in.Confirm(ctx, now.Token, p.password))(w)
	w.ok(p.in.EndSession(ctx, now.Token, now.Session.ID))
	equal(w, "the session that ended itself", p.holds(now.Token), false)

	out := p.signIn()
	w.ok(p.in.SignOut(ctx, out.Token))
	w.ok(p.in.SignOut(ctx, out.Token))
	w.ok(p.in.SignOut(ctx, iam.Token{}))
	equal(w, "signed out", p.holds(out.Token), false)
	equal(w, "events of the sign-out", len(p.about(iam.SignedOut)), 1)
	equal(w, "events of what was ended", len(p.about(iam.SessionsEnded)), 3)
}

func sessionsOfOthers(w *world) {
	o := w.organization(emqx.System())
	admin, auditor, user := o.account(emqx.Administrator), o.account(emqx.Auditor), o.account(emqx.ProjectUser)
	stranger := o.sibling()
	foreign := stranger.account()
	all := []*person{o.root, admin, auditor, user, foreign}
	want := map[*person]map[*person]error{
		o.root:  {o.root: nil, admin: nil, auditor: nil, user: nil, foreign: iam.ErrNotFound},
		admin:   {o.root: iam.ErrForbidden, admin: nil, auditor: nil, user: nil, foreign: iam.ErrNotFound},
		auditor: {o.root: iam.ErrForbidden, admin: iam.ErrForbidden, auditor: iam.ErrForbidden, user: iam.ErrForbidden, foreign: iam.ErrForbidden},
		user:    {o.root: iam.ErrForbidden, admin: iam.ErrForbidden, auditor: iam.ErrForbidden, user: iam.ErrForbidden, foreign: iam.ErrForbidden},
	}
	for actor, targets := range want {
		for _, target := range all {
			opened := target.signIn()
			wanted := targets[target]
			sessions, err := o.in.SessionsOf(o.ctx(), actor.actor(), target.id)
			ended, err2 := o.in.EndSessions(o.ctx(), actor.actor(), target.id)
			what := fmt.Sprintf("%s ends those of %s", actor.email, target.email)
			if !errors.Is(err, wanted) || !errors.Is(err2, wanted) || (wanted == nil) != (len(sessions) > 0 && ended > 0) {
				w.Errorf("%s: got %d sessions, %v and %d ended, %v; want the error %v", what, len(sessions), err, ended, err2, wanted)
			}
			equal(w, what+", so that the session holds", target.holds(opened.Token), wanted != nil)
		}
	}
	w.ok(second(o.in.EndSessions(o.ctx(), o.root.actor(), o.root.id)))
	equal(w, "none left to end", must(o.in.EndSessions(o.ctx(), o.root.actor(), o.root.id))(w), 0)
	w.refused(second(o.in.EndSessions(o.ctx(), iam.Actor{}, user.id)), iam.ErrForbidden)
	w.refused(second(o.in.EndSessions(o.ctx(), o.root.actor(), "")), iam.ErrNotFound)
}
