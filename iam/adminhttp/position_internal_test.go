package adminhttp

import (
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// FuzzPositions reads what a cursor carries: each position comes back as it was, and no other text panics.
func FuzzPositions(f *testing.F) {
	f.Add(int64(7), 3, "device", "d\n1", "7.3")
	f.Add(int64(-1), -1, "", "", ".")
	f.Add(int64(1)<<62, 0, "device", "\x00", "9223372036854775808.1")
	f.Fuzz(func(t *testing.T, revision int64, ordinal int, kind, id, text string) {
		events := iam.EventPosition{Revision: revision, Ordinal: ordinal}
		if got, err := parsePosition(events.String()); err != nil || got != events {
			t.Errorf("got %v, %v, want %v", got, err, events)
		}
		held := iam.HoldingPosition{Kind: policy.Kind(kind), ID: id}
		if got, err := parseHoldingPosition(holdingPosition(held)); validKind(kind) && (err != nil || got != held) {
			t.Errorf("got %+v, %v, want %+v", got, err, held)
		}
		if got, err := parsePosition(text); err != nil && got.Ordinal != 0 {
			t.Errorf("%q: got %v, and %v", text, got, err)
		}
	})
}

// validKind reports whether a kind has no line break: no policy has one that does.
func validKind(kind string) bool {
	_, err := policy.ParsePermission(kind + ":view")
	return err == nil
}
