package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// Of a thousand sign-ins at once, four hash, and the others wait; when their time is over they are
// told that it was too much, and when they are let in they are right (SB-07).
func TestThousandAtOnceHashFourAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const at, all = 4, 1000
		var mu sync.Mutex
		running, most := 0, 0
		gate := make(chan struct{})
		h := newWeakHasher(at)
		h.key = func(password, salt []byte, time, memory uint32, threads uint8, tag uint32) []byte {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-gate
			mu.Lock()
			running--
			mu.Unlock()
			return make([]byte, tag)
		}
		phc := hash{params: weak, salt: make([]byte, 16), tag: make([]byte, 32)}.String()
		results := make(chan error, all)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range all {
			go func() {
				ok, _, err := h.Verify(ctx, iam.NewSecret("x"), phc, nil)
				if err == nil && !ok {
					err = errors.New("did not match")
				}
				results <- err
			}()
		}
		synctest.Wait()
		if running != at {
			t.Errorf("%d hashes run, want %d", running, at)
		}
		for range 500 { // one after the other
			gate <- struct{}{}
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if running != at || most != at {
			t.Errorf("%d hashes run, %d at most: want %d", running, most, at)
		}
		<-ctx.Done()
		synctest.Wait()
		for range all - 500 - at {
			if err := <-results; !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want ErrBusy", err)
			}
		}
		close(gate) // those that have a place are finished, late or not
		for range at {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if most != at || len(h.places) != 0 {
			t.Errorf("%d ran at most, %d places are still taken: want %d and 0", most, len(h.places), at)
		}
	})
}

// Who went away, or came too late, costs no hash; and it is not the server that was busy then.
func TestNoHashForWhoWentAway(t *testing.T) {
	t.Parallel()
	h := newWeakHasher(1)
	h.key = func(_, _ []byte, _, _ uint32, _ uint8, tag uint32) []byte {
		t.Error("hashed all the same")
		return make([]byte, tag)
	}
	admit := func() error {
		t.Error("admitted all the same")
		return nil
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for range 20 { // a select among what is ready is a throw of dice
		if _, err := h.Hash(gone, iam.NewSecret("x")); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBusy) {
			t.Errorf("went away: got %v, want context.Canceled", err)
		}
		if _, _, err := h.Verify(late, iam.NewSecret("x"), "", admit); !errors.Is(err, ErrBusy) {
			t.Errorf("too late: got %v, want ErrBusy", err)
		}
	}
}

// An attempt is counted when it is made: after there is a place, and before the hash, which is not
// made when there were too many (SB-30).
func TestVerifyIsAdmittedFirst(t *testing.T) {
	t.Parallel()
	h := newWeakHasher(1)
	var order []string
	h.key = func(_, _ []byte, _, _ uint32, _ uint8, tag uint32) []byte {
		order = append(order, "hash")
		return make([]byte, tag)
	}
	tooMany := errors.New("too many")
	for _, want := range []error{nil, tooMany} {
		_, _, err := h.Verify(t.Context(), iam.NewSecret("x"), "", func() error {
			order = append(order, fmt.Sprintf("admit with %d places taken", len(h.places)))
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if want := []string{"admit with 1 places taken", "hash", "admit with 1 places taken"}; !slices.Equal(order, want) || len(h.places) != 0 {
		t.Errorf("got %q, %d places taken, want %q", order, len(h.places), want)
	}
}

// A hash that panics gives its place back.
func TestPlaceIsFreeAfterPanic(t *testing.T) {
	t.Parallel()
	h := newWeakHasher(1)
	h.key = func(_, _ []byte, _, _ uint32, _ uint8, _ uint32) []byte { panic("out of memory") }
	func() {
		defer func() { _ = recover() }()
		_, _ = h.Hash(t.Context(), iam.NewSecret("x"))
	}()
	if n := len(h.places); n != 0 {
		t.Errorf("%d places are still taken", n)
	}
}
