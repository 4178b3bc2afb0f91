package signin_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// statements collects what was asked of a database.
type statements struct {
	mu  sync.Mutex
	all []string
}

// counted is the same organisation on a second pool, whose statements are collected.
func (o *org) counted() (*org, *statements) {
	o.Helper()
	var asked statements
	trace := func(sql string) {
		asked.mu.Lock()
		defer asked.mu.Unlock()
		asked.all = append(asked.all, sql)
	}
	next := o.node(signin.Config{PeerLimit: iam.Limit{Attempts: 1000}})
	return next.on(store.New(testdb.Again(o, o.db, &gorm.Config{Logger: gormLogger{trace}}))), &asked
}

// of returns what do asks.
func (s *statements) of(do func()) []string {
	s.mu.Lock()
	s.all = nil
	s.mu.Unlock()
	do()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// changing counts the statements that are no reads.
func changing(all []string) (n int) {
	for _, statement := range all {
		if !strings.HasPrefix(statement, "SELECT") {
			n++
		}
	}
	return n
}

// SB-25: whoever is refused costs one hash with today's params, and as many statements as everybody else,
// give or take one: at the first guess, at the last one, and once it is locked.
func TestSameWorkForAll(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for _, system := range []iam.System{emqx.System(), lanit.System(), devicehub.System()} {
			w.run(system.Name, func(w *world) {
				o := w.organization(system)
				all := o.strangers()
				at, asked := o.counted()
				var hashed []signin.HashParams
				at.in.OnHash(func(p signin.HashParams) { hashed = append(hashed, p) })
				for n := range 12 {
					hashes := 1
					if n >= 10 {
						hashes = 0
					}
					var first []string
					for i, s := range all {
						hashed = nil
						did := asked.of(func() { _, _ = at.enter(s.at, s.email, s.password) })
						if i == 0 {
							first = did
						}
						if len(hashed) != hashes || hashes == 1 && hashed[0] != at.in.Params() {
							w.Errorf("guess %d, %s: hashed with %+v, want %d hashes with %+v", n+1, s.what, hashed, hashes, at.in.Params())
						}
						if apart(len(did), len(first)) > 1 || apart(changing(did), changing(first)) > 1 {
							w.Errorf("guess %d, %s: %d statements, %d of which change something; %s: %d and %d:\n%s\n\n%s", n+1, s.what, len(did), changing(did),
								all[0].what, len(first), changing(first), strings.Join(did, "\n"), strings.Join(first, "\n"))
						}
					}
				}
			})
		}
	})
}

func apart(a, b int) int { return max(a-b, b-a) }

// The hot path of a request is two statements, and one where the session keeps what it was opened with.
func TestStatementsOfRequest(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for want, system := range []iam.System{1: lanit.System(), 2: emqx.System()} {
			if system.Policy == nil {
				continue
			}
			o, asked := w.organization(system).counted()
			opened := o.account().signIn()
			did := asked.of(func() { equal(w, "held", o.holds(opened.Token), true) })
			if len(did) != want {
				w.Errorf("%s: a request asks %d statements, want %d:\n%s", system.Name, len(did), want, strings.Join(did, "\n"))
			}
		}
	})
}

// timingSamples is the environment variable that turns the measurement on: how many samples of each.
const timingSamples = "CASTELLAN_TIMING"

// SB-25, measured: with the default params, no stranger is told apart by the time that the answer takes. It
// needs a quiet machine, and takes a minute: CASTELLAN_TIMING=200 go test ./iam/signin -run TestTiming -v.
func TestTiming(t *testing.T) {
	samples := 0
	if _, err := fmt.Sscan(os.Getenv(timingSamples), &samples); err != nil {
		t.Skipf("%s is not set: it says how many samples are taken of each", timingSamples)
	}
	for _, database := range testdb.Reachable(t) {
		t.Run(database, func(t *testing.T) {
			w := newWorld(t, testdb.Open(t, database))
			o := w.organization(emqx.System())
			o.in = must(signin.New(o.svc, signin.Config{PeerLimit: iam.Limit{Attempts: 1_000_000}, AccountLimit: iam.Limit{Attempts: 100}}))(w)
			known, other := o.account(), o.account()
			wrong := iam.NewSecret("wrong password")
			for _, p := range []*person{known, other, o.root} { // with the params of today
				p.knows(p.password)
			}
			all := []stranger{
				{"a wrong password", o.id, known.email, wrong},
				{"a wrong password of another", o.id, other.email, wrong}, // the measurement's own noise
				{"a wrong password of root", "", o.root.email, wrong},
				{"an unknown address", o.id, address("unknown"), wrong},
				{"an unknown address at root's login", "", address("unknown"), wrong},
				{"an unknown organisation", "unknown", address("unknown"), wrong},
			}
			took := make([][]float64, len(all))
			for n := range samples {
				for j := range all { // interleaved, each time in another order
					i := (j + n) % len(all)
					began := time.Now()
					_, err := o.enter(all[i].at, all[i].email, all[i].password)
					took[i] = append(took[i], time.Since(began).Seconds())
					w.refused(err, signin.ErrCredentials)
				}
				if n%50 == 49 {
					o.clock.advance(2 * time.Hour) // and nobody is locked
				}
			}
			for i, s := range all {
				z := mannWhitney(took[0], took[i])
				apart := median(took[i])/median(took[0]) - 1
				t.Logf("%-38s median %6.2f ms, %+5.2f %%, z %+5.2f", s.what, 1000*median(took[i]), 100*apart, z)
				if math.Abs(apart) > 0.05 || math.Abs(z) > 2.576 { // p < 0.01
					t.Errorf("%s is told apart from %s", s.what, all[0].what)
				}
			}
		})
	}
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// mannWhitney returns how many standard deviations the ranks of two samples are apart (Mann and Whitney, 1947).
// Times in nanoseconds have next to no ties.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		fromA bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].v < all[j].v })
	ranks := 0.0
	for i, v := range all {
		if v.fromA {
			ranks += float64(i + 1)
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := ranks - n*(n+1)/2
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
}

func TestMannWhitney(t *testing.T) {
	t.Parallel()
	var low, high, even, odd []float64
	for i := range 200 {
		low, high = append(low, float64(i)), append(high, float64(i+100))
		even, odd = append(even, float64(2*i)), append(odd, float64(2*i+1))
	}
	if z := mannWhitney(low, high); z > -2.576 {
		t.Errorf("samples that are apart: z %.2f", z)
	}
	if z := mannWhitney(even, odd); math.Abs(z) > 1 {
		t.Errorf("samples that are alike: z %.2f", z)
	}
}
