package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Service answers who may do what, and changes accounts through an [Actor]. It is safe for
// concurrent use. The only state that it keeps in memory is the policy.
type Service struct {
	store  Store
	system *atomic.Pointer[System] // shared by the copies that WithStore makes, as is ids
	ids    *idMaker
	config Config
}

// Config adjusts a Service. The zero Config works.
type Config struct {
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Rand is where ids come from. It is read by one goroutine at a time. Defaults to crypto/rand.
	Rand io.Reader
}

// New returns a service that keeps its accounts in the store. It does no I/O. A system whose rules
// name a role or a permission that its policy lacks is refused.
func New(store Store, system System, config Config) (*Service, error) {
	if store == nil {
		return nil, errors.New("iam: the store is nil")
	}
	if err := system.check(); err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	s := &Service{store: store, system: new(atomic.Pointer[System]), ids: &idMaker{rand: config.Rand}, config: config}
	s.system.Store(&system)
	return s, nil
}

// WithStore returns the same service on another store, such as the one that works inside the
// host's own transaction: svc.WithStore(st.In(tx)). What it does commits or vanishes with that
// transaction.
func (s *Service) WithStore(store Store) *Service {
	next := *s
	next.store = store
	return &next
}

// Policy returns the policy by which subjects are decided that are loaded from now on.
func (s *Service) Policy() *policy.Policy { return s.system.Load().Policy }

// Rules returns the rules of the service's system.
func (s *Service) Rules() Rules { return s.system.Load().Rules }

// SetPolicy replaces the policy, here and in every service that WithStore made of this one or that
// this one was made of. Subjects that are loaded already keep theirs. A policy that lacks what the
// rules name is refused, and nothing changes.
func (s *Service) SetPolicy(p *policy.Policy) error {
	for {
		before := s.system.Load()
		next := System{Name: before.Name, Policy: p, Rules: before.Rules}
		if err := next.check(); err != nil {
			return err
		}
		if s.system.CompareAndSwap(before, &next) {
			return nil
		}
	}
}

// now is the time of an operation.
func (s *Service) now() time.Time { return storedTime(s.config.Now()) }

// storedTime is a time in the precision and zone in which it is stored. The zero time stays zero.
func storedTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Subject loads an account as one who asks: the only I/O of a request, and one round trip. An
// account that is not active is returned too, and may do nothing. An unknown id is ErrNotFound.
func (s *Service) Subject(ctx context.Context, id policy.AccountID) (Subject, error) {
	record, err := s.store.Subject(ctx, id)
	if err != nil {
		return Subject{}, err
	}
	return s.subject(&record), nil
}

func (s *Service) subject(record *SubjectRecord) Subject {
	return Subject{
		holder: record.holder(s.Policy(), s.now()),
		root:   record.Root, status: record.Status, email: record.Email, revision: record.Revision,
	}
}

// Check loads the account and decides. When the account cannot be read, the decision is a denial
// with the reason Unavailable, and with NoSubject when there is none.
func (s *Service) Check(ctx context.Context, id policy.AccountID, action policy.Action, r policy.Resource) policy.Decision {
	sub, err := s.Subject(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return policy.Decision{Subject: id, Action: action, Resource: r}
	case err != nil:
		return policy.Decision{Reason: policy.Unavailable, Subject: id, Action: action, Resource: r}
	}
	return s.Explain(sub, action, r)
}
