package modeltest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// coverage counts how each act has ended.
type coverage struct {
	mu       sync.Mutex
	ends     map[string]map[string]int // act → how it ended → how often
	stories  int
	steps    int
	weighted map[*rulebook][]string // acts, each as often as it is drawn
	steered  bool                   // what was not seen yet is drawn first
	failed   atomic.Bool
}

func newCoverage(books []*rulebook) *coverage {
	c := &coverage{ends: map[string]map[string]int{}, weighted: map[*rulebook][]string{}}
	for _, book := range books {
		for _, name := range slices.Sorted(maps.Keys(acts)) {
			times := 3 * max(1, acts[name].often)
			if only := acts[name].only; only != nil && !only(book) {
				times = 1
			} else if only != nil {
				times *= 2
			}
			for range times {
				c.weighted[book] = append(c.weighted[book], name)
			}
		}
	}
	return c
}

func (c *coverage) count(_ *rulebook, name, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	if c.ends[name] == nil {
		c.ends[name] = map[string]int{}
	}
	c.ends[name][end]++
}

// lacks are how an act was never seen to end, of done and refused.
func (c *coverage) lacks(name string) (lacking []string) {
	ends := c.ends[name]
	if ends[done] == 0 {
		lacking = append(lacking, done)
	}
	if len(ends) == min(1, ends[done]) && !neverRefused[name] {
		lacking = append(lacking, "refused")
	}
	return lacking
}

// wanted are acts that could still be seen to end in another way, when the stories are steered to that.
func (c *coverage) wanted(book *rulebook) (names []string) {
	if !c.steered {
		return nil
	}
	all := slices.Sorted(maps.Keys(acts))
	for _, name := range all {
		if only := acts[name].only; len(c.lacks(name)) > 0 && (only == nil || only(book)) {
			names = append(names, name)
		}
	}
	for range 2 { // and what leads to them
		for _, name := range all {
			leads := func(to string) bool { return slices.Contains(names, to) }
			if !slices.Contains(names, name) && slices.ContainsFunc(acts[name].leads, leads) {
				names = append(names, name)
			}
		}
	}
	return names
}

// report logs the table.
func (c *coverage) report(tb testing.TB) {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d stories, %d steps\n", c.stories, c.steps)
	for _, name := range slices.Sorted(maps.Keys(acts)) {
		ends := c.ends[name]
		fmt.Fprintf(&b, "%-28s %6d done", name, ends[done])
		for _, end := range slices.Sorted(maps.Keys(ends)) {
			if end != done {
				fmt.Fprintf(&b, ", %d %s", ends[end], end)
			}
		}
		fmt.Fprintln(&b)
	}
	tb.Log(b.String())
}

// neverRefused are acts that nothing refuses.
var neverRefused = map[string]bool{"clock": true, "outbox": true, "signin.SignOut": true}
