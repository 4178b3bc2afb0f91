package smtp

import (
	"fmt"
	"net/netip"
)

// notPublic are the blocks that no mail server of the Internet stands in: the registries of special
// addresses of IANA (RFC 6890), and those that carry another address within them.
var notPublic = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("10.0.0.0/8"),      // private
	netip.MustParsePrefix("100.64.0.0/10"),   // behind a provider's NAT
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local: a cloud's metadata
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/3"),     // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4: an IPv4 address within
	netip.MustParsePrefix("3fff::/20"),       // documentation
}

// globalUnicast is the one block of IPv6 in which public addresses are given out.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// PublicOnly is a [Config.Allow] that refuses every address but those of the public Internet:
// private, loopback, link-local, multicast and reserved ones, a provider's NAT, and IPv6 addresses
// that carry an IPv4 address. It is for hosts whose customers choose the mail server (SB-96).
func PublicOnly(host string, _ int, addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	public := addr.Is4() || addr.Is6() && globalUnicast.Contains(addr)
	for _, block := range notPublic {
		public = public && !block.Contains(addr)
	}
	if !public {
		return fmt.Errorf("smtp: Host: %s has the address %s, which is not a public one", host, addr)
	}
	return nil
}
