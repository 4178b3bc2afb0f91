package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

type said struct{ where, sentence string }

// contract reads the sentences of the comments on the types of iam/store*.go: interfaces, queries and rows.
func contract(t *testing.T) []said {
	t.Helper()
	paths, err := filepath.Glob("../store*.go")
	if err != nil || len(paths) < 3 {
		t.Fatalf("got the files %v (%v), want store.go and those beside it", paths, err)
	}
	var all []said
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				all = append(all, onTypes(d)...)
			}
		}
	}
	return all
}

// onTypes returns what a declaration says about its types, their methods and their fields.
func onTypes(d *ast.GenDecl) []said {
	var all []said
	add := func(where string, comments ...*ast.CommentGroup) {
		for _, c := range comments {
			for _, s := range sentences(c.Text()) {
				all = append(all, said{where, s})
			}
		}
	}
	for _, spec := range d.Specs {
		spec := spec.(*ast.TypeSpec)
		name := spec.Name.Name
		add(name, d.Doc)
		var fields *ast.FieldList
		switch typ := spec.Type.(type) {
		case *ast.InterfaceType:
			fields = typ.Methods
		case *ast.StructType:
			fields = typ.Fields
		default:
			continue
		}
		for _, f := range fields.List {
			var names []string
			for _, n := range f.Names {
				names = append(names, n.Name)
			}
			add(name+"."+strings.Join(names, ","), f.Doc, f.Comment)
		}
	}
	return all
}

var fullStop = regexp.MustCompile(`\. ([A-Z"])`)

// sentences splits a comment, each sentence on one line and without its full stop.
func sentences(text string) []string {
	text = strings.Join(strings.Fields(text), " ")
	text = fullStop.ReplaceAllString(text, "\n$1")
	var all []string
	for _, s := range strings.Split(text, "\n") {
		if s = strings.TrimSuffix(strings.TrimSpace(s), "."); s != "" {
			all = append(all, s)
		}
	}
	return all
}

func TestEverySentenceHasASubtest(t *testing.T) {
	t.Parallel()
	proven := map[said]bool{}
	for _, p := range promises() {
		proven[said{p.where, p.sentence}] = true
	}
	inContract := map[said]bool{}
	sentencesThere := map[string]bool{}
	for _, s := range contract(t) {
		inContract[s] = true
		sentencesThere[s.sentence] = true
		if proven[s] == (unproven[s.sentence] != "") {
			t.Errorf("%s: %q: want a subtest, or a reason in unproven why there is none", s.where, s.sentence)
		}
	}
	for s := range proven {
		if !inContract[s] {
			t.Errorf("%s: a subtest proves %q, which the contract does not say", s.where, s.sentence)
		}
	}
	for s := range unproven {
		if !sentencesThere[s] {
			t.Errorf("unproven lists %q, which the contract does not say", s)
		}
	}
}
