package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The measures of the chart, in its own units: a README that shows it 800 wide shows its letters 13 high.
const (
	chartWidth = 800
	barFrom    = 250 // where bars begin: names are left of it
	barTo      = 715 // where the longest may end: figures are right of it
	barHeight  = 16
	rowHeight  = 24
	chartTop   = 74
)

// chartStyle has the colors, for light pages and for dark ones; figures are kept clear of the lines beneath. The picture has a ground of its own: which of them
// is asked for is the browser's wish, and the page around an image may have the other.
const chartStyle = `text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}` +
	`.title{font-size:16px;font-weight:600}.note{font-size:12px;fill:#59636e}.own{font-weight:600}.figure{paint-order:stroke;stroke:#ffffff;stroke-width:4px;stroke-linejoin:round}.grid{stroke:#d1d9e0}` +
	`.ground{fill:#ffffff}.castellan{fill:#1a7f5a}.hand{fill:#8c959f}.library{fill:#4c8bd0}.engine{fill:#b5742a}.part{fill:#a9c8ec}` +
	`@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.figure{stroke:#0d1117}text{fill:#e6edf3}.note{fill:#9198a1}.grid{stroke:#3d444d}` +
	`.castellan{fill:#3fb987}.hand{fill:#7d8590}.library{fill:#5b9be0}.engine{fill:#d29448}.part{fill:#3d5f86}}`

// classes are the kinds of bars, with the words of the key.
var classes = []struct {
	class class
	style string
	title string
}{
	{ours, "castellan", "Castellan"},
	{hand, "hand", "by hand"},
	{library, "library", "library"},
	{part, "part", "knows roles only"},
	{engine, "engine", "policy engine"},
}

func styleOf(c class) string {
	for _, x := range classes {
		if x.class == c {
			return x.style
		}
	}
	return ""
}

// chartOf draws the decisions, fastest first, on a logarithmic axis. Equal results make an equal file. Who has the
// subject already when the request comes is left out, for everybody else begins with ids. The note says of what run it is.
func chartOf(results []result, note string) string {
	sorted := slices.DeleteFunc(slices.Clone(results), func(r result) bool { return r.perRequest })
	slices.SortStableFunc(sorted, func(a, b result) int { return cmp.Compare(a.decide, b.decide) })
	low, high := decades(sorted)
	x := func(nanos float64) float64 {
		return barFrom + (math.Log10(nanos)-low)/(high-low)*(barTo-barFrom)
	}
	bottom := chartTop + rowHeight*len(sorted)
	height := bottom + 54
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title">`+"\n",
		chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<title id=\"title\">Time of one decision, by contestant</title>\n<style>%s</style>\n", chartStyle)
	fmt.Fprintf(&b, `<rect class="ground" x="0" y="0" width="%d" height="%d" rx="6"/>`+"\n", chartWidth, height)
	fmt.Fprintf(&b, `<text class="title" x="10" y="24">One decision, from string ids: less is better</text>`+"\n")
	key(&b)
	for d := low; d <= high; d++ {
		at := x(math.Pow(10, d))
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, chartTop-6, at, bottom)
		fmt.Fprintf(&b, `<text class="note" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, bottom+18, nanos(math.Pow(10, d)))
	}
	for i := range sorted {
		r := &sorted[i]
		y, own := chartTop+rowHeight*i, ""
		if r.class == ours {
			own = "own"
		}
		fmt.Fprintf(&b, `<text class="%s" x="%d" y="%d" text-anchor="end">%s</text>`, own, barFrom-8, y+13, escape(r.name))
		fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, styleOf(r.class), barFrom, y, x(r.decide)-barFrom, barHeight)
		fmt.Fprintf(&b, `<text class="figure %s" x="%.1f" y="%d">%s</text>`+"\n", own, x(r.decide)+6, y+13, nanos(r.decide))
	}
	fmt.Fprintf(&b, `<text class="note" x="10" y="%d">%s</text>`+"\n", bottom+42, escape(note))
	b.WriteString("</svg>\n")
	return b.String()
}

// key explains the colors, in one line.
func key(b *strings.Builder) {
	at := 10
	for _, c := range classes {
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="40" width="12" height="12" rx="2"/><text class="note" x="%d" y="50">%s</text>`+"\n",
			c.style, at, at+17, c.title)
		at += 38 + 13*len(c.title)/2
	}
	fmt.Fprintf(b, `<text class="note" x="%d" y="50" text-anchor="end">logarithmic axis</text>`+"\n", chartWidth-10)
}

// decades are the powers of ten around all figures.
func decades(sorted []result) (low, high float64) {
	if len(sorted) == 0 {
		return 0, 1
	}
	low = math.Floor(math.Log10(sorted[0].decide))
	high = math.Ceil(math.Log10(sorted[len(sorted)-1].decide))
	return low, max(high, low+1)
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
