package modeltest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// log is what an organisation has come to by its events alone (E17: an event for every change).
type log struct {
	since    iam.Checkpoint
	last     iam.EventPosition
	accounts map[string]map[string]string // id → field → value
	bound    map[[3]string]bool           // account, project, role
	granted  map[[2]string]int            // account, grant → how often
	open     map[string]string
	held     map[string]string
	most     map[string]string
}

func newLog() *log {
	return &log{
		accounts: map[string]map[string]string{}, bound: map[[3]string]bool{}, granted: map[[2]string]int{},
		open: map[string]string{}, held: map[string]string{}, most: map[string]string{},
	}
}

// verify checks the chain from where it was checked last, and reads on (SB-83).
func (s *sequence) verify(o *org) {
	s.Helper()
	l, system := s.logs[o], s.svc.System("the model").In(o.id)
	report, err := system.VerifyEvents(s.ctx(), l.since)
	if err != nil || report.Unchained > 0 {
		s.fail("the log of %s is not what was written: %v, %d events without a hash", o.nick, err, report.Unchained)
	}
	l.since = report.Checkpoint
	for {
		page, err := system.Events(s.ctx(), iam.EventQuery{Ascending: true, After: l.last, Limit: 1000})
		s.must(err)
		for _, e := range page {
			l.last = e.Position()
			if e.Outcome == iam.Done {
				l.tell(e)
			}
		}
		if len(page) < 1000 {
			return
		}
	}
}

func (l *log) tell(e iam.Event) {
	before, after := map[string]string{}, map[string]string{}
	for _, c := range e.Changes {
		before[c.Field], after[c.Field] = c.Before, c.After
	}
	switch e.Type {
	case iam.AccountCreated:
		l.accounts[e.Target] = map[string]string{"name": ""}
		l.change(e.Target, after)
	case iam.AccountUpdated, iam.AccountRolesChanged, iam.AccountActivated, iam.AccountDisabled, iam.AccountEnabled, iam.EmailChanged, iam.InvitationAccepted:
		l.change(e.Target, after)
	case iam.AccountDeleted:
		delete(l.accounts, e.Target)
		delete(l.most, e.Target)
		maps.DeleteFunc(l.bound, func(key [3]string, _ bool) bool { return key[0] == e.Target })
		maps.DeleteFunc(l.granted, func(key [2]string, _ int) bool { return key[0] == e.Target })
	case iam.ProjectBound:
		for pair := range slices.Chunk(e.Changes, 2) { // an import binds to many projects at once
			l.bound[[3]string{e.Target, pair[0].After, pair[1].After}] = true
		}
	case iam.ProjectUnbound:
		delete(l.bound, [3]string{e.Target, before["project"], before["role"]})
	case iam.GrantGiven:
		l.granted[[2]string{e.Target, after["grant"]}]++
	case iam.GrantRevoked:
		l.granted[[2]string{e.Target, before["grant"]}]--
	case iam.ProjectOpened, iam.ProjectClosed:
		l.open[e.Target] = after["open"]
	case iam.ProjectForgotten:
		delete(l.open, e.Target)
		place := " at " + policy.AtProject(e.Org, policy.ProjectID(e.Target)).String() + " "
		maps.DeleteFunc(l.granted, func(key [2]string, _ int) bool { return strings.Contains(key[1]+" ", place) })
	case iam.ResourceClaimed, iam.ResourceTransferred:
		l.held[e.Target] = after["holder"]
	case iam.ResourceReleased:
		delete(l.held, e.Target)
	case iam.QuotaChanged:
		delete(l.most, e.Target)
		if after["most"] != "0" && after["most"] != "unlimited" {
			l.most[e.Target] = after["most"]
		}
	}
}

func (l *log) change(account string, values map[string]string) {
	for field, value := range values {
		if _, known := l.accounts[account]; known {
			l.accounts[account][field] = value
		}
	}
}

func (l *log) String() string {
	var lines []string
	for id, fields := range l.accounts {
		for _, field := range []string{"status", "roles", "email", "name"} {
			lines = append(lines, fmt.Sprintf("account %s %s=%q", id, field, fields[field]))
		}
	}
	for key := range l.bound {
		lines = append(lines, fmt.Sprintf("bound %q", key))
	}
	for key, n := range l.granted {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("granted %q %d times", key, n))
		}
	}
	for _, some := range []struct {
		what   string
		values map[string]string
	}{{"open", l.open}, {"held", l.held}, {"most", l.most}} {
		for id, value := range some.values {
			lines = append(lines, fmt.Sprintf("%s %s=%s", some.what, id, value))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
