package policytest_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
)

// base is a world without a mistake, on lines 1 to 7; the tests write one wrong line behind it.
const base = `now 2026-01-02T00:00:00Z
project acme/p1
project globex/p1
account ann acme project_admin
account bob acme -
resource d1 deployment acme/p1 owner=ann plan=premium
resource bill billing acme id="b 1"
`

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"no keyword", "projct acme/p2", `"projct" is neither a keyword nor an account that is declared above`},
		{"a keyword in quotes", `"project" acme/p2`, `"project" is neither a keyword nor an account`},
		{"an open quote", `account "ann`, `"ann does not start with a Go string`},
		{"a bad escape", `account "a\q" acme -`, `does not start with a Go string`},
		{"half a name in quotes", `account a"b" acme -`, `a"b": put the whole name into quotes`},
		{"a bad time", "now yesterday", `"yesterday" is no time: want one like 2026-01-02T15:04:05Z`},
		{"a project alone", "project acme", "acme is no project: want organization/project"},
		{"a project in a project", "project acme/p1/x", "acme/p1/x: want organization/project"},
		{"a project without a name", "project acme/", "a name is empty: want a project"},
		{"a project twice", "project acme/p1", "project acme/p1 is declared twice"},
		{"a project that is half open", "project acme/p2 ajar", "ajar is too much: the line should end before it"},
		{"no roles", "account carl acme", "the line ends too early: want its roles, joined by commas, or -"},
		{"an empty role", "account carl acme auditor,", "a name is empty: want a role"},
		{"an account twice", "account ann acme -", `account "ann" is declared twice`},
		{"an unknown word", "account carl acme - deleted", "deleted is too much"},
		{"a binding of nobody", "bind carl project_user acme/p1", `account "carl" is not declared above`},
		{"a binding to no project", "bind ann project_user acme", "bind wants a project"},
		{"a binding to an unknown project", "bind ann project_user acme/p9", "project acme/p9 is not declared above"},
		{"a binding elsewhere", "bind ann project_user globex/p1", `account "ann" belongs to "acme": it holds nothing in "globex"`},
		{"a grant on a facet", "grant bob deployment.tls:view acme deployment.tls/d1", "deployment.tls is a facet: a grant is on its base kind, deployment"},
		{"a grant of two colons", "grant bob a:b:c acme", "a has more than one colon: want kind:action"},
		{"a grant with an end that is none", "grant bob ticket:view acme until", "the line ends too early: want a time"},
		{"a resource in an unknown organization", "resource d2 deployment initech", `organization "initech" is unknown`},
		{"a resource twice", "resource d1 deployment acme/p1", `resource "d1" is declared twice`},
		{"a facet", "resource d2 deployment.tls acme/p1", "deployment.tls is a facet: want its base kind, deployment"},
		{"an attribute without a value", "resource d2 deployment acme/p1 plan", "plan: want id=, owner= or attribute=value"},
		{"a request for a kind", "ann deployment d1 allowed", `"deployment" is no permission: want kind:action`},
		{"a request for an unknown resource", "ann deployment:view d9 allowed", `resource "d9" is not declared above`},
		{"a request for another kind", "ann billing:view d1 allowed", `resource "d1" is of the kind deployment: billing is no part of it`},
		{"a request in an unknown project", "ann deployment:view in acme/p9 allowed", "project acme/p9 is not declared above"},
		{"a request without an answer", "ann deployment:view d1", "the line ends too early: want a reason, such as allowed or no_grant"},
		{"an answer that is none", "ann deployment:view d1 yes", `"yes" is no reason: want allowed, no_grant, read_only`},
		{"a resource behind an account that there is not", "grant eve ticket:view acme /", `account "eve" is not declared above`},
		{"an attribute behind a place that there is not", "resource d9 deployment acme/p9 a=b", "project acme/p9 is not declared above"},
		{"by what?", "ann deployment:view d1 allowed by", "the line ends too early: want a rule in quotes"},
		{"through somebody else's", "ann deployment:view d1 allowed through project_admin globex/p1", `belongs to "acme"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := policytest.Parse("x.world", []byte(base+tt.line+"\n"))
			var wrong policy.Mistakes
			if f != nil || !errors.As(err, &wrong) || len(wrong) != 1 || !strings.HasPrefix(err.Error(), "x.world:8: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant x.world:8: … %s", err, tt.want)
			}
		})
	}
	_, err := policytest.Parse("x.world", []byte("now now\n\n"+base+"grant\nuntil"))
	var wrong policy.Mistakes
	if !errors.As(err, &wrong) || len(wrong) != 3 {
		t.Errorf("got %v: want three mistakes at once", err)
	}
	if _, err := policytest.Parse("x.world", []byte("project a/b\naccount x a -\nbind x r a/b until 2026-01-02T00:00:00Z")); err == nil || !strings.Contains(err.Error(), "x.world:3: until wants a now line above") {
		t.Errorf("until without now: %v", err)
	}
}

// Everything that a world says stands in the fixture, with its line.
func TestFixtureIsComplete(t *testing.T) {
	t.Parallel()
	f, err := policytest.Parse("x.world", []byte("system demo\n"+base+`
account "c,\n" acme auditor,"x" disabled   # odd
project acme/"a/b" open
bind ann project_user acme/"a/b" until 2027-01-01T00:00:00Z
grant bob deployment:view acme deployment/"d 1"
ann deployment.tls:view d1 read_only by "p, a" through project_user acme/"a/b"
"" billing:view in "" no_subject
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.System != "demo" || f.Name != "x.world" || !f.Now.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %q, %q, %v", f.System, f.Name, f.Now)
	}
	wantAccount := policytest.Account{ID: "c,\n", Org: "acme", Roles: []policy.Role{"auditor", "x"}, Disabled: true, Line: 10}
	if got, _ := f.Account("c,\n"); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", wantAccount) {
		t.Errorf("got %+v, want %+v", got, wantAccount)
	}
	if want := (policytest.Project{Org: "acme", ID: "a/b", Open: true, Line: 11}); !slices.Contains(f.Projects, want) || len(f.Projects) != 3 {
		t.Errorf("got %+v, want %+v", f.Projects, want)
	}
	at := policy.AtProject("acme", "a/b")
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if want := (policytest.Held{Account: "ann", Grant: policy.GrantRole("project_user", at).Until(end), Line: 12}); len(f.Bindings) != 1 || f.Bindings[0] != want {
		t.Errorf("got %+v, want %+v", f.Bindings, want)
	}
	onD1 := policy.AtResource("acme", "deployment", "d 1")
	if want := (policytest.Held{Account: "bob", Grant: policy.GrantPermission("deployment:view", onD1), Line: 13}); len(f.Grants) != 1 || f.Grants[0] != want {
		t.Errorf("got %+v, want %+v", f.Grants, want)
	}
	if r := f.Resources[1]; r.Name != "bill" || r.Resource != policy.Kind("billing").Of("acme").Named("b 1") || r.Line != 8 {
		t.Errorf("got %+v", r)
	}
	c := f.Cases[0]
	if c.Permission() != "deployment.tls:view" || c.Resource.ID != "d1" || c.Resource.Owner != "ann" || c.Resource.Attrs()["plan"] != "premium" ||
		c.Want != policy.ReadOnly || c.Rule != "p, a" || c.Through != policy.GrantRole("project_user", at) || c.Allowed() || c.Line != 14 {
		t.Errorf("got %+v", c)
	}
	if c := f.Cases[1]; c.Account != "" || c.Name != "" || c.Resource != policy.Kind("billing").Of("") || c.Want != policy.NoSubject {
		t.Errorf("got %+v", c)
	}
	params := f.HolderParams("ann")
	if params.Org != "acme" || len(params.Grants) != 2 || !slices.Equal(params.OpenProjects, []policy.ProjectID{"a/b"}) || !params.Now.Equal(f.Now) {
		t.Errorf("got %+v", params)
	}
	if params := f.HolderParams("nobody"); params.ID != "" {
		t.Errorf("an account that is not declared holds %+v", params)
	}
}

