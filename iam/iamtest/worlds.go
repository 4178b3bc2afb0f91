package iamtest

import (
	"context"
	"testing"
)

// worlds hands out a world, and another one when it was changed. It belongs to one goroutine at a time.
type worlds struct {
	tb    testing.TB // the subtest that asks
	life  testing.TB // the test that the worlds live for
	start Start
	w     *World
	only  bool // there is one, whatever is done to it
}

// take returns the world.
func (ws *worlds) take() *World {
	ws.tb.Helper()
	if ws.w == nil {
		ws.w = NewWorld(lasting{ws.tb, ws.life}, ws.start)
	}
	ws.w.tb = ws.tb
	return ws.w
}

// after gives the world up when an answer may have changed it. Who is turned away changes nothing.
func (ws *worlds) after(rt Route, a answer) {
	if !rt.safe() && !a.refused() && !ws.only {
		ws.w = nil
	}
}

// lasting is a subtest that starts a host for longer than itself.
type lasting struct {
	testing.TB
	life testing.TB
}

func (l lasting) Cleanup(do func())        { l.life.Cleanup(do) }
func (l lasting) TempDir() string          { return l.life.TempDir() }
func (l lasting) Context() context.Context { return l.life.Context() }
