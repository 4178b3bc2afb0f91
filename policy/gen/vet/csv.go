package vet

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// ReadCSV reads a policy and refuses what [policy.Load] refuses, with the same [policy.Mistakes].
// Only the conditions are not known here: every name that a rule uses is taken for one.
func ReadCSV(file string) (*policy.Document, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	doc, _ := policy.ReadDocument(file, data) // Load below reports these mistakes and the others together
	if _, err := policy.Load(file, data, policy.Config{Conditions: conditions(doc)}); err != nil {
		return nil, err
	}
	return doc, nil
}

// conditions makes a condition for every well-formed name that the rules use.
func conditions(doc *policy.Document) []policy.Condition {
	var stubs []policy.Condition
	seen := map[string]bool{policy.Always: true}
	for _, row := range doc.Rows() {
		if row.Section != "p" {
			continue
		}
		name := row.Fields[5]
		if _, malformed := policy.ParsePermission("kind:" + name); malformed != nil || seen[name] {
			continue
		}
		seen[name] = true
		stubs = append(stubs, policy.OneOf(name, "attribute", "value"))
	}
	return stubs
}

// declared is a line that declares a value.
type declared struct {
	file string
	line int
}

func (d declared) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", d.file, d.line, fmt.Sprintf(format, args...))
}

// CompareCSV returns what the files declare and v lacks, what v has and no file declares, and every
// permission that its own file declares without a rule about it. The first names the line.
func (v Vocabulary) CompareCSV(files ...string) []error {
	var problems []error
	var docs []*policy.Document
	for _, file := range files {
		doc, err := ReadCSV(file)
		if err != nil {
			return []error{err}
		}
		docs = append(docs, doc)
	}
	roles, kinds := make(map[policy.Role]declared), make(map[policy.Kind]declared)
	actions, permissions := make(map[policy.Action]declared), make(map[policy.Permission]declared)
	for _, doc := range docs {
		unused := make(map[policy.Permission]declared)
		for _, row := range doc.Rows() {
			at, f := declared{doc.Name(), row.Line}, row.Fields
			switch row.Section {
			case "p4":
				if role := policy.Role(f[0]); role.Org() == "" {
					note(roles, role, at)
				}
			case "p3":
				kind, action := policy.Kind(f[0]), policy.Action(f[1])
				note(kinds, kind, at)
				note(actions, action, at)
				note(permissions, policy.NewPermission(kind, action), at)
				unused[policy.NewPermission(kind, action)] = at
			}
		}
		for _, row := range doc.Rows() {
			if row.Section == "p" {
				delete(unused, policy.NewPermission(policy.Kind(row.Fields[2]), policy.Action(row.Fields[3])))
			}
		}
		for _, p := range slices.Sorted(maps.Keys(unused)) {
			problems = append(problems, unused[p].errorf("no rule knows the permission %s: want a p row", p))
		}
	}
	problems = append(problems, compare("role", v.Roles, roles)...)
	problems = append(problems, compare("kind", v.Kinds, kinds)...)
	problems = append(problems, compare("action", v.Actions, actions)...)
	return append(problems, compare("permission", v.Permissions, permissions)...)
}

// note keeps where a value is declared first.
func note[T ~string](in map[T]declared, value T, at declared) {
	if _, again := in[value]; !again {
		in[value] = at
	}
}

// compare returns the differences between the constants and the declared values.
func compare[T ~string](what string, constants map[string]T, values map[T]declared) []error {
	var problems []error
	known := make(map[T]bool, len(constants))
	for _, name := range slices.Sorted(maps.Keys(constants)) {
		known[constants[name]] = true
		if _, ok := values[constants[name]]; !ok {
			problems = append(problems, fmt.Errorf("constant %s: no CSV declares the %s %s: run go generate", name, what, constants[name]))
		}
	}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		if !known[value] {
			problems = append(problems, values[value].errorf("the %s %s has no constant: run go generate", what, value))
		}
	}
	return problems
}

// Check is what a generated package's own test reports: what is wrong between the generated file
// and the CSV files that it was made from, and every unknown pair in the module around it.
func Check(file string, csv ...string) []error {
	v, err := ReadFile(file)
	if err != nil {
		return []error{err}
	}
	problems := v.CompareCSV(csv...)
	findings, err := v.Module(filepath.Dir(file))
	if err != nil {
		problems = append(problems, err)
	}
	for _, f := range findings {
		problems = append(problems, errors.New(f.String()))
	}
	return problems
}
