package signin_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// lifeActs are what may happen, by name: each does it, and tells the model.
var lifeActs = map[string]func(l *life){
	"sign in": func(l *life) {
		opened, err := l.try(l.password)
		switch {
		case !l.attempt():
			l.want("sign in", err, iam.ErrThrottled)
		case !l.active:
			l.want("sign in", err, signin.ErrCredentials)
			l.wrong()
		default:
			l.want("sign in", err, nil)
			if !l.factor {
				l.forgive()
			}
			l.opens(opened, l.factor)
		}
	},
	"sign in wrongly": func(l *life) {
		_, err := l.try(goodPassword())
		if !l.attempt() {
			l.want("sign in wrongly", err, iam.ErrThrottled)
			return
		}
		l.want("sign in wrongly", err, signin.ErrCredentials)
		l.wrong()
	},
	"code":       func(l *life) { l.useCode(signin.TOTP(l.secret, l.now()), true) },
	"wrong code": func(l *life) { l.useCode(l.wrongCode(), false) },
	"enroll": func(l *life) {
		s := l.one(false)
		if s == nil || l.factor {
			return
		}
		made, err := l.in.Enroll(l.ctx(), s.token)
		if want := l.freshness(s); want != nil {
			l.want("enroll", err, want)
			return
		}
		l.want("enroll", err, nil)
		l.secret = made.Secret
		done, err := l.in.ConfirmEnrollment(l.ctx(), s.token, signin.TOTP(l.secret, l.now()))
		if !l.attempt() {
			l.want("confirm", err, iam.ErrThrottled)
			return
		}
		l.want("confirm", err, nil)
		l.factor, l.step = true, max(l.step, l.now().Unix()/30)
		l.continues(s, done.Opened)
	},
	"remove": func(l *life) {
		s := l.one(false)
		if s == nil || !l.factor {
			return
		}
		opened, err := l.in.RemoveSecondFactor(l.ctx(), s.token, signin.TOTP(l.secret, l.now()))
		if want := l.freshness(s); want != nil {
			l.want("remove", err, want)
			return
		}
		switch step := l.now().Unix() / 30; {
		case !l.attempt():
			l.want("remove", err, iam.ErrThrottled)
		case step <= l.step:
			l.want("remove", err, signin.ErrCredentials)
			l.wrong()
		default:
			l.want("remove", err, nil)
			l.factor, l.step = false, step
			l.continues(s, opened)
		}
	},
	"change password": func(l *life) {
		s := l.one(false)
		if s == nil {
			return
		}
		next := goodPassword()
		opened, err := l.in.ChangePassword(l.ctx(), s.token, l.password, next)
		switch {
		case !l.active || !l.lives(s):
			l.want("change", err, signin.ErrSession)
		case !l.attempt():
			l.want("change", err, iam.ErrThrottled)
		default:
			l.want("change", err, nil)
			l.password = next
			l.continues(s, opened)
			l.sessions[len(l.sessions)-1].fresh = l.now()
		}
	},
	"reset": func(l *life) {
		link, next := l.insertToken(iam.ForReset), goodPassword()
		opened, err := l.in.ResetPassword(l.ctx(), link, next)
		if !l.active {
			l.want("reset", err, iam.ErrToken)
			return
		}
		l.want("reset", err, nil)
		l.password = next
		l.end(everySession)
		l.forgive()
		l.opens(opened, l.factor)
	},
	"disable": func(l *life) {
		l.want("disable", second(l.root.actor().Disable(l.ctx(), l.id)), nil)
		l.active = false
		l.end(everySession)
	},
	"enable": func(l *life) {
		l.want("enable", second(l.root.actor().Enable(l.ctx(), l.id)), nil)
		l.active = true
	},
	"unlock": func(l *life) {
		l.want("unlock", l.in.Unlock(l.ctx(), l.root.actor(), l.id), nil)
		l.forgive()
	},
	"sign out": func(l *life) {
		if s := l.one(false); s != nil {
			l.want("sign out", l.in.SignOut(l.ctx(), s.token), nil)
			s.ended = true
		}
	},
	"wait": func(l *life) {
		l.clock.advance(rapid.SampledFrom([]time.Duration{
			time.Millisecond, 30 * time.Second, 2*time.Minute - time.Millisecond, 2 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, 12 * time.Hour,
		}).Draw(l.rt, "time"))
	},
}

// useCode goes on with a half session.
func (l *life) useCode(code string, right bool) {
	s := l.one(true)
	if s == nil {
		return
	}
	opened, err := l.in.SecondFactor(l.ctx(), s.token, code)
	step := l.now().Unix() / 30
	switch {
	case !l.active || !l.lives(s):
		l.want("code", err, signin.ErrSession)
	case !l.attempt():
		l.want("code", err, iam.ErrThrottled)
	case !right || step <= l.step:
		l.want("code", err, signin.ErrCredentials)
		l.wrong()
	default:
		l.want("code", err, nil)
		l.step, s.ended = step, true
		l.forgive()
		l.opens(opened, false)
		l.sessions[len(l.sessions)-1].fresh = s.fresh
	}
}

// freshness is the error for a session that is over, or whose password was given too long ago.
func (l *life) freshness(s *modelSession) error {
	switch {
	case !l.active || !l.lives(s):
		return signin.ErrSession
	case l.now().Sub(s.fresh) >= 15*time.Minute:
		return signin.ErrStale
	}
	return nil
}

// continues notes that all sessions ended, and one goes on under another token.
func (l *life) continues(s *modelSession, opened signin.Opened) {
	l.end(everySession)
	l.forgive()
	l.opens(opened, false)
	next := l.sessions[len(l.sessions)-1]
	next.fresh, next.expire = s.fresh, s.expire
}
