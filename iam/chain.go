package iam

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"
)

// append links an event to the organisation's log and writes it.
func (s *Service) append(ctx context.Context, tx Tx, e Event, now time.Time) error {
	_, err := s.appended(ctx, tx, e, now)
	return err
}

// appended is append, and returns the event as it stands in the log.
func (s *Service) appended(ctx context.Context, tx Tx, e Event, now time.Time) (Event, error) {
	e.Time = now
	var written Event
	err := tx.Append(ctx, e, func(e Event, before string) string {
		written = e
		written.Hash = s.link(e, before)
		return written.Hash
	})
	return written, err
}

// link is the hash of an event in the service's logs.
func (s *Service) link(e Event, before string) string { return chained(s.config.AuditKey, e, before) }

// chained is the hash of an event: over everything in it, and over the hash of the event before, so
// that no event can be changed, left out or moved without changing all that follow (SB-83). With
// a key only who has it can make one.
func chained(key []byte, e Event, before string) string {
	sum := sha256.New()
	if len(key) > 0 {
		sum = hmac.New(sha256.New, key)
	}
	writeText(sum, before, string(e.Org))
	writeNumbers(sum, e.Revision, int64(e.Ordinal), e.Time.UnixMilli())
	writeText(sum, string(e.Type), string(e.Outcome), string(e.Actor), string(e.Email), e.Role, e.Reason, e.Peer, e.Request, e.Target)
	writeNumbers(sum, int64(len(e.Changes)))
	for _, c := range e.Changes {
		writeText(sum, c.Field, c.Before, c.After)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// writeText hashes texts with their lengths, so that none runs into the next.
func writeText(sum hash.Hash, texts ...string) {
	for _, text := range texts {
		writeNumbers(sum, int64(len(text)))
		_, _ = sum.Write([]byte(text))
	}
}

func writeNumbers(sum hash.Hash, numbers ...int64) {
	for _, n := range numbers {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		_, _ = sum.Write(b[:])
	}
}
