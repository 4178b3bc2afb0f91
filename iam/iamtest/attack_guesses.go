package iamtest

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

func guessAttacks() []Attack {
	return []Attack{
		{"guessing a password", "SB-28, SB-32, CVE-2026-46356, CVE-2026-45364", []string{needsSignIn, needsCookies}, guesses},
		{"guessing a password at once", "SB-29, CVE-2024-4629", []string{needsSignIn, needsCookies}, guessesAtOnce},
	}
}

// mostGuesses is how many wrong passwords an account takes at most (NIST SP 800-63B).
const mostGuesses = 100

// guesses guesses one after another, each time from another address by what a header says, and as often as no host may
// bear: the right password does not help any more.
func guesses(w *World) {
	p := w.member(w.least())
	p.learnPassword()
	for n := range mostGuesses + 1 {
		a := p.tryPassword(newPassword(), func(r *http.Request) { pretend(r, n) })
		if a.status == http.StatusTooManyRequests {
			break // there is nothing to be learnt from the others
		}
	}
	w.locked(p, "one after another")
}

// guessesAtOnce guesses all at once: a counter that is read and written back loses some.
func guessesAtOnce(w *World) {
	p := w.member(w.least())
	p.learnPassword()
	atOnce(mostGuesses+20, func(n int) bool {
		return p.tryPassword(newPassword(), func(r *http.Request) { pretend(r, n) }).through()
	})
	w.locked(p, "at once")
}

// locked fails when the right password is let in behind too many wrong ones.
func (w *World) locked(p *Person, how string) {
	w.tb.Helper()
	a := p.tryPassword(w.secret, func(r *http.Request) { pretend(r, mostGuesses+1); r.RemoteAddr = "203.0.113.77:4711" })
	if len(a.session()) > 0 {
		w.errorf("more than %d wrong passwords %s, and the next one is still tried: %s", mostGuesses, how, a.short())
	}
}

// pretend says in every header that somebody might believe that the request is another client's.
func pretend(r *http.Request, n int) {
	ip := fmt.Sprintf("203.0.113.%d", n%200+1)
	for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Originating-Ip"} {
		r.Header.Set(header, ip)
	}
	r.Header.Set("Forwarded", "for="+ip)
}

// atOnce lets n try together, and returns how many have succeeded.
func atOnce(n int, try func(i int) bool) int {
	var succeeded atomic.Int32
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			if try(i) {
				succeeded.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return int(succeeded.Load())
}
