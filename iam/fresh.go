package iam

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// orgState is what is known of an organisation of which there are subjects in memory.
type orgState struct {
	id        policy.OrgID
	revision  atomic.Int64 // the newest that is known of: what is older is not used any more
	confirmed atomic.Int64 // when there was nothing newer, for certain
	doubted   atomic.Int64 // what was loaded before this moment is not used any more: see doubt
	subjects  int          // in memory, and on their way there; guarded by memory.mu

	mu    sync.Mutex
	names map[policy.ProjectID]policy.ProjectID
}

// maxNames is how many projects' ids an organisation's subjects share: with more, sharing begins anew.
const maxNames = 4096

// hold returns the state of an organisation, and keeps it until release.
func (m *memory) hold(org policy.OrgID) *orgState {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.orgs[org]
	if state == nil {
		state = &orgState{id: org}
		state.doubted.Store(m.unsure.Load()) // the change that is in doubt may be this organisation's
		m.orgs[org] = state
	}
	state.subjects++
	return state
}

// release undoes one hold. The caller holds mu.
func (m *memory) release(state *orgState) {
	if state.subjects--; state.subjects == 0 {
		delete(m.orgs, state.id)
	}
}

// share lets the record have its texts in common with the organisation's other subjects.
func (o *orgState) share(r *SubjectRecord) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.names == nil || len(o.names) > maxNames {
		o.names = map[policy.ProjectID]policy.ProjectID{}
	}
	one := func(name policy.ProjectID) policy.ProjectID {
		if known, ok := o.names[name]; ok {
			return known
		}
		o.names[name] = name
		return name
	}
	r.Org = o.id
	for i := range r.Bindings {
		r.Bindings[i].Project = one(r.Bindings[i].Project)
	}
	for i := range r.OpenProjects {
		r.OpenProjects[i] = one(r.OpenProjects[i])
	}
	for _, status := range []Status{Active, Disabled, Pending} {
		if r.Status == status {
			r.Status = status
		}
	}
}

// changed takes note that an organisation has a revision: from then on, nothing older is used.
func (m *memory) changed(org policy.OrgID, revision int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.Add(1)
	if state := m.orgs[org]; state != nil {
		raise(&state.revision, revision)
	} else {
		m.unheld = m.changes.Load()
	}
}

// doubt takes note that a change of an organisation may be committed at any moment, or may have been, and that no more
// will be heard of it: it was made within the host's transaction, or the answer to its commit was lost. For as long as
// MaxStaleness nothing of the organisation is used that was not loaded for the very request.
func (m *memory) doubt(org policy.OrgID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes.Add(1)
	until := int64(m.elapsed() + m.bound)
	raise(&m.unsure, until)
	if state := m.orgs[org]; state != nil {
		raise(&state.doubted, until)
	} else {
		m.unheld = m.changes.Load()
	}
}

// raise sets a value that only rises.
func raise(v *atomic.Int64, to int64) {
	for now := v.Load(); now < to && !v.CompareAndSwap(now, to); now = v.Load() {
	}
}

// write is Store.Write, and lets nothing be used from then on that is older, here at once.
func (s *Service) write(ctx context.Context, org policy.OrgID, do func(tx Tx) error) error {
	var revision int64
	err := s.store.Write(ctx, org, func(tx Tx) error {
		revision = 0
		if err := do(tx); err != nil {
			return err
		}
		revision = tx.Revision()
		return nil
	})
	if revision == 0 { // refused: nothing has changed
		return err
	}
	return s.wrote(ctx, org, revision, err)
}

// wrote takes note of a Write that was done, or whose commit failed.
func (s *Service) wrote(ctx context.Context, org policy.OrgID, revision int64, err error) error {
	if s.memory != nil {
		if err != nil || s.inHosts {
			s.memory.doubt(org)
		} else {
			s.memory.changed(org, revision)
		}
	}
	if err != nil || s.config.Listener == nil {
		return err
	}
	// The change is done, whatever comes of this: the other nodes find it when they ask next, if they do not hear
	// of it. In a transaction of the host's they hear of it when that is committed.
	announce, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTime)
	defer cancel()
	if err := s.store.Announce(announce, org, revision); err != nil && s.inHosts {
		return err // and the transaction is of no use any more
	}
	return nil
}

// announceTime is how long a change waits at most until the database has taken its announcement.
const announceTime = 2 * time.Second

// Refresh asks the database once which organisations have changed, of those whose subjects are in memory. Subjects that
// have not are good for another MaxStaleness. [Service.Run] does it again and again.
func (s *Service) Refresh(ctx context.Context) error {
	m := s.memory
	if m == nil {
		return nil
	}
	m.mu.Lock()
	held := make([]policy.OrgID, 0, len(m.orgs))
	for org := range m.orgs {
		held = append(held, org)
	}
	m.mu.Unlock()
	for some := range slices.Chunk(held, maxRevisions) {
		asked := m.elapsed()
		revisions, err := s.store.Revisions(ctx, some)
		if err != nil {
			return err
		}
		m.confirm(some, revisions, asked)
	}
	return nil
}

// maxRevisions is how many organisations are asked about at a time.
const maxRevisions = 1000

// gone is newer than every revision.
const gone = math.MaxInt64

// confirm takes note of the revisions that some organisations had at a moment. One that has none is gone.
func (m *memory) confirm(some []policy.OrgID, revisions map[policy.OrgID]int64, asked time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, org := range some {
		state := m.orgs[org]
		if state == nil {
			continue
		}
		revision, there := revisions[org]
		if !there {
			revision = gone
		}
		if revision > state.revision.Load() {
			m.changes.Add(1)
		}
		raise(&state.revision, revision)
		raise(&state.confirmed, int64(asked))
	}
}
