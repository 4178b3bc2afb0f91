// Package crash_test kills processes that write, and takes the disk away from others: what was acknowledged is
// there, and of the rest nothing is there by halves. It has no code beside its tests.
//
// A test starts its own binary anew as a process that writes through the library as a host does, and says on its
// standard output what it begins and what it was told is done. Such a process is killed with SIGKILL, and the next
// one goes on with its database.
//
//	CASTELLAN_KILLS=200 go test -timeout 30m -v ./store/crash
//
// kills 200 writers on each database. Without it a few are killed.
package crash_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

// roleEnv says what a process is that a test has started, and jobEnv what it has to do, as JSON.
const (
	roleEnv = "CASTELLAN_CRASH_ROLE"
	jobEnv  = "CASTELLAN_CRASH_JOB"
)

// roles are what this binary can be beside a test.
var roles = map[string]func() error{
	"writer":   write,
	"migrator": migrate,
}

func TestMain(m *testing.M) {
	name := os.Getenv(roleEnv)
	if name == "" {
		testdb.Main(m)
	}
	role, known := roles[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s: unknown role %q\n", roleEnv, name)
		os.Exit(2)
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// rounds is how many processes a test kills on a database: a few in the gate, and CASTELLAN_KILLS when somebody
// wants to know.
func rounds(tb testing.TB, few int) int {
	tb.Helper()
	text := os.Getenv("CASTELLAN_KILLS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		tb.Fatalf("CASTELLAN_KILLS=%q: want a number of rounds", text)
	}
	return n
}
