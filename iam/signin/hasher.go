package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/argon2"

	"github.com/castellan-iam/castellan/iam"
)

// ErrBusy says that too many passwords were being hashed at once, and that none of the places became
// free in time. Nothing is wrong with the password: to the outside it is a 503 (SB-07).
var ErrBusy = errors.New("signin: too many passwords at once")

// maxPassword is in bytes. What is longer is refused before it costs a hash (SB-08); a passphrase of
// 64 characters has 256 bytes at the most.
const maxPassword = 1024

// hasher makes and verifies the hashes of passwords. No more than cap(places) run at once, so that
// the memory that they take is bounded whatever the number of sign-ins: places × Memory, as long as
// no hash is stored that was made with more (SB-07). It is safe for concurrent use.
type hasher struct {
	params HashParams
	rand   io.Reader // of salts; safe for concurrent use
	places chan struct{}
	dummy  hash // what is compared with when there is nothing

	key func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte // argon2id
}

// newHasher refuses weak params. Parallel is how many run at once; zero is as many as Go runs threads.
func newHasher(params HashParams, parallel int, rand io.Reader) (*hasher, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	if parallel < 0 {
		return nil, fmt.Errorf("signin: %d hashes at once: want 1 or more, or 0 for the default", parallel)
	}
	return makeHasher(params, parallel, rand), nil
}

// makeHasher does not look at the params: tests have weak ones.
func makeHasher(params HashParams, parallel int, rand io.Reader) *hasher {
	if parallel == 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	params = params.withDefaults()
	return &hasher{
		params: params, rand: rand, places: make(chan struct{}, parallel), key: argon2.IDKey,
		dummy: hash{params: params, salt: make([]byte, saltBytes), tag: make([]byte, tagBytes)},
	}
}

// Hash returns what is stored of a password. It waits for a place until ctx's deadline, and then
// returns ErrBusy. A password that is empty or longer than 1,024 bytes is a *iam.FieldError.
func (h *hasher) Hash(ctx context.Context, password iam.Secret) (string, error) {
	if err := hashable(password); err != nil {
		return "", err
	}
	made := hash{params: h.params, salt: make([]byte, saltBytes)}
	if _, err := io.ReadFull(h.rand, made.salt); err != nil {
		return "", fmt.Errorf("signin: no salt: %w", err)
	}
	var err error
	made.tag, err = h.run(ctx, password, made, tagBytes, nil)
	if err != nil {
		return "", err
	}
	return made.String(), nil
}

// Verify reports whether a password is the one that was hashed, byte by byte as it was received
// (SB-03), and whether it should be hashed anew. That is so when it was made with other params than
// today's, weaker or stronger: a sign-in that takes longer or shorter than one with an unknown name
// tells them apart (SB-25). Params that are too weak do not come back by this, as newHasher refuses
// them. A hash of "" stands for an account that is not there or has no password: nothing matches, for
// the same work.
//
// It waits for a place as Hash does, and returns the same errors; a stored text that is no hash is an
// error too. Once there is a place it calls admit, unless that is nil, and hashes only if it returns
// no error: so an attempt is counted when it is made, and not when all places are taken.
func (h *hasher) Verify(ctx context.Context, password iam.Secret, phc string, admit func() error) (ok, rehash bool, err error) {
	if err := hashable(password); err != nil {
		return false, false, err
	}
	stored := h.dummy
	if phc != "" {
		if stored, err = parseHash(phc); err != nil {
			return false, false, err
		}
	}
	tag, err := h.run(ctx, password, stored, len(stored.tag), admit)
	if err != nil {
		return false, false, err
	}
	if equal := subtle.ConstantTimeCompare(tag, stored.tag) == 1; !equal || phc == "" {
		return false, false, nil
	}
	return true, stored.params != h.params || len(stored.salt) != saltBytes || len(stored.tag) != tagBytes, nil
}

// run hashes as soon as there is a place, and admit has no error.
func (h *hasher) run(ctx context.Context, password iam.Secret, with hash, tagLen int, admit func() error) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, gaveUp(err)
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return nil, gaveUp(ctx.Err())
	}
	if admit != nil {
		if err := admit(); err != nil {
			return nil, err
		}
	}
	p := with.params
	return h.key([]byte(password.Reveal()), with.salt, p.Time, p.Memory, p.Threads, uint32(tagLen)), nil
}

// gaveUp tells a caller that waited too long from one that went away.
func gaveUp(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// hashable refuses what is not worth a hash. It does not depend on the account, so that the answer
// tells nothing about it.
func hashable(password iam.Secret) error {
	switch n := len(password.Reveal()); {
	case n == 0:
		return refusePassword("is empty")
	case n > maxPassword:
		return refusePassword("has %d bytes: at most %d", n, maxPassword)
	}
	return nil
}

func refusePassword(format string, args ...any) error {
	return &iam.FieldError{Field: "Password", Problem: fmt.Sprintf(format, args...)}
}
