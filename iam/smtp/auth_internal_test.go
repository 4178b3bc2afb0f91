package smtp

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// SB-97: even with settings that Check refuses, a password stays here until there is TLS.
func TestAuthNeedsTLS(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer server.Close() // nobody reads: what was written would wait for ever
	defer client.Close()
	c := &conversation{
		server: Server{Security: Plain, Username: "acme", Password: iam.NewSecret("secret")},
		offers: map[string]string{"AUTH": "PLAIN"},
	}
	c.connected(client)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if reply, err := c.auth(ctx); !errors.Is(err, errNoTLS) {
		t.Errorf("got %q, %v; want %v", reply, err, errNoTLS)
	}
}
