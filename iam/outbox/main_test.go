//go:debug x509usefallbackroots=1

package outbox_test

import (
	"crypto/x509"
	"flag"
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

// update rewrites the golden files: go test ./iam/outbox -update.
var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain says which databases are left out, and fails on goroutines that are left behind. The tests' own
// authority stands for those that a system trusts: the server of an organisation names none.
func TestMain(m *testing.M) {
	x509.SetFallbackRoots(authority().roots)
	testdb.Main(m)
}
