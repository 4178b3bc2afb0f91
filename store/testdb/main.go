package testdb

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package: call it from TestMain. It says in one line which databases are
// left out and how to turn them on, fails when CI=true and one is, and fails on leaked goroutines.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var out []string
	for _, s := range servers() {
		if err := s.reach(); err != nil {
			out = append(out, fmt.Sprintf("%s (set %s: %v)", s.database, s.env, err))
		}
	}
	if len(out) > 0 {
		fmt.Println("testdb: left out:", strings.ReplaceAll(strings.Join(out, "; "), "\n", " "))
		if inCI() {
			fmt.Println("testdb: CI=true: no database may be left out")
			return 1
		}
	}
	if code := m.Run(); code != 0 {
		return code
	}
	// GORM never ends the cleaner of its cache of prepared statements.
	cleaner := goleak.IgnoreTopFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1")
	if err := goleak.Find(cleaner); err != nil {
		fmt.Println("testdb: goroutines are left behind:", err)
		return 1
	}
	return 0
}
