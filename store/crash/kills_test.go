package crash_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

const (
	hands = 4 // of a process
	alive = 3 // organisations with which the next process goes on
)

// How a writer comes to its end, one after the other.
const (
	killedFromOutside = iota // at a moment that nobody has chosen
	killedInStatement        // behind a statement
	killedInSilence          // behind a commit, before anybody was told
	waysToDie
)

// Writers are killed again and again on one database: what they were told is done is there, what they were not is
// there as a whole or not at all, and the next one goes on.
func TestKilledWriters(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(w *world) {
		began := time.Now()
		q := newInquest(w, w.found(2))
		n := rounds(w, 2*waysToDie)
		recovered := 0
		for round := range n {
			at := max(0, len(q.orgs)-alive)
			p := q.writer(fmt.Sprintf("r%d.a", round), q.orgs[at:], round%waysToDie)
			limit := 0
			if round%waysToDie == killedFromOutside {
				limit = 1 + rand.IntN(200)
			}
			q.listen(p, limit)
			q.gone(w.Context())
			if log, err := os.Stat(w.place.DSN + "-wal"); err == nil && log.Size() > 0 {
				recovered++
			}
			w.visit(func(h *host) { q.hold(h, q.orgs[at:]) })
			if w.Failed() {
				w.Fatalf("round %d", round)
			}
		}
		w.visit(func(h *host) { q.hold(h, q.orgs) })
		w.Logf("%d rounds in %v: %d calls acknowledged (%d refused as too many), in flight %d: %d there as a whole, %d not at all; %d organisations; a WAL to recover in %d rounds",
			n, time.Since(began).Round(time.Millisecond), q.acknowledged, q.refused, len(q.whole)+len(q.absent), len(q.whole), len(q.absent), len(q.orgs), recovered)
		if len(q.whole) == 0 || len(q.absent) == 0 {
			w.Errorf("in flight, %d calls were done and %d not: the test proves nothing about the others", len(q.whole), len(q.absent))
		}
		if w.place.Database == "sqlite" && recovered == 0 {
			w.Error("there was no WAL to recover in any round: the test proves nothing about it")
		}
		for _, name := range shared {
			if n >= 100 && q.acts[name] == 0 {
				w.Errorf("%s was never acknowledged", name)
			}
		}
	})
}

// writer starts a writer that will die in one of the ways.
func (q *inquest) writer(name string, orgs []policy.OrgID, death int) *process {
	q.Helper()
	j := job{Place: q.place, Name: name, Seed: rand.Uint64(), Hands: hands, Of: hands, Orgs: orgs}
	switch death {
	case killedInStatement:
		j.Statement = 50 + rand.Int64N(1500)
	case killedInSilence:
		j.Silent = 1 + rand.Int64N(60)
	}
	p := start(q, "writer", j, q.env())
	p.killed = death != killedFromOutside // it does so itself
	return p
}

// listen hears a process until it dies, which it is made to behind so many lines; 0 for never.
func (q *inquest) listen(p *process, limit int) {
	q.Helper()
	for {
		var l line
		if !p.next(&l) {
			break
		}
		q.hear(l)
		if p.lines == limit {
			p.kill()
		}
	}
	p.wait()
}
