package smtp

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// Config is what a host may choose. The zero Config works.
type Config struct {
	// Timeout is for one message or one diagnosis, from the first look-up to the last reply. Defaults to 1 minute.
	Timeout time.Duration
	// DialTimeout is for looking up the name, and again for each of the addresses to connect to.
	// Defaults to 10 seconds.
	DialTimeout time.Duration
	// Now is for the Date of messages, the dates of certificates, and what a stage took. Defaults to time.Now.
	Now func() time.Time
	// RootCAs are trusted in place of the system's for a Server that names none: where the network has an authority
	// of its own. Defaults to the system's.
	RootCAs *x509.CertPool
	// Resolver looks up the server's Host. Defaults to net.DefaultResolver.
	Resolver Resolver
	// Dial connects to an address that was looked up, as [net.Dialer.DialContext] does. Defaults to a plain dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Allow is asked for each address before it is connected to, and then that same address is, so
	// that a name cannot change its meaning in between (SB-96). An error refuses the address. It
	// may be called concurrently. Defaults to allowing all; see [PublicOnly].
	Allow func(host string, port int, addr netip.Addr) error
}

// Resolver looks up the addresses of a name: a [*net.Resolver] does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

func (c Config) withDefaults() Config {
	c.Timeout = cmp.Or(max(c.Timeout, 0), time.Minute)
	c.DialTimeout = cmp.Or(max(c.DialTimeout, 0), 10*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Allow == nil {
		c.Allow = func(string, int, netip.Addr) error { return nil }
	}
	return c
}
