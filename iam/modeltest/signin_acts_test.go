package modeltest_test

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

// inSession is an act of somebody with a session of one of the stages, mostly.
func inSession(do func(s *sequence, x *session) (said string, out outcome, err error), stages ...iam.Stage) func(s *sequence) (move, bool) {
	return func(s *sequence) (move, bool) {
		x := s.anySession(stages...)
		if x == nil {
			return move{}, false
		}
		said, out, err := do(s, x)
		return move{org: x.of.org, said: x.of.nick + "'s session " + said, out: out, err: err}, true
	}
}

// onPassword is an act on an account's way in, by who may manage it.
func (s *sequence) onPassword(o *org) *account {
	return s.such(o, func(a *account) bool { return a.status == iam.Active })
}

// entrant is who could sign in, mostly: half of the time somebody of whom more is asked than the password.
func (s *sequence) entrant() *account {
	var all, more []*account
	for _, o := range s.m.orgs {
		for _, a := range o.accounts {
			if a.password != "" {
				all = append(all, a)
				if a.secret != "" || a.mustChange {
					more = append(more, a)
				}
			}
		}
	}
	switch {
	case len(all) == 0 || s.chance(6):
		return s.target(s.aim())
	case len(more) > 0 && s.chance(2):
		return one(s, more...)
	}
	return one(s, all...)
}

// guessed is an account's password, or another.
func (s *sequence) guessed(a *account) string {
	if a.password != "" && !s.chance(5) {
		return a.password
	}
	return "Wrong-0-Password-Here"
}

var signInActs = map[string]act{
	"signin.SignIn": {leads: []string{"signin.SecondFactor", "signin.SecondFactor", "signin.RecoveryCode", "signin.ChooseNewPassword", "signin.Enroll", "signin.Session"}, often: 6, do: func(s *sequence) (move, bool) {
		a := s.entrant()
		door := a.org
		if a.root && s.m.book.separateLogin {
			door = nil
		}
		if s.chance(8) {
			door = one(s, nil, s.m.orgs[0], s.m.orgs[1])
		}
		password, got := s.guessed(a), &opened{}
		out := s.m.signIn(door, a.email, password, got)
		var err error
		got.Opened, err = s.in.SignIn(s.ctx(), signin.SignInParams{Org: door.orgID(), Email: a.email, Password: iam.NewSecret(password)})
		return move{said: fmt.Sprintf("%s signs in at %s with %q", local(a.email), door.door(), password), out: out, err: err}, true
	}},
	"signin.SignOut": {do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		out := does(func() { x.ended = x.ended || s.m.stage(x) != "" })
		return "is signed out", out, s.in.SignOut(s.ctx(), x.token)
	}, iam.Full)},
	"signin.Session": {do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		out := nothing()
		if class := s.m.full(x); class != "" {
			out = refused(class)
		} else if s.m.ago(x.seen) >= minute {
			out = does(func() { x.seen = s.now })
		}
		return "is asked for", out, third(s.in.Session(s.ctx(), x.token))
	}, iam.Full)},
	"signin.Confirm": {often: 2, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		password, got := s.guessed(x.of), &opened{}
		out := s.m.confirm(x, password, got)
		var err error
		got.Opened, err = s.in.Confirm(s.ctx(), x.token, iam.NewSecret(password))
		return fmt.Sprintf("gives the password %q again", password), out, err
	}, iam.Full)},
	"signin.ChangePassword": {often: 2, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		current, next, got := s.guessed(x.of), s.somePassword(), &opened{}
		out := s.m.changePassword(x, current, next, got)
		var err error
		got.Opened, err = s.in.ChangePassword(s.ctx(), x.token, iam.NewSecret(current), iam.NewSecret(next))
		return fmt.Sprintf("changes the password from %q to %q", current, next), out, err
	}, iam.Full)},
	"signin.ChooseNewPassword": {often: 3, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		next, got := s.somePassword(), &opened{}
		out := s.m.chooseNew(x, next, got)
		var err error
		got.Opened, err = s.in.ChooseNewPassword(s.ctx(), x.token, iam.NewSecret(next))
		return fmt.Sprintf("chooses the new password %q", next), out, err
	}, iam.NeedsPasswordReset)},
	"signin.ChangeEmail": {leads: []string{"Service.ConfirmEmail"}, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		email := s.someEmail()
		out := outcome{want: s.m.isFresh(x)}
		if out.want == "" {
			w := s.m.standing(x.of)
			out = s.m.changeEmail(w, x.of, email)
		}
		return "asks for the address " + local(email), out, second(s.in.ChangeEmail(s.ctx(), x.token, email))
	}, iam.Full)},
	"signin.EndSession": {do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		other := s.session(func(y *session) bool { return s.m.lives(y) || y.ended })
		if other == nil {
			other = x
		}
		out := s.m.endSession(x, other)
		return "ends one of " + other.of.nick, out, s.in.EndSession(s.ctx(), x.token, other.id)
	}, iam.Full)},
	"signin.EndOtherSessions": {do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		out := s.m.endOthers(x)
		return "ends the others", out, second(s.in.EndOtherSessions(s.ctx(), x.token))
	}, iam.Full)},
	"signin.EndSessions": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.onPassword(w.org)
		out := s.m.endSessionsOf(w, a)
		return "ends the sessions of " + a.nick, out, second(s.in.EndSessions(s.ctx(), w.actor, a.id))
	})},
	"signin.Unlock": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.onPassword(w.org)
		out := s.m.unlock(w, a)
		return "unlocks " + a.nick, out, s.in.Unlock(s.ctx(), w.actor, a.id)
	})},
}

