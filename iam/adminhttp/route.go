package adminhttp

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
)

// A route is one operation of the API, as data: the mux, the OpenAPI document and the tests are made of it.
type route struct {
	method  string
	path    string // below the prefix, with {parameters}
	id      string // the operationId
	summary string
	status  int // of success
	// others are statuses that not every such route has: see route.statuses.
	others []int
	in     reflect.Type
	out    reflect.Type // nil for no content
	media  string       // of the answer
	// only reports whether the config has what the route needs; nil for always.
	only  func(Config) bool
	serve func(c *call) error
}

// none is the answer of an operation that has nothing to say.
type none struct{}

// operation is a route that answers with JSON, or with 204 and nothing where Out is none.
func operation[In, Out any](method, path, id, summary string, do func(c *call, in In) (Out, error)) route {
	r := route{
		method: method, path: path, id: id, summary: summary, status: http.StatusOK,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), media: "application/json",
	}
	if r.out == reflect.TypeFor[none]() {
		r.status, r.out = http.StatusNoContent, nil
	}
	r.serve = func(c *call) error {
		var in In
		if err := c.read(&in); err != nil {
			return err
		}
		out, err := do(c, in)
		if err != nil {
			return err
		}
		return c.answer(out)
	}
	return r
}

// stream is a route whose answer is written as it comes about: rows of Out, of the media type.
func stream[In, Out any](method, path, id, summary, media string, do func(c *call, in In, w http.ResponseWriter) error) route {
	r := route{
		method: method, path: path, id: id, summary: summary, status: http.StatusOK,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), media: media,
	}
	r.serve = func(c *call) error {
		var in In
		if err := c.read(&in); err != nil {
			return err
		}
		w := &begun{ResponseWriter: c.w}
		err := do(c, in, w)
		if err != nil && w.any {
			// What the client has got may look whole: the connection breaks off instead of ending.
			c.guard.Error(c.w, c.r, c.answerable(err))
			panic(http.ErrAbortHandler)
		}
		return err
	}
	return r
}

// begun knows whether anything was written.
type begun struct {
	http.ResponseWriter
	any bool
}

func (w *begun) Write(p []byte) (int, error) {
	w.any = true
	return w.ResponseWriter.Write(p)
}

// creating is the route with 201 for success.
func (r route) creating() route {
	r.status = http.StatusCreated
	return r
}

// also is the route with further statuses.
func (r route) also(statuses ...int) route {
	r.others = statuses
	return r
}

// where is the route for those configs alone that have what it needs.
func (r route) where(has func(Config) bool) route {
	r.only = has
	return r
}

// statuses are all with which the route can answer, sorted: that of success, those that every route has, since whoever
// asks may be gone a moment later, those of a change and of a body, and others.
func (r route) statuses() []int {
	all := append([]int{
		r.status, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusInternalServerError, http.StatusServiceUnavailable,
	}, r.others...)
	if r.method != http.MethodGet {
		all = append(all, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	if shapeOf(r.in).body != nil {
		all = append(all, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// answer writes the answer of success.
func (c *call) answer(out any) error {
	if c.route.out == nil {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", c.route.media)
	c.w.WriteHeader(c.route.status)
	_, err = c.w.Write(body)
	return err
}
