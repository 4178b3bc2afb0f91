package scaletest

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// TestScale builds the worlds, measures them, and prints the table. It wants two things alone, which hold on a machine
// that does other work too: what is decided in memory does not grow, and a subject costs hardly more than its statement.
func TestScale(t *testing.T) {
	sizes := sizesAsked(t)
	if len(sizes) == 0 {
		t.Skip("set CASTELLAN_SCALE=1000,10000 to measure how costs grow: see the package's comment")
	}
	for _, database := range strings.Split(cmp.Or(os.Getenv("CASTELLAN_SCALE_DB"), testdb.SQLite), ",") {
		if !slices.Contains(testdb.Reachable(t), database) {
			t.Errorf("the database %q cannot be reached", database)
			continue
		}
		t.Run(database, func(t *testing.T) {
			table := newTable(sizes)
			for _, size := range sizes {
				t.Run(strconv.Itoa(size), func(t *testing.T) {
					w := build(t, database, size, table)
					w.measure()
				})
				t.Logf("%s so far\n%s", database, table)
			}
			table.within(t, "Can, ns", "best", 1.2)
		})
	}
}

func sizesAsked(t *testing.T) []int {
	t.Helper()
	var sizes []int
	for _, text := range strings.FieldsFunc(os.Getenv("CASTELLAN_SCALE"), func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1000 {
			t.Fatalf("CASTELLAN_SCALE: %q: want numbers of accounts, from 1000, such as 1000,10000", text)
		}
		sizes = append(sizes, n)
	}
	return sizes
}
