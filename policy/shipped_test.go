package policy_test

import (
	"os"
	"sync"
	"testing"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
)

// system is a policy that the tests of this package go through, with its transcribed matrix.
type system struct {
	name       string
	file       string        // of the rules
	matrix     string        // of who may do what, as the vendor's documents say; "" for none
	grants     string        // of who may give which role
	root       policy.Role   // has everything; "" when the matrix has a column for it
	bound      []policy.Role // the roles that are bound to projects
	conditions []policy.Condition
	attribute  string   // that the conditions read
	values     []string // of it, one for which no condition holds among them
}

// plans are the conditions of the EMQX policy (E19).
func plans() []policy.Condition {
	return []policy.Condition{
		policy.OneOf("serverless", "plan", "serverless"),
		policy.OneOf("byoc", "plan", "byoc"),
		policy.OneOf("premium", "plan", "premium"),
		policy.OneOf("dedicated_or_premium", "plan", "dedicated", "premium"),
	}
}

func shipped() []system {
	return []system{
		{
			name: "emqx", file: "../policy.csv", root: "root", bound: []policy.Role{"project_admin", "project_user"}, conditions: plans(), attribute: "plan",
			values: []string{"serverless", "byoc", "premium", "dedicated", "basic"},
			matrix: "../iam/emqx/testdata/matrix.csv", grants: "../iam/emqx/testdata/grants.csv",
		},
		{
			name: "emqx-legacy", file: "../iam/emqx/legacy.csv", root: "root", bound: []policy.Role{"project_admin", "project_user"},
			matrix: "../iam/emqx/testdata/matrix-legacy.csv", grants: "../iam/emqx/testdata/grants.csv",
		},
		{
			name: "lanit", file: "../iam/lanit/policy.csv",
			matrix: "../iam/lanit/testdata/matrix.csv", grants: "../iam/lanit/testdata/grants.csv",
		},
		{
			name: "devicehub", file: "../iam/devicehub/policy.csv", root: "root",
			matrix: "../iam/devicehub/testdata/matrix.csv", grants: "../iam/devicehub/testdata/grants.csv",
		},
	}
}

// denying is the policy of testdata/deny.csv: what no shipped policy has.
func denying() system {
	equals := func(name, attribute, want string, answer bool) policy.Condition {
		return policy.Condition{Name: name, Needs: []string{attribute}, Holds: func(v policy.Values) bool {
			return (v.Get(attribute) == want) == answer
		}}
	}
	return system{
		name: "deny", file: "testdata/deny.csv", attribute: "archived", values: []string{"true", "false"},
		conditions: []policy.Condition{
			equals("archived", "archived", "true", true),
			equals("not_archived", "archived", "true", false),
			equals("outside_europe", "region", "eu", false),
			policy.OneOf("in_europe", "region", "eu"),
			{Name: "tiny", Needs: []string{"size", "region"}, Holds: func(v policy.Values) bool { return v.Get("size") == "1" }},
		},
	}
}

// compiled keeps the compiled policies: they are immutable, and filling one takes a moment.
var compiled sync.Map

// load compiles the policy of the system, once.
func (s system) load(t testing.TB) *policy.Policy {
	t.Helper()
	once, _ := compiled.LoadOrStore(s.name, sync.OnceValues(func() (*policy.Policy, error) {
		text, err := os.ReadFile(s.file)
		if err != nil {
			return nil, err
		}
		return policy.Load(s.file, text, policy.Config{Conditions: s.conditions})
	}))
	p, err := once.(func() (*policy.Policy, error))()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// platform returns the policy at the root of the module.
func platform(t testing.TB) *policy.Policy { return shipped()[0].load(t) }

// compile compiles a policy that a test writes out, with the conditions of deny.csv.
func compile(t testing.TB, csv string) *policy.Policy {
	t.Helper()
	p, err := policy.Load("test.csv", []byte(csv), policy.Config{Conditions: denying().conditions})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// holding returns an account "ann" of "acme" that holds the grants.
func holding(p *policy.Policy, grants ...policy.Grant) *policy.Holder {
	return p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: grants})
}

var (
	acme = policy.AtOrg("acme")
	p1   = policy.AtProject("acme", "p1")
)

func TestEmbeddedPolicyIsTheFileAtTheRoot(t *testing.T) {
	t.Parallel()
	if string(fileOf(t, "../policy.csv")) != castellan.PolicyCSV() {
		t.Error("castellan.PolicyCSV is not policy.csv")
	}
}

func fileOf(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
