package vet

import (
	"go/ast"
	"go/token"

	"github.com/castellan-iam/castellan/policy"
)

// local is what is known of the local variables of one name in one function.
type local struct {
	kind    policy.Kind
	action  policy.Action
	unclear bool // it may hold something else
}

// localsOf reads the variables of a top-level declaration: mostly of a function. Variables of one name count as one, whatever
// their scopes: a name that holds two things is unclear, and unclear names are never reported.
func localsOf(decl ast.Decl, r *reader) map[string]*local {
	c := collector{reader: *r, locals: make(map[string]*local)}
	c.reader.locals = c.locals // x := y follows y, and a parameter hides a constant
	ast.Inspect(decl, c.visit)
	return c.locals
}

type collector struct {
	reader reader
	locals map[string]*local
}

func (c *collector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		c.fields(n.Recv)
	case *ast.FuncType:
		c.fields(n.Params)
		c.fields(n.Results)
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) && (n.Tok == token.DEFINE || n.Tok == token.ASSIGN) {
				c.assign(to, n.Rhs[i])
			} else {
				c.assign(to, nil)
			}
		}
	case *ast.ValueSpec:
		for i, to := range n.Names {
			switch {
			case len(n.Values) == len(n.Names):
				c.assign(to, n.Values[i])
			case len(n.Values) > 0:
				c.assign(to, nil)
			}
		}
	case *ast.RangeStmt:
		c.assign(n.Key, nil)
		c.assign(n.Value, nil)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			c.assign(n.X, nil) // what has its address taken may be changed from afar
		}
	}
	return true
}

func (c *collector) fields(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			c.assign(name, nil)
		}
	}
}

// assign notes that a variable gets a value; nil stands for one that is not understood. So does a
// value whose kind is not known: the variable is unclear from then on.
func (c *collector) assign(to, value ast.Expr) {
	if field, ok := to.(*ast.SelectorExpr); ok {
		to = field.X // dep.Kind = … changes dep
	}
	name, ok := to.(*ast.Ident)
	if !ok || name.Name == "_" {
		return
	}
	kind, isKind := policy.Kind(""), false
	action, isAction := policy.Action(""), false
	if value != nil {
		kind, isKind = c.reader.kind(value)
		action, isAction = c.reader.action(value)
	}
	l := c.locals[name.Name]
	if l == nil {
		l = new(local)
		c.locals[name.Name] = l
	}
	if !isKind && !isAction || l.kind != "" && l.kind != kind || l.action != "" && l.action != action {
		l.unclear = true
	}
	l.kind, l.action = kind, action
}
