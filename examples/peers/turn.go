package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// player is a contestant that is loaded, with everything that it is asked.
type player struct {
	entry
	contestant
	lister  lister // nil for one that knows roles alone
	world   *world
	stream  *stream
	want    []bool // the answers to the requests, as far as it knows them
	checked int    // so many requests were checked, and are measured
	listed  int    // and so many questions of each kind
	at      int    // where the next turn begins
	load    time.Duration
	heap    int64 // bytes that are held after loading and were not before
	another int   // where the next turn of reverse lists begins
}

// newPlayer loads a contestant.
func newPlayer(ctx context.Context, e entry, w *world, s *stream) (*player, error) {
	p := &player{entry: e, world: w, stream: s}
	for i := range s.requests {
		want := s.requests[i].want
		if e.class == part {
			want = s.requests[i].wantRole
		}
		p.want = append(p.want, want)
	}
	before := heapBytes()
	start := time.Now()
	p.contestant = e.make()
	if err := p.contestant.load(ctx, w); err != nil {
		return nil, fmt.Errorf("%s: load: %w", e.name, closing(p.contestant, err))
	}
	p.load, p.heap = time.Since(start), heapBytes()-before
	p.lister = listerOf(&p.entry, p.contestant, w)
	return p, nil
}

func heapBytes() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one finalized
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// ask asks a request of the stream and holds the answer against the expected one: in every turn, and not only when
// it is checked beforehand.
func (p *player) ask(ctx context.Context, i int) error {
	i %= p.checked
	r := &p.stream.requests[i]
	got, err := p.can(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %+v: %w", p.name, *r, err)
	}
	if got != p.want[i] {
		return fmt.Errorf("%s: %+v: got %t", p.name, *r, got)
	}
	return nil
}

func (p *player) askWhich(ctx context.Context, i int) error {
	ask := &p.stream.which[i%p.listed]
	got, err := p.lister.which(ctx, ask)
	return p.same("which", got, ask.want, err, ask)
}

func (p *player) askWho(ctx context.Context, i int) error {
	ask := &p.stream.who[i%p.listed]
	got, err := p.lister.who(ctx, ask)
	return p.same("who", got, ask.want, err, ask)
}

// same compares lengths in every turn; what is in the lists is compared by check.
func (p *player) same(what string, got, want []string, err error, ask fmt.Stringer) error {
	if err == nil && len(got) != len(want) {
		err = fmt.Errorf("got %d, want %d", len(got), len(want))
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w", p.name, what, ask, err)
	}
	return nil
}

// check asks once and compares every answer. It counts the answers. Who is slow is asked for as long as d, and at
// least a part of the stream: only what was checked is measured.
func (p *player) check(ctx context.Context, d time.Duration) (n int, err error) {
	start := time.Now()
	p.checked = len(p.stream.requests)
	for i := range p.checked {
		if i >= fewRequests && time.Since(start) > d {
			p.checked = i
			break
		}
		if err := p.ask(ctx, i); err != nil {
			return n, err
		}
		n++
	}
	if p.lister == nil {
		return n, nil
	}
	start, p.listed = time.Now(), len(p.stream.which)
	for i := range p.listed {
		if i >= fewQuestions && time.Since(start) > d {
			p.listed = i
			break
		}
		which, who := &p.stream.which[i], &p.stream.who[i]
		got, err := p.lister.which(ctx, which)
		if err := p.equal("which", got, which.want, err, which); err != nil {
			return n, err
		}
		got, err = p.lister.who(ctx, who)
		if err := p.equal("who", got, who.want, err, who); err != nil {
			return n, err
		}
		n += 2
	}
	return n, nil
}

