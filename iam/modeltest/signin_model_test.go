package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// The limits are small, so that chance meets them.
var (
	guesses = iam.Limit{Attempts: 4, Pause: 2 * time.Minute}
	resets  = iam.Limit{Attempts: 5, Pause: time.Hour}
)

const (
	idle          = 30 * time.Minute
	lifetime      = 12 * time.Hour
	freshness     = 15 * time.Minute
	stageLifetime = 10 * time.Minute
	weakPassword  = "abc"
	credentials   = "credentials"
	noSession     = "no session"
)

type session struct {
	of                           *account
	token                        iam.Token
	id                           iam.SessionID
	stage                        iam.Stage
	factor                       bool // has given a second factor
	created, seen, fresh, expire time.Time
	ended                        bool
	holds                        []held // as it was opened (L10)
	open                         map[policy.ProjectID]bool
}

// endSessions ends all sessions of the account but one.
func (a *account) endSessions(but *session) {
	for _, s := range a.sessions {
		s.ended = s.ended || s != but
	}
}

// there reports whether the session has not ended.
func (m *model) lives(s *session) bool {
	return !s.ended && m.now().Before(s.expire) && m.ago(s.seen) < idle
}

// stage is what must come before the session is full, and "" when it is none (SB-43, SB-52).
func (m *model) stage(s *session) iam.Stage {
	switch {
	case s == nil || !m.lives(s) || s.of.gone || s.of.status != iam.Active:
		return ""
	case s.stage == iam.Full && s.of.org.required && !s.factor:
		return iam.NeedsEnrollment
	}
	return s.stage
}

// full says why a session does not do, and "" when it is full.
func (m *model) full(s *session) string {
	switch stage := m.stage(s); stage {
	case iam.Full:
		return ""
	case "":
		return noSession
	default:
		return "stage " + string(stage)
	}
}

func (m *model) isFresh(s *session) string {
	if class := m.full(s); class != "" {
		return class
	}
	if m.ago(s.fresh) >= freshness {
		return "stale"
	}
	return ""
}

// opens is what a session must be that an account gets, whose token and id come with the answer.
func (m *model) opens(a *account, stage iam.Stage, factor bool, fresh time.Time, before *session) *session {
	s := &session{of: a, stage: stage, factor: factor, created: m.now(), seen: m.now(), fresh: fresh, expire: m.at(lifetime)}
	if before != nil {
		before.ended = true
		if before.stage == iam.Full {
			s.created, s.expire = before.created, before.created.Add(lifetime)
		}
	}
	switch stage {
	case iam.Full:
	case iam.NeedsSecondFactor:
		s.expire = m.at(min(stageLifetime, guesses.Pause))
	default:
		s.expire = m.at(stageLifetime)
	}
	if m.book.atNextSignIn {
		now := m.standing(a)
		s.holds, s.open = now.holds, now.open
	}
	a.sessions = append(a.sessions, s)
	return s
}

// behind is the stage of who has given a code where there is one.
func (m *model) behind(a *account, factor bool) iam.Stage {
	switch {
	case a.mustChange:
		return iam.NeedsPasswordReset
	case a.org.required && !factor:
		return iam.NeedsEnrollment
	}
	return iam.Full
}

func (m *model) before(a *account) iam.Stage {
	if a.secret != "" {
		return iam.NeedsSecondFactor
	}
	return m.behind(a, false)
}

func accountKey(a *account) string { return "account " + a.nick }

func (m *model) guess(key string) bool { return m.attempt(key, guesses.Attempts, guesses.Pause) }

// wrong is what follows a wrong guess: the last one ends the sign-ins that wait for a code (SB-31).
func (m *model) wrong(key string, a *account) {
	if c := m.counts[key]; a != nil && c.n >= guesses.Attempts {
		for _, s := range a.sessions {
			s.ended = s.ended || s.stage == iam.NeedsSecondFactor
		}
	}
}

func (m *model) forgive(a *account) { delete(m.counts, accountKey(a)) }

// opened are what a call hands out, for the model to know.
type opened struct {
	signin.Opened
	session *session
	codes   []iam.Secret
}

func (o *opened) keep(s *session) {
	o.session, s.token, s.id = s, o.Token, o.Opened.Session.ID
}

// signIn predicts a sign-in. Guesses are counted, also in the model, whatever comes of them: so it has an effect
// when it is refused.
func (m *model) signIn(door *org, email, password string, got *opened) outcome {
	a, enters := m.entering(door, email)
	key := "address " + email
	if door != nil && !m.book.everywhere {
		key += " at " + door.nick
	}
	if a != nil {
		key = accountKey(a)
	}
	if !m.guess(key) {
		return refused("throttled")
	}
	if a == nil || !enters || a.password == "" || a.password != password || a.status != iam.Active {
		m.wrong(key, a)
		return refused(credentials)
	}
	return does(func() {
		stage := m.before(a)
		if stage != iam.NeedsSecondFactor {
			m.forgive(a)
		}
		got.keep(m.opens(a, stage, false, m.now(), nil))
	})
}

