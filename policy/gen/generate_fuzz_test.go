package main

import (
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// FuzzGenerate makes Go of whatever a policy can be: a CSV that Load takes becomes two files that parse, or is refused because
// two names meet, and no title ends a comment or a string.
func FuzzGenerate(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(randomCSV(rand.New(rand.NewPCG(seed, 0))))
	}
	f.Add("p4, owner, \"*/ package x //\"\np3, file, view, Files, \"`\\\"\"\np, owner, org, file, view, allow, always\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		if _, err := policy.ReadDocument("x.csv", []byte(text)); err != nil {
			return
		}
		csv := filepath.Join(dir, "x.csv")
		if err := os.WriteFile(csv, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := options{csv: []string{csv}, packageName: "shop", out: filepath.Join(dir, "x_gen.go"), policyPath: "github.com/castellan-iam/castellan/policy"}
		v, err := read(dir, o.csv)
		if err != nil {
			return
		}
		if err := v.nameAll(o.testName()); err != nil {
			return
		}
		for name, make := range map[string]func(*vocabulary) ([]byte, error){"code": o.code, "test": o.test} {
			code, err := make(v)
			if err != nil {
				t.Fatalf("%q: %s: %v", text, name, err)
			}
			if file, err := parser.ParseFile(token.NewFileSet(), name, code, 0); err != nil || file.Name.Name != "shop" && file.Name.Name != "shop_test" {
				t.Errorf("%q: %s is no Go of ours: %v", text, name, err)
			}
		}
	})
}
