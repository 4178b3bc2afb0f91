package main

import (
	"context"
	"slices"
)

// contestant is a way to decide. All of them are asked through this interface, which costs each the same
// indirect call, and get ids as strings: what they make of them is their cost.
type contestant interface {
	// load takes the world in, and does whatever the contestant's documentation recommends before the first
	// question: all of it counts as load time.
	load(ctx context.Context, w *world) error
	// can answers a request. It is safe for concurrent use.
	can(ctx context.Context, r *request) (bool, error)
	// close gives back what load took.
	close() error
}

// A lister answers reverse questions. One that has none of its own asks can in a loop: see [loop].
type lister interface {
	// which returns the projects in which the account may, in any order.
	which(ctx context.Context, ask *whichAsk) ([]string, error)
	// who returns the accounts that may, in any order.
	who(ctx context.Context, ask *whoAsk) ([]string, error)
}

// An ownLister has a call of its own for who can, that looks at everybody in the world. It is measured beside the
// list of the turns, which comes about faster.
type ownLister interface {
	// whoOfAll returns the accounts that may, in any order.
	whoOfAll(ctx context.Context, ask *whoAsk) ([]string, error)
}

// A revoker takes a binding away through its own API.
type revoker interface {
	revoke(ctx context.Context, a *account, b binding) error
}

// A noder can run on a second node, beside the first and on the same storage.
type noder interface {
	// second opens the other node. It decides; it does not load.
	second(ctx context.Context) (contestant, error)
}

// knows says what of the question a contestant can express by itself.
type knows struct {
	roles, projects, orgs, conditions, reasons, lists bool
}

// entry introduces a contestant.
type entry struct {
	name   string
	module string // of which the table says the version
	class  class
	knows  knows
	// lists says how the reverse lists come about, and nodes how another node learns of a revoke.
	lists, nodes string
	// perRequest is set where what is held lives for one request: a revoke is for the next one.
	perRequest bool
	make       func() contestant
}

// The contestants that a run is summed up with.
const (
	handName       = "by hand, two maps"
	handStructName = "by hand, a struct an account"
	hotName        = "Castellan, Subject hot"
	stockName      = "Casbin, model.conf"
)

// class is what a contestant is compared as.
type class string

const (
	ours    class = "castellan"
	hand    class = "by hand"
	library class = "library" // Go structures and calls
	engine  class = "engine"  // a policy language or a graph of tuples
	part    class = "part"    // answers only for roles: no accounts, no projects
)

// entries are all contestants, in the order of the table.
func entries() []entry {
	return slices.Concat(byHandEntries(), castellanEntries(), casbinEntries(), libraryEntries(), []entry{ladonEntry()},
		cedarEntries(), opaEntries(), openfgaEntries())
}

// loop is the usual way to a reverse list with what has none: ask about each candidate. The host knows the projects
// and the accounts of an organization.
type loop struct {
	contestant
	w *world
}

func (l *loop) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	var all []string
	r := request{at: ask.at, account: ask.account, org: ask.org, kind: ask.kind, action: ask.action}
	for _, r.project = range l.w.projects {
		ok, err := l.can(ctx, &r)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, r.project)
		}
	}
	return all, nil
}

func (l *loop) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	var all []string
	r := request{org: ask.org, project: ask.project, kind: ask.kind, action: ask.action}
	first := slices.Index(l.w.orgs, ask.org) * perOrg
	for r.at = first; r.at < first+perOrg; r.at++ {
		r.account = l.w.accounts[r.at].id
		ok, err := l.can(ctx, &r)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, r.account)
		}
	}
	return all, nil
}

// listerOf is how a contestant answers reverse questions, and nil for one that knows roles alone.
func listerOf(e *entry, c contestant, w *world) lister {
	if l, ok := c.(lister); ok {
		return l
	}
	if e.class == part {
		return nil
	}
	return &loop{c, w}
}
