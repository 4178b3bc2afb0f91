package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

type said struct{ where, sentence string }

// contract reads the sentences of the comments on the interfaces and queries of iam/store.go.
func contract(t *testing.T) []said {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../store.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var all []said
	add := func(where string, comments ...*ast.CommentGroup) {
		for _, c := range comments {
			for _, s := range sentences(c.Text()) {
				all = append(all, said{where, s})
			}
		}
	}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
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

// unproven are the sentences that promise nothing that a store could break, or nothing that can be seen from outside.
var unproven = map[string]string{
	"Store is where the accounts live": "says what it is",
	"Package store implements it on a GORM database; the exported suite iam/storetest proves every sentence of these comments for any implementation": "says where things are",
	"Write may run do again after a passing failure of the database, such as a deadlock":                                                              "a permission",
	"Reader is everything that is read":                                      "says what it is",
	"SubjectReader reads what decides":                                       "says what it is",
	"CandidateQuery names who may come into question for a resource":         "says what it is",
	"AccountReader reads accounts":                                           "says what it is",
	"AccountQuery narrows a list of accounts":                                "says what it is",
	"BindingReader reads bindings, grants and projects":                      "says what it is",
	"AuditReader reads the audit log":                                        "says what it is",
	"Event is a line of the audit log: who did what to what, and when (E17)": "says what it is",
	"of the organisation, with the change in it":                             "proven at Tx.Append",
	"from 1, among the events of one change":                                 "proven at Tx.Append",
	"who acted; \"\" for the system":                                         "for the service, which writes it",
	"why the system acted; \"\" for an account":                              "for the service, which writes it",
	"what was changed: the id of an account, project, grant or organisation": "for the service, which writes it",
	"in a fixed order for each Type":                                         "for the service, which writes it",
	"Forgotten is what a project took along":                                 "says what it is",
	"FieldChange is one value before and after":                              "says what it is",
	"A value that was not there is \"\"":                                     "for the service, which writes it",
	"EventQuery narrows the audit log":                                       "says what it is",
	"EventPosition is a place in an organisation's log, for paging":          "says what it is",
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
