package modeltest_test

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const minute = time.Minute

func (o *org) orgID() policy.OrgID {
	if o == nil {
		return ""
	}
	return o.id
}

// codeBy draws a code of the authenticator, seldom a recovery code.
func (s *sequence) codeBy(a *account) (code, said string) {
	if s.chance(2) {
		return s.recovery(a), "a recovery code"
	}
	return s.code(a, a.secret), "a code"
}

// hasFactor is a session whose account has a second factor, mostly.
func (s *sequence) hasFactor(x *session) *session {
	if x.of.secret != "" || s.chance(3) {
		return x
	}
	if y := s.session(func(y *session) bool { return y.of.org == x.of.org && y.of.secret != "" && s.m.full(y) == "" }); y != nil {
		return y
	}
	return x
}

var factorActs = map[string]act{
	"signin.Enroll": {leads: []string{"signin.ConfirmEnrollment"}, often: 3, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		var made iam.Secret
		out := s.m.enroll(x, func() string { return made.Reveal() })
		got, err := s.in.Enroll(s.ctx(), x.token)
		made = got.Secret
		return "enrolls", out, err
	}, iam.NeedsEnrollment, iam.Full)},
	"signin.ConfirmEnrollment": {leads: []string{"clock", "clock", "signin.SignIn", "signin.RemoveSecondFactor", "signin.NewRecoveryCodes", "signin.ReplaceSecondFactor"}, often: 4, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		if x.of.enrolling == "" && !s.chance(4) {
			if y := s.session(func(y *session) bool { return y.of.org == x.of.org && y.of.enrolling != "" && s.m.mayEnroll(y) == "" }); y != nil {
				x = y
			}
		}
		code, got := s.code(x.of, x.of.enrolling), &opened{}
		out := s.m.confirmEnrollment(x, code, got)
		made, err := s.in.ConfirmEnrollment(s.ctx(), x.token, code)
		if err == nil {
			got.Opened, got.codes = made.Opened, made.Codes
		}
		return "gives the first code of " + x.of.nick, out, err
	}, iam.NeedsEnrollment, iam.Full)},
	"signin.SecondFactor": {leads: []string{"signin.SignIn", "signin.NewRecoveryCodes"}, often: 4, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		code, got := s.code(x.of, x.of.secret), &opened{}
		out := s.m.secondFactor(x, code, false, got)
		var err error
		got.Opened, err = s.in.SecondFactor(s.ctx(), x.token, code)
		return "gives a code", out, err
	}, iam.NeedsSecondFactor)},
	"signin.RecoveryCode": {often: 3, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		code, got := s.recovery(x.of), &opened{}
		out := s.m.secondFactor(x, code, true, got)
		var err error
		got.Opened, err = s.in.RecoveryCode(s.ctx(), x.token, code)
		return "gives a recovery code", out, err
	}, iam.NeedsSecondFactor)},
	"signin.ReplaceSecondFactor": {leads: []string{"signin.ConfirmEnrollment"}, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		x = s.hasFactor(x)
		code, said := s.codeBy(x.of)
		var made iam.Secret
		out := s.m.replaceFactor(x, code, func() string { return made.Reveal() })
		got, err := s.in.ReplaceSecondFactor(s.ctx(), x.token, code)
		made = got.Secret
		return "replaces the second factor of " + x.of.nick + " by " + said, out, err
	}, iam.Full)},
	"signin.RemoveSecondFactor": {often: 2, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		x = s.hasFactor(x)
		code, said := s.codeBy(x.of)
		got := &opened{}
		out := s.m.removeFactor(x, code, got)
		var err error
		got.Opened, err = s.in.RemoveSecondFactor(s.ctx(), x.token, code)
		return "removes the second factor of " + x.of.nick + " by " + said, out, err
	}, iam.Full)},
	"signin.NewRecoveryCodes": {often: 2, do: inSession(func(s *sequence, x *session) (string, outcome, error) {
		x = s.hasFactor(x)
		code, said := s.codeBy(x.of)
		var made []iam.Secret
		out := s.m.newCodes(x, code, func() []iam.Secret { return made })
		got, err := s.in.NewRecoveryCodes(s.ctx(), x.token, code)
		made = got
		return "makes new recovery codes for " + x.of.nick + " by " + said, out, err
	}, iam.Full)},
	"signin.ResetSecondFactor": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.onPassword(w.org)
		out := s.m.resetFactor(w, a)
		return "takes the second factor of " + a.nick + " away", out, s.in.ResetSecondFactor(s.ctx(), w.actor, a.id)
	})},
}
