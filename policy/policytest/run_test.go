package policytest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
)

const doors = `p4, keeper, Keeper
p4, guest, Guest
p2, keeper, guest
p3, door, view, Doors, Doors
p3, door, open, Doors, Doors
p, keeper, org, door, view, allow, always
p, keeper, org, door, open, allow, always
p, guest, project, door, view, allow, always
`

const house = `project home/attic
account kim home keeper
account gus home guest
bind gus guest home/attic
resource front door home
resource hatch door home/attic
`

func load(t testing.TB) *policy.Policy {
	p, err := policy.Load("doors.csv", []byte(doors), policy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// Run reports what is not as the world says, and nothing else.
func TestRunReports(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"as it should be", "gus door:view hatch allowed by \"p, guest, project, door, view, allow, always\" through guest home/attic", ""},
		{"allowed, and should not be", "kim door:open front no_grant", "got allowed, want no_grant"},
		{"denied, and should not be", "gus door:open hatch allowed", "got read_only, want allowed"},
		{"denied for another reason", "gus door:open hatch no_grant", "got read_only, want no_grant"},
		{"by another rule", `kim door:open front allowed by "p, keeper, org, door, view, allow, always"`, `got the rule "p, keeper, org, door, open, allow, always"`},
		{"through something else", "kim door:open front allowed through keeper home/attic", "got it through keeper at org/home, want keeper at org/home/project/attic"},
		{"a role that the policy does not know", "account eve home thief", `unknown role "thief"`},
		{"a binding that it does not know", "bind gus thief home/attic", `unknown role "thief"`},
		{"a permission that it does not know", "grant gus door:break home", `unknown permission "door:break"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := policytest.Parse("house.world", []byte(house+tt.line))
			if err != nil {
				t.Fatal(err)
			}
			r := &recorder{TB: t}
			policytest.Run(r, load(t), f)
			all := strings.Join(r.errors, "\n")
			if (all == "") != (tt.want == "") || !strings.Contains(all, tt.want) {
				t.Errorf("got %q, want %q", all, tt.want)
			}
			for _, one := range r.errors {
				if !strings.HasPrefix(one, "house.world:7: ") {
					t.Errorf("%q does not name its line", one)
				}
			}
		})
	}
}

// A wrong answer is reported once for each way in which it is given: five of them.
func TestRunAsksInEveryWay(t *testing.T) {
	t.Parallel()
	f, err := policytest.Parse("house.world", []byte(house+"kim door:open front no_grant"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{TB: t}
	policytest.Run(r, load(t), f)
	for _, way := range []string{"Can", "Decide", "Reach", "Permissions", "Casbin"} {
		if !strings.Contains(strings.Join(r.errors, "\n"), way+" answers true, want false") {
			t.Errorf("%s is not asked: %q", way, r.errors)
		}
	}
}

// Read parses a file, and every account gets its holder.
func TestReadAndHolders(t *testing.T) {
	t.Parallel()
	f := policytest.Read(t, "../testdata/emqx.world")
	if holders := f.Holders(load(t)); len(holders) != len(f.Accounts) || holders["adam"].Org() != "acme" {
		t.Errorf("got %d holders of %d accounts", len(holders), len(f.Accounts))
	}
}

func ExampleParse() {
	f, err := policytest.Parse("house.world", []byte(`
		project home/attic
		account gus home guest
		bind gus guest home/attic
		resource hatch door home/attic

		gus door:view hatch  allowed
		gus door:open hatch  read_only
	`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range f.Cases {
		fmt.Println(c, c.Want)
	}
	// Output:
	// "gus" door:view "hatch" allowed
	// "gus" door:open "hatch" read_only
}
