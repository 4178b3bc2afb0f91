package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// E6: what cannot be held is refused with the fault in words; what can is what a Holder counts.
func TestCheckGrant(t *testing.T) {
	t.Parallel()
	p := platform(t)
	tests := []struct {
		name  string
		grant policy.Grant
		want  string // "" for sound
	}{
		{"a role in the organization", policy.GrantRole("auditor", acme), ""},
		{"a role in a project", policy.GrantRole("project_user", p1), ""},
		{"a role on a resource", policy.GrantRole("auditor", policy.AtResource("acme", "deployment", "d1")), ""},
		{"a permission", policy.GrantPermission("deployment.tls:manage", acme), ""},
		{"a permission on a facet's base", policy.GrantPermission("deployment.tls:manage", policy.AtResource("acme", "deployment.tls", "d1")), ""},
		{"an ended one", policy.GrantRole("auditor", acme).Until(time.Unix(1, 0)), ""},
		{"nothing", policy.Grant{At: acme}, "names a role or a permission, and not both"},
		{"both", policy.Grant{Role: "auditor", Permission: "ticket:view", At: acme}, "names a role or a permission, and not both"},
		{"nowhere", policy.GrantRole("auditor", policy.Place{}), "needs a place"},
		{"a project of no organization", policy.GrantRole("auditor", policy.Place{Project: "p1"}), "needs a place"},
		{"a kind without an id", policy.GrantRole("auditor", policy.Place{Org: "acme", Kind: "deployment"}), "needs a place"},
		{"an id without a kind", policy.GrantRole("auditor", policy.Place{Org: "acme", ID: "d1"}), "needs a place"},
		{"a resource in a project", policy.GrantRole("auditor", policy.Place{Org: "acme", Project: "p1", Kind: "deployment", ID: "d1"}), "needs a place"},
		{"a facet", policy.GrantRole("auditor", policy.Place{Org: "acme", Kind: "deployment.tls", ID: "d1"}), "needs a place"},
		{"an unknown role", policy.GrantRole("king", acme), `unknown role "king"`},
		{"a role in upper case", policy.GrantRole("Auditor", acme), `unknown role "Auditor"`},
		{"a custom role that nobody declared", policy.GrantRole("support@acme", acme), `unknown role "support@acme"`},
		{"an unknown permission", policy.GrantPermission("deployment:fly", acme), `unknown permission "deployment:fly"`},
		{"a kind alone", policy.GrantPermission("deployment", acme), `unknown permission "deployment"`},
		{"a wildcard", policy.GrantPermission("deployment:*", acme), `unknown permission "deployment:*"`},
		{"too many parts", policy.GrantPermission("deployment:view:all", acme), `unknown permission "deployment:view:all"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := p.CheckGrant(tt.grant)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			held := holding(p, tt.grant).Grants()
			if sound := tt.want == "" && tt.grant.At.Org == "acme"; (len(held) == 1) != sound {
				t.Errorf("the holder holds %v", held)
			}
			if err != nil && holding(p, tt.grant).Can("view", policy.Kind("deployment").In("acme", "p1").Named("d1")) {
				t.Error("an unsound grant allows")
			}
		})
	}
}

// A grant holds until its end, and not at it.
func TestGrantsEndOnTime(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g := policy.GrantRole("auditor", acme).Until(end)
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{{end.Add(-1), false}, {end, true}, {end.Add(1), true}, {time.Time{}, false}, {end.In(time.FixedZone("x", 3600)), true}} {
		if got := g.ExpiredAt(tt.now); got != tt.want {
			t.Errorf("at %v: got expired %t, want %t", tt.now, got, tt.want)
		}
		h := platform(t).Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: []policy.Grant{g}, Now: tt.now})
		if got := h.Can("view", policy.Kind("audit_log").Of("acme")); got == tt.want {
			t.Errorf("at %v: got allowed %t", tt.now, got)
		}
	}
	if policy.GrantRole("auditor", acme).ExpiredAt(end.AddDate(1000, 0, 0)) {
		t.Error("a grant without an end ended")
	}
	if want := "auditor at org/acme until 2026-01-02T03:04:05Z"; g.String() != want {
		t.Errorf("got %q, want %q", g, want)
	}
}

// An ended role of an organization counts as ended in its open projects too.
func TestExpiredRoleInAnOpenProject(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	h := platform(t).Holder(policy.HolderParams{
		ID: "ann", Org: "acme", Now: now, OpenProjects: []policy.ProjectID{"lab"},
		Grants: []policy.Grant{policy.GrantRole("project_user", acme).Until(now)},
	})
	if d := h.Decide("view", policy.Kind("deployment").In("acme", "lab")); d.Reason != policy.Expired {
		t.Errorf("got %s, want expired", d.Reason)
	}
	if d := h.Decide("view", policy.Kind("deployment").In("acme", "p1")); d.Reason != policy.NoGrant {
		t.Errorf("got %s, want no_grant", d.Reason)
	}
}

// Places are written with each id escaped: two places are never written alike (P15).
func TestPlacesAreWrittenApart(t *testing.T) {
	t.Parallel()
	odd := []string{"a", "A", "a/b", "a,b", "org/a", "project", "a b", "a+b", "a%2Fb", "\x00", "\n", "\xff", "é", "e\u0301", ".", "*", "a/project/b"}
	seen := make(map[string]policy.Place)
	check := func(at policy.Place) {
		s := at.String()
		if other, taken := seen[s]; taken {
			t.Errorf("%+v and %+v are both written %q", other, at, s)
		}
		seen[s] = at
		if strings.ContainsAny(s, ", \n\x00\"") {
			t.Errorf("%+v is written %q", at, s)
		}
	}
	for _, a := range odd {
		check(policy.AtOrg(policy.OrgID(a)))
		for _, b := range odd {
			check(policy.AtProject(policy.OrgID(a), policy.ProjectID(b)))
			check(policy.AtResource(policy.OrgID(a), "deployment", b))
			check(policy.AtResource(policy.OrgID(a), "device", b))
		}
	}
	if got := policy.AtResource("acme", "deployment.tls", "d1").String(); got != "org/acme/resource/deployment/d1" {
		t.Errorf("got %q", got)
	}
}

// A place contains what lies in it: of its organization, its project, or the one resource with its facets.
func TestPlacesContain(t *testing.T) {
	t.Parallel()
	d1 := policy.AtResource("acme", "deployment", "d1")
	tests := []struct {
		at   policy.Place
		r    policy.Resource
		want bool
	}{
		{acme, policy.Kind("deployment").In("acme", "p1"), true},
		{acme, policy.Kind("deployment").In("globex", "p1"), false},
		{acme, policy.Kind("deployment").Of(""), false},
		{p1, policy.Kind("deployment").In("acme", "p1"), true},
		{p1, policy.Kind("deployment").In("acme", "p2"), false},
		{p1, policy.Kind("deployment").Of("acme"), false},
		{p1, policy.Kind("deployment").In("globex", "p1"), false},
		{d1, policy.Kind("deployment").In("acme", "p1").Named("d1"), true},
		{d1, policy.Kind("deployment").Of("acme").Named("d1"), true},
		{d1, policy.Kind("deployment.tls").In("acme", "p2").Named("d1"), true},
		{d1, policy.Kind("device").In("acme", "p1").Named("d1"), false},
		{d1, policy.Kind("deployment").In("acme", "p1").Named("d2"), false},
		{d1, policy.Kind("deployment").In("acme", "p1"), false},
		{d1, policy.Kind("deployment").In("globex", "p1").Named("d1"), false},
	}
	for _, tt := range tests {
		if got := tt.at.Contains(tt.r); got != tt.want {
			t.Errorf("%s contains %+v: got %t", tt.at, tt.r, got)
		}
	}
}

func TestPermissionsParse(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"deployment:view", "deployment.tls:manage", "a:b", "a_1.b_2:c_3"} {
		p, err := policy.ParsePermission(good)
		if err != nil || policy.NewPermission(p.Kind(), p.Action()) != p {
			t.Errorf("%q: %q, %v", good, p, err)
		}
	}
	for _, bad := range []string{"", ":", "a", "a:", ":b", "a:b:c", "A:b", "a:B", "a.:b", ".a:b", "a..b:c", "a:b.c", "*:view", "a:*", "a b:c", "a:b ", "1a:b", "é:b", strings.Repeat("a", 65) + ":b"} {
		if p, err := policy.ParsePermission(bad); err == nil || p != "" {
			t.Errorf("%q parses as %q", bad, p)
		}
	}
	if policy.Kind("deployment.tls.cert").Base() != "deployment" || policy.Kind("deployment").Base() != "deployment" {
		t.Error("the base of a kind is what stands before the first dot")
	}
}

// RolesThatAllow finds each role that could allow, by where it would have to be held.
func TestRolesThatAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		system                 system
		action                 policy.Action
		kind                   policy.Kind
		org, project, resource []policy.Role
	}{
		{shipped()[0], "delete", "deployment", []policy.Role{"root", "administrator"},
			[]policy.Role{"root", "administrator", "project_admin"}, []policy.Role{"root", "administrator", "project_admin"}},
		{shipped()[3], "view", "device", []policy.Role{"root", "super_admin", "admin"},
			[]policy.Role{"root", "super_admin", "admin"}, []policy.Role{"root", "super_admin", "admin"}},
		{denying(), "delete", "file", []policy.Role{"owner", "author"}, []policy.Role{"owner", "editor", "author"}, []policy.Role{"owner", "editor", "author"}},
		{shipped()[0], "fly", "deployment", nil, nil, nil},
	}
	for _, tt := range tests {
		got := tt.system.load(t).RolesThatAllow(tt.action, tt.kind)
		if !slices.Equal(got.Org, tt.org) || !slices.Equal(got.Project, tt.project) || !slices.Equal(got.Resource, tt.resource) {
			t.Errorf("%s %s:%s: got %+v", tt.system.name, tt.kind, tt.action, got)
		}
	}
}
