package signin

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/castellan-iam/castellan/iam"
)

// weak params make the tests fast.
var weak = HashParams{Memory: 8, Time: 1, Threads: 1}

// newWeakHasher has the real argon2id, but weak params.
func newWeakHasher(parallel int) *hasher { return makeHasher(weak, parallel, rand.Reader) }

// The hashes of others are verified, and ours are those of argon2id: a vector of the reference
// implementation's command, argon2 somesalt -id -t 2 -m 16 -p 1 (SB-06).
func TestVerifyKnownHash(t *testing.T) {
	t.Parallel()
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := newWeakHasher(1)
	ok, rehash, err := h.Verify(t.Context(), iam.NewSecret("password"), phc, nil)
	if !ok || !rehash || err != nil {
		t.Errorf("got %t, %t, %v, want true, true", ok, rehash, err)
	}
	if ok, _, err := h.Verify(t.Context(), iam.NewSecret("Password"), phc, nil); ok || err != nil {
		t.Errorf("another password: got %t, %v", ok, err)
	}
}

// A password is verified exactly as received (SB-03): neither what bcrypt cuts off, nor case, spaces
// or Unicode's other way to write the same are forgiven.
func TestVerifyExactlyAsReceived(t *testing.T) {
	t.Parallel()
	h := newWeakHasher(0)
	for _, group := range [][]string{
		{strings.Repeat("a", 71), strings.Repeat("a", 72), strings.Repeat("a", 73), strings.Repeat("a", 74), strings.Repeat("a", 73) + "b"},
		{"Abc", "abc", "ABC", "abc ", " abc", "abc\n", "abc\x00", "abc\x00d"},
		{"caf\u00e9", "cafe\u0301", "cafe"},
		{"\u212A", "K", "k", "\uFF2B"},
		{"🔑🔑", "🔑", "🔑🔑🔑", "\xff", "\ufffd"},
		{strings.Repeat("x", 1023), strings.Repeat("x", 1024)},
	} {
		for _, stored := range group {
			phc, err := h.Hash(t.Context(), iam.NewSecret(stored))
			if err != nil {
				t.Fatal(err)
			}
			for _, given := range group {
				ok, rehash, err := h.Verify(t.Context(), iam.NewSecret(given), phc, nil)
				if ok != (given == stored) || rehash || err != nil {
					t.Errorf("%.80q for %.80q: got %t, %t, %v", given, stored, ok, rehash, err)
				}
			}
		}
	}
}

// What is stored is a PHC string with 16 bytes of salt, which no two hashes share, and 32 of hash
// (SB-06). Without randomness nothing is stored.
func TestHashIsSaltedPHC(t *testing.T) {
	t.Parallel()
	h := makeHasher(weak, 1, bytes.NewReader([]byte("0123456789abcdefABCDEFGHIJKLMNOP")))
	password := iam.NewSecret("correct horse")
	want := []string{"$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$", "$argon2id$v=19$m=8,t=1,p=1$QUJDREVGR0hJSktMTU5PUA$"}
	for i, salt := range []string{"0123456789abcdef", "ABCDEFGHIJKLMNOP"} {
		got, err := h.Hash(t.Context(), password)
		tag := argon2.IDKey([]byte("correct horse"), []byte(salt), 1, 8, 1, 32)
		if wanted := want[i] + base64.RawStdEncoding.EncodeToString(tag); got != wanted || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, wanted)
		}
	}
	if got, err := h.Hash(t.Context(), password); got != "" || !errors.Is(err, io.EOF) {
		t.Errorf("without randomness: got %q, %v", got, err)
	}
}

// A password is hashed anew when the params are others than today's (SB-06), and only when it was right.
func TestVerifyTellsWhenToRehash(t *testing.T) {
	t.Parallel()
	password := iam.NewSecret("correct horse")
	stored := map[string]string{}
	for name, params := range map[string]HashParams{
		"weaker":          {Memory: 8, Time: 2, Threads: 1},
		"the same":        {Memory: 16, Time: 2, Threads: 1},
		"another mixture": {Memory: 32, Time: 1, Threads: 1},
		"stronger":        {Memory: 32, Time: 3, Threads: 1},
		"of more threads": {Memory: 16, Time: 2, Threads: 2},
	} {
		phc, err := makeHasher(params, 1, rand.Reader).Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		stored[name] = phc
	}
	short := hash{params: HashParams{16, 2, 1}, salt: []byte("12345678")}
	short.tag = argon2.IDKey([]byte("correct horse"), short.salt, 2, 16, 1, 32)
	stored["of a short salt"] = short.String()
	short.salt = []byte("0123456789abcdef")
	short.tag = argon2.IDKey([]byte("correct horse"), short.salt, 2, 16, 1, 16)
	stored["of a shorter tag"] = short.String()

	h := makeHasher(HashParams{Memory: 16, Time: 2, Threads: 1}, 1, rand.Reader)
	for name, phc := range stored {
		ok, rehash, err := h.Verify(t.Context(), password, phc, nil)
		if want := name != "the same"; !ok || rehash != want || err != nil {
			t.Errorf("%s: got %t, %t, %v, want true, %t", name, ok, rehash, err, want)
		}
		if ok, rehash, err := h.Verify(t.Context(), iam.NewSecret("wrong"), phc, nil); ok || rehash || err != nil {
			t.Errorf("%s, with a wrong password: got %t, %t, %v", name, ok, rehash, err)
		}
	}
}

