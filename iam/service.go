package iam

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Service answers who may do what, and changes accounts through an [Actor]. It is safe for
// concurrent use. What it keeps in memory is the policy, and with Config.MaxStaleness subjects.
type Service struct {
	store   Store
	memory  *memory                 // shared as well; nil when each subject is loaded anew
	inHosts bool                    // made by WithStore
	system  *atomic.Pointer[System] // shared by the copies that WithStore makes, as is ids
	ids     *idMaker
	links   links
	config  Config
}

// Config adjusts a Service. The zero Config works.
type Config struct {
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Rand is where ids come from. It is read by one goroutine at a time. Defaults to crypto/rand.
	Rand io.Reader
	// BaseURL is the address under which people reach the host, such as https://console.example.com. Links
	// in mails are built from it alone (SB-94). Defaults to none: nobody can be invited, for mails need it.
	BaseURL string
	// Paths are the host's pages that mails lead to.
	Paths Paths
	// AuditKey makes the hashes of the audit log such that only who has the key can forge them (SB-83). Keep it
	// out of the database, and never change it. Defaults to none: the hashes are plain ones.
	AuditKey []byte
	// Keys encrypt the secrets that are stored. Defaults to none: there is no second factor, and no mail
	// server of an organisation's own.
	Keys Keys
	// MaxStaleness is how old what a subject may do can be at most when it is asked for: younger ones are taken from
	// memory, without the database, which may even be away. What this Service has changed itself is seen at once;
	// what other nodes have changed, when MaxStaleness has passed, and mostly sooner where [Service.Run] runs. It is
	// measured by the monotonic clock of this process, or by Now when that is given: the clocks of nodes may differ.
	// Defaults to zero: the database is asked every time.
	MaxStaleness time.Duration
	// SubjectMemory is how many bytes the subjects in memory may take: those that are not asked for go first.
	// Defaults to 64 MiB, which is some 130,000 subjects of five bindings each.
	SubjectMemory int
	// Listener hears of what other nodes change, and lets this one announce its changes to them. Defaults to none: what
	// has changed is found by asking.
	Listener Listener
	// Logger gets a record when Run cannot ask, or not listen. Defaults to slog.Default(), as it is at that moment.
	Logger *slog.Logger
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
	links, err := newLinks(config.BaseURL, config.Paths)
	if err != nil {
		return nil, err
	}
	if err := config.Keys.check(); err != nil {
		return nil, err
	}
	memory := newMemory(config)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	ids := &idMaker{rand: config.Rand}
	// Clones, so that nothing changes under a service that runs.
	config.AuditKey, config.Keys, config.Rand = bytes.Clone(config.AuditKey), slices.Clone(config.Keys), ids
	s := &Service{store: store, system: new(atomic.Pointer[System]), ids: ids, links: links, config: config, memory: memory}
	s.system.Store(&system)
	return s, nil
}

// WithStore returns the same service on another store, such as the one that works inside the
// host's own transaction: svc.WithStore(st.In(tx)). What it does commits or vanishes with that
// transaction. Its subjects are those of the transaction, never from memory; once it has changed something, s loads
// the organisation's subjects anew for as long as MaxStaleness, since nobody says when the host commits.
func (s *Service) WithStore(store Store) *Service {
	next := *s
	next.store, next.inHosts = store, true
	return &next
}

// Store returns where the service keeps its accounts.
func (s *Service) Store() Store { return s.store }

// Now is the service's clock, in the precision in which times are stored.
func (s *Service) Now() time.Time { return s.now() }

// Rand is the service's source of randomness. It is safe for concurrent use.
func (s *Service) Rand() io.Reader { return s.config.Rand }

// NewID makes an id, as all of the library's are.
func (s *Service) NewID() (string, error) { return s.ids.next(s.now()) }

// Keys are the service's keys.
func (s *Service) Keys() Keys { return s.config.Keys }

// ParseEmail reads an address by the system's Rules.
func (s *Service) ParseEmail(address string) (Email, error) {
	return parseEmail(address, s.Rules().UnicodeEmail)
}

