package iam

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/iam/internal/hot"
	"github.com/castellan-iam/castellan/policy"
)

// memory is what a Service keeps of subjects, so that most requests ask the database nothing. It is there
// when Config.MaxStaleness is above zero.
//
// A subject in memory is used when all of this holds: it is as new as the newest revision of its organisation that
// this process knows of; MaxStaleness has not passed since it was loaded, or since the organisation was last seen
// to have that revision still; none of its grants has ended; and it was made by the policy of this moment.
type memory struct {
	bound   time.Duration
	elapsed func() time.Duration // since the service was made; setting the wall clock does not change it
	loading chan struct{}        // one for each load that runs

	// changes counts what this process knows to have changed. What was asked of the database while it stood lower
	// may be from before a change.
	changes atomic.Int64
	// unsure is the moment up to which a change may yet be committed, of which no more will be heard: see doubt.
	unsure atomic.Int64

	table   *hot.Table[hotSubject] // read without a lock
	unknown *hot.Table[absence]    // apart, so that a flood of ids which nobody has drives nobody out

	mu      sync.Mutex // held by whoever writes to the tables, and guards what follows
	orgs    map[policy.OrgID]*orgState
	unheld  int64 // the count of changes at the last one of an organisation that is not in orgs
	flights map[policy.AccountID]*flight
}

// hotSubject is a subject in memory.
//
// With what the table adds it is 192 bytes, three lines of the processor's cache, and what a decision reads is in it but for
// a project that matches: most of the time goes into waiting for memory.
type hotSubject struct {
	org      *orgState
	revision int64
	loaded   time.Duration // when the database was asked
	ends     time.Duration // when the first of its grants ends
	facts    *facts
	holder   policy.Holder
}

// absence is an id that no account had.
type absence struct {
	asked   time.Duration
	changes int64
}

// flight is a load that others can wait for.
type flight struct {
	done    chan struct{}
	asked   time.Duration
	changes int64
	sub     Subject
	err     error
}

// maxLoads is how many subjects are loaded at a time: more would wait for the database all the same, and
// take its connections from everybody else.
const maxLoads = 16

// defaultMemory is what hot subjects may take, in bytes: some 130,000 with five bindings each.
const defaultMemory = 64 << 20

// newMemory returns nil where nothing may be stale. A nil Now is the system's clock.
func newMemory(c Config) *memory {
	if c.MaxStaleness <= 0 {
		return nil
	}
	if c.SubjectMemory <= 0 {
		c.SubjectMemory = defaultMemory
	}
	made := time.Now()
	m := &memory{
		bound: c.MaxStaleness, loading: make(chan struct{}, maxLoads),
		elapsed: func() time.Duration { return time.Since(made) }, // half the price of time.Now
		orgs:    map[policy.OrgID]*orgState{}, flights: map[policy.AccountID]*flight{},
	}
	if c.Now != nil {
		made = c.Now()
		m.elapsed = func() time.Duration { return c.Now().Sub(made) }
	}
	m.table = hot.New(c.SubjectMemory-c.SubjectMemory/32, func(x *hotSubject) { m.release(x.org) })
	m.unknown = hot.New[absence](c.SubjectMemory/32, nil)
	return m
}

// get returns a subject that may be used now, of a revision at least.
func (m *memory) get(id policy.AccountID, p *policy.Policy, revision int64) (Subject, bool) {
	now := m.elapsed() // first, for the processor does nothing beside it
	x := m.table.Get(string(id))
	if x == nil || x.revision < revision || x.holder.Policy() != p || !x.fresh(now, m.bound) {
		return Subject{}, false
	}
	return Subject{holder: &x.holder, facts: x.facts}, true
}

// fresh reports whether a subject may be used now.
func (x *hotSubject) fresh(now, bound time.Duration) bool {
	if x.revision < x.org.revision.Load() || int64(x.loaded) < x.org.doubted.Load() {
		return false
	}
	known := max(x.loaded, time.Duration(x.org.confirmed.Load()))
	return now < x.ends && now-known < bound
}

// absent reports whether it is known, by what may be used now, that no account has the id.
func (m *memory) absent(id policy.AccountID) bool {
	x := m.unknown.Get(string(id))
	return x != nil && x.changes == m.changes.Load() && int64(x.asked) >= m.unsure.Load() && m.elapsed()-x.asked < m.bound
}

