package iam

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// Every event of the library's lies in a namespace that a host's event cannot be in, so that nobody can fake one.
func TestHostsCannotNameTheLibrarysEvents(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	types := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "EventType" {
			return true
		}
		for _, value := range spec.Values {
			what, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			types++
			if checkHostType(EventType(what)) == nil {
				t.Errorf("a host can record %q", what)
			}
			for _, own := range namespaces {
				used[own] = used[own] || len(what) > len(own) && what[:len(own)] == own
			}
		}
		return true
	})
	if types < 40 {
		t.Fatalf("found %d types: is this the right file?", types)
	}
	for _, own := range namespaces {
		if !used[own] {
			t.Errorf("no event is in the namespace %q", own)
		}
	}
}
