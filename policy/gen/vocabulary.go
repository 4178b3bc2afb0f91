package main

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/gen/vet"
)

// class is one of the four sorts of constants, in the order in which they choose their names.
type class int

const (
	kinds class = iota
	actions
	roles
	permissions
	classes
)

// String is the word for a constant of the class.
func (c class) String() string { return [classes]string{"kind", "action", "role", "permission"}[c] }

// typeName is the constant's type in package policy, and the suffix that settles a collision.
func (c class) typeName() string { return [classes]string{"Kind", "Action", "Role", "Permission"}[c] }

// source is one of the CSV files.
type source struct {
	path string // as it was given: for mistakes
	rel  string // from the generated files, with slashes: for their header and test
	doc  *policy.Document
}

// constant is a name that some CSV declares.
type constant struct {
	class class
	value string
	name  string // the Go identifier
	other string // what took the plain name, when that was taken
	title string // of a role or permission; the first CSV's
	under string // of a permission: its section
	parts []string
	in    []int // the sources that declare it
	file  string
	line  int // of the first declaration
}

// vocabulary is what the CSV files declare together, in the order of their rows.
type vocabulary struct {
	sources   []source
	constants [classes][]*constant
	byValue   [classes]map[string]*constant
}

// read reads the files and refuses what policy.Load refuses. dir is where the result will stand.
func read(dir string, files []string) (*vocabulary, error) {
	v := new(vocabulary)
	for c := range v.byValue {
		v.byValue[c] = make(map[string]*constant)
	}
	var wrong policy.Mistakes
	for _, file := range files {
		doc, err := vet.ReadCSV(file)
		if mistakes, ok := err.(policy.Mistakes); ok {
			wrong = append(wrong, mistakes...)
			continue
		} else if err != nil {
			return nil, err
		}
		rel, err := relative(dir, file)
		if err != nil {
			return nil, err
		}
		v.sources = append(v.sources, source{path: file, rel: rel, doc: doc})
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	for i := range v.sources {
		for _, row := range v.sources[i].doc.Rows() {
			v.addRow(i, row)
		}
	}
	if len(v.constants[roles])+len(v.constants[kinds]) == 0 {
		return nil, policy.Mistakes{{File: files[0], Text: "nothing to generate: no p3 and no p4 row"}}
	}
	return v, nil
}

func relative(dir, file string) (string, error) {
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(from, to)
	return filepath.ToSlash(rel), err
}

func (v *vocabulary) addRow(src int, row policy.Row) {
	f := row.Fields
	switch row.Section {
	case "p4":
		if policy.Role(f[0]).Org() == "" {
			v.add(roles, f[0], src, row.Line).describe(f[1], "")
		}
	case "p3":
		kind, action := v.add(kinds, f[0], src, row.Line), v.add(actions, f[1], src, row.Line)
		kind.include(action.value)
		action.include(kind.value)
		name := policy.NewPermission(policy.Kind(kind.value), policy.Action(action.value))
		v.add(permissions, string(name), src, row.Line).describe(f[3], f[2])
	}
}

// add returns the constant of the value, a new one when it is mentioned for the first time.
func (v *vocabulary) add(c class, value string, src, line int) *constant {
	one := v.byValue[c][value]
	if one == nil {
		one = &constant{class: c, value: value, file: v.sources[src].path, line: line}
		v.byValue[c][value] = one
		v.constants[c] = append(v.constants[c], one)
	}
	if !slices.Contains(one.in, src) {
		one.in = append(one.in, src)
	}
	return one
}

func (c *constant) describe(title, under string) {
	if c.title == "" {
		c.title, c.under = title, under
	}
}

func (c *constant) include(part string) {
	if !slices.Contains(c.parts, part) {
		c.parts = append(c.parts, part)
	}
}

// nameAll gives every constant its identifier, after the rules of the package comment. Classes
// choose one after the other, and within a class nobody goes first: that makes the names
// independent of the order of the rows.
func (v *vocabulary) nameAll(reserved string) error {
	taken := map[string]string{reserved: "generated test"}
	var wrong policy.Mistakes
	for _, list := range v.constants {
		chosen := make(map[string]*constant, len(list))
		for _, c := range list {
			c.name = identifier(c.value)
			if c.other = taken[c.name]; c.other != "" {
				c.name += c.class.typeName()
			}
			rival := taken[c.name]
			if same := chosen[c.name]; same != nil {
				rival = same.String()
			}
			if rival != "" {
				text := fmt.Sprintf("the %s would be %s, as the %s: rename one of them", c, c.name, rival)
				wrong = append(wrong, policy.Mistake{File: c.file, Line: c.line, Text: text})
				continue
			}
			chosen[c.name] = c
		}
		for name, c := range chosen {
			taken[name] = c.String()
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// String says what the constant is: role project_admin.
func (c *constant) String() string { return c.class.String() + " " + c.value }

// labels names the sources in a sentence: by their last elements, when these tell them apart.
func (v *vocabulary) labels(in []int) string {
	bases := make(map[string]bool)
	for _, s := range v.sources {
		bases[path.Base(s.rel)] = true
	}
	names := make([]string, len(in))
	for i, src := range in {
		names[i] = v.sources[src].rel
		if len(bases) == len(v.sources) {
			names[i] = path.Base(names[i])
		}
	}
	return sentence(names)
}

// sentence joins words as a sentence does: a, b and c.
func sentence(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
