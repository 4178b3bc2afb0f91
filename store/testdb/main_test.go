package testdb_test

import (
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
