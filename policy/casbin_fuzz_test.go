package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"pgregory.net/rapid"
)

// Whatever the policy, the grants and the request: the table, Casbin and the reach give one answer.
func equalsCasbin(t *dice) {
	p := randomPolicy(t)
	var holders []*policy.Holder
	for _, id := range randomAccounts {
		holders = append(holders, randomHolder(t, p, id))
	}
	e, err := p.Enforcer(holders...)
	if err != nil {
		t.Fatalf("Enforcer: %v", err)
	}
	for range 40 {
		h, r, action := pick(t, holders), randomResource(t), pick(t, randomActions)
		can := agree(t, h, h.Reach(action, r.Kind), e, action, r)
		name := policy.NewPermission(r.Kind, action)
		if listed := slices.Contains(h.Permissions(r), name); listed != can {
			t.Errorf("%s of %+v: Permissions lists it: %t, Can %t", name, r, listed, can)
		}
		remediesAllow(t, p, h, action, r)
	}
}

// remediesAllow reports a remedy that would not allow what was denied, and a denial for want of a
// grant that has none.
func remediesAllow(t *dice, p *policy.Policy, h *policy.Holder, action policy.Action, r policy.Resource) {
	d := h.Decide(action, r)
	remedies := d.Remedies()
	if d.Allowed() && len(remedies) > 0 {
		t.Errorf("%s: an allow has remedies: %v", d, remedies)
	}
	for _, remedy := range remedies {
		grants := append(h.Effective(), remedy.Grant)
		if !p.Holder(policy.HolderParams{ID: h.ID(), Org: h.Org(), Grants: grants}).Can(action, r) {
			t.Errorf("%s: the remedy %s does not allow it", d, remedy.Grant)
		}
	}
}

func TestRandomPoliciesEqualCasbin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { equalsCasbin(rapidDice(t)) })
}

// noise returns n bytes to draw from.
func noise(seed byte, n int) []byte {
	bytes := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(bytes)
	return bytes
}

func FuzzEqualsCasbin(f *testing.F) {
	for seed := range byte(20) {
		f.Add(noise(seed, 600))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { equalsCasbin(byteDice(t, bytes)) })
}
