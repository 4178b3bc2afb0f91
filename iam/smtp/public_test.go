package smtp_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam/smtp"
)

// SB-96: no private, local or reserved address is a public one, in none of its spellings.
func TestPublicOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		addr   string
		public bool
	}{
		{"8.8.8.8", true}, {"172.15.255.255", true}, {"172.32.0.0", true}, {"100.63.255.255", true}, {"100.128.0.0", true},
		{"223.255.255.255", true}, {"2606:4700::1111", true}, {"2a00:1450:4001::1b", true}, {"::ffff:8.8.8.8", true},
		{"0.0.0.0", false}, {"0.1.2.3", false}, {"10.0.0.1", false}, {"100.64.0.1", false}, {"100.127.255.255", false},
		{"127.0.0.1", false}, {"127.255.255.255", false}, {"169.254.169.254", false}, {"172.16.0.1", false},
		{"172.31.255.255", false}, {"192.0.0.1", false}, {"192.0.2.1", false}, {"192.88.99.1", false}, {"192.168.1.1", false},
		{"198.18.0.1", false}, {"198.51.100.1", false}, {"203.0.113.1", false}, {"224.0.0.1", false}, {"239.1.1.1", false},
		{"240.0.0.1", false}, {"255.255.255.255", false},
		{"::", false}, {"::1", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"fec0::1", false}, {"fc00::1", false},
		{"fd00:ec2::254", false}, {"ff02::1", false}, {"64:ff9b::7f00:1", false}, {"64:ff9b:1::1", false}, {"100::1", false},
		{"2001::1", false}, {"2001:db8::1", false}, {"2002:7f00:1::", false}, {"3fff::1", false}, {"5f00::1", false},
		{"::ffff:127.0.0.1", false}, {"::ffff:10.0.0.1", false}, {"::127.0.0.1", false},
	} {
		if err := smtp.PublicOnly("mail.example.com", 25, netip.MustParseAddr(tt.addr)); (err == nil) != tt.public {
			t.Errorf("%s: got %v, want public: %v", tt.addr, err, tt.public)
		}
	}
	err := smtp.PublicOnly("mail.example.com", 25, netip.Addr{})
	if err == nil || !strings.Contains(err.Error(), "mail.example.com") {
		t.Errorf("the zero address: got %v, want a refusal that names the host", err)
	}
}
