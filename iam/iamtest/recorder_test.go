package iamtest_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/castellan-iam/castellan/iam/iamtest"
)

// recorder is a test that may fail: it keeps what it was told.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	skipped  string
}

// recorded runs a test that may fail, to its end.
func recorded(tb testing.TB, test func(tb testing.TB)) *recorder {
	tb.Helper()
	r := &recorder{TB: tb}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r
}

func (r *recorder) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, text)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.failures) > 0
}

func (r *recorder) text() string { return strings.Join(r.failures, "\n") }

func (r *recorder) Error(args ...any)                 { r.add(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.add(fmt.Sprintf(format, args...)) }
func (r *recorder) Fail()                             { r.add("failed") }
func (r *recorder) FailNow()                          { r.add("failed"); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.add(fmt.Sprint(args...)); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) {
	r.add(fmt.Sprintf(format, args...))
	runtime.Goexit()
}
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Each attack finds what it is made for: a host that is broken in that one way.
func TestAttacksFindWhatTheyAreMadeFor(t *testing.T) {
	t.Parallel()
	flaws := flaws()
	for _, a := range iamtest.KnownAttacks() {
		change, known := flaws[a.Name]
		if !known {
			t.Errorf("no host is broken by %q: nobody knows whether it finds anything", a.Name)
			continue
		}
		delete(flaws, a.Name)
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			got := recorded(t, func(tb testing.TB) { a.Replay(tb, starting(change)) })
			switch {
			case got.skipped != "":
				t.Errorf("the attack was not replayed: %s", got.skipped)
			case !strings.Contains(got.text(), "iamtest: "+a.Name+" ("):
				t.Errorf("the attack has not found the flaw; it says: %s", got.text())
			}
			t.Log(got.text())
		})
	}
	for name := range flaws {
		t.Errorf("there is no attack %q", name)
	}
}
