package iamtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ids are the occurrences of names in a route that stand for ids of rows: not the organisation, which a login address
// names, nor a role, which belongs to all.
func (w *World) ids(rt Route) map[int]string {
	found := make(map[int]string)
	for nth, name := range rt.names() {
		if name != "org" && name != "role" && w.Values()[name] != "" && w.places[w.Foreign].values[name] != "" {
			found[nth] = name
		}
	}
	return found
}

// namesInPath is how many names stand in the path: they come first.
func (rt Route) namesInPath() int {
	path, _, _ := strings.Cut(rt.Pattern, "?")
	return len(Route{Pattern: path}.names())
}

// idInPath reports whether the path says which row is meant: a list answers an id in its query by being empty.
func (w *World) idInPath(rt Route) bool {
	for nth := range w.ids(rt) {
		if nth < rt.namesInPath() {
			return true
		}
	}
	return false
}

// with asks for Home's rows, but at one occurrence for another id.
func (w *World) with(rt Route, nth int, id string) *http.Request {
	return rt.request(w.ctx(), w.base, func(name string, at int) string {
		if at == nth {
			return id
		}
		return w.Values()[name]
	})
}

// without takes everything out of an answer that differs from world to world, or from id to id.
func (w *World) without() *strings.Replacer {
	var pairs []string
	for _, values := range []Values{w.Values(), w.places[w.Foreign].values, w.missing} {
		for name, id := range values {
			if name != "role" && id != "" {
				pairs = append(pairs, id, "<"+name+">")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// foreignIDs asks with an id of another organisation, in each place where the route has one: it must be answered byte
// for byte as one that does not exist (SB-67).
func (ws *worlds) foreignIDs(rt Route) {
	ws.tb.Helper()
	ids := ws.take().ids(rt)
	for _, nth := range slices.Sorted(maps.Keys(ids)) {
		name := ids[nth]
		ask := func(id func(w *World) string) (answer, string) {
			w := ws.take()
			a := w.strongest(w.Home).do(w.with(rt, nth, id(w)))
			ws.after(rt, a)
			return a, a.text(w.without())
		}
		_, none := ask(func(w *World) string { return w.missing[name] })
		there, theirs := ask(func(w *World) string { return w.places[w.Foreign].values[name] })
		switch w := ws.take(); {
		case there.through() && nth < rt.namesInPath():
			w.errorf("%s answers another organisation's {%s} with %s", rt.Pattern, name, there.short())
		case there.through() && !rt.safe() && strings.HasPrefix(none, fmt.Sprint(there.status)):
			// What was made by either has an id of its own: the answers differ by that alone.
		case theirs != none:
			w.errorf("%s tells another organisation's {%s} from one that does not exist: got\n%s\nand\n%s", rt.Pattern, name, theirs, none)
		}
	}
}

// strangers let somebody of another organisation ask for Home's rows, by all ids at once.
func (w *World) strangers(rt Route, got answer) {
	w.tb.Helper()
	if len(w.ids(rt)) == 0 || rt.Public {
		return
	}
	if got.through() && (!rt.safe() || w.idInPath(rt)) {
		w.errorf("%s lets somebody of another organisation through: %s", rt.Pattern, got.short())
		return
	}
	none := w.As(Stranger).do(rt.request(w.ctx(), w.base, func(name string, _ int) string {
		if id := w.missing[name]; id != "" && name != "org" && name != "role" {
			return id
		}
		return w.Values()[name]
	}))
	if theirs, missing := got.text(w.without()), none.text(w.without()); theirs != missing {
		w.errorf("%s tells another organisation that there is something: got\n%s\nand for what does not exist\n%s", rt.Pattern, theirs, missing)
	}
}
