package vet_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/gen/vet"
)

// shop copies the module in testdata, which has no go.mod there: the go command leaves nested
// modules out of what it downloads, and this test with them.
func shop(t *testing.T) (root string, v vet.Vocabulary) {
	t.Helper()
	root = tree(t, map[string]string{"go.mod": "module example.com/shop // a host\n"})
	if err := os.CopyFS(root, os.DirFS("testdata/module")); err != nil {
		t.Fatal(err)
	}
	v, err := vet.ReadFile(filepath.Join(root, "perms", "vocabulary_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	return root, v
}

var wanted = regexp.MustCompile(`want (\S+) (\S+)$`)

// wants reads the comments of the module in testdata: file:line kind action.
func wants(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		for i, line := range strings.Split(string(src), "\n") {
			if m := wanted.FindStringSubmatch(line); m != nil {
				all = append(all, fmt.Sprintf("%s:%d %s %s", filepath.ToSlash(rel), i+1, m[1], m[2]))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestModule(t *testing.T) {
	t.Parallel()
	root, v := shop(t)
	findings, err := v.Module(filepath.Join(root, "handlers"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%s:%d %s %s", f.File, f.Line, f.Kind, f.Action))
	}
	want := wants(t, root)
	if len(want) < 20 {
		t.Fatalf("testdata has only %d wants", len(want))
	}
	for _, one := range want {
		if !slices.Contains(got, one) {
			t.Errorf("not found: %s", one)
		}
	}
	for _, one := range got {
		if !slices.Contains(want, one) {
			t.Errorf("found without reason: %s", one)
		}
	}
	if !slices.IsSortedFunc(findings, func(a, b vet.Finding) int { return strings.Compare(a.File, b.File) }) {
		t.Error("not sorted by file")
	}
}

func TestFindingNamesTheLineAndWhatIsKnown(t *testing.T) {
	t.Parallel()
	f := vet.Finding{File: "main.go", Line: 12, Kind: "deployment", Action: "renew", Known: []policy.Action{"list", "view"}}
	if got, want := f.String(), "main.go:12: deployment has no action renew (known: list, view)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// tree writes files into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// A file that does not parse is vetted as far as it does: broken.go.
func TestModuleLeavesOutWhatIsNoSourceOfTheModule(t *testing.T) {
	t.Parallel()
	const bad = "package x\nimport \"example.com/shop/perms\"\nvar _ = can(perms.Renew, perms.Order)\n"
	root := tree(t, map[string]string{
		"go.mod":              "// comment\nmodule \"example.com/app\"\n",
		"main.go":             bad,
		"cmd/deep/down/it.go": bad,
		"broken.go":           bad + "func unfinished( {\n",
		"vendor/x/x.go":       bad,
		"a/testdata/x.go":     bad,
		".git/x.go":           bad,
		"_old/x.go":           bad,
		"_old.go":             bad,
		".#main.go":           bad,
		"nested/go.mod":       "module example.com/nested\n",
		"nested/x.go":         bad,
		"x.go.txt":            bad,
	})
	_, v := shop(t)
	findings, err := v.Module(filepath.Join(root, "cmd", "deep"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.File)
	}
	if want := []string{"broken.go", "cmd/deep/down/it.go", "main.go"}; !slices.Equal(got, want) {
		t.Errorf("findings in %q, want in %q", got, want)
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	_, v := shop(t)
	want := vet.Vocabulary{
		ImportPath: "example.com/shop/perms",
		Package:    "perms",
		Roles:      map[string]policy.Role{"Owner": "owner"},
		Kinds:      map[string]policy.Kind{"Order": "order", "Bill": "bill"},
		Actions:    map[string]policy.Action{"List": "list", "View": "view", "StartStop": "start_stop", "Renew": "renew"},
		Permissions: map[string]policy.Permission{
			"OrderList": "order:list", "OrderView": "order:view", "OrderStartStop": "order:start_stop",
			"BillView": "bill:view", "BillRenew": "bill:renew",
		},
	}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %v\nwant %v", v, want)
	}
	root := tree(t, map[string]string{"go.mod": "module m\n", "a.go": "package m\n"})
	if _, err := vet.ReadFile(filepath.Join(root, "a.go")); err == nil || !strings.HasSuffix(err.Error(), "a.go: not generated by castellan policy/gen") {
		t.Errorf("a handwritten file: %v", err)
	}
	if _, err := vet.ReadFile(filepath.Join(root, "none.go")); err == nil {
		t.Error("a file that is not there: no error")
	}
}

// TestImport reads a vocabulary as a host of iam/emqx does.
func TestImport(t *testing.T) {
	t.Parallel()
	v, err := vet.Import("github.com/castellan-iam/castellan/iam/emqx")
	if err != nil {
		t.Fatal(err)
	}
	if v.Package != "emqx" || v.Kinds["DeploymentTLS"] != "deployment.tls" {
		t.Errorf("got %s with DeploymentTLS = %q", v.Package, v.Kinds["DeploymentTLS"])
	}
	for _, path := range []string{"github.com/castellan-iam/castellan/policy", "example.com/none"} {
		if _, err := vet.Import(path); err == nil {
			t.Errorf("Import(%q): no error", path)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const (
		gomod = "module example.com/app\n"
		csv   = "p4, owner, Owner\np4, support@acme, Support\np3, order, view, S, T\np, owner, org, order, view, allow, paid\n"
		code  = "// Code generated by castellan policy/gen from policy.csv; DO NOT EDIT.\n\npackage app\n\n" +
			"import \"github.com/castellan-iam/castellan/policy\"\n\nconst (\n\tOwner policy.Role = \"owner\"\n" +
			"\tOrder policy.Kind = \"order\"\n\tView policy.Action = \"view\"\n\tOrderView policy.Permission = \"order:view\"\n)\n"
	)
	for name, test := range map[string]struct {
		csv, code, extra string
		want             []string
	}{
		"a vocabulary that is up to date": {csv, code, "", nil},
		"a role that the CSV renamed": {strings.ReplaceAll(csv, "owner", "boss"), code, "", []string{
			"constant Owner: no CSV declares the role owner: run go generate",
			"policy.csv:1: the role boss has no constant: run go generate",
		}},
		"a permission that came to the CSV": {csv + "p3, bill, pay, S, T\np, owner, org, bill, pay, allow, always\n", code, "", []string{
			"policy.csv:5: the kind bill has no constant: run go generate",
			"policy.csv:5: the action pay has no constant: run go generate",
			"policy.csv:5: the permission bill:pay has no constant: run go generate",
		}},
		"a permission without a rule": {strings.Split(csv, "p, ")[0], code, "", []string{
			"policy.csv:3: no rule knows the permission order:view: want a p row",
		}},
		"a CSV with a mistake": {csv + "p, owner\n", code, "", []string{
			"policy.csv:5: 1 fields after p: want 6: role, reach, kind, action, effect, condition",
		}},
		"an unknown pair in the module": {csv, code, "package app\n\nvar _ = can(policy.List, Order)\n", []string{
			"extra.go:3: order has no action list (known: view)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"go.mod": gomod, "policy.csv": test.csv, "vocabulary_gen.go": test.code}
			if test.extra != "" {
				files["extra.go"] = strings.Replace(test.extra, "\n", "\nimport \"github.com/castellan-iam/castellan/policy\"", 1)
			}
			root := tree(t, files)
			var got []string
			for _, err := range vet.Check(filepath.Join(root, "vocabulary_gen.go"), filepath.Join(root, "policy.csv")) {
				got = append(got, strings.ReplaceAll(err.Error(), root+string(filepath.Separator), ""))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestTheChainIsWholeWithPackagePolicy guards the list of methods through which Module follows a kind.
func TestTheChainIsWholeWithPackagePolicy(t *testing.T) {
	t.Parallel()
	resource := reflect.TypeFor[policy.Resource]()
	for _, typ := range []reflect.Type{reflect.TypeFor[policy.Kind](), resource} {
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			returns := m.Type.NumOut() == 1 && m.Type.Out(0) == resource
			if got := vet.Chain[m.Name]; got != returns {
				t.Errorf("%s.%s is followed: %t, want %t", typ, m.Name, got, returns)
			}
		}
	}
}
