// Package modeltest holds the library against a small model of it: random sequences of everything that an
// Actor and the sign-in do, by several actors in two organisations, on every database. The model says of each
// call whether it is done or how it is refused, and what is there afterwards.
//
// It is a room of its own, and of tests alone, because it stands above iam and iam/signin alike and uses
// nothing of them that a host could not: no test's way past a rule, and passwords hashed in earnest, which
// is a third of its work. What a model repeats from the code it cannot find wrong; so the rules of the
// three systems are written down here once more, after their documents, and the rows of the policies are
// read by a reader of its own.
//
//	go test ./iam/modeltest                                        # the gate's share
//	go test ./iam/modeltest -run TestModel/sqlite -model.time 10m  # for as long as you like
//	go test ./iam/modeltest -v                                     # with the table of what was seen
package modeltest_test

import (
	"testing"

	"github.com/castellan-iam/castellan/store/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
