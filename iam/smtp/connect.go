package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

func (c *conversation) settings(context.Context) (string, error) {
	if err := c.server.Check(); err != nil {
		return "", err
	}
	c.secrets = newScrubber(c.server.Username, c.server.Password.Reveal())
	var err error
	c.letter, err = c.write()
	return "", err
}

func (c *conversation) resolve(ctx context.Context) (string, error) {
	if addr, err := netip.ParseAddr(c.server.Host); err == nil {
		c.addrs = []netip.Addr{addr}
		return "", errNotNeeded
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.DialTimeout)
	defer cancel()
	addrs, err := c.config.Resolver.LookupNetIP(ctx, "ip", c.server.Host)
	if err != nil {
		return "", err
	}
	if len(addrs) == 0 {
		return "", &net.DNSError{Err: "no such host", Name: c.server.Host, IsNotFound: true}
	}
	var shown []string
	for _, addr := range addrs {
		c.addrs = append(c.addrs, addr.Unmap())
		shown = append(shown, addr.Unmap().String())
	}
	return bounded(strings.Join(shown, ", ")), nil
}

// errNotAllowed marks what Config.Allow refused.
var errNotAllowed = errors.New("the address is not allowed")

// dial tries the addresses in turn, each of them only if it is allowed. The first failure to connect
// says more than a refusal of another address.
func (c *conversation) dial(ctx context.Context) (string, error) {
	var refused, failed error
	for _, addr := range c.addrs {
		if err := c.config.Allow(c.server.Host, c.server.port(), addr); err != nil {
			refused = fmt.Errorf("%w: %w", errNotAllowed, err)
			continue
		}
		target := netip.AddrPortFrom(addr, uint16(c.server.port())).String()
		conn, err := c.dialOne(ctx, target)
		if err == nil {
			c.raw = conn
			c.connected(conn)
			return target, nil
		}
		if failed == nil {
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		return "", failed
	}
	return "", refused
}

func (c *conversation) dialOne(ctx context.Context, target string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.DialTimeout)
	defer cancel()
	return c.config.Dial(ctx, "tcp", target)
}

// startTLS asks for TLS. What the server sent behind its reply was not sent under TLS, and must not be
// taken for it (CVE-2011-0411).
func (c *conversation) startTLS(ctx context.Context) (string, error) {
	if _, offered := c.offers["STARTTLS"]; !offered {
		return "", errNoTLS // and nothing is tried without it (SB-97)
	}
	answer, err := c.ask(ctx, 2, "STARTTLS")
	if err != nil {
		return "", err
	}
	if c.in.Buffered() > 0 {
		return "", errUnasked
	}
	return answer.show(c.secrets), nil
}

func (c *conversation) handshake(ctx context.Context) (string, error) {
	secure := tls.Client(c.conn, &tls.Config{
		ServerName: c.server.Host,
		RootCAs:    cmp.Or(c.server.RootCAs, c.config.RootCAs),
		Time:       c.config.Now,
		MinVersion: tls.VersionTLS12,
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		c.broken = true // no command follows in clear, not even QUIT
		return "", err
	}
	c.connected(secure)
	state := secure.ConnectionState()
	return fmt.Sprintf("%s, %s", tls.VersionName(state.Version), describe(state.PeerCertificates[0])), nil
}

// describe is a certificate in one line.
func describe(cert *x509.Certificate) string {
	return bounded(printable(fmt.Sprintf("certificate for %s, subject %q, issuer %q, until %s",
		names(cert), cert.Subject, cert.Issuer, cert.NotAfter.UTC().Format(time.DateOnly))))
}

// names are those that a certificate is for.
func names(cert *x509.Certificate) string {
	all := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name"
	}
	const most = 6
	if len(all) > most {
		all = append(all[:most], "and "+strconv.Itoa(len(all)-most)+" more")
	}
	return strings.Join(all, ", ")
}