// entering finds who has an address at a login address, and whether they enter there (E10, L4).
func (m *model) entering(door *org, email string) (a *account, enters bool) {
	for _, o := range m.orgs {
		for _, b := range o.accounts {
			switch {
			case b.email != email || email == "":
			case m.book.everywhere:
				return b, door == nil || door == o
			case door == nil && b.root, door == o && !(b.root && m.book.separateLogin):
				return b, true
			}
		}
	}
	return nil, false
}

// withPassword predicts what is done for who gives the password of a session's account once more.
func (m *model) withPassword(s *session, password string, then func()) outcome {
	key := accountKey(s.of)
	switch {
	case !m.guess(key):
		return refused("throttled")
	case s.of.password != password:
		m.wrong(key, s.of)
		return refused(credentials)
	}
	return does(func() {
		then()
		m.forgive(s.of)
	})
}

func (m *model) confirm(s *session, password string, got *opened) outcome {
	switch {
	case m.stage(s) == "":
		return refused(noSession)
	case s.stage != iam.Full:
		return refused("stage " + string(s.stage))
	}
	return m.withPassword(s, password, func() { got.keep(m.opens(s.of, m.behind(s.of, s.factor), s.factor, m.now(), s)) })
}

func (m *model) changePassword(s *session, current, next string, got *opened) outcome {
	if class := m.full(s); class != "" {
		return refused(class)
	}
	if next == weakPassword {
		return onField("Password")
	}
	return m.withPassword(s, current, func() { m.renew(s, next, got) })
}

func (m *model) renew(s *session, next string, got *opened) {
	a := s.of
	m.knows(a, next, false)
	m.dropLinks(a, iam.ForReset)
	a.endSessions(s)
	got.keep(m.opens(a, m.behind(a, s.factor), s.factor, m.now(), s))
}

func (m *model) chooseNew(s *session, next string, got *opened) outcome {
	switch {
	case m.stage(s) == "" || s.stage != iam.NeedsPasswordReset:
		return refused(noSession)
	case next == weakPassword || s.of.mustChange && next == s.of.password:
		return onField("Password")
	}
	return does(func() { m.renew(s, next, got) })
}

// resetPassword predicts following the link to reset a password (SB-21).
func (m *model) resetPassword(l *link, next string, got *opened) outcome {
	switch {
	case !m.alive(l, iam.ForReset) || l.to.status != iam.Active || l.email != l.to.email:
		return refused(dead)
	case next == weakPassword || l.to.mustChange && next == l.to.password:
		return onField("Password")
	}
	a := l.to
	return does(func() {
		m.knows(a, next, false)
		m.dropLinks(a, iam.ForReset)
		a.endSessions(nil)
		m.forgive(a)
		got.keep(m.opens(a, m.before(a), false, m.now(), nil))
	})
}

// requestReset predicts asking for a link from outside: always the same, but for who asks too often.
func (m *model) requestReset(door *org, email string) outcome {
	at := "root's"
	if door != nil {
		at = door.nick
	}
	for _, key := range []string{"reset from here", "reset " + email + " at " + at} {
		if !m.attempt(key, resets.Attempts, resets.Pause) {
			return refused("throttled")
		}
	}
	return does(func() {
		m.send(&letter{purpose: iam.ForReset, door: door, email: email, expires: m.at(time.Hour)})
	})
}

func (m *model) sendReset(w who, a *account) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	switch {
	case a.status != iam.Active:
		return onField("Account")
	case m.recently(a.resets) >= resets.Attempts:
		return refused("throttled")
	}
	return does(func() {
		m.dropLinks(a, iam.ForReset)
		if a.email != "" {
			a.resets = append(a.resets, m.now())
		}
		m.send(&letter{purpose: iam.ForReset, to: a, email: a.email, expires: m.at(time.Hour)})
	})
}

func (m *model) setPassword(w who, a *account, password string) outcome {
	if !m.book.passwordByOthers {
		return onField("Password")
	}
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	switch {
	case a == w.account:
		return onField("Account")
	case !w.mayBecome(a):
		return refused(forbidden)
	case password == weakPassword:
		return onField("Password")
	}
	return does(func() {
		m.knows(a, password, true)
		m.dropLinks(a, iam.ForReset)
		a.endSessions(nil)
	})
}

func (m *model) unlock(w who, a *account) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	if a == w.account {
		return onField("Account")
	}
	return does(func() { m.forgive(a) })
}

func (m *model) endSessionsOf(w who, a *account) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	return does(func() { a.endSessions(nil) })
}

func (m *model) endSession(s, other *session) outcome {
	if class := m.isFresh(s); class != "" {
		return refused(class)
	}
	if other.of != s.of || other.ended {
		return refused(notFound)
	}
	return does(func() { other.ended = true })
}

func (m *model) endOthers(s *session) outcome {
	if class := m.isFresh(s); class != "" {
		return refused(class)
	}
	return does(func() { s.of.endSessions(s) })
}

// resettled are the sessions of an account whose second factor came or went: all ended but one, which goes on.
func (m *model) resettled(s *session, stage iam.Stage, factor bool, got *opened) {
	m.dropLinks(s.of, iam.ForReset)
	s.of.endSessions(s)
	got.keep(m.opens(s.of, stage, factor, s.fresh, s))
	m.forgive(s.of)
}

func usedCodes(codes []string, used string) []string {
	return slices.DeleteFunc(slices.Clone(codes), func(c string) bool { return c == used })
}