// load returns a subject that is not in memory, or too old there. Those who ask for the same one at the same
// time wait for one answer.
func (s *Service) load(ctx context.Context, id policy.AccountID, revision int64) (Subject, error) {
	m := s.memory
	for {
		m.mu.Lock()
		// A load may have ended since the caller looked into memory.
		if sub, ok := m.get(id, s.Policy(), revision); ok {
			m.mu.Unlock()
			return sub, nil
		}
		if revision == 0 && m.absent(id) {
			m.mu.Unlock()
			return Subject{}, ErrNotFound
		}
		f, mine := m.board(id)
		m.mu.Unlock()
		if mine {
			s.fly(ctx, f, id)
			return f.sub, f.err
		}
		select {
		case <-ctx.Done():
			return Subject{}, ctx.Err()
		case <-f.done:
		}
		switch {
		case ctx.Err() != nil:
			return Subject{}, ctx.Err()
		case errors.Is(f.err, context.Canceled), errors.Is(f.err, context.DeadlineExceeded): // somebody else's
		case m.elapsed()-f.asked >= m.bound, f.err == nil && f.sub.Revision() < revision: // too old for this caller
		default:
			return f.sub, f.err
		}
	}
}

// board returns the load of an id that runs, or a new one which is the caller's to do: there is none, or the one that
// runs may be from before a change that the caller knows of. The caller holds mu.
func (m *memory) board(id policy.AccountID) (f *flight, mine bool) {
	now, changes := m.elapsed(), m.changes.Load()
	if f = m.flights[id]; f != nil && f.changes == changes && int64(f.asked) >= m.unsure.Load() {
		return f, false
	}
	f = &flight{done: make(chan struct{}), asked: now, changes: changes}
	m.flights[policy.AccountID(strings.Clone(string(id)))] = f
	return f, true
}

// fly asks the database, and remembers the answer.
func (s *Service) fly(ctx context.Context, f *flight, id policy.AccountID) {
	m := s.memory
	f.err = errors.New("iam: the subject was not loaded") // for those who wait, should the store panic
	defer func() {
		m.mu.Lock()
		if m.flights[id] == f {
			delete(m.flights, id)
		}
		m.mu.Unlock()
		close(f.done)
	}()
	select {
	case m.loading <- struct{}{}:
		defer func() { <-m.loading }()
	case <-ctx.Done():
		f.err = ctx.Err()
		return
	}
	// What was committed before this moment, the answer has in it. Those who wait came later than f.
	asked, changes, now := m.elapsed(), m.changes.Load(), s.now()
	var record SubjectRecord
	record, f.err = s.store.Subject(ctx, id)
	switch {
	case errors.Is(f.err, ErrNotFound):
		m.forget(id, absence{asked, changes})
	case f.err == nil:
		f.sub = s.remember(&record, now, asked, changes)
	}
}

// forget remembers that no account has the id.
func (m *memory) forget(id policy.AccountID, none absence) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Remove(string(id))
	m.unknown.Put(strings.Clone(string(id)), none, len(id)+128)
}

// remember makes a subject of a record, and keeps it unless it may be from before a change.
func (s *Service) remember(record *SubjectRecord, now time.Time, asked time.Duration, changes int64) Subject {
	m := s.memory
	state := m.hold(record.Org)
	state.share(record)
	sub := s.subject(record, now)
	x := hotSubject{org: state, revision: record.Revision, loaded: asked, ends: math.MaxInt64, facts: sub.facts, holder: *sub.holder}
	for i := range record.Grants {
		if end := record.Grants[i].Grant.Expires; end.After(now) {
			x.ends = min(x.ends, asked+end.Sub(now))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	raise(&state.revision, record.Revision)
	old := changes < m.unheld || int64(asked) < state.doubted.Load() || record.Revision < state.revision.Load()
	if old || !m.table.Put(string(record.Account), x, weightOf(record)) {
		m.release(state)
	}
	return sub
}

// weightOf is what a subject takes in memory, in bytes, or a little more: what is in a few of them is
// estimated.
func weightOf(r *SubjectRecord) int {
	const (
		itself   = 384 // with its place in the table and a share of its organisation
		binding  = 24
		indexed  = 80 // a binding among many
		grant    = 384
		openness = 64
	)
	n := itself + len(r.Account) + len(r.Email) + binding*len(r.Bindings) + grant*len(r.Grants) + openness*len(r.OpenProjects)
	if len(r.Bindings) > 8 {
		n += indexed * len(r.Bindings)
	}
	return n
}
