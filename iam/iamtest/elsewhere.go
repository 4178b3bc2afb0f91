package iamtest

import (
	"net/http"
	"strings"
)

// evil is another site.
const evil = "https://evil.example"

// foreignPages are how a browser sends what a page of another site makes it send: a form, or a script's request without
// a preflight, with the headers that tell where it comes from. A browser sends one of the two at least.
var foreignPages = []struct {
	name   string
	header map[string]string
}{
	{"a browser's form", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": evil}},
	{"a form of a sister site", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://sister.iamtest.example"}},
	{"an older browser's form", map[string]string{"Origin": evil}},
	{"a form in a sandbox", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}},
}

// elsewhere fails when a page of another site can make a browser change something (SB-45): with the body as it is, and
// as the three media types that need no preflight, by which a JSON body gets past who looks for application/json.
func (w *World) elsewhere(rt Route) {
	w.tb.Helper()
	if rt.safe() || rt.Public || !w.Host.byCookie() {
		return
	}
	p := w.strongest(w.Home)
	for _, page := range foreignPages {
		for _, media := range []string{rt.mediaType(), "text/plain", typeForm, "multipart/form-data; boundary=x"} {
			r := w.requestOf(rt, nil)
			crossSite(r, page.header, media)
			if a := p.do(r); a.status/100 == 2 || a.status/100 == 3 && !a.login {
				w.errorf("%s takes what %s sends, as %q: %s", rt.Pattern, page.name, media, a.short())
				return // what it did may be why the others fail
			}
		}
	}
}

// crossSite makes a request one of another site's page.
func crossSite(r *http.Request, header map[string]string, media string) {
	for name, value := range header {
		r.Header.Set(name, value)
	}
	r.Header.Del("Content-Type")
	if media != "" && r.Body != http.NoBody || strings.HasPrefix(media, "text/") {
		r.Header.Set("Content-Type", media)
	}
}
