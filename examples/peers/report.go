package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
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

// reportOf sums up a run of which machine has said the first line.
func reportOf(p plan, here string, took time.Duration, results []result) *report {
	r := &report{machine: fmt.Sprintf("%s The run took %s.", here, took.Round(time.Second)), results: results, lists: listsOf(results), summary: summary(results), targets: targets(results)}
	if w, err := newWorld(p.orgs); err == nil {
		r.world = fmt.Sprintf("%s accounts in %d organizations of %d projects, with %s bindings; %d rounds.",
			digits(float64(len(w.accounts))), p.orgs, projects, digits(float64(w.bindings)), p.rounds)
	}
	return r
}

// listsOf says how the reverse lists come about, by those who do it alike.
func listsOf(results []result) string {
	var ways []string
	names := make(map[string][]string)
	for i := range results {
		r := &results[i]
		if r.which == 0 {
			continue
		}
		if names[r.lists] == nil {
			ways = append(ways, r.lists)
		}
		names[r.lists] = append(names[r.lists], r.name)
	}
	for i, way := range ways {
		ways[i] = way + " (" + strings.Join(names[way], "; ") + ")"
	}
	return "How the lists come about: " + strings.Join(ways, "; ") + "."
}
