package signin

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// update rewrites the golden files: go test ./iam/signin -update.
var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain fails on goroutines that are left behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
