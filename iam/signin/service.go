package signin

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// Sentinels to branch on. Their texts are for logs.
var (
	// ErrCredentials says that an address, a password or a code is wrong, or that the account may not
	// sign in: which of them is never told (SB-24).
	ErrCredentials = errors.New("signin: wrong address, password or code")
	// ErrSession says that a token opens no session: there is none, or it has ended.
	ErrSession = errors.New("signin: no session")
	// ErrKey says that what was presented is no API key, or one that is worth nothing: which of them is never
	// told. It is an iam.ErrNotFound, so that package iamhttp answers it with 401.
	ErrKey = fmt.Errorf("signin: no API key: %w", iam.ErrNotFound)
	// ErrStale says that the password must be given again for this: see [Service.Confirm].
	ErrStale = errors.New("signin: the password must be given again")
)

// StageError says that a session is not Full yet, and what must come first.
type StageError struct{ Stage iam.Stage }

// Error names the stage.
func (e *StageError) Error() string {
	return fmt.Sprintf("signin: the session needs %s first", e.Stage)
}

// Is makes it an ErrSession: for everything else there is none.
func (e *StageError) Is(target error) bool { return target == ErrSession }

// Config adjusts a Service. The zero Config works.
type Config struct {
	// Hash is how much work a password costs. Defaults to argon2id with 19 MiB, twice (SB-06).
	Hash HashParams
	// Parallel is how many passwords are hashed at once; others wait until their context's deadline, and
	// then get ErrBusy (SB-07). Defaults to the number of processors.
	Parallel int
	// Breached knows passwords that were stolen elsewhere. Defaults to nobody.
	Breached Breached
	// Product is the host's name as an authenticator shows it; no password may be made of it. Defaults to
	// the organisation's name.
	Product string
	// Idle ends a session that was not used for so long. Defaults to 30 minutes.
	Idle time.Duration
	// Lifetime ends every session. Defaults to 12 hours (SB-41).
	Lifetime time.Duration
	// StageLifetime ends a session that is not Full; one that waits for a code ends after AccountLimit.Pause at the
	// latest (SB-31). Defaults to 10 minutes.
	StageLifetime time.Duration
	// Fresh is for how long after the password was given nobody is asked for it again. Defaults to 15 minutes.
	Fresh time.Duration
	// AccountLimit is for wrong passwords and codes of one account, all counted together (SB-30). Defaults to
	// 10, and then an hour (SB-28).
	AccountLimit iam.Limit
	// PeerLimit is for wrong ones from one IPv4 address, or one IPv6 network of 64 bits (SB-32). Wrong API keys
	// are counted by it too, on their own. Defaults to 100, and then 15 minutes.
	PeerLimit iam.Limit
	// KeyLimit is for the uses of one API key: no more than Attempts begin within each Pause. Defaults to any
	// number. A limit costs each use a statement.
	KeyLimit iam.Limit
	// ResetLimit is for requests to reset a password, from one peer and for one address. Defaults to 5, and
	// then an hour.
	ResetLimit iam.Limit
	// ResetLifetime is how long the link to reset a password holds. Defaults to 1 hour.
	ResetLifetime time.Duration
}

func (c Config) withDefaults() Config {
	c.Idle = cmp.Or(c.Idle, 30*time.Minute)
	c.Lifetime = cmp.Or(c.Lifetime, 12*time.Hour)
	c.StageLifetime = cmp.Or(c.StageLifetime, 10*time.Minute)
	c.Fresh = cmp.Or(c.Fresh, 15*time.Minute)
	c.AccountLimit = limitOr(c.AccountLimit, iam.Limit{Attempts: 10, Pause: time.Hour})
	c.PeerLimit = limitOr(c.PeerLimit, iam.Limit{Attempts: 100, Pause: 15 * time.Minute})
	c.ResetLimit = limitOr(c.ResetLimit, iam.Limit{Attempts: 5, Pause: time.Hour})
	c.ResetLifetime = cmp.Or(c.ResetLifetime, time.Hour)
	return c
}

func limitOr(l, fallback iam.Limit) iam.Limit {
	return iam.Limit{Attempts: cmp.Or(l.Attempts, fallback.Attempts), Pause: cmp.Or(l.Pause, fallback.Pause)}
}

func (c Config) check() error {
	for _, f := range []struct {
		field string
		value time.Duration
	}{
		{"Idle", c.Idle}, {"Lifetime", c.Lifetime}, {"StageLifetime", c.StageLifetime}, {"Fresh", c.Fresh},
		{"ResetLifetime", c.ResetLifetime}, {"AccountLimit.Pause", c.AccountLimit.Pause},
		{"PeerLimit.Pause", c.PeerLimit.Pause}, {"ResetLimit.Pause", c.ResetLimit.Pause},
	} {
		if f.value < time.Millisecond {
			return fmt.Errorf("signin: Config.%s is %v: want a millisecond at least", f.field, f.value)
		}
	}
	if c.KeyLimit != (iam.Limit{}) && (c.KeyLimit.Attempts < 1 || c.KeyLimit.Pause < time.Millisecond) {
		return fmt.Errorf("signin: Config.KeyLimit is %d in %v: want one use at least, in a millisecond at least", c.KeyLimit.Attempts, c.KeyLimit.Pause)
	}
	if c.AccountLimit.Attempts < 1 || c.PeerLimit.Attempts < 1 || c.ResetLimit.Attempts < 1 {
		return errors.New("signin: Config: a limit allows one attempt at least")
	}
	if c.AccountLimit.Attempts > maxAttempts {
		return fmt.Errorf("signin: Config.AccountLimit allows %d attempts: at most %d (NIST SP 800-63B)", c.AccountLimit.Attempts, maxAttempts)
	}
	return nil
}

const maxAttempts = 100 // SB-28

// Service lets accounts in. It is safe for concurrent use, and keeps nothing in memory.
type Service struct {
	svc    *iam.Service
	store  iam.Store
	hasher *hasher
	config Config
}

// New returns a service for the accounts of svc. It does no I/O. Parameters that are weaker than
// they may be are refused (SB-06, SB-28).
func New(svc *iam.Service, config Config) (*Service, error) {
	if svc == nil {
		return nil, errors.New("signin: the iam service is nil")
	}
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	hasher, err := newHasher(config.Hash, config.Parallel, svc.Rand())
	if err != nil {
		return nil, err
	}
	return &Service{svc: svc, store: svc.Store(), hasher: hasher, config: config}, nil
}

// WithStore returns the same service on another store, such as the one that works inside the host's
// own transaction: see [iam.Service.WithStore].
func (s *Service) WithStore(store iam.Store) *Service {
	next := *s
	next.svc, next.store = s.svc.WithStore(store), store
	return &next
}

// known are what others know of an account, and no password is made of (SB-04).
func (s *Service) known(o iam.Organization, a iam.Account) []string {
	words := []string{o.Name, s.config.Product, string(a.Email), a.Name, a.Username, a.Company}
	for _, role := range a.Roles {
		words = append(words, string(role), s.svc.Policy().Title(role))
	}
	return words
}

// issuer is the name under which an authenticator shows a code.
func (s *Service) issuer(o iam.Organization) string {
	return strings.TrimSpace(cmp.Or(s.config.Product, o.Name, string(o.ID)))
}

// sealUse names what a second factor's secret is sealed for: no other account's opens in its place.
func sealUse(a iam.Account) string { return "second_factor/" + string(a.Org) + "/" + string(a.ID) }
