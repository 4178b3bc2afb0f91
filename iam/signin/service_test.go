package signin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
)

func TestNew(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		svc := w.organization(emqx.System()).svc
		limit := func(attempts int, pause time.Duration) iam.Limit { return iam.Limit{Attempts: attempts, Pause: pause} }
		for _, c := range []struct {
			what   string
			config signin.Config
			says   string // "" for nothing
		}{
			{"the zero Config", signin.Config{}, ""},
			{"a hundred guesses (SB-28)", signin.Config{AccountLimit: limit(100, 0)}, ""},
			{"more than a hundred guesses (SB-28)", signin.Config{AccountLimit: limit(101, 0)}, "AccountLimit"},
			{"no guess", signin.Config{AccountLimit: limit(-1, 0)}, "attempt"},
			{"no guess of a peer", signin.Config{PeerLimit: limit(-1, 0)}, "attempt"},
			{"no request", signin.Config{ResetLimit: limit(-1, 0)}, "attempt"},
			{"a pause that goes back", signin.Config{AccountLimit: limit(10, -time.Hour)}, "AccountLimit.Pause"},
			{"a pause of a peer that is not stored", signin.Config{PeerLimit: limit(10, time.Microsecond)}, "PeerLimit.Pause"},
			{"a pause of requests", signin.Config{ResetLimit: limit(10, -1)}, "ResetLimit.Pause"},
			{"Idle", signin.Config{Idle: -time.Second}, "Idle"},
			{"Lifetime", signin.Config{Lifetime: time.Microsecond}, "Lifetime"},
			{"StageLifetime", signin.Config{StageLifetime: -1}, "StageLifetime"},
			{"Fresh", signin.Config{Fresh: -1}, "Fresh"},
			{"ResetLifetime", signin.Config{ResetLifetime: -1}, "ResetLifetime"},
			{"a weak hash (SB-06)", signin.Config{Hash: signin.HashParams{Memory: 1 << 10}}, "HashParams"},
			{"fewer than one hash at once (SB-07)", signin.Config{Parallel: -1}, "hashes"},
		} {
			in, err := signin.New(svc, c.config)
			switch {
			case c.says == "" && (err != nil || in == nil):
				w.Errorf("%s: got the error %v", c.what, err)
			case c.says != "" && (err == nil || in != nil || !strings.HasPrefix(err.Error(), "signin: ") || !strings.Contains(err.Error(), c.says)):
				w.Errorf("%s: got the error %v, want one about %s", c.what, err, c.says)
			}
		}
		if _, err := signin.New(nil, signin.Config{}); err == nil {
			w.Error("a service without accounts was made")
		}
	})
}

// The limits of Config are those that hold.
func TestConfiguredLimits(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organizationWith(emqx.System(), signin.Config{
			AccountLimit: iam.Limit{Attempts: 2, Pause: time.Minute}, Idle: time.Hour, Lifetime: 90 * time.Minute, Fresh: time.Minute,
		})
		p := o.account()
		p.guess(2)
		w.refused(second(p.try(p.password)), iam.ErrThrottled)
		o.clock.advance(time.Minute)
		opened := p.signIn()
		o.clock.advance(time.Hour - time.Millisecond)
		equal(w, "held before it was idle for so long", o.holds(opened.Token), true)
		w.refused(second(o.in.EndOtherSessions(o.ctx(), opened.Token)), signin.ErrStale)
		o.clock.advance(30*time.Minute + time.Millisecond)
		equal(w, "held after its lifetime", o.holds(opened.Token), false)
	})
}

// An older hash is replaced when its password is given, and only then (SB-06).
func TestRehash(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		p := o.account()
		weak := p.stored().Password
		strong := *p
		strong.org = o.node(signin.Config{})
		strong.in = must(signin.New(strong.svc, signin.Config{}))(w)
		strong.guess(1)
		equal(w, "the hash after a wrong password", p.stored().Password, weak)
		strong.signIn()
		after := p.stored().Password
		if after == weak || !strings.Contains(after, "m=19456,t=2,p=1") {
			w.Errorf("the hash is %.40s, want one with the params of today", after)
		}
		strong.signIn()
		equal(w, "the hash after another sign-in", p.stored().Password, after)
	})
}
