package iam_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// Style rule 12, SB-82: no way of printing shows a secret, wherever it stands.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	const text = "correct horse"
	secret := iam.NewSecret(text)
	token := must(iam.NewToken(rand.Reader))(t)
	key := iam.Key{ID: "k1", Secret: [32]byte([]byte(strings.Repeat("x", 32)))}
	holds := struct {
		Password iam.Secret
		Token    *iam.Token
		Keys     iam.Keys
	}{secret, &token, iam.Keys{key}}
	var printed strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		fmt.Fprintf(&printed, verb+verb+verb+verb+"\n", secret, &token, holds, key)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		slog.New(handler).Info("", "secret", secret, "token", token, "holds", holds, "key", key)
	}
	if encoded, err := json.Marshal(map[string]any{"secret": secret, "token": token}); err != nil {
		t.Error(err)
	} else {
		printed.Write(encoded)
	}
	printed.WriteString(errors.Join(fmt.Errorf("with %w", fmt.Errorf("%v", secret))).Error())
	for _, s := range []string{text, token.Reveal(), hex.EncodeToString([]byte(text)), strings.Repeat("x", 8), "120, 120"} {
		if strings.Contains(strings.ToLower(printed.String()), strings.ToLower(s)) {
			t.Errorf("%q was printed:\n%s", s, printed.String())
		}
	}
	equal(t, "what is taken out", secret.Reveal(), text)
	var read struct{ Password iam.Secret }
	if err := json.Unmarshal([]byte(`{"Password": "from a body"}`), &read); err != nil || read.Password.Reveal() != "from a body" {
		t.Errorf("got %q and %v from a body", read.Password.Reveal(), err)
	}
	var zero iam.Secret
	equal(t, "the zero Secret", zero.Reveal()+fmt.Sprint(zero.IsZero()), "true")
}

// SB-11, SB-23: 256 random bits, and nothing is stored but their hash.
func TestToken(t *testing.T) {
	t.Parallel()
	random := bytes.Repeat([]byte{0xfe}, 32)
	token := must(iam.NewToken(bytes.NewReader(random)))(t)
	sum := sha256.Sum256([]byte(token.Reveal()))
	equal(t, "the hash", string(token.Hash()), hex.EncodeToString(sum[:]))
	equal(t, "as parsed", iam.ParseToken(token.Reveal()).Hash(), token.Hash())
	if _, err := iam.NewToken(bytes.NewReader(random[1:])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("with too little randomness: got %v", err)
	}
	text := token.Reveal()
	for name, wrong := range map[string]string{
		"nothing": "", "a character less": text[1:], "one more": text + "A", "padding": text + "=", "a blank": " " + text,
		"another alphabet": strings.Replace(text, "_", "/", 1), "a UUID": "01a2004c-6770-767a-939d-1b118e17a3fe",
		"stray bits at the end": text[:len(text)-1] + "5", "a line break at the end": text + "\n", "line breaks inside": text[:9] + "\r\n" + text[9:],
	} {
		if got := iam.ParseToken(wrong); !got.IsZero() || got.Hash() != "" {
			t.Errorf("%s: %q became a token", name, wrong)
		}
	}
	mixed := must(iam.NewToken(bytes.NewReader(bytes.Repeat([]byte("Z"), 32))))(t).Reveal()
	if lower := strings.ToLower(mixed); lower == mixed || iam.ParseToken(lower).Hash() == iam.ParseToken(mixed).Hash() {
		t.Error("another case of the letters is the same token")
	}
}

// SB-49: what is sealed opens with its key and for its use alone, and is damaged by every change.
func TestKeys(t *testing.T) {
	t.Parallel()
	one, two := iam.Key{ID: "one", Secret: [32]byte{1}}, iam.Key{ID: "two", Secret: [32]byte{2}}
	sealed := must(iam.Keys{one}.Seal(rand.Reader, "a", "the secret"))(t)
	if strings.Contains(sealed, "secret") {
		t.Errorf("sealed is %q", sealed)
	}
	again := must(iam.Keys{one}.Seal(rand.Reader, "a", "the secret"))(t)
	if again == sealed {
		t.Error("the same secret is sealed alike twice")
	}
	equal(t, "opened", must(iam.Keys{one}.Open("a", sealed))(t), "the secret")
	equal(t, "opened behind a new key", must(iam.Keys{two, one}.Open("a", sealed))(t), "the secret")
	renamed := iam.Key{ID: "one", Secret: two.Secret}
	for name, open := range map[string]func() (string, error){
		"another use":     func() (string, error) { return iam.Keys{one}.Open("b", sealed) },
		"no keys":         func() (string, error) { return iam.Keys(nil).Open("a", sealed) },
		"another key":     func() (string, error) { return iam.Keys{two}.Open("a", sealed) },
		"a key of its id": func() (string, error) { return iam.Keys{renamed}.Open("a", sealed) },
		"nothing":         func() (string, error) { return iam.Keys{one}.Open("a", "") },
		"no text":         func() (string, error) { return iam.Keys{one}.Open("a", "one.AAAA") },
		"a line break":    func() (string, error) { return iam.Keys{one}.Open("a", sealed+"\n") },
	} {
		if got, err := open(); got != "" || !errors.Is(err, iam.ErrKeys) {
			t.Errorf("%s: got %q and %v, want ErrKeys", name, got, err)
		}
	}
	for i := range sealed {
		damaged := []byte(sealed)
		damaged[i] ^= 1
		if got, err := (iam.Keys{one}).Open("a", string(damaged)); err == nil || got != "" {
			t.Errorf("byte %d was changed, and it opened", i)
		}
	}
	if _, err := (iam.Keys{}).Seal(rand.Reader, "a", "b"); !errors.Is(err, iam.ErrKeys) {
		t.Errorf("sealed without keys: %v", err)
	}
}

func FuzzKeysOpen(f *testing.F) {
	keys := iam.Keys{{ID: "k", Secret: [32]byte{1}}}
	sealed, err := keys.Seal(rand.Reader, "a", "s")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("k.")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := keys.Open("a", text); err == nil && (got != "s" || text != sealed) {
			t.Errorf("%q opened as %q", text, got)
		}
	})
}
