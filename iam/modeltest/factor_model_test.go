package modeltest_test

import (
	"slices"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/castellan-iam/castellan/iam"
)

// timeStep is the number of the 30 seconds that a code is for (RFC 6238).
func timeStep(at time.Time) int64 { return at.Unix() / 30 }

// codeOf is the code that an authenticator shows, made by another implementation than the library's.
func codeOf(secret string, at time.Time) string {
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		return "none"
	}
	return code
}

// matches finds the time step that a code is for: the current one, or the one before (SB-47).
func (m *model) matches(secret, code string) (step int64, ok bool) {
	if secret == "" {
		return 0, false
	}
	for _, back := range []time.Duration{0, 30 * time.Second} {
		if at := m.at(-back); codeOf(secret, at) == code {
			step, ok = timeStep(at), true
		}
	}
	return step, ok
}

// uses reports whether a code opens, and uses it up: each once (SB-46, SB-50).
func (m *model) uses(a *account, code string, recovery, authenticator bool) (right bool, then func()) {
	if step, ok := m.matches(a.secret, code); authenticator && ok && step > a.step {
		return true, func() { a.step = step }
	}
	if recovery && slices.Contains(a.codes, code) {
		return true, func() { a.codes = usedCodes(a.codes, code) }
	}
	return false, nil
}

// secondFactor predicts going on with a sign-in by a code of the authenticator, or a recovery code.
func (m *model) secondFactor(s *session, code string, recovery bool, got *opened) outcome {
	if m.stage(s) == "" || s.stage != iam.NeedsSecondFactor {
		return refused(noSession)
	}
	return m.withCode(s, code, recovery, !recovery, func() {
		got.keep(m.opens(s.of, m.behind(s.of, true), true, s.fresh, s))
	})
}

func (m *model) withCode(s *session, code string, recovery, authenticator bool, then func()) outcome {
	key := accountKey(s.of)
	if !m.guess(key) {
		return refused("throttled")
	}
	right, use := m.uses(s.of, code, recovery, authenticator)
	if !right {
		m.wrong(key, s.of)
		return refused(credentials)
	}
	return does(func() {
		use()
		then()
		m.forgive(s.of)
	})
}

// mayEnroll says why a session does not enroll: it must be full, or wait for that, and be fresh (SB-49).
func (m *model) mayEnroll(s *session) string {
	switch stage := m.stage(s); {
	case stage != iam.Full && stage != iam.NeedsEnrollment:
		return noSession
	case m.ago(s.fresh) >= freshness:
		return "stale"
	}
	return ""
}

func (m *model) enroll(s *session, secret func() string) outcome {
	if class := m.mayEnroll(s); class != "" {
		return refused(class)
	}
	if s.of.secret != "" {
		return refused("exists")
	}
	return does(func() { s.of.enrolling = secret() })
}

func (m *model) confirmEnrollment(s *session, code string, got *opened) outcome {
	if class := m.mayEnroll(s); class != "" {
		return refused(class)
	}
	a, key := s.of, accountKey(s.of)
	if !m.guess(key) {
		return refused("throttled")
	}
	step, ok := m.matches(a.enrolling, code)
	if !ok {
		m.wrong(key, a)
		return refused(credentials)
	}
	return does(func() {
		a.secret, a.enrolling, a.step = a.enrolling, "", max(a.step, step)
		a.take(got.codes)
		m.resettled(s, m.behind(a, true), true, got)
	})
}

func (a *account) take(codes []iam.Secret) {
	a.codes = nil
	for _, c := range codes {
		a.codes = append(a.codes, c.Reveal())
	}
}

func (m *model) replaceFactor(s *session, code string, secret func() string) outcome {
	if class := m.isFresh(s); class != "" {
		return refused(class)
	}
	return m.withCode(s, code, true, true, func() { s.of.enrolling = secret() })
}

func (m *model) removeFactor(s *session, code string, got *opened) outcome {
	if class := m.isFresh(s); class != "" {
		return refused(class)
	}
	switch {
	case s.of.org.required:
		return onField("SecondFactor")
	case m.book.removalByRoot && !s.of.root:
		return refused(forbidden)
	}
	return m.withCode(s, code, true, true, func() {
		m.noFactor(s.of)
		m.resettled(s, iam.Full, false, got)
	})
}

func (m *model) noFactor(a *account) { a.secret, a.enrolling, a.codes = "", "", nil }

func (m *model) newCodes(s *session, code string, codes func() []iam.Secret) outcome {
	if class := m.isFresh(s); class != "" {
		return refused(class)
	}
	return m.withCode(s, code, true, true, func() { s.of.take(codes()) })
}

func (m *model) resetFactor(w who, a *account) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	switch {
	case a == w.account:
		return onField("Account")
	case m.book.removalByRoot && !w.system() && !w.account.root:
		return refused(forbidden)
	}
	return does(func() {
		m.dropLinks(a, iam.ForReset)
		a.endSessions(nil)
		m.noFactor(a)
	})
}
