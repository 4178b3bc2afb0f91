package signin

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// HashParams say how much work the hash of one password is: argon2id fills Memory and goes over it
// Time times. More of either makes guessing dearer, and signing in slower. The zero HashParams are
// the defaults, 19 MiB and two passes: some 25 ms on a server of 2024.
type HashParams struct {
	// Memory is in KiB. Defaults to 19,456, which is 19 MiB.
	Memory uint32
	// Time is the number of passes. Defaults to 2.
	Time uint32
	// Threads share the work of one hash. Defaults to 1: a server has other sign-ins for its other cores.
	Threads uint8
}

// What is stored may ask for no more than this: else one damaged row could take all memory.
const (
	maxMemory = 1 << 20 // KiB: 1 GiB
	maxTime   = 100
)

// bar has the least memory for so many passes (SB-06), for three passes and more in the last row. An
// attacker who has too little memory makes up for it with time, the dearer the more passes there
// are: so fewer passes need more memory, and none of the rows is better than another.
var bar = []struct{ time, memory uint32 }{{1, 46 << 10}, {2, 19 << 10}, {3, 12 << 10}}

func (p HashParams) withDefaults() HashParams {
	return HashParams{cmp.Or(p.Memory, 19<<10), cmp.Or(p.Time, 2), cmp.Or(p.Threads, 1)}
}

// check refuses params that are below the bar, and those whose hashes could not be read again.
func (p HashParams) check() error {
	p = p.withDefaults()
	least := bar[min(p.Time, 3)-1].memory
	if p.Memory < least {
		return fmt.Errorf("signin: HashParams.Memory: %d KiB with Time %d is too weak: at least %d KiB", p.Memory, p.Time, least)
	}
	return p.bounded()
}

// bounded refuses what argon2id cannot do, or what a server should not be made to do.
func (p HashParams) bounded() error {
	switch {
	case p.Memory > maxMemory:
		return fmt.Errorf("signin: HashParams.Memory: %d KiB: at most %d", p.Memory, maxMemory)
	case p.Time < 1 || p.Time > maxTime:
		return fmt.Errorf("signin: HashParams.Time: %d: want 1 to %d", p.Time, maxTime)
	case p.Threads < 1 || p.Memory < 8*uint32(p.Threads):
		return fmt.Errorf("signin: HashParams.Threads: %d: want 1 or more, with 8 KiB of memory for each", p.Threads)
	}
	return nil
}

// Lengths in bytes. We write the first of each; others come with hashes that a host brings along.
const (
	saltBytes, minSalt, maxSalt = 16, 8, 64
	tagBytes, minTag, maxTag    = 32, 16, 64
)

// hash is what is stored of a password.
type hash struct {
	params    HashParams
	salt, tag []byte
}

var errHash = errors.New("signin: the stored hash is not one of argon2id")

const hashPrefix = "$argon2id$v=19$" // 19 is argon2.Version

// String returns the hash as a PHC string.
func (h hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf(hashPrefix+"m=%d,t=%d,p=%d$%s$%s",
		h.params.Memory, h.params.Time, h.params.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.tag))
}

// parseHash reads a PHC string. It takes only what String writes, to the byte. An error does not
// repeat the text, which is half a secret.
func parseHash(phc string) (hash, error) {
	rest, ours := strings.CutPrefix(phc, hashPrefix)
	parts := strings.Split(rest, "$")
	if !ours || len(parts) != 3 {
		return hash{}, errHash
	}
	cost := strings.Split(parts[0], ",")
	if len(cost) != 3 {
		return hash{}, fmt.Errorf("%w: want m, t and p", errHash)
	}
	memory, err1 := parameter(cost[0], "m=", 32)
	time, err2 := parameter(cost[1], "t=", 32)
	threads, err3 := parameter(cost[2], "p=", 8)
	if err := errors.Join(err1, err2, err3); err != nil {
		return hash{}, err
	}
	h := hash{params: HashParams{Memory: uint32(memory), Time: uint32(time), Threads: uint8(threads)}}
	if err := h.params.bounded(); err != nil {
		return hash{}, fmt.Errorf("%w: %w", errHash, err)
	}
	var err error
	if h.salt, err = decode(parts[1], minSalt, maxSalt); err != nil {
		return hash{}, fmt.Errorf("%w: salt: %w", errHash, err)
	}
	if h.tag, err = decode(parts[2], minTag, maxTag); err != nil {
		return hash{}, fmt.Errorf("%w: tag: %w", errHash, err)
	}
	return h, nil
}

// parameter reads a number without sign or leading zeros behind a name.
func parameter(text, name string, bits int) (uint64, error) {
	digits, named := strings.CutPrefix(text, name)
	n, err := strconv.ParseUint(digits, 10, bits)
	if !named || err != nil || digits != strconv.FormatUint(n, 10) {
		return 0, fmt.Errorf("%w: %q: want a number of %d bits", errHash, name, bits)
	}
	return n, nil
}

func decode(text string, least, most int) ([]byte, error) {
	b64 := base64.RawStdEncoding.Strict()
	if n := b64.DecodedLen(len(text)); n < least || n > most {
		return nil, fmt.Errorf("%d bytes: want %d to %d", n, least, most)
	}
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("a line break") // which the decoder would pass over
	}
	b, err := b64.DecodeString(text)
	if err != nil {
		return nil, errors.New("not raw base64") // the decoder's own error says too much
	}
	return b, nil
}
