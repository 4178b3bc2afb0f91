package adminhttp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// minCursorKey is in bytes.
const minCursorKey = 32

// macSize is how much of the HMAC a cursor carries: 128 bits.
const macSize = 16

// cursors makes and reads the cursors of lists: the position behind which the next page begins, with a
// MAC over it and over everything that the list was asked with (SB-72). So a cursor is good for the same list of
// the same organisation alone, and no position is read that was not handed out.
type cursors struct{ key []byte }

func newCursors(key []byte, random io.Reader) (cursors, error) {
	switch {
	case len(key) == 0:
		key = make([]byte, minCursorKey)
		if _, err := io.ReadFull(random, key); err != nil {
			return cursors{}, fmt.Errorf("adminhttp: make a key for cursors: %w", err)
		}
	case len(key) < minCursorKey:
		return cursors{}, fmt.Errorf("adminhttp: Config.CursorKey: has %d bytes: want %d at least", len(key), minCursorKey)
	}
	return cursors{key: append([]byte(nil), key...)}, nil
}

var errCursor = errors.New("adminhttp: a cursor that was not handed out for this list")

// seal makes a cursor of a position in what scope names.
func (c cursors) seal(position string, scope ...string) string {
	return base64.RawURLEncoding.EncodeToString(append(c.mac(position, scope), position...))
}

// open returns the position of a cursor that seal made for the same scope.
func (c cursors) open(cursor string, scope ...string) (string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < macSize || strings.ContainsAny(cursor, "\r\n") { // which the decoder passes over
		return "", errCursor
	}
	position := string(raw[macSize:])
	if !hmac.Equal(raw[:macSize], c.mac(position, scope)) {
		return "", errCursor
	}
	return position, nil
}

// mac is over the parts with their lengths, so that none can be taken for a piece of another.
func (c cursors) mac(position string, scope []string) []byte {
	mac := hmac.New(sha256.New, c.key)
	for _, part := range append([]string{position}, scope...) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:macSize]
}
