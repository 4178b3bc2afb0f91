package policystore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/casbin/casbin/v2/model"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
)

// sections are those of a policy, in the order of a loaded document.
var sections = []string{"p4", "p3", "p2", "p"}

// The names of the loaded documents, as they stand in the rules of decisions. The line of such a
// rule is its place in the document, and not an id of the table.
const (
	shippedName = table
	customName  = table + " (custom roles)"
)

// Documents are the rows of the table, in the order that the package comment promises.
type Documents struct {
	Shipped *policy.Document // the rules that every organisation has
	Custom  *policy.Document // the custom roles of all organisations; empty when there are none
}

// Load reads the table, through gorm-adapter, in one statement. Rows that are well-formed but make
// no sense are found by [Store.Policy]; a malformed one is a [*BadRowsError] that names its id.
// An empty table gives empty documents.
func (s *Store) Load(ctx context.Context) (Documents, error) {
	m, err := s.loadModel(ctx)
	if err != nil {
		return Documents{}, s.diagnose(ctx, err)
	}
	var shipped, custom []policy.Row
	for _, section := range sections {
		for _, fields := range m["p"][section].Policy {
			row := policy.Row{Section: section, Fields: fields}
			if keyOfRow(row).custom() {
				custom = append(custom, row)
			} else {
				shipped = append(shipped, row)
			}
		}
	}
	inOrder(shipped)
	byRole(custom)
	docs := Documents{}
	if docs.Shipped, err = policy.NewDocument(shippedName, shipped); err != nil {
		return Documents{}, s.diagnose(ctx, err)
	}
	if docs.Custom, err = policy.NewDocument(customName, custom); err != nil {
		return Documents{}, s.diagnose(ctx, err)
	}
	return docs, nil
}

// Policy reads the table and compiles it: the shipped rules, and every custom role beside them. It
// refuses the policy whole, with a [*BadRowsError] that names the id of every row that is wrong.
// An empty table is [ErrEmpty].
func (s *Store) Policy(ctx context.Context) (*policy.Policy, error) {
	docs, err := s.Load(ctx)
	if err != nil {
		return nil, err
	}
	if len(docs.Shipped.Rows()) == 0 && len(docs.Custom.Rows()) == 0 {
		return nil, ErrEmpty
	}
	p, err := policy.Compile(s.config, docs.Shipped)
	if err == nil && len(docs.Custom.Rows()) > 0 {
		p, err = p.With(docs.Custom)
	}
	if err != nil {
		return nil, s.diagnose(ctx, err, docs.Shipped, docs.Custom)
	}
	return p, nil
}

// loadModel lets gorm-adapter fill a Casbin model, as it would for a stock enforcer.
func (s *Store) loadModel(ctx context.Context) (m model.Model, err error) {
	text := s.config.Model
	if text == "" {
		text = castellan.Model()
	}
	if m, err = model.NewModelFromString(text); err != nil {
		return nil, fmt.Errorf("policystore: model: %w", err)
	}
	for section, fields := range map[string]int{"p": 6, "p2": 2, "p3": 4, "p4": 2} {
		if a := m["p"][section]; a == nil || len(a.Tokens) != fields {
			return nil, fmt.Errorf("policystore: model: want %d fields in %s, as in model.conf", fields, section)
		}
	}
	a, err := s.adapter(ctx)
	if err != nil {
		return nil, fmt.Errorf("policystore: load: %w", err)
	}
	defer func() {
		if r := recover(); r != nil { // P12: an empty row, or one without a ptype
			m, err = nil, fmt.Errorf("policystore: load: gorm-adapter panicked: %v", r)
		}
	}()
	if err := a.LoadPolicyCtx(ctx, m); err != nil {
		return nil, fmt.Errorf("policystore: load: %w", err)
	}
	for section, assertions := range m {
		for name, a := range assertions {
			if len(a.Policy) > 0 && section != "p" { // Casbin takes a row for g, r, e or m without a word
				return nil, errors.New("policystore: load: " + name + " is no section of a policy")
			}
		}
	}
	return m, nil
}

// inOrder sorts shipped rows: p4 and p3 stay in their order, and p2 and p follow it.
func inOrder(rows []policy.Row) {
	rank := make(map[string]int) // of a role, and of a permission
	for i, row := range rows {
		switch row.Section {
		case "p4":
			rank[row.Fields[0]] = i
		case "p3":
			rank[permissionOf(row.Fields)] = i
		}
	}
	order := func(a, b string) int {
		i, declared := rank[a]
		if !declared { // comes last, and is refused later
			i = len(rows)
		}
		j, declared := rank[b]
		if !declared {
			j = len(rows)
		}
		return cmp.Compare(i, j)
	}
	slices.SortStableFunc(rows, func(a, b policy.Row) int {
		switch {
		case a.Section != b.Section:
			return cmp.Compare(slices.Index(sections, a.Section), slices.Index(sections, b.Section))
		case a.Section == "p2":
			return cmp.Or(order(a.Fields[0], b.Fields[0]), order(a.Fields[1], b.Fields[1]), slices.Compare(a.Fields, b.Fields))
		case a.Section == "p":
			return cmp.Or(order(a.Fields[0], b.Fields[0]),
				order(permissionOf(a.Fields[2:]), permissionOf(b.Fields[2:])), slices.Compare(a.Fields, b.Fields))
		default:
			return 0
		}
	})
}

func permissionOf(fields []string) string { return fields[0] + ":" + fields[1] }

// byRole sorts the rows of custom roles: each role with its title, its givers and its rules.
func byRole(rows []policy.Row) {
	about := func(r policy.Row) string {
		if r.Section == "p2" {
			return r.Fields[1]
		}
		return r.Fields[0]
	}
	slices.SortFunc(rows, func(a, b policy.Row) int {
		return cmp.Or(cmp.Compare(about(a), about(b)),
			cmp.Compare(slices.Index(sections, a.Section), slices.Index(sections, b.Section)), slices.Compare(a.Fields, b.Fields))
	})
}
