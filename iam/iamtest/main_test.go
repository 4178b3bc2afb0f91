package iamtest_test

import (
	"flag"
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

// update rewrites the golden files: go test ./iam/iamtest -update.
var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain says which databases are left out, and fails on goroutines that are left behind.
func TestMain(m *testing.M) { testdb.Main(m) }