var resetActs = map[string]act{
	"signin.SetPassword": {leads: []string{"signin.SignIn"}, often: 2, only: setsOthers, do: by(func(s *sequence, w who) (string, outcome, error) {
		a, password := s.onPassword(w.org), s.somePassword()
		out := s.m.setPassword(w, a, password)
		return fmt.Sprintf("sets the password of %s to %q", a.nick, password), out, s.in.SetPassword(s.ctx(), w.actor, a.id, iam.NewSecret(password))
	})},
	"signin.SendReset": {often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.onPassword(w.org)
		out := s.m.sendReset(w, a)
		return "sends a link for a new password to " + a.nick, out, s.in.SendReset(s.ctx(), w.actor, a.id)
	})},
	"signin.RequestReset": {often: 2, leads: []string{"signin.RequestReset"}, do: func(s *sequence) (move, bool) {
		o := s.aim()
		a, door := s.onPassword(o), o
		if a.root && s.m.book.separateLogin || s.chance(8) {
			door = nil
		}
		email := a.email
		if email == "" || s.chance(8) {
			email = s.someEmail()
		}
		out := s.m.requestReset(door, email)
		err := s.in.RequestReset(s.ctx(), signin.ResetParams{Org: door.orgID(), Email: email})
		return move{said: fmt.Sprintf("somebody asks at %s for a link to %s", door.door(), local(email)), out: out, err: err}, true
	}},
	"signin.ResetPassword": {leads: []string{"signin.Enroll", "signin.Confirm", "signin.EndOtherSessions", "signin.ChangePassword", "signin.SecondFactor"}, often: 5, do: func(s *sequence) (move, bool) {
		l := s.link(iam.ForReset)
		if l == nil {
			return move{}, false
		}
		next, got := s.somePassword(), &opened{}
		out := s.m.resetPassword(l, next, got)
		var err error
		got.Opened, err = s.in.ResetPassword(s.ctx(), l.token, iam.NewSecret(next))
		return move{org: l.to.org, said: fmt.Sprintf("%s follows a link for %s and takes the password %q", l.to.nick, l.purpose, next), out: out, err: err}, true
	}},
}

func (o *org) door() string {
	if o == nil {
		return "root's door"
	}
	return o.nick
}
