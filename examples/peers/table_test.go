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
		{entry: entry{name: handName, class: hand, lists: "a loop", knows: knows{roles: true, projects: true, orgs: true}, nodes: "none"},
			decide: 61.4, cpu: 61, parallel: 17.2, which: 2900, who: 84_000, load: 73 * time.Millisecond, heap: 240.4, revoke: visibility{Can: true}},
		{entry: entry{name: hotName, class: ours, lists: "Reach", knows: knows{true, true, true, true, true, true}},
			decide: 70.9, parallel: 19.1, which: 310, who: 5_100_000, load: 9 * time.Second, heap: 1002,
			revoke: visibility{Can: true, Other: &visibility{Can: true, Stale: 900 * time.Millisecond}}},
		{entry: entry{name: "roles & <nothing>", class: part, knows: knows{roles: true}, nodes: "none"}, version: "v2.3.0", decide: 402, parallel: 1204, allocs: 2},
		{entry: entry{name: "cached", class: library, lists: "a loop", knows: knows{roles: true, projects: true}, nodes: "a watcher"}, version: "v3.1.0",
			decide: 512, cpu: 600, parallel: 740, allocs: 3, which: 190_000, who: 99_600_000, load: 3 * time.Second, heap: 12_345,
			revoke: visibility{Can: true, Never: true, Stale: 15 * time.Second}},
		{entry: entry{name: stockName, class: library, lists: "a loop, with its own call", nodes: "a watcher"}, decide: 190_000, parallel: 71_000, allocs: 684,
			which: 9e6, who: 190e6, own: 19.1e9, ownAsked: 1, load: time.Second, heap: 3435, revoke: visibility{Can: true}},
		{entry: entry{name: "graph", class: engine, lists: "lists", nodes: "bundles"}, decide: 5_012_000, parallel: 2_000_000, allocs: 1400,
			which: 12e6, who: 150e6, load: 130 * time.Second, heap: 7, revoke: visibility{Can: true, Stale: 1300 * time.Microsecond}},
	}
}

func TestTheTableIsTheGoldenFile(t *testing.T) {
	t.Parallel()
	r := &report{machine: "A machine.", world: "A world.", results: figures(), lists: listsOf(figures()), summary: summary(figures()), targets: targets(figures())}
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

// A target is met at its bound and missed beyond it, and one that nobody could be held against is not spoken of.
func TestTargetsAreMetAtTheirBounds(t *testing.T) {
	t.Parallel()
	of := func(name string, class class, decide, which, who, own float64) result {
		return result{entry: entry{name: name, class: class}, decide: decide, which: which, who: who, own: own}
	}
	at := []result{
		of(handName, hand, 100, 1, 1, 0), of(hotName, ours, 130, 10, 10, 0), of(stockName, library, 9000, 1000, 1000, 1000),
		of("peer", library, 390, 1, 1, 0), of("roles", part, 1, 0, 0, 0), of("engine", engine, 3900, 1, 1, 0),
	}
	beyond := []result{
		of(handName, hand, 99, 1, 1, 0), of(hotName, ours, 130, 10, 10, 0), of(stockName, library, 9000, 999, 999, 999),
		of("peer", library, 389, 1, 1, 0), of("roles", part, 1, 0, 0, 0), of("engine", engine, 3899, 1, 1, 0),
	}
	for verdict, results := range map[string][]result{"met": at, "missed": beyond} {
		lines := targets(results)
		if len(lines) != 6 {
			t.Fatalf("want six targets, got %q", lines)
		}
		for _, line := range lines {
			if !strings.HasSuffix(line, ": "+verdict+".") {
				t.Errorf("want %s: %s", verdict, line)
			}
		}
	}
	if lines := targets(at[1:2]); lines != nil {
		t.Errorf("Castellan alone is held against %q", lines)
	}
	if lines := targets(at[:1]); lines != nil {
		t.Errorf("without Castellan: %q", lines)
	}
}

// The chart is XML, the same each time, with every name and within its measures.
func TestTheChartHoldsEverybody(t *testing.T) {
	t.Parallel()
	got := chartOf(figures(), "a <world>")
	if got != chartOf(figures(), "a <world>") {
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
	for _, want := range []string{handName, hotName, "roles & <nothing>", "cached", stockName, "graph", "a <world>"} { // fastest first, and the note
		at := strings.Index(names, want)
		if at <= last {
			t.Errorf("%q is missing, or out of order", want)
		}
		last = at
	}
	light, dark, _ := strings.Cut(chartStyle, "prefers-color-scheme:dark")
	for _, class := range []string{".ground{", "text{", ".note{", ".castellan{", ".hand{", ".library{", ".engine{", ".part{", ".grid{", ".figure{"} {
		if !strings.Contains(light, class) || !strings.Contains(dark, class) {
			t.Errorf("%s has no color on light pages, or none on dark ones", class)
		}
	}
	if !strings.Contains(got, `class="ground" x="0" y="0"`) {
		t.Error("it has no ground, so that a page of the other color shines through")
	}
	for _, e := range entries() {
		if width := 8 * len([]rune(e.name)); width > barFrom-8 { // of a wide font's bold letters
			t.Errorf("%s may not fit left of the bars: it is %d wide", e.name, width)
		}
	}
	if empty := chartOf(nil, ""); xml.Unmarshal([]byte(empty), new(struct{})) != nil {
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
	if at["width"] < 0 || at["x"]+at["width"] > chartWidth || x.Name.Local == "rect" && at["x"] >= barFrom && at["x"]+at["width"] > barTo+0.1 || at["x"] > chartWidth || at["x"] < 0 {
		t.Errorf("%s lies outside: %v", x.Name.Local, x.Attr)
	}
}
