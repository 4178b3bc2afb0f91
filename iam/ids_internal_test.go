package iam

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Ids sort in the order of their making, also while the clock stands still or goes back, and the
// same clock and randomness make the same ids.
func TestIDsSortAndRepeat(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	clock := []time.Time{start, start, start.Add(time.Millisecond), start.Add(-time.Hour), start.Add(time.Hour)}
	var runs [2][]string
	for i := range runs {
		m := &idMaker{rand: bytes.NewReader(bytes.Repeat([]byte{0xff}, 8*len(clock)))}
		for _, now := range clock {
			id, err := m.next(now)
			if err != nil {
				t.Fatal(err)
			}
			runs[i] = append(runs[i], id)
		}
		if id, err := m.next(start); !errors.Is(err, io.EOF) || id != "" {
			t.Errorf("without randomness: got %q, %v: want io.EOF", id, err)
		}
	}
	if !slices.IsSorted(runs[0]) || len(slices.Compact(slices.Clone(runs[0]))) != len(clock) {
		t.Errorf("not in order, or not different: %v", runs[0])
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("got %v and %v from the same clock and randomness", runs[0], runs[1])
	}
	for i, text := range runs[0] {
		id, err := uuid.Parse(text)
		if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Errorf("%s: version %d, variant %v, %v: want a UUID of version 7", text, id.Version(), id.Variant(), err)
		}
		if sec, nsec := id.Time().UnixTime(); i == 0 && !time.Unix(sec, nsec).Equal(start) {
			t.Errorf("%s holds the time %v, want %v", text, time.Unix(sec, nsec).UTC(), start)
		}
	}
}

// Many at once get different ids (SB-69).
func TestIDsAreNeverTheSame(t *testing.T) {
	t.Parallel()
	m := &idMaker{rand: rand.Reader}
	var seen sync.Map
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				id, err := m.next(time.UnixMilli(1))
				if _, twice := seen.LoadOrStore(id, true); twice || err != nil {
					t.Errorf("%s came twice, or %v", id, err)
				}
			}
		})
	}
	wg.Wait()
}
