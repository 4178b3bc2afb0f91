package iamtest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

func requestAttacks() []Attack {
	return []Attack{
		{"a path written otherwise", "SB-60, SB-B1, CVE-2026-52813, CVE-2022-38638", []string{needsRoutes}, otherPaths},
		{"a method in place of another", "SB-60", []string{needsRoutes}, otherMethods},
		{"a page of another site", "SB-45", []string{needsRoutes, needsCookies}, otherSites},
		{"a body without an end", "SB-08, ASVS 15.2.2", []string{needsRoutes}, endlessBody},
	}
}

// otherPaths asks as nobody and as somebody of another organisation, by paths that a guard may read otherwise than the
// mux behind it does.
func otherPaths(w *World) {
	stranger := w.As(Stranger)
	for _, rt := range w.Host.Routes {
		if rt.Public {
			continue
		}
		plain := w.requestOf(rt, nil).URL
		for _, path := range w.variants(plain.EscapedPath()) {
			u, err := url.Parse(w.base.Scheme + "://" + w.base.Host + path)
			if err != nil {
				continue
			}
			u.RawQuery = plain.RawQuery
			for name, sign := range map[string]func(r *http.Request){Nobody: func(*http.Request) {}, Stranger: stranger.sign} {
				if name == Stranger && !w.idInPath(rt) {
					continue
				}
				r := w.requestOf(rt, nil)
				r.URL.Path, r.URL.RawPath, r.RequestURI = u.Path, u.RawPath, path
				sign(r)
				if a := w.send(r); a.status/100 == 2 {
					w.errorf("%s by the path %q lets %s through: %s", rt.Pattern, path, name, a.short())
				}
			}
		}
	}
}

// variants are other ways to write a path.
func (w *World) variants(path string) []string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	all := []string{
		"/" + path, path + "/", "/." + path, "/x/.." + path, "/%2e" + path, "/x/%2e%2e" + path, path + "/.", path + "/..;/", path + ".json",
		path + "%00", path + "%20", path + ";x=1", path + "%2f", "/" + strings.ToUpper(first) + "/" + rest,
		"/%" + hexOf(first) + strings.TrimPrefix(path, "/"+first[:min(1, len(first))]),
	}
	for _, public := range w.Host.Doors.all() {
		if public.Public && len(public.names()) == public.namesInBody() {
			all = append(all, public.target()+"/.."+path, public.target()+"/%2e%2e"+path)
			break
		}
	}
	return all
}

// namesInBody is how many names stand in the body.
func (rt Route) namesInBody() int { return len(Route{Body: rt.Body}.names()) }

// hexOf is the first letter of a path as a proxy may have escaped it.
func hexOf(first string) string {
	if first == "" {
		return "2e"
	}
	const digits = "0123456789abcdef"
	return string([]byte{digits[first[0]>>4], digits[first[0]&15]})
}

// otherMethods asks as nobody by all methods, and says by header and query that another one is meant: whoever is not let
// through by the method itself must not be by that.
func otherMethods(w *World) {
	weak := w.As(string(w.least()))
	for _, rt := range w.Host.Routes {
		if rt.Public {
			continue
		}
		for _, method := range []string{"HEAD", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", strings.ToLower(rt.method()), "X"} {
			r := w.requestOf(rt, nil)
			r.Method = method
			r.Header.Set("Cookie", "canary=1")
			a := w.send(r)
			if a.status/100 == 2 && (method != "OPTIONS" || len(a.body) > 0) {
				w.errorf("%s lets nobody through by %s: %s", rt.Pattern, method, a.short())
			}
			if strings.Contains(string(a.body), "canary=1") {
				w.errorf("%s sends the cookies back to a script, by %s", rt.Pattern, method)
			}
		}
		w.override(rt, weak)
	}
}

// override says that the method of a route is meant, in a request by another one.
func (w *World) override(rt Route, p *Person) {
	w.tb.Helper()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if method == rt.method() {
			continue
		}
		ask := func(mean bool) answer {
			r := w.requestOf(rt, nil)
			r.Method = method
			if mean {
				for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
					r.Header.Set(header, rt.method())
				}
			}
			p.sign(r)
			return w.send(r)
		}
		if plain, got := ask(false), ask(true); plain.status != got.status {
			w.errorf("%s: a %s that says it is another method is answered %d, and else %d", rt.Pattern, method, got.status, plain.status)
		}
	}
}

// otherSites is as the matrix has it, for each route.
func otherSites(w *World) {
	for _, rt := range w.Host.Routes {
		w.elsewhere(rt)
	}
}

// most bytes that a host may read of a body: a list of people is the longest that this library takes, 8 MiB.
const mostBody = 16 << 20

// endlessBody sends a body that does not end, as the strongest account and as nobody.
func endlessBody(w *World) {
	for _, rt := range w.Host.Routes {
		if rt.safe() {
			continue
		}
		for _, name := range []string{string(w.strongest(w.Home).Name), Nobody} {
			r := w.requestOf(rt, nil)
			sent := &endless{head: strings.NewReader(`{"iamtest":"`)}
			r.Body, r.ContentLength = sent, -1
			if name != Nobody {
				w.strongest(w.Home).sign(r)
			}
			a := w.send(r)
			switch {
			case sent.read > mostBody:
				w.errorf("%s has read %d MiB of a body of %s, and would have read on", rt.Pattern, sent.read>>20, name)
			case a.through() && rt.Body != "":
				w.errorf("%s takes a body that did not end: %s", rt.Pattern, a.short())
			}
		}
	}
}

// endless is a body without an end, but for one that spares the test's memory.
type endless struct {
	head io.Reader
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 2*mostBody {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := e.head.Read(p)
	if n == 0 || err != nil {
		for n = range p {
			p[n] = 'x'
		}
		n = len(p)
	}
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }
