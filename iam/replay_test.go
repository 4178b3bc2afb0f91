package iam_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// story is what an organisation has come to.
type story struct {
	accounts map[string]map[string]string // id → field → value
	bound    map[[3]string]bool           // account, project, role
	granted  map[[2]string]int            // account, grant → how often
	open     map[string]string
}

func newStory() *story {
	return &story{map[string]map[string]string{}, map[[3]string]bool{}, map[[2]string]int{}, map[string]string{}}
}

// replay tells from the events alone what there must be (E17: an event for every change).
func replay(events []iam.Event) string {
	s := newStory()
	for _, e := range events {
		s.tell(e)
	}
	return s.String()
}

func (s *story) tell(e iam.Event) {
	before, after := map[string]string{}, map[string]string{}
	for _, c := range e.Changes {
		before[c.Field], after[c.Field] = c.Before, c.After
	}
	switch e.Type {
	case iam.AccountCreated:
		s.accounts[e.Target] = map[string]string{"name": ""}
		s.change(e.Target, after)
	case iam.AccountUpdated, iam.AccountRolesChanged, iam.AccountActivated, iam.AccountDisabled, iam.AccountEnabled:
		s.change(e.Target, after)
	case iam.AccountDeleted:
		delete(s.accounts, e.Target)
		maps.DeleteFunc(s.bound, func(key [3]string, _ bool) bool { return key[0] == e.Target })
		maps.DeleteFunc(s.granted, func(key [2]string, _ int) bool { return key[0] == e.Target })
	case iam.ProjectBound:
		for pair := range slices.Chunk(e.Changes, 2) { // one, and of an import up to fifty
			s.bound[[3]string{e.Target, pair[0].After, pair[1].After}] = true
		}
	case iam.ProjectUnbound:
		delete(s.bound, [3]string{e.Target, before["project"], before["role"]})
	case iam.GrantGiven:
		s.granted[[2]string{e.Target, after["grant"]}]++
	case iam.GrantRevoked:
		s.granted[[2]string{e.Target, before["grant"]}]--
	case iam.ProjectOpened, iam.ProjectClosed:
		s.open[e.Target] = after["open"]
	case iam.ProjectForgotten:
		delete(s.open, e.Target)
		place := " at " + policy.AtProject(e.Org, policy.ProjectID(e.Target)).String() + " "
		maps.DeleteFunc(s.granted, func(key [2]string, _ int) bool { return strings.Contains(key[1]+" ", place) })
	}
}

func (s *story) change(account string, values map[string]string) {
	for field, value := range values {
		if field == "roles" {
			value = "[" + value + "]"
		}
		s.accounts[account][field] = value
	}
}

func (s *story) String() string {
	var lines []string
	for id, fields := range s.accounts {
		for field, value := range fields {
			lines = append(lines, fmt.Sprintf("account %s %s=%q", id, field, value))
		}
	}
	for key := range s.bound {
		lines = append(lines, fmt.Sprintf("bound %q", key))
	}
	for key, n := range s.granted {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("granted %q %d times", key, n))
		}
	}
	for id, open := range s.open {
		lines = append(lines, fmt.Sprintf("project %q open=%s", id, open))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
