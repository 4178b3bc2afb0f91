package vet

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// Finding is a call in which an action meets a kind that does not have it.
type Finding struct {
	File   string // from the root of the module
	Line   int
	Kind   policy.Kind
	Action policy.Action
	Known  []policy.Action // the actions that the kind has, sorted
}

// String prints the finding as a compiler does: main.go:12: deployment has no action renew (known: list, view).
func (f Finding) String() string {
	known := make([]string, len(f.Known))
	for i, action := range f.Known {
		known[i] = string(action)
	}
	return fmt.Sprintf("%s:%d: %s has no action %s (known: %s)", f.File, f.Line, f.Kind, f.Action, strings.Join(known, ", "))
}

// Module returns the unknown pairs in the Go files, tests included, of the module that dir lies in,
// sorted by file and line. Nested modules, vendor, testdata and what starts with a dot or an
// underscore are left out. A file that does not parse is vetted as far as it does: it is the
// compiler's to refuse.
func (v Vocabulary) Module(dir string) ([]Finding, error) {
	_, m, err := findModule(dir)
	if err != nil {
		return nil, err
	}
	var found []Finding
	err = filepath.WalkDir(m.dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != m.dir && skipDir(name):
			return filepath.SkipDir
		case entry.IsDir(), !strings.HasSuffix(name, ".go"), strings.ContainsRune("._", rune(entry.Name()[0])):
			return nil
		}
		more, err := v.file(m, name)
		found = append(found, more...)
		return err
	})
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.CompactFunc(found, func(a, b Finding) bool { return a.String() == b.String() }), err
}

func skipDir(dir string) bool {
	base := filepath.Base(dir)
	if base == "vendor" || base == "testdata" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// file vets one file, when it is of the generated package or imports it.
func (v Vocabulary) file(m module, name string) ([]Finding, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	importPath, err := m.importPath(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	if importPath != v.ImportPath && !bytes.Contains(src, []byte(v.ImportPath)) {
		return nil, nil
	}
	fset := token.NewFileSet()
	parsed, _ := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if parsed == nil {
		return nil, nil
	}
	r := v.reader(parsed, importPath == v.ImportPath)
	if r.vocabulary == "" {
		return nil, nil
	}
	rel, err := filepath.Rel(m.dir, name)
	if err != nil {
		return nil, err
	}
	r.fset, r.file, r.silent = fset, filepath.ToSlash(rel), silentLines(fset, parsed)
	for _, decl := range parsed.Decls {
		r.locals = localsOf(decl, r)
		ast.Inspect(decl, r.call)
	}
	return r.found, nil
}

// directive is the comment of a line that asks for an unknown pair on purpose.
const directive = "//castellan:unknown-pair"

func silentLines(fset *token.FileSet, file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	for _, group := range file.Comments {
		for _, c := range group.List {
			if rest, ok := strings.CutPrefix(c.Text, directive); ok && (rest == "" || rest[0] == ' ') {
				lines[fset.Position(c.Pos()).Line] = true
			}
		}
	}
	return lines
}

// call notes the unknown pairs among the arguments of a call.
func (r *reader) call(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	for _, one := range call.Args {
		action, ok := r.action(one)
		if !ok {
			continue
		}
		for _, other := range call.Args {
			if kind, ok := r.kind(other); ok && !r.knows(kind, action) {
				r.report(one, other, kind, action)
			}
		}
	}
	return true
}

func (r *reader) report(actionArg, kindArg ast.Expr, kind policy.Kind, action policy.Action) {
	line := r.fset.Position(actionArg.Pos()).Line
	if r.silent[line] || r.silent[r.fset.Position(kindArg.Pos()).Line] || r.silent[r.fset.Position(kindArg.End()).Line] {
		return
	}
	r.found = append(r.found, Finding{File: r.file, Line: line, Kind: kind, Action: action, Known: r.actionsOf(kind)})
}

func (v Vocabulary) knows(kind policy.Kind, action policy.Action) bool {
	return slices.Contains(v.actionsOf(kind), action)
}

func (v Vocabulary) actionsOf(kind policy.Kind) []policy.Action {
	var actions []policy.Action
	for _, p := range v.Permissions {
		if p.Kind() == kind {
			actions = append(actions, p.Action())
		}
	}
	slices.Sort(actions)
	return actions
}
