package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine says what the figures were taken on, and how busy it was before.
func machine() string {
	line := fmt.Sprintf("%s %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	if model := processor(); model != "" {
		line += " (" + model + ")"
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(load)); len(fields) >= 3 {
			line += ", load before: " + strings.Join(fields[:3], " ")
		}
	}
	return line + "."
}

// processor is the processor's name, where Linux tells it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func reportOf(p plan, here string, results []result) *report {
	r := &report{machine: here, results: results, summary: summary(results)}
	if w, err := newWorld(p.orgs); err == nil {
		r.world = fmt.Sprintf("%s accounts in %d organizations of %d projects, with %s bindings; %d rounds.",
			digits(float64(len(w.accounts))), p.orgs, projects, digits(float64(w.bindings)), p.rounds)
	}
	return r
}

// summary compares Castellan with the others, as far as they played.
func summary(results []result) []string {
	find := func(is func(*result) bool) (best *result) {
		for i := range results {
			if r := &results[i]; is(r) && (best == nil || r.decide < best.decide) {
				best = r
			}
		}
		return best
	}
	hot := find(func(r *result) bool { return r.name == hotName })
	if hot == nil {
		return nil
	}
	var lines []string
	against := func(what string, other *result) {
		if other != nil {
			lines = append(lines, fmt.Sprintf("A decision, %s: %s: %s takes %s times as long as %s.", what, other.name, nanos(other.decide), times(other.decide/hot.decide), hot.name))
		}
	}
	for _, name := range []string{handName, handStructName} {
		if r := find(func(r *result) bool { return r.name == name }); r != nil {
			lines = append(lines, fmt.Sprintf("A decision: %s takes %s times as long as %s.", hot.name, times(hot.decide/r.decide), r.name))
		}
	}
	against("the fastest library that knows projects", find(func(r *result) bool { return r.class == library }))
	against("the fastest library for roles alone", find(func(r *result) bool { return r.class == part }))
	against("the fastest policy engine", find(func(r *result) bool { return r.class == engine }))
	for i := range results {
		if r := &results[i]; r.class != ours && r.class != hand && r.which > 0 {
			lines = append(lines, fmt.Sprintf("Reverse lists: %s takes %s times as long for which projects, and %s times for who can.",
				r.name, times(r.which/hot.which), times(r.who/hot.who)))
		}
	}
	return lines
}