func (p *player) equal(what string, got, want []string, err error, ask fmt.Stringer) error {
	if err == nil {
		sorted := slices.Sorted(slices.Values(got))
		if !slices.Equal(sorted, want) {
			err = fmt.Errorf("got %d, want %d: %s", len(got), len(want), firstDifference(sorted, want))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: %w", p.name, what, ask, err)
	}
	return nil
}

// figure is what a turn has measured.
type figure struct {
	Nanos  float64 // an operation
	CPU    float64 // the same of all processors' time
	Allocs float64 // an operation
	N      int
}

// firstDifference names one of two sorted lists' elements that the other lacks: the lists are long.
func firstDifference(got, want []string) string {
	for i := range want {
		if i >= len(got) || got[i] > want[i] {
			return want[i] + " is missing"
		}
		if got[i] < want[i] {
			return got[i] + " should not be there"
		}
	}
	return got[len(want)] + " should not be there"
}

// decide asks one request after the other for at least that long.
func (p *player) decide(ctx context.Context, d time.Duration) (figure, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	first, worked := p.at, cpuTime()
	nanos, n, err := repeat(d, func(i int) error { return p.ask(ctx, first+i) })
	worked = cpuTime() - worked
	runtime.ReadMemStats(&after)
	if err != nil {
		return figure{}, err
	}
	p.at = (first + n) % p.checked
	return figure{
		Nanos: nanos, CPU: float64(worked.Nanoseconds()) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n), N: n,
	}, nil
}

// parallel asks from as many goroutines as there are processors, each somewhere else in the stream. An operation's
// time is that of all of them by the wall clock, divided by what they did together.
func (p *player) parallel(ctx context.Context, d time.Duration) (figure, error) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	counts, errs := make([]int, workers), make([]error, workers)
	start := time.Now()
	for g := range workers {
		wg.Go(func() {
			first := g * p.checked / workers
			_, counts[g], errs[g] = repeat(d, func(i int) error { return p.ask(ctx, first+i) })
		})
	}
	wg.Wait()
	took, n := time.Since(start), 0
	for g := range workers {
		if errs[g] != nil {
			return figure{}, errs[g]
		}
		n += counts[g]
	}
	return figure{Nanos: float64(took.Nanoseconds()) / float64(n), N: n}, nil
}

// lists asks reverse questions for at least that long. The next turn begins where this one stopped, so that over the
// rounds each question is asked.
func (p *player) lists(ctx context.Context, d time.Duration, ask func(context.Context, int) error) (figure, error) {
	if p.lister == nil {
		return figure{}, nil
	}
	nanos, n, err := repeat(d, func(i int) error { return ask(ctx, p.another+i) })
	p.another += n
	return figure{Nanos: nanos, N: n}, err
}

// own asks the contestant's own call for who can, for as long as d, at least once and at most ownQuestions times: it
// looks at everybody in the world, which takes seconds. Every list is compared, outside of the time.
func (p *player) own(ctx context.Context, d time.Duration) (f figure, err error) {
	l, ok := p.contestant.(ownLister)
	if !ok {
		return f, nil
	}
	var took time.Duration
	for i := range min(ownQuestions, len(p.stream.who)) {
		if i > 0 && took > d {
			break
		}
		ask, start := &p.stream.who[i], time.Now()
		got, err := l.whoOfAll(ctx, ask)
		took += time.Since(start)
		if err := p.equal("who, by its own call", got, ask.want, err, ask); err != nil {
			return figure{}, err
		}
		f.N++
	}
	f.Nanos = float64(took.Nanoseconds()) / float64(f.N)
	return f, nil
}

// repeat calls do for at least that long, in batches that grow until reading the clock costs nothing, and at least
// once. It stops at the first error.
func repeat(d time.Duration, do func(i int) error) (nanos float64, n int, err error) {
	var total time.Duration
	for batch := 1; total < d; {
		start := time.Now()
		for range batch {
			if err := do(n); err != nil {
				return 0, n, err
			}
			n++
		}
		took := time.Since(start)
		total += took
		if took < d/50 {
			batch *= 2
		}
	}
	return float64(total.Nanoseconds()) / float64(n), n, nil
}
