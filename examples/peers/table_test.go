package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata")

// figures are results that nobody measured.
func figures() []result {
	return []result{
		{entry: entry{name: handName, class: hand, knows: knows{roles: true, projects: true, orgs: true}, nodes: "none"},
			decide: 61.4, cpu: 61, parallel: 17.2, which: 2900, who: 84_000, load: 73 * time.Millisecond, heap: 240.4, revoke: visibility{Can: true}},
		{entry: entry{name: hotName, class: ours, knows: knows{true, true, true, true, true, true}},
			decide: 70.9, parallel: 19.1, which: 310, who: 5_100_000, load: 9 * time.Second, heap: 1002,
			revoke: visibility{Can: true, Other: &visibility{Can: true, Stale: 900 * time.Millisecond}}},
		{entry: entry{name: "roles & <nothing>", class: part, knows: knows{roles: true}, nodes: "none"}, version: "v2.3.0", decide: 402, parallel: 1204, allocs: 2},
		{entry: entry{name: "cached", class: library, knows: knows{roles: true, projects: true}, nodes: "a watcher"}, version: "v3.1.0",
			decide: 512, cpu: 600, parallel: 740, allocs: 3, which: 190_000, who: 99_600_000, load: 3 * time.Second, heap: 12_345,
			revoke: visibility{Can: true, Never: true, Stale: 15 * time.Second}},
		{entry: entry{name: "graph", class: engine, nodes: "bundles"}, decide: 5_012_000, parallel: 2_000_000, allocs: 1400,
			which: 12e6, who: 150e6, load: 130 * time.Second, heap: 7, revoke: visibility{Can: true, Stale: 1300 * time.Microsecond}},
	}
}

func TestTheTableIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	r := &report{machine: "A machine.", world: "A world.", results: figures(), summary: summary(figures())}
	got := r.text() + "\n" + r.markdown()
	const golden = "testdata/table.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := fileOf(t, golden); got != want {
		t.Errorf("the table has changed: read it, and run go test -update when it is right\n%s", got)
	}
}

func TestTimesAreWrittenWithTwoOrThreeDigits(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{
		0: "–", 0.42: "0.42 ns", 7.25: "7.2 ns", 61.4: "61 ns", 999.4: "999 ns", 999.6: "1 µs", 1310: "1.3 µs", 69_400: "69 µs",
		5.01e6: "5 ms", 1.52e9: "1.5 s", 130e9: "130 s",
	} {
		if got := nanos(n); got != want {
			t.Errorf("%v: got %q, want %q", n, got, want)
		}
	}
	if got := digits(100_000); got != "100,000" {
		t.Errorf("got %q", got)
	}
}

// The chart is XML, the same each time, with every name and within its measures.
func TestTheChartHoldsEverybody(t *testing.T) {
	t.Parallel()
	got := chartOf(figures())
	if got != chartOf(figures()) {
		t.Error("the same results make two charts")
	}
	decoder, names := xml.NewDecoder(strings.NewReader(got)), ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, got)
		}
		switch x := token.(type) {
		case xml.CharData:
			names += string(x)
		case xml.StartElement:
			checkInside(t, x)
		}
	}
	last := -1
	for _, want := range []string{handName, hotName, "roles & <nothing>", "cached", "graph"} { // fastest first
		at := strings.Index(names, want)
		if at <= last {
			t.Errorf("%q is missing, or out of order", want)
		}
		last = at
	}
	if !strings.Contains(got, "prefers-color-scheme:dark") {
		t.Error("it has no colors for dark pages")
	}
	if empty := chartOf(nil); xml.Unmarshal([]byte(empty), new(struct{})) != nil {
		t.Errorf("without results it is no XML:\n%s", empty)
	}
}

func checkInside(t *testing.T, x xml.StartElement) {
	t.Helper()
	at := map[string]float64{}
	for _, a := range x.Attr {
		if n, err := strconv.ParseFloat(a.Value, 64); err == nil {
			at[a.Name.Local] = n
		}
	}
	if at["width"] < 0 || x.Name.Local == "rect" && at["x"]+at["width"] > barTo+0.1 || at["x"] > chartWidth || at["x"] < 0 {
		t.Errorf("%s lies outside: %v", x.Name.Local, x.Attr)
	}
}
