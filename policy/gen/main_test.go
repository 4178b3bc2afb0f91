package main

import (
	"bytes"
	"flag"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy/gen/vet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// gen runs the command and returns its exit status and what it printed.
func gen(args ...string) (status int, stderr string) {
	var b bytes.Buffer
	status = run(args, "", &b)
	return status, b.String()
}

// writeFile makes a file in a directory and returns its path.
func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var goldenArgs = []string{
	"-csv", "testdata/perms/policy.csv", "-csv", "testdata/perms/old.csv",
	"-package", "perms", "-out", "testdata/perms/vocabulary_gen.go",
}

func TestGolden(t *testing.T) {
	t.Parallel()
	if *update {
		if status, stderr := gen(goldenArgs...); status != 0 {
			t.Fatal(stderr)
		}
	}
	if status, stderr := gen(append(goldenArgs, "-check")...); status != 0 {
		t.Errorf("go test ./policy/gen -update rewrites the golden files:\n%s", stderr)
	}
	for _, name := range []string{"vocabulary_gen.go", "vocabulary_gen_test.go"} {
		golden := readFile(t, filepath.Join("testdata/perms", name))
		formatted, err := format.Source([]byte(golden))
		if err != nil || string(formatted) != golden {
			t.Errorf("%s is not as gofmt writes it: %v", name, err)
		}
	}
	v, err := vet.ReadFile("testdata/perms/vocabulary_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range v.CompareCSV("testdata/perms/policy.csv", "testdata/perms/old.csv") {
		t.Error(problem)
	}
}

// TestSystems is what CI would say: the vocabularies of the repository are up to date.
func TestSystems(t *testing.T) {
	t.Parallel()
	for dir, files := range map[string][]string{
		"../../iam/emqx":            {"../../policy.csv", "../../iam/emqx/legacy.csv"},
		"../../iam/lanit":           {"../../iam/lanit/policy.csv"},
		"../../iam/devicehub":       {"../../iam/devicehub/policy.csv"},
		"vet/testdata/module/perms": {"vet/testdata/module/perms/policy.csv"},
	} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			args := []string{"-check", "-package", filepath.Base(dir), "-out", dir + "/vocabulary_gen.go"}
			for _, file := range files {
				args = append(args, "-csv", file)
			}
			if status, stderr := gen(args...); status != 0 {
				t.Error(stderr)
			}
		})
	}
}

func TestEMQXConstants(t *testing.T) {
	t.Parallel()
	v, err := vet.ReadFile("../../iam/emqx/vocabulary_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.ImportPath, "github.com/castellan-iam/castellan/iam/emqx"; got != want {
		t.Errorf("ImportPath = %s, want %s", got, want)
	}
	got := map[string]string{
		"ProjectAdmin":           string(v.Roles["ProjectAdmin"]),
		"Deployment":             string(v.Kinds["Deployment"]),
		"DeploymentTLS":          string(v.Kinds["DeploymentTLS"]),
		"DeploymentNATGateway":   string(v.Kinds["DeploymentNATGateway"]),
		"DeploymentRestAPI":      string(v.Kinds["DeploymentRestAPI"]),
		"APIKey":                 string(v.Kinds["APIKey"]),
		"StartStop":              string(v.Actions["StartStop"]),
		"ChangePlan":             string(v.Actions["ChangePlan"]),
		"DeploymentStartStop":    string(v.Permissions["DeploymentStartStop"]),
		"DeploymentTLSManage":    string(v.Permissions["DeploymentTLSManage"]),
		"BillingInvoicesApply":   string(v.Permissions["BillingInvoicesApply"]),
		"DataHubSubscribe":       string(v.Permissions["DataHubSubscribe"]),
		"DeploymentAPIKeyManage": string(v.Permissions["DeploymentAPIKeyManage"]),
	}
	for name, want := range map[string]string{
		"ProjectAdmin":           "project_admin",
		"Deployment":             "deployment",
		"DeploymentTLS":          "deployment.tls",
		"DeploymentNATGateway":   "deployment.nat_gateway",
		"DeploymentRestAPI":      "deployment.rest_api",
		"APIKey":                 "api_key",
		"StartStop":              "start_stop",
		"ChangePlan":             "change_plan",
		"DeploymentStartStop":    "deployment:start_stop",
		"DeploymentTLSManage":    "deployment.tls:manage",
		"BillingInvoicesApply":   "billing.invoices:apply",
		"DataHubSubscribe":       "data_hub:subscribe",
		"DeploymentAPIKeyManage": "deployment.api_key:manage",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	const csv = "testdata/perms/policy.csv"
	for name, test := range map[string]struct {
		args   []string
		status int
		text   string
	}{
		"no CSV":                   {[]string{"-package", "perms"}, 2, "-csv is missing"},
		"no package":               {[]string{"-csv", csv}, 2, "-package is missing"},
		"a package that is none":   {[]string{"-csv", csv, "-package", "my-perms"}, 2, `-package "my-perms" is not`},
		"a package named by func":  {[]string{"-csv", csv, "-package", "func"}, 2, `-package "func" is not`},
		"an output that is a test": {[]string{"-csv", csv, "-package", "p", "-out", "x_test.go"}, 2, "is not a Go file, or a test"},
		"an import that is none":   {[]string{"-csv", csv, "-package", "p", "-import", `a"b`}, 2, "is not an import path"},
		"an argument too many":     {[]string{"-csv", csv, "-package", "p", "perms"}, 2, `unexpected argument "perms"`},
		"an unknown flag":          {[]string{"-vcs", csv}, 2, "not defined: -vcs"},
		"help":                     {[]string{"-h"}, 0, "a policy file; repeat it for several"},
		"a CSV that is not there":  {[]string{"-csv", "testdata/none.csv", "-package", "p"}, 1, "testdata/none.csv"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stderr := gen(test.args...)
			if status != test.status || !strings.Contains(stderr, test.text) {
				t.Errorf("got %d and %q, want %d and %q", status, stderr, test.status, test.text)
			}
		})
	}
}

