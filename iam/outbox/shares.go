package outbox

import (
	"sync"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

const (
	// slowTry is how long a mail may take before its organisation is taken for a slow one.
	slowTry = 5 * time.Second
	// longestWait is for how long a mail is put back at most: what waits longer would end with its link.
	longestWait = 5 * time.Minute
)

// shares keep an organisation from taking every worker of a node with a mail server that answers slowly,
// or never: customers choose their servers (D3). It is safe for concurrent use.
type shares struct {
	most int // workers of one slow organisation

	mu   sync.Mutex
	orgs map[policy.OrgID]*share // those with a mail on its way, and those that are slow
}

// share is what one organisation takes of a node.
type share struct {
	busy  int           // workers
	moved time.Time     // when one of them began or ended last
	took  time.Duration // the try that ended last
	next  time.Time     // up to here, mails were put back
}

func newShares(workers int) *shares {
	return &shares{most: max(1, workers-1), orgs: map[policy.OrgID]*share{}}
}

// enter lets a mail of the organisation be tried, or returns when it may be its turn.
func (s *shares) enter(org policy.OrgID, now time.Time) (ok bool, later time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orgs[org]
	if o == nil {
		o = new(share)
		s.orgs[org] = o
	}
	if slow := max(o.took, now.Sub(o.moved)); o.busy >= s.most && slow >= slowTry {
		// One behind the other, at the pace at which the server takes them.
		if o.next.Before(now) {
			o.next = now
		}
		o.next = o.next.Add(slow / time.Duration(s.most))
		if latest := now.Add(longestWait); o.next.After(latest) {
			o.next = latest
		}
		return false, o.next
	}
	o.busy, o.moved = o.busy+1, now
	return true, time.Time{}
}

// leave ends a try that enter allowed.
func (s *shares) leave(org policy.OrgID, began, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orgs[org]
	o.busy, o.moved, o.took = o.busy-1, now, now.Sub(began)
	if o.busy == 0 && o.took < slowTry {
		delete(s.orgs, org)
	}
}
