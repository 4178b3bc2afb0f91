package policy_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
)

// worlds returns every fixture of testdata.
func worlds(t *testing.T) []*policytest.Fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.world")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no worlds: %v", err)
	}
	var all []*policytest.Fixture
	for _, path := range paths {
		all = append(all, policytest.Read(t, path))
	}
	return all
}

// E2, E4–E7, E13, E16–E19, D2, D3, D7, D8, L1, L2, P14–P16, SB-60: the requests of the worlds are answered as they say.
func TestWorlds(t *testing.T) {
	t.Parallel()
	for _, world := range worlds(t) {
		t.Run(filepath.Base(world.Name), func(t *testing.T) {
			t.Parallel()
			systems := append(shipped(), denying())
			i := slices.IndexFunc(systems, func(s system) bool { return s.name == world.System })
			if i < 0 {
				t.Fatalf("%s: unknown system %q", world.Name, world.System)
			}
			policytest.Run(t, systems[i].load(t), world)
		})
	}
}

// Every reason is the wanted answer of some request in a world, but for two: nobody in a world is
// narrowed to a scope, and Unavailable is for those who read the facts.
func TestEveryReasonHasACase(t *testing.T) {
	t.Parallel()
	seen := map[policy.Reason]bool{policy.OutOfScope: true, policy.Unavailable: true}
	for _, world := range worlds(t) {
		for _, c := range world.Cases {
			seen[c.Want] = true
		}
	}
	for reason := policy.Reason(0); reason.String() != "invalid_reason"; reason++ {
		if !seen[reason] {
			t.Errorf("no world has a request that is answered with %s", reason)
		}
		if parsed, ok := policy.ParseReason(reason.String()); !ok || parsed != reason {
			t.Errorf("ParseReason(%q) = %v, %t: want %v", reason, parsed, ok, reason)
		}
	}
	if _, ok := policy.ParseReason("invalid_reason"); ok {
		t.Error("invalid_reason parses")
	}
}

// Every role of the policies with a world does something in it, so that no role goes unmentioned.
func TestEveryRoleHasACase(t *testing.T) {
	t.Parallel()
	used := make(map[string]bool)
	for _, world := range worlds(t) {
		for _, c := range world.Cases {
			for _, g := range world.HolderParams(c.Account).Grants {
				used[world.System+" "+string(g.Role)] = true
			}
		}
	}
	for _, s := range append(shipped(), denying()) {
		if strings.HasSuffix(s.name, "-legacy") {
			continue // the same roles; its cells are held to its matrix
		}
		for _, role := range s.load(t).Roles() {
			if !used[s.name+" "+string(role)] {
				t.Errorf("%s: no account of a world that asks for something holds the role %s", s.name, role)
			}
		}
	}
}
