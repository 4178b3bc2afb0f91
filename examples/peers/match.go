package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// plan is how much is measured.
type plan struct {
	orgs   int
	rounds int
	check  time.Duration // how long who is slow is checked
	decide time.Duration // a turn of decisions
	list   time.Duration // a turn of reverse lists
	own    time.Duration // how long calls are asked that look at everybody; the first one may take longer
	limit  time.Duration // for a revoke to be seen
	only   string        // part of the names of those who play; by hand always does
}

func fullPlan() plan {
	return plan{orgs: fullOrgs, rounds: 7, check: 5 * time.Second,
		decide: 300 * time.Millisecond, list: 200 * time.Millisecond, own: 5 * time.Second, limit: 15 * time.Second}
}

func quickPlan() plan {
	return plan{orgs: quickOrgs, rounds: 3, check: 500 * time.Millisecond,
		decide: 40 * time.Millisecond, list: 20 * time.Millisecond, own: 20 * time.Millisecond, limit: time.Second}
}

// result is what was measured of a contestant: medians over the rounds.
type result struct {
	entry
	version                      string
	decide, parallel, which, who float64 // nanoseconds an operation; 0 for what it has not
	own                          float64 // who can, by a call of its own that looks at everybody
	ownAsked                     int     // how many questions that is the mean of
	cpu                          float64 // of decide, in nanoseconds of a processor
	allocs                       float64
	load                         time.Duration
	heap                         float64 // bytes an account
	checked                      int
	revoke                       visibility
}

// play measures everybody: one after the other is loaded and checked, then each has a turn of each kind in each round,
// so that whatever else the machine does meets all of them.
func play(ctx context.Context, p plan, progress io.Writer) (results []result, err error) {
	start := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(progress, "%5.0fs  "+format+"\n", append([]any{time.Since(start).Seconds()}, args...)...)
	}
	var seats []*seat
	defer func() {
		for _, s := range seats {
			err = errors.Join(err, s.leave())
		}
	}()
	for _, e := range entries() {
		if e.class != hand && !strings.Contains(strings.ToLower(e.name), strings.ToLower(p.only)) {
			continue
		}
		s, err := newSeat(ctx, e)
		if err != nil {
			return nil, err
		}
		seats = append(seats, s)
		loaded, err := s.do(order{Do: "load", Orgs: p.orgs})
		if err != nil {
			return nil, err
		}
		checked, err := s.do(order{Do: "check", Nanos: p.check.Nanoseconds()})
		if err != nil {
			return nil, err
		}
		results = append(results, result{
			entry: e, version: versionOf(e.module), load: loaded.Load,
			heap: float64(loaded.Heap) / float64(p.orgs*perOrg), checked: checked.Checked,
		})
		say("%-32s loaded in %s, %d answers are right", e.name, loaded.Load.Round(time.Millisecond), checked.Checked)
	}
	if err := rounds(p, seats, results, say); err != nil {
		return nil, err
	}
	for i, s := range seats {
		r, err := s.do(order{Do: "own", Nanos: p.own.Nanoseconds()})
		if err != nil {
			return nil, err
		}
		results[i].own, results[i].ownAsked = r.Figure.Nanos, r.Figure.N
	}
	say("who can, by calls that look at everybody")
	for i, s := range seats {
		r, err := s.do(order{Do: "revoke", Nanos: p.limit.Nanoseconds()})
		if err != nil {
			return nil, err
		}
		results[i].revoke = r.Visibility
	}
	say("revokes")
	return results, nil
}

// rounds gives everybody their turns, beginning with another one each round.
func rounds(p plan, seats []*seat, results []result, say func(format string, args ...any)) error {
	turns := []struct {
		do string
		d  time.Duration
		to func(*result) *float64
	}{
		{"decide", p.decide, func(r *result) *float64 { return &r.decide }},
		{"parallel", p.decide, func(r *result) *float64 { return &r.parallel }},
		{"which", p.list, func(r *result) *float64 { return &r.which }},
		{"who", p.list, func(r *result) *float64 { return &r.who }},
	}
	for _, turn := range turns {
		taken, worked := make([][]float64, len(seats)), make([][]float64, len(seats))
		for round := range p.rounds {
			for k := range seats {
				i := (k + round) % len(seats)
				if seats[i].class == part && (turn.do == "which" || turn.do == "who") {
					continue
				}
				r, err := seats[i].do(order{Do: turn.do, Nanos: turn.d.Nanoseconds()})
				if err != nil {
					return err
				}
				taken[i], worked[i] = append(taken[i], r.Figure.Nanos), append(worked[i], r.Figure.CPU)
				if turn.do == "decide" {
					results[i].allocs = r.Figure.Allocs
				}
			}
			say("%s: round %d of %d", turn.do, round+1, p.rounds)
		}
		for i := range seats {
			if len(taken[i]) == 0 {
				continue
			}
			*turn.to(&results[i]) = median(taken[i])
			if turn.do == "decide" {
				results[i].cpu = median(worked[i])
			}
		}
	}
	return nil
}

// median sorts what it is given.
func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// versionOf is the version of a module that this program was built with.
func versionOf(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			version, _, _ := strings.Cut(dep.Version, "+")
			if strings.HasPrefix(version, "v0.0.0-") {
				version = version[len("v0.0.0-"):][:8] // the day of the commit
			}
			return version
		}
	}
	return ""
}
