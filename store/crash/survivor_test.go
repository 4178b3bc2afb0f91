package crash_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	survives = 25               // calls that are acknowledged to a survivor, behind the death of the other
	patience = 90 * time.Second // until a survivor that says nothing counts as stuck
)

// Two processes write on one database, and one of them is killed. The other one goes on: what the dead one had
// locked is free, and nothing that either was told is lost.
func TestSurvivors(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(w *world) {
		began := time.Now()
		q := newInquest(w, w.found(2))
		n := min(rounds(w, 2), 60)
		for round := range n {
			at := max(0, len(q.orgs)-alive)
			var processes [2]*process
			for i := range processes {
				j := job{
					Place: w.place, Name: fmt.Sprintf("r%d.%c", round, 'a'+i), Seed: rand.Uint64(),
					Hands: hands / 2, First: i * hands / 2, Of: hands, Orgs: q.orgs[at:],
				}
				processes[i] = start(w, "writer", j, w.env())
			}
			victim := round % 2
			q.listenToBoth(processes[victim], processes[1-victim], 1+rand.IntN(60))
			q.gone(w.Context())
			w.visit(func(h *host) { q.hold(h, q.orgs[at:]) })
			if w.Failed() {
				w.Fatalf("round %d", round)
			}
		}
		w.visit(func(h *host) { q.hold(h, q.orgs) })
		w.Logf("%d rounds in %v: %d calls acknowledged, in flight %d: %d there as a whole, %d not at all",
			n, time.Since(began).Round(time.Millisecond), q.acknowledged, len(q.whole)+len(q.absent), len(q.whole), len(q.absent))
	})
}

// heard is a line of one of two processes, or its end.
type heard struct {
	by *process
	line
	last bool
}

// listenToBoth kills the victim when it has said so many lines, and lets the survivor end when it was told often
// enough since then that something is done.
func (q *inquest) listenToBoth(victim, survivor *process, limit int) {
	q.Helper()
	lines := make(chan heard)
	var listening sync.WaitGroup
	for _, p := range []*process{victim, survivor} {
		listening.Go(func() {
			for {
				h := heard{by: p}
				h.last = !p.next(&h.line)
				lines <- h
				if h.last {
					return
				}
			}
		})
	}
	stuck := time.AfterFunc(patience, survivor.kill)
	defer stuck.Stop()
	said, after, dead := 0, 0, false
	for open := 2; open > 0; {
		h := <-lines
		switch {
		case h.last:
			open--
			dead = dead || h.by == victim
			continue
		case h.by == victim:
			if said++; said == limit {
				victim.kill()
			}
		case dead && h.Done == acknowledged:
			if after++; after == survives {
				survivor.end()
			}
		}
		q.hear(h.line)
	}
	listening.Wait()
	victim.wait()
	if survivor.wait(); after < survives {
		q.Errorf("the survivor was told %d times that something is done, and then no more", after)
	}
}
