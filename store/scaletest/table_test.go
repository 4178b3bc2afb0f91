package scaletest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// table has a row for each thing that is measured, and a column for each size.
type table struct {
	sizes []int
	names []string // of the rows, in their order
	cells map[cell]float64
}

type cell struct {
	name, what string // what: p50, p99, or "" for a single figure
	size       int
}

func newTable(sizes []int) *table { return &table{sizes: sizes, cells: map[cell]float64{}} }

func (t *table) put(name, what string, size int, value float64) {
	row := name + "\x00" + what
	if !slices.Contains(t.names, row) {
		t.names = append(t.names, row)
	}
	t.cells[cell{name, what, size}] = value
}

// timed measures do n times, in microseconds.
func (t *table) timed(tb testing.TB, name string, size, n int, do func(i int) error) {
	tb.Helper()
	took := make([]float64, n)
	for i := range took {
		start := time.Now()
		err := do(i)
		took[i] = float64(time.Since(start).Nanoseconds()) / 1000
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
	}
	slices.SortFunc(took, cmp.Compare)
	t.put(name+", µs", "p50", size, took[n/2])
	t.put(name+", µs", "p99", size, took[n*99/100])
}

// within wants a figure to grow by no more than a factor, from the first size to the last.
func (t *table) within(tb testing.TB, name, what string, factor float64) {
	tb.Helper()
	first, last := t.cells[cell{name, what, t.sizes[0]}], t.cells[cell{name, what, t.sizes[len(t.sizes)-1]}]
	if last > first*factor {
		tb.Errorf("%s grows from %.1f to %.1f: want at most %.1f times", name, first, last, factor)
	}
}

func (t *table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "accounts\t\t")
	for _, size := range t.sizes {
		fmt.Fprintf(w, "%d\t", size)
	}
	fmt.Fprintln(w, "growth\t")
	for _, row := range t.names {
		name, what, _ := strings.Cut(row, "\x00")
		fmt.Fprintf(w, "%s\t%s\t", name, what)
		for _, size := range t.sizes {
			if value, measured := t.cells[cell{name, what, size}]; measured {
				fmt.Fprintf(w, "%s\t", figure(value))
			} else {
				fmt.Fprint(w, "\t")
			}
		}
		first, last := t.cells[cell{name, what, t.sizes[0]}], t.cells[cell{name, what, t.sizes[len(t.sizes)-1]}]
		if first > 0 && last > 0 {
			fmt.Fprintf(w, "%.2f×", last/first)
		}
		fmt.Fprintln(w, "\t")
	}
	_ = w.Flush()
	return b.String()
}

func figure(value float64) string {
	if value < 100 {
		return fmt.Sprintf("%.1f", value)
	}
	return fmt.Sprintf("%.0f", value)
}

func micros(since time.Time) float64 { return float64(time.Since(since).Nanoseconds()) / 1000 }

// spread puts what was measured, in microseconds.
func (w *world) spread(name string, took []float64) { w.figures(name+", µs", took) }

func (w *world) figures(name string, took []float64) {
	slices.SortFunc(took, cmp.Compare)
	w.table.put(name, "p50", w.size, took[len(took)/2])
	w.table.put(name, "p99", w.size, took[len(took)*99/100])
}
