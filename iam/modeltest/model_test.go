package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// model is what there must be.
type model struct {
	book   *rulebook
	now    func() time.Time
	orgs   []*org
	counts map[string]*count // attempts, by what they are counted under
	post   []*letter         // mails with a link that are on their way
	links  []*link           // that were delivered, also those that are dead
}

// An outcome is how a call must end, and what it does to the model when it is done.
type outcome struct {
	want string // done, or the class of the refusal
	then func()
}

const (
	done      = "done"
	forbidden = "forbidden"
	notFound  = "not found"
	dead      = "dead link"
)

func refused(class string) outcome            { return outcome{want: class} }
func does(then func()) outcome                { return outcome{want: done, then: then} }
func onField(name string) outcome             { return outcome{want: "field " + name} }
func (o outcome) refuses() bool               { return o.want != done }
func nothing() outcome                        { return does(func() {}) }
func (m *model) at(d time.Duration) time.Time { return m.now().Add(d) }

type org struct {
	nick     string
	id       policy.OrgID
	name     string
	required bool // a second factor
	offer    *offer
	projects map[policy.ProjectID]bool // open or not, where that was chosen
	accounts []*account                // in the order of their making
	gone     []*account
	held     map[string]*account
	server   *server
	tests    map[*account][]time.Time // of the mail server
}

type offer struct {
	from, to *account
	expires  time.Time
}

type server struct{ host, user string }

type account struct {
	nick          string
	id            policy.AccountID
	org           *org
	root, gone    bool
	status        iam.Status
	wasActive     bool
	roles         []policy.Role
	email, name   string
	above         *account // who created it; nil for the system
	bindings      map[binding]bool
	grants        []*grant
	most          int // of devices
	unlimited     bool
	invitation    *invitation
	change        *change
	sessions      []*session
	keys          []*apiKey
	lost          []*apiKey // deleted
	password      string
	mustChange    bool
	passwordSet   time.Time
	secret        string // of the second factor
	enrolling     string
	step          int64
	codes         []string
	resets, asked []time.Time // mails to reset the password, and to new addresses
}

func (a *account) has(role policy.Role) bool { return slices.Contains(a.roles, role) }

// first is the account's name in a story.
func (a *account) first() string {
	if a == nil {
		return "nobody"
	}
	return a.nick
}

type binding struct {
	role    policy.Role
	project policy.ProjectID
}

// held is a role or a single permission at a place, for a while or for ever.
type held struct {
	role       policy.Role
	permission policy.Permission
	at         place
	until      time.Time
}

type grant struct {
	held
	id policy.AccountID // a GrantID, as text
	to *account
}

// place is the organisation, a project, or one resource.
type place struct {
	project policy.ProjectID
	id      string // of the rulebook's thing
}

func (p place) around(inner place) bool {
	switch {
	case p.id != "":
		return p.id == inner.id
	case p.project != "":
		return p.project == inner.project
	}
	return true
}

func (h held) endedAt(now time.Time) bool { return !h.until.IsZero() && !now.Before(h.until) }

// lasts reports whether it is there as long as something that ends at a time; the zero time is never.
func (h held) lasts(end time.Time) bool {
	return h.until.IsZero() || !end.IsZero() && !h.until.Before(end)
}

type invitation struct {
	by       *account // nil for the system
	renewed  time.Time
	expires  time.Time
	renewals int
	accepted bool
	latest   *letter
}

type change struct {
	email            string
	oldDone, newDone bool
	by               *account
	expires          time.Time
}

// letter is a mail with a link that was not sent yet.
type letter struct {
	purpose iam.TokenPurpose
	to      *account // nil for a request from outside
	door    *org     // of such a request; nil for root's
	email   string
	created time.Time
	expires time.Time
}

type link struct {
	purpose iam.TokenPurpose
	to      *account
	email   string
	expires time.Time
	ended   bool
	token   iam.Token
}

func (m *model) alive(l *link, purposes ...iam.TokenPurpose) bool {
	return l.token != iam.Token{} && slices.Contains(purposes, l.purpose) && !l.ended && !l.to.gone && m.now().Before(l.expires)
}

// dropLinks makes an account's links and letters for the purposes worthless, all of them when none is named.
func (m *model) dropLinks(a *account, purposes ...iam.TokenPurpose) {
	for _, l := range m.links {
		l.ended = l.ended || l.to == a && (len(purposes) == 0 || slices.Contains(purposes, l.purpose))
	}
	m.post = slices.DeleteFunc(m.post, func(l *letter) bool {
		return l.to == a && (len(purposes) == 0 || slices.Contains(purposes, l.purpose))
	})
}

func (m *model) send(l *letter) *letter {
	l.created = m.now()
	if l.email != "" {
		m.post = append(m.post, l)
	}
	return l
}

// recently counts times that are an hour old at most.
func (m *model) recently(times []time.Time) (n int) {
	for _, at := range times {
		if !at.Before(m.at(-time.Hour)) {
			n++
		}
	}
	return n
}

type count struct {
	n     int
	until time.Time
}

// attempt counts a guess, and reports whether it may be made.
func (m *model) attempt(key string, most int, pause time.Duration) bool {
	c := m.counts[key]
	switch {
	case c == nil || !m.now().Before(c.until):
		c = &count{n: 1}
	case c.n >= most:
		return false
	default:
		c.n++
	}
	c.until = m.at(pause)
	m.counts[key] = c
	return true
}
