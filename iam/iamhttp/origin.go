package iamhttp

import (
	"cmp"
	"net/http"
	"net/netip"

	"github.com/castellan-iam/castellan/iam"
)

// Origin puts into the context of each request where it came from, as Load does: for routes that stand outside of
// Load, such as those to sign in.
func (g *Guard) Origin(next http.Handler) http.Handler {
	must(next != nil, "the handler is nil")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, g.withOrigin(r)) })
}

// withOrigin puts into the request's context where it came from.
func (g *Guard) withOrigin(r *http.Request) *http.Request {
	origin := iam.OriginOf(r.Context())
	switch {
	case g.config.Origin != nil:
		origin = g.config.Origin(r)
	case origin == iam.Origin{}:
		origin = iam.Origin{Peer: remote(r), Agent: r.UserAgent()}
	}
	if g.config.RequestID != nil {
		origin.Request = cmp.Or(origin.Request, g.config.RequestID(r))
	}
	return r.WithContext(iam.WithOrigin(r.Context(), origin))
}

// remote is the address at the other end of the connection. No header says it (SB-32).
func remote(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // such as "@", of a Unix socket
	}
	return peer.Addr()
}
