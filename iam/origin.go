package iam

import (
	"context"
	"net/netip"
)

// Origin is where a request came from, for the audit log and for throttling.
type Origin struct {
	// Peer is the client's address: what the connection says, or a proxy that the host trusts. A header
	// that anybody can send is no source for it (SB-32). Defaults to unknown.
	Peer netip.Addr
	// Request is the host's id of the request. Defaults to none.
	Request string
	// Agent is how the client's program calls itself. Defaults to none.
	Agent string
}

type originKey struct{}

// WithOrigin returns a context that says where the request came from: what is done in it, is
// recorded with that. Texts are cut to 255 bytes.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	o.Peer = o.Peer.Unmap().WithZone("")
	o.Request, o.Agent = cut(o.Request), cut(o.Agent)
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns what WithOrigin put there, and the zero Origin when there is none.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// peer is the address as it is stored.
func (o Origin) peer() string {
	if !o.Peer.IsValid() {
		return ""
	}
	return o.Peer.String()
}
