package signin_test

import "github.com/castellan-iam/castellan/store/testdb"

// The races' tools, with the names that the tests call them by.
var atOnce = testdb.AtOnce

func (w *world) rounds(race func()) {
	w.Helper()
	testdb.Rounds(w, race)
}

func (w *world) expected(errs []error, allowed ...error) (succeeded int) {
	w.Helper()
	return testdb.Succeeded(w, errs, allowed...)
}
