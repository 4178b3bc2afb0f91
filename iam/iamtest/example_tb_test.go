package iamtest_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
)

// exampleTB is what an example has in place of a *testing.T.
type exampleTB struct {
	testing.TB // none: what is not written here is not called
	dirs       []string
	cleanups   []func()
	failed     bool
}

func newExampleTB() (*exampleTB, func()) {
	tb := new(exampleTB)
	return tb, func() {
		for _, do := range slices.Backward(tb.cleanups) {
			do()
		}
		for _, dir := range tb.dirs {
			_ = os.RemoveAll(dir)
		}
	}
}

func (tb *exampleTB) Helper()                  {}
func (tb *exampleTB) Context() context.Context { return context.Background() }
func (tb *exampleTB) Cleanup(do func())        { tb.cleanups = append(tb.cleanups, do) }
func (tb *exampleTB) Failed() bool             { return tb.failed }
func (tb *exampleTB) Errorf(format string, args ...any) {
	tb.failed = true
	fmt.Printf(format+"\n", args...)
}
func (tb *exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (tb *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (tb *exampleTB) TempDir() string {
	dir, err := os.MkdirTemp("", "castellan")
	if err != nil {
		panic(err)
	}
	tb.dirs = append(tb.dirs, dir)
	return dir
}