func TestThePackageOfGoGenerateIsTheDefault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	csv := writeFile(t, dir, "policy.csv", "p4, owner, Owner\n")
	out := filepath.Join(dir, "vocabulary_gen.go")
	var stderr bytes.Buffer
	if status := run([]string{"-csv", csv, "-out", out, "-import", "example.com/fork/rules"}, "shop", &stderr); status != 0 {
		t.Fatal(stderr.String())
	}
	code := readFile(t, out)
	for _, want := range []string{"from policy.csv; DO NOT EDIT.", "\npackage shop\n", `import policy "example.com/fork/rules"`} {
		if !strings.Contains(code, want) {
			t.Errorf("%q is missing in:\n%s", want, code)
		}
	}
	if test := readFile(t, filepath.Join(dir, "vocabulary_gen_test.go")); !strings.Contains(test, `"example.com/fork/rules/gen/vet"`) {
		t.Errorf("the import of vet is missing in:\n%s", test)
	}
}

// Two vocabularies in one package have tests of different names, and files of one name are told
// apart by their directories.
func TestNamesFollowTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, sub := range []string{"old", "new"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	before := writeFile(t, dir, "old/policy.csv", "p4, owner, Owner\n")
	after := writeFile(t, dir, "new/policy.csv", "p4, owner, Owner\np4, clerk, Clerk\n")
	out := filepath.Join(dir, "shop-2_gen.go")
	if status, stderr := gen("-csv", before, "-csv", after, "-package", "perms", "-out", out); status != 0 {
		t.Fatal(stderr)
	}
	if want := "// Clerk is the role \"Clerk\". Only in new/policy.csv.\n"; !strings.Contains(readFile(t, out), want) {
		t.Errorf("%q is missing in:\n%s", want, readFile(t, out))
	}
	test := readFile(t, filepath.Join(dir, "shop-2_gen_test.go"))
	for _, want := range []string{"func TestShop2(t *testing.T)", `vet.Check("shop-2_gen.go", "old/policy.csv", "new/policy.csv")`} {
		if !strings.Contains(test, want) {
			t.Errorf("%q is missing in:\n%s", want, test)
		}
	}
}

func TestBadCSV(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "vocabulary_gen.go")
	one := writeFile(t, dir, "one.csv", "p4, owner, Owner\np3, order, view, Orders\np, owner, org, order, view, allow, always\n")
	two := writeFile(t, dir, "two.csv", "p4, owner, Owner\np, ower, org, order, view, allow, Paid\n")
	empty := writeFile(t, dir, "empty.csv", "# nothing yet\n")

	status, stderr := gen("-csv", one, "-csv", two, "-package", "p", "-out", out)
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	for _, want := range []string{
		one + ":2: 3 fields after p3: want 4",
		one + ":3: unknown kind \"order\"",
		two + ":2: unknown role \"ower\": no p4 row declares it (did you mean owner?)",
		two + ":2: unknown condition \"Paid\"",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in:\n%s", want, stderr)
		}
	}
	if status, stderr := gen("-csv", empty, "-package", "p", "-out", out); status != 1 || stderr != empty+": nothing to generate: no p3 and no p4 row\n" {
		t.Errorf("an empty policy: %d and %q", status, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a bad CSV must not be generated from")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	csv := writeFile(t, dir, "policy.csv", "p4, owner, Owner\np4, clerk, Clerk\n")
	out := filepath.Join(dir, "vocabulary_gen.go")
	args := []string{"-csv", csv, "-package", "shop", "-out", out}
	check := append(args, "-check")

	if status, stderr := gen(check...); status != 1 || !strings.Contains(stderr, "vocabulary_gen.go: missing, run go generate") {
		t.Errorf("missing files: %d and %q", status, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("-check wrote a file")
	}
	if status, stderr := gen(args...); status != 0 {
		t.Fatal(stderr)
	}
	if status, stderr := gen(check...); status != 0 || stderr != "" {
		t.Errorf("up to date: %d and %q", status, stderr)
	}
	writeFile(t, dir, "policy.csv", "p4, owner, Owner\np4, cashier, Cashier\n")
	status, stderr := gen(check...)
	want := "gen: " + out + ":11: not up to date, run go generate:\n" +
		"-\t// Clerk is the role \"Clerk\".\n-\tClerk policy.Role = \"clerk\"\n" +
		"+\t// Cashier is the role \"Cashier\".\n+\tCashier policy.Role = \"cashier\"\n"
	if status != 1 || stderr != want {
		t.Errorf("stale: %d and\n%swant\n%s", status, stderr, want)
	}
}

func TestHandwrittenFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	csv := writeFile(t, dir, "policy.csv", "p4, owner, Owner\n")
	out := writeFile(t, dir, "roles.go", "package shop\n")
	status, stderr := gen("-csv", csv, "-package", "shop", "-out", out)
	if status != 1 || !strings.Contains(stderr, "roles.go was not generated by this command") {
		t.Errorf("got %d and %q", status, stderr)
	}
	if got := readFile(t, out); got != "package shop\n" {
		t.Errorf("the file became %q", got)
	}
}
