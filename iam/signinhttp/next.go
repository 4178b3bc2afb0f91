package signinhttp

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// checkNext refuses a Home or a Next that leads elsewhere.
func (h *Handler) checkNext() error {
	h.config.Next = append(slices.Clone(h.config.Next), h.links.Account, h.links.Account+"/", h.links.Enroll)
	h.config.Home = cmp.Or(h.config.Home, h.links.Account)
	if !local(h.config.Home) {
		return fmt.Errorf("signinhttp: Config.Home %.80q: want a path", h.config.Home)
	}
	for _, allowed := range h.config.Next {
		if !local(allowed) || strings.Contains(allowed, "?") {
			return fmt.Errorf("signinhttp: Config.Next %.80q: want a path", allowed)
		}
	}
	return nil
}

// local reports whether a text is a path on this host and nothing else to any browser, which take a backslash for a slash
// and pass over tabs and line breaks. It may have a query.
func local(text string) bool {
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.Opaque != "", u.User != nil, u.Fragment != "":
		return false
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || r == '#' || r >= 0x7f }):
		return false
	case !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//"):
		return false
	}
	clean := path.Clean(u.Path)
	return u.Path == clean || u.Path == clean+"/"
}

// next is where a browser goes when it has signed in, if that was said, and may be (SB-95).
func (x *exchange) next() string {
	text := x.body.text["next"]
	if x.r.Method != http.MethodPost {
		text = x.r.URL.Query().Get("next")
	}
	if !local(text) {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	for _, allowed := range x.config.Next {
		if u.Path == allowed || strings.HasSuffix(allowed, "/") && strings.HasPrefix(u.Path, allowed) {
			return text
		}
	}
	return ""
}

// redirect sends a browser to another page, which it gets by GET.
func (x *exchange) redirect(to string) error {
	x.w.Header().Set("Location", to)
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// withNext is a page's path with where to go behind it.
func withNext(to, next string) string {
	if next == "" {
		return to
	}
	return to + "?" + url.Values{"next": {next}}.Encode()
}
