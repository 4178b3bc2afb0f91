package iam

import (
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// idMaker makes ids that cannot be guessed and sort in the order of their making: UUIDs of version 7
// (RFC 9562, 5.7), whose 12 bits behind the milliseconds are a counter where the clock stands still
// (6.2, method 1). It is safe for concurrent use.
type idMaker struct {
	mu   sync.Mutex
	rand io.Reader
	last int64 // milliseconds and counter of the last id
}

// Read makes the idMaker's source safe for concurrent use.
func (m *idMaker) Read(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return io.ReadFull(m.rand, p)
}

func (m *idMaker) next(now time.Time) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var id uuid.UUID
	if _, err := io.ReadFull(m.rand, id[8:]); err != nil {
		return "", err
	}
	m.last = max(m.last+1, now.UnixMilli()<<12)
	binary.BigEndian.PutUint64(id[:8], uint64(m.last>>12<<16|m.last&0xfff))
	id[6] |= 0x70             // version 7
	id[8] = id[8]&0x3f | 0x80 // the variant of RFC 9562
	return id.String(), nil
}

// Limits of what is stored, in bytes.
const (
	MaxID   = 255  // an organisation's, project's, account's or resource's id
	MaxText = 1024 // a field of a profile, or an organisation's name
)

// checkID refuses an id that cannot be stored alike in every database. Deciding needs no such
// limit: there an id is only compared.
func checkID(field, id string) error {
	switch {
	case id == "":
		return invalid(field, "the id is empty")
	case len(id) > MaxID:
		return invalid(field, "the id has %d bytes: at most %d", len(id), MaxID)
	case !utf8.ValidString(id) || strings.IndexFunc(id, unicode.IsControl) >= 0:
		return invalid(field, "the id %.40q must be UTF-8 text without control characters", id)
	}
	return nil
}

// cut makes a text from outside fit to be stored as an id is: what cannot be stored is replaced, and
// what is too long is cut.
func cut(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
	if len(text) > MaxID {
		text = strings.ToValidUTF8(text[:MaxID], "")
	}
	return text
}

// checkText refuses a text that cannot be stored alike in every database. Line breaks are allowed.
func checkText(field, text string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	switch {
	case len(text) > MaxText:
		return invalid(field, "the text has %d bytes: at most %d", len(text), MaxText)
	case !utf8.ValidString(text) || strings.IndexFunc(text, bad) >= 0:
		return invalid(field, "want UTF-8 text without control characters")
	}
	return nil
}
