package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan"
)

// Config adjusts how a policy is compiled. The zero Config works.
type Config struct {
	// Model is the text of the Casbin model. Defaults to the model.conf at the root of this module.
	Model string
	// Conditions are the predicates that rules may name. Defaults to none: only rules that always hold.
	Conditions []Condition
}

// Policy is a compiled set of rules. It is immutable and safe for concurrent use. The nil Policy denies.
type Policy struct {
	config Config
	docs   []*Document

	rules       []Rule
	permissions []permissionInfo
	index       permissionIndex
	kinds       map[Kind]bool
	roles       map[Role]*roleTable
	roleOrder   []Role
	gives       map[Role]map[Role]bool     // granter → role
	direct      []*roleTable               // for each permission: the table of a grant of it alone
	known       map[permissionKey][]string // the conditions of such a grant
	version     string
}

// Rule is one permission of one role: a p row of the policy.
type Rule struct {
	Role      Role
	Reach     Extent
	Kind      Kind
	Action    Action
	Effect    Effect
	Condition string // [Always], or the name of a condition
	File      string
	Line      int
}

// Permission returns what the rule is about.
func (r Rule) Permission() Permission { return NewPermission(r.Kind, r.Action) }

// String writes the rule as the policy does.
func (r Rule) String() string { return Row{Section: "p", Fields: r.fields()}.String() }

func (r Rule) fields() []string {
	return []string{string(r.Role), string(r.Reach), string(r.Kind), string(r.Action), string(r.Effect), r.Condition}
}

type permissionKey struct {
	kind   Kind
	action Action
}

type permissionInfo struct {
	permissionKey
	section, title string
}

func (i permissionInfo) permission() Permission { return NewPermission(i.kind, i.action) }

// Load reads and compiles a policy file; name stands in mistakes and in the rules of decisions.
// A policy with a mistake is refused whole, with a [Mistakes] that names every one of them.
func Load(name string, csv []byte, config Config) (*Policy, error) {
	doc, readErr := ReadDocument(name, csv)
	if readErr != nil {
		// The rows that could be read are checked too, so that one run shows every mistake.
		wrong := readErr.(Mistakes)
		if _, sense := compileMistakes([]*Document{doc}, config.Conditions); len(sense) > 0 {
			wrong = append(wrong, sense...)
		}
		return nil, wrong.orNil()
	}
	return Compile(config, doc)
}

// Compile makes a policy of documents that are read together: shipped rules, and custom roles
// beside them. See [Load] for what it refuses.
func Compile(config Config, docs ...*Document) (*Policy, error) {
	if config.Model == "" {
		config.Model = castellan.Model()
	}
	config.Conditions = slices.Clone(config.Conditions)
	if err := checkConditions(config.Conditions); err != nil {
		return nil, err
	}
	p, wrong := compileMistakes(docs, config.Conditions)
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	p.config = config
	if err := p.fill(p.roleOrder); err != nil {
		return nil, err
	}
	p.knowConditions()
	if err := p.fillDirect(); err != nil {
		return nil, err
	}
	p.version = p.hash()
	return p, nil
}

// With returns a policy that has the rules of another document too. Only the roles that the
// document declares are compiled, so that the roles of one organisation are added in a moment;
// rules of the document for roles that it does not declare are refused, and so are gifts between such roles.
func (p *Policy) With(doc *Document) (*Policy, error) {
	next, wrong := compileMistakes(append(slices.Clone(p.docs), doc), p.config.Conditions)
	declared := make(map[Role]bool)
	for _, row := range doc.Rows() {
		switch {
		case row.Section == "p4":
			declared[Role(row.Fields[0])] = true
		case row.Section == "p3":
			wrong.add(doc.name, row.Line, "added rules use the permissions of the policy that they are added to: p3 is not allowed here")
		}
	}
	var added []Role
	for _, row := range doc.Rows() {
		switch {
		case row.Section == "p" && !declared[Role(row.Fields[0])]:
			wrong.add(doc.name, row.Line, "role %q is not declared in this document: want a p4 row for it", row.Fields[0])
		case row.Section == "p2" && !declared[Role(row.Fields[0])] && !declared[Role(row.Fields[1])]:
			wrong.add(doc.name, row.Line, "neither role %q nor %q is declared in this document: want a p4 row for one of them", row.Fields[0], row.Fields[1])
		}
	}
	if err := wrong.orNil(); err != nil {
		return nil, err
	}
	next.config = p.config
	next.direct, next.known = p.direct, p.known
	for _, role := range next.roleOrder {
		if old := p.roles[role]; old != nil {
			next.roles[role] = old
		} else {
			added = append(added, role)
		}
	}
	if err := next.fill(added); err != nil {
		return nil, err
	}
	next.version = next.hash()
	return next, nil
}