// Sweep removes the rows of sessions, links and throttling that are over, and counts them: once a day, say.
// It only saves space, for whatever is over counts as such at once (SB-14).
func (s *Service) Sweep(ctx context.Context) (int, error) { return s.store.Sweep(ctx, s.now()) }

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

// Subject loads an account as one who asks: the only I/O of a request, and one round trip, or none when
// Config.MaxStaleness lets it come from memory. An account that is not active is returned too, and may do nothing. An
// unknown id is ErrNotFound.
func (s *Service) Subject(ctx context.Context, id policy.AccountID) (Subject, error) {
	return s.SubjectAtLeast(ctx, id, 0)
}

// SubjectAtLeast is Subject, as of a revision of its organisation or of a later one: for a request that must see what
// another node has written for the same client a moment ago. That node has handed out what [Service.Revision] says
// behind its change. A database that does not have the revision, such as a replica that lags behind, is ErrBehind.
func (s *Service) SubjectAtLeast(ctx context.Context, id policy.AccountID, revision int64) (Subject, error) {
	if s.memory != nil && !s.inHosts {
		if sub, ok := s.memory.get(id, s.Policy(), revision); ok {
			return sub, nil
		}
	}
	return s.loadAtLeast(ctx, id, revision)
}

func (s *Service) loadAtLeast(ctx context.Context, id policy.AccountID, revision int64) (sub Subject, err error) {
	switch {
	case s.memory == nil || s.inHosts:
		var record SubjectRecord
		if record, err = s.store.Subject(ctx, id); err == nil {
			sub = s.subject(&record, s.now())
		}
	default:
		sub, err = s.load(ctx, id, revision)
	}
	if err == nil && sub.Revision() < revision {
		return Subject{}, ErrBehind
	}
	return sub, err
}

// Revision returns the revision of an organisation in the database: what [Service.SubjectAtLeast] on another node
// takes, to see all that is committed by now. An unknown organisation is ErrNotFound.
func (s *Service) Revision(ctx context.Context, org policy.OrgID) (int64, error) {
	revisions, err := s.store.Revisions(ctx, []policy.OrgID{org})
	if err != nil {
		return 0, err
	}
	revision, there := revisions[org]
	if !there {
		return 0, ErrNotFound
	}
	return revision, nil
}

// subject makes a subject of a record, for a moment.
func (s *Service) subject(record *SubjectRecord, now time.Time) Subject {
	return Subject{
		holder: record.holder(s.Policy(), now),
		facts:  &facts{root: record.Root, status: record.Status, email: record.Email, revision: record.Revision},
	}
}

// Pin writes an account down as it stands, where the Rules let a session keep what it was opened
// with (L10), and returns "" where they do not.
func (s *Service) Pin(ctx context.Context, tx Tx, id policy.AccountID) (string, error) {
	if s.Rules().RoleChanges != AtNextSignIn {
		return "", nil
	}
	record, err := tx.Subject(ctx, id)
	if err != nil {
		return "", err
	}
	pinned, err := json.Marshal(record)
	return string(pinned), err
}

// SubjectOf loads who a session belongs to: one round trip, or none where the session keeps what it
// was opened with, and the Rules still let it (L10). Only the status is then today's.
func (s *Service) SubjectOf(ctx context.Context, session SessionRecord) (Subject, error) {
	if session.Pinned == "" || s.Rules().RoleChanges != AtNextSignIn {
		return s.Subject(ctx, session.Account)
	}
	var record SubjectRecord
	if err := json.Unmarshal([]byte(session.Pinned), &record); err != nil {
		return Subject{}, fmt.Errorf("iam: the session %q keeps no subject: %w", session.ID, err)
	}
	if record.Account != session.Account || record.Org != session.Org {
		return Subject{}, fmt.Errorf("iam: the session %q keeps the subject of another account", session.ID)
	}
	record.Status, record.Root = session.Status, session.Root
	sub := s.subject(&record, s.now())
	sub.facts.pinned = true
	return sub, nil
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
