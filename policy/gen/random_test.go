package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/gen/vet"
)

// randomCSV makes a policy that Load accepts, of short words that meet often.
func randomCSV(r *rand.Rand) string {
	words := []string{"a", "b", "ab", "role", "kind", "api", "1"}
	word := func(first int) string {
		s := words[r.IntN(first)]
		for range r.IntN(2) {
			s += strings.Repeat("_", 1+r.IntN(2)) + words[r.IntN(len(words))]
		}
		return s
	}
	titles := []string{"Title", `"A, quoted ""title"""`, "*/ // \\n `x`", "Größe 你好", "''x''", "%d %s"}
	title := func() string { return titles[r.IntN(len(titles))] }
	letters := len(words) - 1
	seen := make(map[string]bool)
	var b strings.Builder
	b.WriteString("p4, first, First\n")
	for range 1 + r.IntN(4) {
		if role := word(letters); !seen[role] {
			seen[role] = true
			fmt.Fprintf(&b, "p4, %s, %s\n", role, title())
		}
	}
	for range 1 + r.IntN(8) {
		kind, action := word(letters), word(letters)
		for range r.IntN(3) {
			kind += "." + word(letters)
		}
		if pair := kind + ":" + action; !seen[pair] {
			seen[pair] = true
			fmt.Fprintf(&b, "p3, %s, %s, %s, %s\n", kind, action, title(), title())
			fmt.Fprintf(&b, "p, first, org, %s, %s, allow, %s\n", kind, action, []string{"always", "paid"}[r.IntN(2)])
		}
	}
	return b.String()
}

// fakePolicy is as much of package policy as a vocabulary needs.
func fakePolicy(t *testing.T, fset *token.FileSet) *types.Package {
	t.Helper()
	file, err := parser.ParseFile(fset, "policy.go", "package policy; type (Role string; Kind string; Action string; Permission string)", 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("github.com/castellan-iam/castellan/policy", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

type importerFunc func(path string) (*types.Package, error)

func (f importerFunc) Import(path string) (*types.Package, error) { return f(path) }

// TestRandomPoliciesCompile is about whatever Load accepts: the generated code type-checks and holds
// each name of the CSV, or the names are refused because they cannot be told apart.
func TestRandomPoliciesCompile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "go.mod", "module example.com/shop\n")
	fset := token.NewFileSet()
	config := types.Config{Importer: importerFunc(func(string) (*types.Package, error) { return fakePolicy(t, fset), nil })}
	compiled, refused := 0, 0
	for seed := range uint64(80) {
		csv := writeFile(t, dir, "policy.csv", randomCSV(rand.New(rand.NewPCG(seed, 0))))
		out := filepath.Join(dir, "vocabulary_gen.go")
		o := options{csv: []string{csv}, packageName: "shop", out: out, policyPath: "github.com/castellan-iam/castellan/policy"}
		err := o.generate()
		if errors.As(err, new(policy.Mistakes)) && strings.Contains(err.Error(), "rename one of them") {
			refused++
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, name := range []string{out, o.testFile()} {
			code := readFile(t, name)
			if formatted, err := format.Source([]byte(code)); err != nil || string(formatted) != code {
				t.Fatalf("seed %d: not as gofmt writes it: %v\n%s", seed, err, code)
			}
		}
		file, err := parser.ParseFile(fset, out, nil, 0)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if _, err := config.Check("example.com/shop", fset, []*ast.File{file}, nil); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, readFile(t, out))
		}
		v, err := vet.ReadFile(out)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, problem := range v.CompareCSV(csv) {
			t.Errorf("seed %d: %v", seed, problem)
		}
		compiled++
	}
	if compiled < 40 || refused < 4 {
		t.Errorf("%d compiled and %d were refused: the random policies test too little", compiled, refused)
	}
}
