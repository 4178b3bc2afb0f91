package policy_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// E19, SB-60: an attribute that was not given satisfies nothing: what allows does not match, and
// what denies does. A predicate that panics counts as one whose attribute was not given.
func TestConditionsFailClosed(t *testing.T) {
	t.Parallel()
	const csv = "p4, plain, Plain\np4, allowed, Allowed\np4, denied, Denied\np3, car, view, Cars, Cars\n" +
		"p, plain, org, car, view, allow, always\np, allowed, org, car, view, allow, new\np, denied, org, car, view, deny, new\n"
	car := policy.Kind("car").Of("acme")
	tests := []struct {
		name          string
		holds         func(policy.Values) bool
		resource      policy.Resource
		allow, denies bool
	}{
		{"it holds", func(v policy.Values) bool { return v.Get("age") == "0" }, car.With("age", "0"), true, true},
		{"it does not hold", func(v policy.Values) bool { return v.Get("age") == "0" }, car.With("age", "9"), false, false},
		{"the attribute is missing", func(policy.Values) bool { return true }, car, false, true},
		{"another attribute is given", func(policy.Values) bool { return true }, car.With("Age", "0"), false, true},
		{"an empty value is given", func(v policy.Values) bool { return v.Get("age") == "" }, car.With("age", ""), true, true},
		{"it panics", func(policy.Values) bool { panic("what?") }, car.With("age", "0"), false, true},
		{"the last value counts", func(v policy.Values) bool { return v.Get("age") == "0" }, car.With("age", "9").With("age", "0"), true, true},
		{"what it does not need is hidden from it", func(v policy.Values) bool { return v.Get("color") == "" }, car.With("age", "0").With("color", "red"), true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.Load("x.csv", []byte(csv), policy.Config{Conditions: []policy.Condition{{Name: "new", Needs: []string{"age"}, Holds: tt.holds}}})
			if err != nil {
				t.Fatal(err)
			}
			allowed := holding(p, policy.GrantRole("allowed", acme))
			denied := p.Holder(policy.HolderParams{ID: "bob", Org: "acme", Grants: []policy.Grant{policy.GrantRole("plain", acme), policy.GrantRole("denied", acme)}})
			e, err := p.Enforcer(allowed, denied)
			if err != nil {
				t.Fatal(err)
			}
			if got := agree(t, allowed, allowed.Reach("view", "car"), e, "view", tt.resource); got != tt.allow {
				t.Errorf("as the condition of an allow: got %t, want %t", got, tt.allow)
			}
			if got := agree(t, denied, denied.Reach("view", "car"), e, "view", tt.resource); got == tt.denies {
				t.Errorf("as the condition of a deny: got allowed %t, want %t", got, !tt.denies)
			}
		})
	}
}

// A condition is asked only when a rule with it could decide: other decisions do not pay for it.
func TestConditionsAreAskedOnlyWhereTheyCount(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	p, err := policy.Load("x.csv", []byte("p4, r, R\np3, car, view, Cars, Cars\np3, car, sell, Cars, Cars\n"+
		"p, r, org, car, view, allow, always\np, r, own, car, sell, allow, new\n"), policy.Config{
		Conditions: []policy.Condition{{Name: "new", Needs: []string{"age"}, Holds: func(policy.Values) bool { asked.Add(1); return true }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 0 {
		t.Error("the predicate is called while the policy is compiled")
	}
	h := holding(p, policy.GrantRole("r", acme))
	car := policy.Kind("car").Of("acme").With("age", "0")
	if !h.Can("view", car) || h.Can("sell", car.OwnedBy("bob")) || asked.Load() != 0 {
		t.Errorf("asked %d times, want never", asked.Load())
	}
	if !h.Can("sell", car.OwnedBy("ann")) || asked.Load() != 1 {
		t.Errorf("asked %d times, want once", asked.Load())
	}
}

func TestOneOfIsData(t *testing.T) {
	t.Parallel()
	values := []string{"dedicated", "premium"}
	c := policy.OneOf("big", "plan", values...)
	values[0] = "changed"
	attribute, got, ok := c.OneOf()
	if !ok || attribute != "plan" || !slices.Equal(got, []string{"dedicated", "premium"}) {
		t.Errorf("got %q, %q, %t", attribute, got, ok)
	}
	got[0] = "changed"
	if _, again, _ := c.OneOf(); again[0] != "dedicated" {
		t.Error("what OneOf returns is shared")
	}
	if c.String() != "big (plan)" {
		t.Errorf("it prints as %q", c)
	}
	if _, _, ok := denying().conditions[0].OneOf(); ok {
		t.Error("a predicate is no data")
	}
	if _, values, ok := policy.OneOf("none", "plan").OneOf(); !ok || len(values) != 0 {
		t.Error("a OneOf of nothing is one too")
	}
}

// The attributes of a resource are a value: extending a copy leaves the other one alone.
func TestResourcesAreValues(t *testing.T) {
	t.Parallel()
	base := policy.Kind("deployment").In("acme", "p1").With("plan", "basic")
	one, other := base.With("plan", "premium"), base.With("region", "eu").Named("d1").OwnedBy("ann")
	for _, tt := range []struct {
		r    policy.Resource
		want map[string]string
	}{{base, map[string]string{"plan": "basic"}}, {one, map[string]string{"plan": "premium"}}, {other, map[string]string{"plan": "basic", "region": "eu"}}} {
		got := tt.r.Attrs()
		if len(got) != len(tt.want) {
			t.Errorf("got %v, want %v", got, tt.want)
		}
		for name, want := range tt.want {
			if value, given := tt.r.Attr(name); value != want || !given || got[name] != want {
				t.Errorf("%s: got %q, %t", name, value, given)
			}
		}
	}
	if base.ID != "" || base.Owner != "" || other.Resource() != other {
		t.Error("a copy changed its original")
	}
	if _, given := base.Attr("region"); given || (policy.Resource{}).Attrs() == nil {
		t.Error("an attribute is there that was not given")
	}
}
