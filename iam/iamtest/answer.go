package iamtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
)

// answer is what a host answers, as a client sees it.
type answer struct {
	status int // 0 when the host broke the connection off
	header http.Header
	body   []byte
	login  bool // it leads to where people sign in
}

// send lets the host's handler answer. It is safe for concurrent use, as the handler is.
func (w *World) send(r *http.Request) (a answer) {
	if r.RemoteAddr == "192.0.2.1:1234" { // as httptest leaves it
		r.RemoteAddr = w.peer
	}
	rec := httptest.NewRecorder()
	defer func() {
		if broken := recover(); broken != nil && broken != http.ErrAbortHandler {
			panic(broken)
		} else if broken != nil {
			a = answer{header: http.Header{}}
		}
	}()
	w.Host.Handler.ServeHTTP(rec, r)
	result := rec.Result()
	a = answer{status: result.StatusCode, header: result.Header, body: rec.Body.Bytes()}
	if a.status/100 == 3 {
		a.login = w.isSignIn(a.header.Get("Location"))
	}
	return a
}

// nextPeer is another address of a network for tests, so that what was asked for before does not count.
func (w *World) nextPeer() string {
	w.peers++
	return fmt.Sprintf("198.19.%d.%d:40000", w.peers/256%256, w.peers%256)
}

// isSignIn reports whether a redirection leads to where people sign in.
func (w *World) isSignIn(location string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	for _, path := range signInPaths(w.Host.Service) {
		before, after, org := strings.Cut(path, "{org}")
		if u.Path == path || org && strings.HasPrefix(u.Path, before) && strings.HasSuffix(u.Path, after) {
			return true
		}
	}
	return false
}

// through reports whether the request was let through: it was done, and not redirected to a sign-in.
func (a answer) through() bool {
	return a.status/100 == 2 || a.status/100 == 3 && !a.login && a.status != http.StatusMovedPermanently &&
		a.status != http.StatusTemporaryRedirect && a.status != http.StatusPermanentRedirect
}

// refused reports whether the request was turned away before anything was looked at.
func (a answer) refused() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	default:
		return a.login
	}
}

// cell is the answer in the table.
func (a answer) cell() string {
	if a.through() {
		return "✓"
	}
	return fmt.Sprint(a.status)
}

// session is what a browser keeps of the answer: the cookies that it sets.
func (a answer) session() session {
	var kept session
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.MaxAge >= 0 && c.Value != "" {
			kept = append(kept, c)
		}
	}
	return kept
}

// text is all that a client sees, with what differs from world to world replaced, so that two answers can be compared
// byte for byte.
func (a answer) text(replace *strings.Replacer) string {
	var b strings.Builder
	fmt.Fprintln(&b, a.status)
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		for _, value := range a.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	b.Write(a.body)
	return replace.Replace(b.String())
}

// short is the answer for a message.
func (a answer) short() string {
	body := string(a.body)
	if len(body) > 200 {
		body = body[:200] + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, body))
}

// field is a member of a JSON object.
func (a answer) field(name string) string {
	var object map[string]any
	if json.Unmarshal(a.body, &object) != nil {
		return ""
	}
	text, _ := object[name].(string)
	return text
}

// session is what a browser sends by itself.
type session []*http.Cookie

func (s session) on(r *http.Request) {
	for _, c := range s {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
}

// shares reports whether two sessions have a token in common.
func (s session) shares(other session) bool {
	return slices.ContainsFunc(s, func(c *http.Cookie) bool {
		return slices.ContainsFunc(other, func(o *http.Cookie) bool { return o.Value == c.Value })
	})
}

func (a answer) reader() io.ReadCloser { return io.NopCloser(bytes.NewReader(a.body)) }
