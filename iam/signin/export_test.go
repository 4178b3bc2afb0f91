package signin

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// NewWeak is New with a hash that costs next to nothing, whatever config says about it. Config is
// checked otherwise.
func NewWeak(svc *iam.Service, config Config) (*Service, error) {
	s, err := New(svc, config)
	if err != nil {
		return nil, err
	}
	s.hasher = makeHasher(weak, config.Parallel, svc.Rand())
	return s, nil
}

// HashPassword is how a password is stored.
func (s *Service) HashPassword(ctx context.Context, password iam.Secret) (string, error) {
	return s.hasher.Hash(ctx, password)
}

// OnHash runs do behind each hash of a password, with the params that it was made with. It is called
// before the service is used.
func (s *Service) OnHash(do func(params HashParams)) {
	key := s.hasher.key
	s.hasher.key = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		defer do(HashParams{Memory: memory, Time: time, Threads: threads})
		return key(password, salt, time, memory, threads, keyLen)
	}
}

// Params are those of new hashes.
func (s *Service) Params() HashParams { return s.hasher.params }

// TOTP returns the code that an authenticator with the secret shows at a time.
func TOTP(secret iam.Secret, at time.Time) string {
	key, err := totpBase32.DecodeString(secret.Reveal())
	if err != nil {
		return ""
	}
	return totpCode(key, totpStep(at))
}

// Update reports whether the golden files are to be rewritten.
func Update() bool { return *update }