// work is what argon2id was asked for.
type work struct {
	password, salt int // lengths
	time, memory   uint32
	threads        uint8
	tag            uint32
}

// A name that nobody has, and an account that has no password, cost exactly what one with a password
// costs (SB-25). Nothing matches, not even the dummy's own tag of zeros.
func TestNoHashCostsTheSame(t *testing.T) {
	t.Parallel()
	var done []work
	h := newWeakHasher(1)
	h.key = func(password, salt []byte, time, memory uint32, threads uint8, tag uint32) []byte {
		done = append(done, work{len(password), len(salt), time, memory, threads, tag})
		return make([]byte, tag)
	}
	password := iam.NewSecret("correct horse")
	phc, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), password, phc, nil); !ok || err != nil {
		t.Fatalf("got %t, %v", ok, err)
	}
	if ok, rehash, err := h.Verify(t.Context(), password, "", nil); ok || rehash || err != nil {
		t.Errorf("no hash: got %t, %t, %v", ok, rehash, err)
	}
	want := work{13, 16, 1, 8, 1, 32}
	if len(done) != 3 {
		t.Fatalf("%d hashes, want 3", len(done))
	}
	for i, got := range done {
		if got != want {
			t.Errorf("hash %d: got %+v, want %+v", i, got, want)
		}
	}
}

// What is too long, empty, or stored wrongly is refused before it costs a hash (SB-08).
func TestRefusedBeforeHashing(t *testing.T) {
	t.Parallel()
	h := newWeakHasher(1)
	good, err := h.Hash(t.Context(), iam.NewSecret("x"))
	if err != nil {
		t.Fatal(err)
	}
	h.key = func(_, _ []byte, _, _ uint32, _ uint8, _ uint32) []byte {
		t.Error("hashed all the same")
		return nil
	}
	for _, password := range []iam.Secret{{}, iam.NewSecret(""), iam.NewSecret(strings.Repeat("x", 1025)), iam.NewSecret(strings.Repeat("x", 1<<20))} {
		_, err1 := h.Hash(t.Context(), password)
		ok, _, err2 := h.Verify(t.Context(), password, good, nil)
		_, _, err3 := h.Verify(t.Context(), password, "", nil)
		for _, err := range []error{err1, err2, err3} {
			var field *iam.FieldError
			if ok || !errors.As(err, &field) || field.Field != "Password" || !errors.Is(err, iam.ErrInvalid) {
				t.Errorf("%d bytes: got %v, want a FieldError for Password", len(password.Reveal()), err)
			}
		}
	}
	if ok, _, err := h.Verify(t.Context(), iam.NewSecret("x"), "x", nil); ok || !errors.Is(err, errHash) {
		t.Errorf("no PHC string: got %t, %v", ok, err)
	}
}

// By default as many hashes run as there are threads of Go.
func TestHasherDefaults(t *testing.T) {
	t.Parallel()
	h, err := newHasher(HashParams{}, 0, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if want := (HashParams{Memory: 19456, Time: 2, Threads: 1}); h.params != want || cap(h.places) != runtime.GOMAXPROCS(0) {
		t.Errorf("got %+v, %d at once", h.params, cap(h.places))
	}
	phc, err := h.Hash(t.Context(), iam.NewSecret("correct horse"))
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") || err != nil {
		t.Errorf("got %s, %v", phc, err)
	}
}

// BenchmarkHash is bare argon2id with the default params, and BenchmarkVerify all that we do: run
// them together to see that it is the same.
func BenchmarkHash(b *testing.B) {
	password, salt := []byte("correct horse battery"), make([]byte, 16)
	for b.Loop() {
		argon2.IDKey(password, salt, 2, 19456, 1, 32)
	}
}

func BenchmarkVerify(b *testing.B) {
	h, err := newHasher(HashParams{}, 1, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	password := iam.NewSecret("correct horse battery")
	phc, err := h.Hash(b.Context(), password)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := h.Verify(b.Context(), password, phc, nil); !ok || err != nil {
			b.Fatal(fmt.Sprint(ok, err))
		}
	}
}
