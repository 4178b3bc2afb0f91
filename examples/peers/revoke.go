package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// visibility is how soon an answer is right after a binding was taken away.
type visibility struct {
	Can   bool // whether the contestant has an API for it
	Call  time.Duration
	Stale time.Duration // until the first right answer; 0 when it was the very next one
	Never bool          // no right answer within the limit
	Other *visibility   // what another node on the same storage said
}

// revoke takes a binding away by which an account may look at a deployment, and asks until the answer is right. The
// node, and the other one where there can be one, were asked before, so that they remember what they remember.
func (p *player) revoke(ctx context.Context, limit time.Duration) (v visibility, err error) {
	revoker, ok := p.contestant.(revoker)
	if !ok || p.perRequest {
		return v, nil
	}
	a, b := p.world.revocable()
	r := request{account: a.id, org: a.org, project: b.project, kind: "deployment", action: "view"}
	for i := range p.world.accounts {
		if p.world.accounts[i].id == a.id {
			r.at = i
		}
	}
	nodes := []contestant{p.contestant}
	if n, ok := p.contestant.(noder); ok {
		other, err := n.second(ctx)
		if err != nil {
			return v, err
		}
		defer func() { err = closing(other, err) }()
		nodes = append(nodes, other)
	}
	for _, node := range nodes {
		for range 2 {
			if may, err := node.can(ctx, &r); err != nil || !may {
				return v, fmt.Errorf("%s: before the revoke: got %t, %w", p.name, may, err)
			}
		}
	}
	start := time.Now()
	if err := revoker.revoke(ctx, a, b); err != nil {
		return v, fmt.Errorf("%s: revoke: %w", p.name, err)
	}
	v.Can, v.Call = true, time.Since(start)
	done := time.Now()
	var seen []visibility
	for _, node := range nodes {
		s, err := until(ctx, node, &r, done, limit)
		if err != nil {
			return v, err
		}
		seen = append(seen, s)
	}
	v.Stale, v.Never = seen[0].Stale, seen[0].Never
	if len(seen) > 1 {
		v.Other = &seen[1]
	}
	return v, nil
}

// until asks until the answer is no.
func until(ctx context.Context, node contestant, r *request, since time.Time, limit time.Duration) (v visibility, err error) {
	v.Can = true
	for first := true; ; first = false {
		may, err := node.can(ctx, r)
		if err != nil {
			return v, err
		}
		v.Stale = time.Since(since)
		switch {
		case !may && first:
			v.Stale = 0
			return v, nil
		case !may:
			return v, nil
		case v.Stale > limit:
			v.Never = true
			return v, nil
		}
	}
}

// revocable is an account with one role, by a binding of which it may look at a deployment.
func (w *world) revocable() (*account, binding) {
	for i := range w.accounts {
		if a := &w.accounts[i]; len(a.roles) == 1 && a.roles[0] == "project_user" && len(a.bindings) > 0 {
			return a, a.bindings[0]
		}
	}
	panic("peers: nobody in the world is bound to a project")
}

// closing closes a contestant, whatever failed before.
func closing(c contestant, err error) error { return errors.Join(err, c.close()) }
