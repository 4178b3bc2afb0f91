package modeltest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

// A table that is not read is one in which a refused call could leave something behind.
func TestEveryTableIsRead(t *testing.T) {
	t.Parallel()
	there, err := testdb.Open(t, testdb.SQLite).Migrator().GetTables()
	if err != nil {
		t.Fatal(err)
	}
	there = slices.DeleteFunc(there, func(name string) bool { return !strings.HasPrefix(name, "iam_") })
	known := append(slices.Collect(maps.Keys(tables)), ofNobody...)
	slices.Sort(there)
	slices.Sort(known)
	if !slices.Equal(there, known) {
		t.Errorf("the tables: got %v, want %v", there, known)
	}
}