// Must returns the policy or panics: for policies that are embedded and proven by a test.
func Must(p *Policy, err error) *Policy {
	if err != nil {
		panic(err)
	}
	return p
}

// Rules returns every rule, in the order of the files.
func (p *Policy) Rules() []Rule {
	if p == nil {
		return nil
	}
	return slices.Clone(p.rules)
}

// Roles returns every role, in the order of their p4 rows.
func (p *Policy) Roles() []Role {
	if p == nil {
		return nil
	}
	return slices.Clone(p.roleOrder)
}

// HasRole reports whether the policy declares the role.
func (p *Policy) HasRole(role Role) bool { return p != nil && p.roles[role] != nil }

// Title returns the title of a role, and "" for a role that is not declared.
func (p *Policy) Title(role Role) string {
	if !p.HasRole(role) {
		return ""
	}
	return p.roles[role].title
}

// PermissionsOf returns the permissions that a role brings, anywhere and under any condition, in the
// order of the p3 rows (L3: their number is what a page of roles shows).
func (p *Policy) PermissionsOf(role Role) []Permission {
	if !p.HasRole(role) {
		return nil
	}
	var brings []Permission
	for pi, info := range p.permissions {
		if slices.ContainsFunc(p.roles[role].entriesOf(int32(pi)), func(e entry) bool { return !e.denies }) {
			brings = append(brings, info.permission())
		}
	}
	return brings
}

// Bindable reports whether the role can be bound to projects: it has a rule of reach project.
func (p *Policy) Bindable(role Role) bool {
	return p.HasRole(role) && p.roles[role].bindable
}

// Gives returns the roles that a holder of the role may give to others, in the order of their p4 rows.
func (p *Policy) Gives(granter Role) []Role {
	var roles []Role
	for _, role := range p.Roles() {
		if p.gives[granter][role] {
			roles = append(roles, role)
		}
	}
	return roles
}

// Vocabulary returns every permission, in the order of the p3 rows.
func (p *Policy) Vocabulary() []Permission {
	if p == nil {
		return nil
	}
	all := make([]Permission, len(p.permissions))
	for i, info := range p.permissions {
		all[i] = info.permission()
	}
	return all
}

// Knows reports whether the policy declares the action for the kind.
func (p *Policy) Knows(kind Kind, action Action) bool {
	if p == nil {
		return false
	}
	_, ok := p.index.find(kind, action)
	return ok
}

// Conditions returns the conditions that rules may name.
func (p *Policy) Conditions() []Condition {
	if p == nil {
		return nil
	}
	return slices.Clone(p.config.Conditions)
}

// Version is a hash of the model and all rows: two policies of the same version decide alike,
// as far as their conditions do.
func (p *Policy) Version() string {
	if p == nil {
		return ""
	}
	return p.version
}

// WriteTo writes the policy's documents one after the other, in canonical form.
func (p *Policy) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, d := range p.docs {
		n, err := d.WriteTo(w)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (p *Policy) hash() string {
	var rows []string
	for _, d := range p.docs {
		for _, l := range d.lines {
			if l.row.Section != "" {
				rows = append(rows, l.row.String())
			}
		}
	}
	slices.Sort(rows) // what a policy decides does not depend on their order
	h := sha256.New()
	fmt.Fprintf(h, "%q\n%q", p.config.Model, rows)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

func (p *Policy) permission(name Permission) (int32, bool) {
	kind, action, _ := strings.Cut(string(name), ":")
	return p.index.find(Kind(kind), Action(action))
}
