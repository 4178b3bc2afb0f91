package iam_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// subjects is a Store that has nothing but subjects, which a test changes as another node would, and which
// it can take away.
type subjects struct {
	iam.Store // nil: whatever else is asked panics
	mu        sync.Mutex
	records   map[policy.AccountID]iam.SubjectRecord
	revisions map[policy.OrgID]int64
	away      error
	asked     int           // how often for a subject
	at        chan struct{} // when set, gets a value whenever somebody asks, before the answer is taken
	release   chan struct{} // and then waits for one from here
	during    func() error  // what a Write does
	inside    atomic.Int32
	most      atomic.Int32 // were inside at a time
}

func newSubjects() *subjects {
	return &subjects{records: map[policy.AccountID]iam.SubjectRecord{}, revisions: map[policy.OrgID]int64{}}
}

var errGone = errors.New("the database is away")

func (s *subjects) Subject(ctx context.Context, id policy.AccountID) (iam.SubjectRecord, error) {
	n := s.inside.Add(1)
	defer s.inside.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	s.mu.Lock()
	s.asked++
	record, there := s.records[id]
	err := s.away
	record.Revision = s.revisions[record.Org]
	at, release := s.at, s.release
	s.mu.Unlock()
	if at != nil {
		at <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
			return iam.SubjectRecord{}, ctx.Err()
		}
	}
	switch {
	case err != nil:
		return iam.SubjectRecord{}, err
	case !there:
		return iam.SubjectRecord{}, iam.ErrNotFound
	}
	return record, nil
}

func (s *subjects) Revisions(context.Context, []policy.OrgID) (map[policy.OrgID]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.revisions), s.away
}

// put changes an account, as another node does it.
func (s *subjects) put(id policy.AccountID, org policy.OrgID, roles ...policy.Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions[org]++
	s.records[id] = iam.SubjectRecord{Account: id, Org: org, Status: iam.Active, Roles: roles}
}

// goAway takes the database away, and brings it back with nil.
func (s *subjects) goAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// count is how often somebody asked since the last count.
func (s *subjects) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.asked
	s.asked = 0
	return n
}

// Write raises the revision, and runs during in place of changing anything.
func (s *subjects) Write(_ context.Context, org policy.OrgID, do func(tx iam.Tx) error) error {
	s.mu.Lock()
	tx := fakeTx{s: s, revision: s.revisions[org] + 1}
	s.mu.Unlock()
	if err := do(tx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revisions[org] = tx.revision
	return s.away
}

// fakeTx takes an Actor's OpenProject.
type fakeTx struct {
	iam.Tx
	s        *subjects
	revision int64
}

func (t fakeTx) Revision() int64 { return t.revision }

func (t fakeTx) PutProject(context.Context, iam.Project) (bool, error) { return false, t.s.during() }

// change makes a change of the node's own, within which it does something.
func (n *node) change(do func() error) error {
	n.store.during = do
	return n.svc.System("test").In("acme").OpenProject(n.Context(), "p1")
}

// node is a service with memory, on subjects.
type node struct {
	*testing.T
	store *subjects
	svc   *iam.Service
	clock *clock
}

const bound = 10 * time.Second

func newNode(t *testing.T, edits ...func(*iam.Config)) *node {
	t.Helper()
	n := &node{T: t, store: newSubjects(), clock: newClock()}
	n.svc = n.join(n.clock, edits...)
	return n
}

// join makes another service on the same subjects, with a clock of its own.
func (n *node) join(clock *clock, edits ...func(*iam.Config)) *iam.Service {
	n.Helper()
	config := iam.Config{Now: clock.now, MaxStaleness: bound}
	for _, edit := range edits {
		edit(&config)
	}
	svc, err := iam.New(n.store, emqx.System(), config)
	if err != nil {
		n.Fatal(err)
	}
	return svc
}

// may reports whether an account may manage accounts, as the node sees it.
func (n *node) may(id policy.AccountID) bool {
	n.Helper()
	sub, err := n.svc.Subject(n.Context(), id)
	if err != nil {
		n.Fatal(err)
	}
	return n.svc.Can(sub, emqx.Manage, emqx.Subaccount.Of(sub.Org()))
}

// asks wants that do asks the database for subjects so many times.
func (n *node) asks(what string, want int, do func()) {
	n.Helper()
	n.store.count()
	do()
	if got := n.store.count(); got != want {
		n.Errorf("%s: the database was asked %d times, want %d", what, got, want)
	}
}
