package iam

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Keys encrypt what must be stored and read again: the secret of a second factor, the password of a
// mail server (SB-49). The first key seals; all of them open, so that a new key is put in front
// and the old ones stay until nothing is sealed with them. No keys means that nothing can be sealed.
type Keys []Key

// Key is one AES-256 key.
type Key struct {
	// ID names the key in what it sealed: letters, digits, and dashes, never used again for another key.
	ID string
	// Secret has 32 random bytes.
	Secret [32]byte
}

// ErrKeys says that something cannot be sealed or opened with the keys at hand.
var ErrKeys = errors.New("iam: no key for what is sealed")

// Seal encrypts a secret for one use: what is sealed for another use does not open.
func (k Keys) Seal(rand io.Reader, use, secret string) (string, error) {
	if len(k) == 0 {
		return "", fmt.Errorf("%w: Config.Keys is empty", ErrKeys)
	}
	aead, err := k[0].aead()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return "", err
	}
	sealed := aead.Seal(nonce, nonce, []byte(secret), []byte(k[0].ID+"\x00"+use))
	return k[0].ID + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal returned for the use.
func (k Keys) Open(use, sealed string) (string, error) {
	id, text, _ := strings.Cut(sealed, ".")
	for _, key := range k {
		if key.ID != id {
			continue
		}
		aead, err := key.aead()
		if err != nil {
			return "", err
		}
		raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) < aead.NonceSize() || strings.ContainsAny(text, "\r\n") { // which the decoder passes over
			return "", fmt.Errorf("%w: what is sealed is damaged", ErrKeys)
		}
		secret, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(id+"\x00"+use))
		if err != nil {
			return "", fmt.Errorf("%w: it was sealed for another use, or damaged", ErrKeys)
		}
		return string(secret), nil
	}
	return "", fmt.Errorf("%w: the key %.40q is not among Config.Keys", ErrKeys, id)
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Secret[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Format prints the key's id alone, for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.ID) }

const keyIDBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// check reports what is wrong with the keys.
func (k Keys) check() error {
	seen := map[string]bool{}
	for _, key := range k {
		switch {
		case key.ID == "" || strings.ContainsFunc(key.ID, func(r rune) bool { return !strings.ContainsRune(keyIDBytes, r) }):
			return fmt.Errorf("iam: Config.Keys: the id %.40q must be letters, digits and dashes", key.ID)
		case seen[key.ID]:
			return fmt.Errorf("iam: Config.Keys: two keys have the id %q", key.ID)
		case key.Secret == [32]byte{}:
			return fmt.Errorf("iam: Config.Keys: the key %q is all zeros", key.ID)
		}
		seen[key.ID] = true
	}
	return nil
}
