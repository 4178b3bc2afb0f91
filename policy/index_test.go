package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Names that a hash of a few of their bytes confuses are told apart all the same: every declared
// permission is found, and no other is.
func TestSimilarPermissionsAreToldApart(t *testing.T) {
	t.Parallel()
	var kinds, verbs []string
	for i := range 40 {
		kinds = append(kinds, fmt.Sprintf("a%02da%02da", i, 40-i)) // the same length, first, middle and last byte
		verbs = append(verbs, fmt.Sprintf("v%02dv%02dv", i, i))
	}
	var csv strings.Builder
	csv.WriteString("p4, r, R\n")
	declared := func(i, j int) bool { return (i+j)%3 == 0 }
	for i, kind := range kinds {
		for j, verb := range verbs {
			if declared(i, j) {
				fmt.Fprintf(&csv, "p3, %s, %s, S, T\n", kind, verb)
			}
			if declared(i, j) && i%2 == 0 {
				fmt.Fprintf(&csv, "p, r, org, %s, %s, allow, always\n", kind, verb)
			}
		}
	}
	p := compile(t, csv.String())
	h := holding(p, policy.GrantRole("r", acme))
	for i, kind := range kinds {
		for j, verb := range verbs {
			if got := p.Knows(policy.Kind(kind), policy.Action(verb)); got != declared(i, j) {
				t.Errorf("%s:%s is known: %t", kind, verb, got)
			}
			if got := h.Can(policy.Action(verb), policy.Kind(kind).Of("acme")); got != (declared(i, j) && i%2 == 0) {
				t.Errorf("%s:%s is allowed: %t", kind, verb, got)
			}
		}
	}
	for _, name := range [][2]string{{"", ""}, {"", verbs[0]}, {kinds[0], ""}, {verbs[0], kinds[0]}, {kinds[0][1:], verbs[0]}, {kinds[0] + "x", verbs[0]}} {
		if p.Knows(policy.Kind(name[0]), policy.Action(name[1])) {
			t.Errorf("%q is known", name)
		}
	}
}

// Names of every length are told apart wherever they differ: also long ones, in the bytes that their
// hash leaves out.
func TestNamesDifferWhereverTheyDo(t *testing.T) {
	t.Parallel()
	for length := 1; length <= 64; length++ {
		base := strings.Repeat("a", length)
		p := compile(t, fmt.Sprintf("p4, r, R\np3, %s, %s, S, T\np, r, org, %s, %s, allow, always\n", base, base, base, base))
		h := holding(p, policy.GrantRole("r", acme))
		if !h.Can(policy.Action(base), policy.Kind(base).Of("acme")) {
			t.Fatalf("%d bytes: the name is not found", length)
		}
		for i := range length {
			other := base[:i] + "b" + base[i+1:]
			if p.Knows(policy.Kind(other), policy.Action(base)) || p.Knows(policy.Kind(base), policy.Action(other)) {
				t.Errorf("%d bytes: a name that differs at byte %d is taken for it", length, i)
			}
		}
		if p.Knows(policy.Kind(base+"a"), policy.Action(base)) || p.Knows(policy.Kind(base[1:]), policy.Action(base)) {
			t.Errorf("%d bytes: a name of another length is taken for it", length)
		}
	}
}
