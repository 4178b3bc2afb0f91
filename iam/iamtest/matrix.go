package iamtest

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// MatrixConfig adjusts Matrix. The zero MatrixConfig works.
type MatrixConfig struct {
	// Golden is the file that the table is compared with, such as testdata/routes.golden. Defaults to none: only what
	// must never be is looked for.
	Golden string
	// Update writes the file in place of comparing: what the host's own flag -update says.
	Update bool
	// People are those who ask, by name. Defaults to everybody: see [World.Names].
	People []string
	// Parallel asks several routes at once: each world needs a database of its own. Defaults to one after another.
	Parallel bool
}

// Matrix asks each of the host's routes as everybody, and writes down who gets through where: a table that is reviewed as
// a file. Whatever got through has changed something, unless it only reads: the next request meets a new world. It fails
// for
//
//   - a table that is not the one in the file;
//   - a route that the host has registered, and that is not asked; one at which nobody gets through; one that answers 5xx;
//   - nobody, somebody who is pending, disabled, deleted or half signed in, who is not turned away (SB-43, SB-60, SB-71);
//   - an id of another organisation that is not answered byte for byte as one that does not exist (SB-67);
//   - a request that changes something, and that another site's page may send (SB-45).
func Matrix(tb testing.TB, start Start, config MatrixConfig) {
	tb.Helper()
	w := NewWorld(tb, start)
	routes := w.Host.Routes
	if len(routes) == 0 {
		tb.Fatal("iamtest: Host.Routes is empty")
	}
	w.unlisted()
	people := config.People
	if len(people) == 0 {
		people = w.Names()
	}
	rows := make([][]string, len(routes))
	pool := make(chan *worlds, runtime.GOMAXPROCS(0))
	pool <- &worlds{life: tb, start: start, w: w}
	for config.Parallel && len(pool) < cap(pool) {
		pool <- &worlds{life: tb, start: start}
	}
	each(tb, config.Parallel, routes, func(tb testing.TB, i int, rt Route) {
		from := <-pool
		defer func() { pool <- from }()
		from.tb = tb
		rows[i] = from.row(rt, people)
		from.foreignIDs(rt)
		from.take().elsewhere(rt)
	})
	golden(tb, config, table(routes, people, rows))
}

// each runs do for each route: as a subtest, where tb has them.
func each(tb testing.TB, parallel bool, routes []Route, do func(tb testing.TB, i int, rt Route)) {
	tb.Helper()
	sub, has := tb.(interface {
		Run(name string, f func(t *testing.T)) bool
	})
	if !has {
		for i, rt := range routes {
			do(tb, i, rt)
		}
		return
	}
	sub.Run("routes", func(t *testing.T) {
		for i, rt := range routes {
			t.Run(rt.Pattern, func(t *testing.T) {
				if parallel {
					t.Parallel()
				}
				do(t, i, rt)
			})
		}
	})
}

// row asks a route as everybody.
func (ws *worlds) row(rt Route, people []string) []string {
	ws.tb.Helper()
	var cells []string
	passed := false
	for _, name := range people {
		w := ws.take()
		a := w.As(name).ask(rt, nil)
		cells = append(cells, a.cell())
		passed = passed || a.through() || a.status == http.StatusConflict
		switch {
		case a.status/100 == 5 || a.status == 0:
			w.errorf("%s fails for %s: %s", rt.Pattern, name, a.short())
		case !rt.Public && outside(name) && !a.refused():
			w.errorf("%s does not turn %s away: %s", rt.Pattern, name, a.short())
		case name == Stranger:
			w.strangers(rt, a)
		}
		ws.after(rt, a)
	}
	if !passed {
		ws.take().errorf("%s lets nobody through: is the path right, and the body?", rt.Pattern)
	}
	return cells
}

// outside reports whether somebody may not come in anywhere.
func outside(name string) bool {
	return slices.Contains([]string{Nobody, Pending, Disabled, Deleted, Half}, name)
}

// unlisted fails for a pattern that is registered, and neither among the routes nor among the doors.
func (w *World) unlisted() {
	w.tb.Helper()
	known := make(map[string]bool)
	for _, rt := range slices.Concat(w.Host.Routes, w.Host.Doors.all()) {
		path, _, _ := strings.Cut(rt.target(), "?")
		known[rt.method()+" "+unnamed(path)], known[unnamed(path)] = true, true
	}
	for _, pattern := range w.Host.Patterns {
		method, path, found := strings.Cut(pattern, " ")
		if !found {
			method, path = "", pattern
		}
		if !strings.HasSuffix(path, "/") && !known[strings.TrimSpace(method+" "+unnamed(path))] {
			w.errorf("the host serves %s, and Host.Routes has it not", pattern)
		}
	}
}

// unnamed is a path whatever its parts in braces are called.
func unnamed(path string) string { return braces.ReplaceAllString(path, "{}") }