// The example of the package comment is a world.
func TestDocumentedExampleParses(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("policytest.go")
	if err != nil {
		t.Fatal(err)
	}
	_, comment, _ := strings.Cut(string(source), "//	system emqx")
	var world strings.Builder
	world.WriteString("system emqx")
	for line := range strings.Lines(comment) {
		if text, isExample := strings.CutPrefix(line, "//\t"); isExample || world.Len() < 12 {
			world.WriteString(text)
		} else if line != "//\n" && !strings.HasPrefix(line, " ") {
			break
		}
	}
	f, err := policytest.Parse("policytest.go", []byte(world.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, world.String())
	}
	if len(f.Cases) != 5 || len(f.Grants) != 3 || len(f.Accounts) != 2 {
		t.Errorf("got %+v", f)
	}
}

// Whatever the text, parsing does not panic, and its mistakes name their lines.
func FuzzParse(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte("grant bob ticket:view acme a/b until\n\"\" a:b in \"\" allowed by x through y z"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fixture, err := policytest.Parse("x.world", text)
		if (fixture == nil) == (err == nil) {
			t.Errorf("got %v and %v", fixture, err)
		}
		var wrong policy.Mistakes
		if errors.As(err, &wrong) {
			for _, m := range wrong {
				if m.Line < 1 || m.Text == "" {
					t.Errorf("got %+v", m)
				}
			}
		}
	})
}
