package signin

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

// The bar of SB-06 has three rows; what lies below each of them is refused.
func TestHashParamsBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		params HashParams
		field  string // that the error names; "" for none
	}{
		{"the zero params", HashParams{}, ""},
		{"one pass, 46 MiB", HashParams{Time: 1, Memory: 46 << 10}, ""},
		{"one pass, less", HashParams{Time: 1, Memory: 46<<10 - 1}, "Memory"},
		{"one pass, the default memory", HashParams{Time: 1}, "Memory"},
		{"two passes, 19 MiB", HashParams{Time: 2, Memory: 19 << 10}, ""},
		{"two passes, less", HashParams{Time: 2, Memory: 19<<10 - 1}, "Memory"},
		{"three passes, 12 MiB", HashParams{Time: 3, Memory: 12 << 10}, ""},
		{"three passes, less", HashParams{Time: 3, Memory: 12<<10 - 1}, "Memory"},
		{"a hundred passes, 12 MiB", HashParams{Time: 100, Memory: 12 << 10}, ""},
		{"a hundred passes, less", HashParams{Time: 100, Memory: 9 << 10}, "Memory"},
		{"too many passes", HashParams{Time: 101}, "Time"},
		{"1 GiB", HashParams{Memory: 1 << 20}, ""},
		{"more than 1 GiB", HashParams{Memory: 1<<20 + 1}, "Memory"},
		{"many threads", HashParams{Threads: 255}, ""},
	} {
		err := c.params.check()
		if (err != nil) != (c.field != "") || err != nil && !strings.HasPrefix(err.Error(), "signin: HashParams."+c.field) {
			t.Errorf("%s: got %v, want an error for %q", c.name, err, c.field)
		}
		if _, err2 := newHasher(c.params, 1, nil); (err2 != nil) != (err != nil) {
			t.Errorf("%s: newHasher returns %v", c.name, err2)
		}
	}
	if _, err := newHasher(HashParams{}, -1, nil); err == nil {
		t.Error("-1 hashes at once are taken")
	}
	if argon2.Version != 19 {
		t.Errorf("argon2 has version %d, and we write 19", argon2.Version)
	}
}

const (
	salt16 = "AAECAwQFBgcICQoLDA0ODw"
	tag32  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
)

var goodHashes = []string{
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=1048576,t=100,p=255$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$" + tag32,       // weak, from elsewhere: it is hashed anew
	"$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgc$" + tag32,      // a salt of eight bytes
	"$argon2id$v=19$m=65536,t=3,p=4$" + salt16 + "$" + salt16,  // a tag of sixteen
	"$argon2id$v=19$m=65536,t=3,p=4$" + salt16 + "$" + b64(64), // and of the most
}

func b64(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }

var badHashes = []string{
	"", "$", "$$$$$", "password", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
	"$argon2i$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2d$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=16$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2$" + salt16 + "$" + tag32,
	"$argon2id$v=19$t=2,m=19456,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1,x=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=019456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=+19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m= 19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=1048577,t=2,p=1$" + salt16 + "$" + tag32, // would take more than 1 GiB
	"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=4294986752,t=2,p=1$" + salt16 + "$" + tag32, // 19,456 in 32 bits
	"$argon2id$v=19$m=19456,t=101,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=19456,t=0,p=1$" + salt16 + "$" + tag32, // argon2 would panic
	"$argon2id$v=19$m=19456,t=2,p=0$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=257$" + salt16 + "$" + tag32, // 1 in eight bits
	"$argon2id$v=19$m=15,t=2,p=2$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=0,t=2,p=1$" + salt16 + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$",
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16,
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32 + "$",
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "==$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32 + "\n",
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16[:21] + "\n" + salt16[21:] + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16[:21] + "x$" + tag32, // bits that mean nothing are set
	"$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("_", 22) + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBg$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$" + b64(65) + "$" + tag32,
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + b64(15),
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + b64(65),
	"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + strings.Repeat("A", 1<<20),
	" $argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
	"$ARGON2ID$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
}

func TestParseHash(t *testing.T) {
	t.Parallel()
	for _, phc := range goodHashes {
		if h, err := parseHash(phc); err != nil || h.String() != phc {
			t.Errorf("%s: got %s, %v", phc, h, err)
		}
	}
	for _, phc := range badHashes {
		h, err := parseHash(phc)
		if !errors.Is(err, errHash) || h.salt != nil || h.tag != nil {
			t.Errorf("%.100q: got %s, %v, want errHash", phc, h, err)
		}
		if err != nil && strings.Contains(err.Error(), salt16[:8]) {
			t.Errorf("the error repeats what is stored: %v", err)
		}
	}
}

// FuzzParseHash looks for a text that asks for more than a server has, that argon2 panics on, or that
// is read although String would not write it.
func FuzzParseHash(f *testing.F) {
	for _, phc := range append(goodHashes, badHashes...) {
		f.Add(phc)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		h, err := parseHash(phc)
		if err != nil {
			if !errors.Is(err, errHash) {
				t.Errorf("%q: %v is no errHash", phc, err)
			}
			return
		}
		if h.String() != phc {
			t.Errorf("%q is read as %q", phc, h)
		}
		p := h.params
		if p.Memory > 1<<20 || p.Time < 1 || p.Time > 100 || p.Threads < 1 || p.Memory < 8*uint32(p.Threads) ||
			len(h.salt) < 8 || len(h.salt) > 64 || len(h.tag) < 16 || len(h.tag) > 64 {
			t.Errorf("%q asks for too much or too little", phc)
		}
	})
}
