package main

import (
	"math/rand/v2"
)

// How much is asked. A turn goes on in the stream where the last one stopped.
const (
	fullRequests  = 100_000
	fewRequests   = 4000 // at least, of who is slow
	fullQuestions = 40   // of each reverse list
	fewQuestions  = 5
	ownQuestions  = 2 // at most, of a call that looks at everybody
)

// request is one question of the stream, in ids as they come with an HTTP request, and its answer.
type request struct {
	at                                  int // the account's place in the world, for who has the subject at hand
	account, org, project, kind, action string
	want                                bool
	wantRole                            bool // the answer of who knows roles alone
}

// whichAsk asks in which projects of its organization an account may do something.
type whichAsk struct {
	at                         int
	account, org, kind, action string
	want                       []string // sorted
}

// whoAsk asks which accounts may do something in a project.
type whoAsk struct {
	org, project, kind, action string
	want                       []string // sorted
}

func (a *whichAsk) String() string { return a.account + ", " + a.org + ", " + a.kind + ":" + a.action }

func (a *whoAsk) String() string { return a.org + "/" + a.project + ", " + a.kind + ":" + a.action }

// stream is everything that is asked. It is the same for everyone.
type stream struct {
	requests []request
	which    []whichAsk
	who      []whoAsk
}

// newStream draws requests of random accounts, half of them allowed. Some of the denied ones are about another
// organization. What depends on attributes is not asked.
func newStream(w *world, requests, questions int) *stream {
	random := rand.New(rand.NewPCG(3, 4))
	var asked, inProjects []*permission
	for i := range w.permissions {
		p := &w.permissions[i]
		if p.conditional {
			continue
		}
		asked = append(asked, p)
		if p.inProjects {
			inProjects = append(inProjects, p)
		}
	}
	s := new(stream)
	left := map[bool]int{true: requests / 2, false: requests / 2}
	for left[true]+left[false] > 0 {
		at, p := random.IntN(len(w.accounts)), asked[random.IntN(len(asked))]
		a := &w.accounts[at]
		r := request{at: at, account: a.id, org: a.org, kind: p.kind, action: p.action}
		if p.inProjects {
			r.project = w.projects[random.IntN(projects)]
			if len(a.bindings) > 0 && random.IntN(2) == 0 {
				r.project = a.bindings[random.IntN(len(a.bindings))].project
			}
		}
		if random.IntN(20) == 0 {
			r.org = w.orgs[random.IntN(len(w.orgs))]
		}
		r.want, r.wantRole = a.may(p, r.org, r.project), a.mayAnywhere(p)
		if left[r.want] == 0 {
			continue
		}
		left[r.want]--
		s.requests = append(s.requests, r)
	}
	random.Shuffle(len(s.requests), func(i, j int) { s.requests[i], s.requests[j] = s.requests[j], s.requests[i] })
	for range questions {
		at, p := random.IntN(len(w.accounts)), inProjects[random.IntN(len(inProjects))]
		s.which = append(s.which, w.askWhich(at, p))
		s.who = append(s.who, w.askWho(w.orgs[random.IntN(len(w.orgs))], w.projects[random.IntN(projects)], p))
	}
	return s
}

func (w *world) askWhich(at int, p *permission) whichAsk {
	a := &w.accounts[at]
	ask := whichAsk{at: at, account: a.id, org: a.org, kind: p.kind, action: p.action}
	for _, project := range w.projects {
		if a.may(p, a.org, project) {
			ask.want = append(ask.want, project)
		}
	}
	return ask
}

func (w *world) askWho(org, project string, p *permission) whoAsk {
	ask := whoAsk{org: org, project: project, kind: p.kind, action: p.action}
	for i, members := 0, w.members(org); i < len(members); i++ {
		if members[i].may(p, org, project) {
			ask.want = append(ask.want, members[i].id)
		}
	}
	return ask
}
