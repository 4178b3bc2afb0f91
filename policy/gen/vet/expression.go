package vet

import (
	"go/ast"
	"go/token"
	"strconv"

	"github.com/castellan-iam/castellan/policy"
)

// inPackage is the qualifier of a file that needs none.
const inPackage = "."

// reader understands the expressions of one file.
type reader struct {
	Vocabulary
	vocabulary string // what the file calls the generated package; "" when it does not see it
	policy     string // what it calls package policy
	locals     map[string]*local

	fset   *token.FileSet
	file   string
	silent map[int]bool
	found  []Finding
}

// reader reads the imports of a file.
func (v Vocabulary) reader(file *ast.File, sameDir bool) *reader {
	r := &reader{Vocabulary: v}
	if sameDir && file.Name.Name == v.Package {
		r.vocabulary = inPackage
	}
	for _, spec := range file.Imports {
		importPath, _ := strconv.Unquote(spec.Path.Value)
		switch importPath {
		case v.ImportPath:
			r.vocabulary = importName(spec, v.Package)
		case policyPath:
			r.policy = importName(spec, "policy")
		}
	}
	return r
}

func importName(spec *ast.ImportSpec, name string) string {
	switch {
	case spec.Name == nil:
		return name
	case spec.Name.Name == "_":
		return ""
	}
	return spec.Name.Name // "." is inPackage
}

// name returns the package and the identifier that an expression names.
func name(e ast.Expr) (qualifier, identifier string) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return inPackage, e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name, e.Sel.Name
		}
	}
	return "", ""
}

// local returns what is known of a local variable or of its field, which is nothing, and nil for
// what is no local variable.
func (r *reader) local(qualifier, identifier string) *local {
	if r.locals[qualifier] != nil {
		return new(local)
	}
	l := r.locals[identifier]
	switch {
	case l == nil || qualifier != inPackage:
		return nil
	case l.unclear:
		return new(local)
	}
	return l
}

// action returns the action that an expression is.
func (r *reader) action(e ast.Expr) (policy.Action, bool) {
	qualifier, identifier := name(e)
	if identifier == "" {
		return "", false
	}
	if l := r.local(qualifier, identifier); l != nil {
		return l.action, l.action != ""
	}
	if action, ok := r.Actions[identifier]; ok && qualifier == r.vocabulary {
		return action, true
	}
	if qualifier == r.policy {
		switch identifier {
		case "View":
			return policy.View, true
		case "List":
			return policy.List, true
		}
	}
	return "", false
}

// chain are the methods of Kind and Resource that return a Resource of the same kind.
var chain = map[string]bool{"In": true, "Of": true, "Named": true, "OwnedBy": true, "With": true, "Resource": true}

// kind returns the kind that an expression is, or has as a resource.
func (r *reader) kind(e ast.Expr) (policy.Kind, bool) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident, *ast.SelectorExpr:
		qualifier, identifier := name(e)
		if l := r.local(qualifier, identifier); l != nil {
			return l.kind, l.kind != ""
		}
		kind, ok := r.Kinds[identifier]
		return kind, ok && qualifier == r.vocabulary
	case *ast.CallExpr:
		if method, ok := e.Fun.(*ast.SelectorExpr); ok && chain[method.Sel.Name] {
			return r.kind(method.X)
		}
	case *ast.CompositeLit:
		return r.literal(e)
	case *ast.FuncLit:
		return r.result(e)
	}
	return "", false
}

// literal returns the kind of policy.Resource{Kind: …}.
func (r *reader) literal(e *ast.CompositeLit) (policy.Kind, bool) {
	if qualifier, identifier := name(e.Type); qualifier != r.policy || identifier != "Resource" {
		return "", false
	}
	for _, element := range e.Elts {
		if field, ok := element.(*ast.KeyValueExpr); ok {
			if _, key := name(field.Key); key == "Kind" {
				return r.kind(field.Value)
			}
		}
	}
	return "", false
}

// result returns the kind that a function literal's first result always has, as guards of routes take one:
//
//	Require(emqx.StartStop, func(r *http.Request) policy.Resource { return emqx.Deployment.In(…) })
func (r *reader) result(f *ast.FuncLit) (kind policy.Kind, ok bool) {
	always := true
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // its returns are its own
		case *ast.ReturnStmt:
			if len(n.Results) == 0 {
				always = false
				return false
			}
			one, known := r.kind(n.Results[0])
			always = always && known && (kind == "" || kind == one)
			kind = one
			return false
		}
		return true
	})
	return kind, always && kind != ""
}
