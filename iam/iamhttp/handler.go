package iamhttp

import "net/http"

// Handler makes an http.Handler of a function that may fail. It guards nothing: [Guard.RequireOrg]
// and the like stand in front of it.
//
// An error is answered as [Guard.Error] does, as long as the function has not begun to answer: it
// has written nothing, flushed nothing, and not taken the connection over. After that the error is
// only logged, with the status that it would have had, or at level Debug as 499 when the client has
// gone. The client keeps what it got, which may look complete: to break the answer off, panic with
// http.ErrAbortHandler.
//
// The ResponseWriter that the function gets is an http.Flusher, http.Hijacker and io.ReaderFrom, and
// http.ResponseController works with it.
func (g *Guard) Handler(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	must(serve != nil, "the handler is nil")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &writer{ResponseWriter: w}
		if err := serve(tracked, r); err != nil {
			g.Error(tracked, r, err)
		}
	})
}

// answering is Handler for a function that gets an item.
func answering[T any](g *Guard, serve func(w http.ResponseWriter, r *http.Request, item T) error) func(w http.ResponseWriter, r *http.Request, item T) {
	return func(w http.ResponseWriter, r *http.Request, item T) {
		tracked := &writer{ResponseWriter: w}
		if err := serve(tracked, r, item); err != nil {
			g.Error(tracked, r, err)
		}
	}
}
