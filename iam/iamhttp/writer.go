package iamhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer knows whether the answer has begun. It has the methods that begin one, and Unwrap for the
// rest of what http.ResponseController can do.
type writer struct {
	http.ResponseWriter
	begun bool
}

// begun reports whether it is too late for another answer, as far as the writer knows.
func begun(w http.ResponseWriter) bool {
	tracked, ok := w.(*writer)
	return ok && tracked.begun
}

func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader begins the answer, unless the status is an informational one such as 103.
func (w *writer) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.begun = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps what net/http has for sending files.
func (w *writer) ReadFrom(from io.Reader) (int64, error) {
	w.begun = true
	return io.Copy(w.ResponseWriter, from)
}

// FlushError sends the header, if it was not sent yet.
func (w *writer) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() }

// Hijack takes the connection over: there is no answer to give on it any more.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.begun = w.begun || err == nil
	return conn, buffered, err
}
