package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Columns are the columns of a host's table of resources: plain names, or table.name where a join
// makes that necessary. NULL stands for what a resource does not have. Ids are compared byte by
// byte, whatever the column's collation is; a column of another type than text is compared by the
// text of its values, so that a uuid column matches ids in the form in which the database prints them.
type Columns struct {
	// Org holds the organisation's id. It is required: every list is narrowed by it.
	Org string
	// Project holds the project's id. Defaults to none: a reach that lies in projects is an error.
	Project string
	// ID holds the resource's id. Defaults to none: a reach that names single resources is an error.
	ID string
	// Owner holds the owning account's id. Defaults to none: a reach that depends on it is an error.
	Owner string
	// Attributes are the columns of attributes, by the attribute's name. Defaults to none: a reach
	// with a condition is an error.
	Attributes map[string]string
}

// InReach is a GORM scope that narrows a statement to the rows that a subject reaches:
//
//	reach := svc.Reach(sub, emqx.View, emqx.Deployment)
//	err := db.Scopes(store.InReach(reach, store.Columns{Org: "org_id", Project: "project_id", ID: "id"})).
//		Order("name").Find(&deployments).Error
//
// The rows are exactly those whose resources reach.Contains. A zero Reach finds no rows. The
// host's own conditions are kept together: an Or of theirs does not lead around the reach.
//
// It fails closed. A reach that needs a column that columns does not name, or that has a condition
// other than [policy.OneOf], which SQL cannot ask, is an error of the statement, which finds no rows.
// With db.Raw GORM runs no scopes.
func InReach(reach policy.Reach, columns Columns) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		condition, err := reachCondition(db, reach, columns)
		if err != nil {
			// The condition too: GORM loses the error within a group, db.Where(db.Scopes(…)).
			condition = fragment{sql: "1 = 0"}
			_ = db.AddError(err)
		}
		return narrow(db, condition)
	}
}

// narrow adds a condition that holds whatever else is in the WHERE clause. It is there at once, for groups of
// conditions; and as the clause is built, for what other scopes and a soft delete add until then.
func narrow(db *gorm.DB, condition fragment) *gorm.DB {
	db = db.Where(reached{condition.expr()})
	name := clause.Where{}.Name()
	c := db.Statement.Clauses[name]
	where, _ := c.Expression.(clause.Where)
	var narrowed []clause.Expression
	where, narrowed = apart(where)
	c.Expression = clause.Where{Exprs: append(where.Exprs, narrowed...)}
	c.Builder = func(c clause.Clause, builder clause.Builder) {
		where, _ := c.Expression.(clause.Where)
		where, _ = apart(where)
		c.Expression, c.Builder = clause.Where{Exprs: append(where.Exprs, narrowed...)}, nil
		c.Build(builder)
	}
	db.Statement.Clauses[name] = c
	return db
}

// apart takes the conditions of reaches out of a clause, and keeps all others together as one.
func apart(where clause.Where) (others clause.Where, narrowed []clause.Expression) {
	var all []clause.Expression
	for _, e := range where.Exprs {
		if _, ok := e.(reached); ok {
			narrowed = append(narrowed, e)
		} else {
			all = append(all, e)
		}
	}
	if len(all) > 0 {
		others.Exprs = []clause.Expression{together{all}}
	}
	return others, narrowed
}

// reached marks the condition of a reach.
type reached struct{ clause.Expression }

// together is a WHERE clause as a single condition.
type together struct{ exprs []clause.Expression }

// Build writes the conditions as GORM would, in parentheses.
func (t together) Build(builder clause.Builder) {
	_ = builder.WriteByte('(')
	clause.Where{Exprs: slices.Clone(t.exprs)}.Build(builder) // which may swap them
	_ = builder.WriteByte(')')
}

// reachCondition says the same as [policy.Reach.Contains] in SQL.
func reachCondition(db *gorm.DB, reach policy.Reach, columns Columns) (fragment, error) {
	d, err := dialectOf(db)
	if err != nil {
		return fragment{}, err
	}
	if columns.Org == "" {
		return fragment{}, errors.New("store: InReach: Columns.Org is empty: want the column of the organisation's id")
	}
	if reach.IsNone() || reach.Org() == "" {
		return fragment{sql: "1 = 0"}, nil
	}
	s := reachSQL{d: d, columns: columns, subject: string(reach.Subject())}
	allow, deny := reach.Clauses()
	all := []fragment{s.oneOf(columns.Org, false, string(reach.Org()))}
	var allowed []fragment
	for _, c := range allow {
		allowed = append(allowed, s.clause(c, false))
	}
	all = append(all, or(allowed))
	for _, c := range deny {
		all = append(all, s.clause(c, true).isNotTrue())
	}
	return and(all), s.err
}

// reachSQL writes clauses, and keeps the first error.
type reachSQL struct {
	d       *dialect
	columns Columns
	subject string
	err     error
}

func (s *reachSQL) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("store: InReach: "+format, args...)
	}
}

// column returns the name of a column, which the reach needs.
func (s *reachSQL) column(name, field, reason string) string {
	if name == "" {
		s.fail("the reach %s: set Columns.%s", reason, field)
	}
	return name
}

// clause is true of the rows in c. Whether a clause that denies is true of rows that it is unknown of,
// is decided here; the rest is false or NULL for them.
func (s *reachSQL) clause(c policy.Clause, denies bool) fragment {
	var all []fragment
	if c.Projects != nil {
		column := s.column(s.columns.Project, "Project", "lies in projects")
		all = append(all, s.oneOf(column, denies, texts(c.Projects)...))
	}
	if c.IDs != nil {
		column := s.column(s.columns.ID, "ID", "names single resources")
		all = append(all, s.oneOf(column, denies, c.IDs...))
	}
	switch c.Whose {
	case policy.Own:
		all = append(all, s.own(denies))
	case policy.Others:
		all = append(all, s.own(true).isNotTrue())
	}
	if c.Condition != nil {
		all = append(all, s.condition(*c.Condition, denies))
	}
	return and(all)
}

func (s *reachSQL) own(exactOnly bool) fragment {
	return s.oneOf(s.column(s.columns.Owner, "Owner", "depends on the owner"), exactOnly, s.subject)
}

func (s *reachSQL) condition(c policy.Condition, denies bool) fragment {
	attribute, values, ok := c.OneOf()
	if !ok {
		s.fail("the condition %s is code: only policy.OneOf can be asked in SQL", c)
		return fragment{}
	}
	column := s.column(s.columns.Attributes[attribute], fmt.Sprintf("Attributes[%q]", attribute), "depends on an attribute")
	met := s.oneOf(column, denies, values...)
	if denies {
		missing := fragment{sql: "? IS NULL", vars: []any{clause.Column{Name: column}}}
		return or([]fragment{missing, met})
	}
	return met
}

// oneOf compares a column with values, byte by byte. The comparison as the column itself makes it,
// which an index serves, comes before the exact one; exactOnly leaves it out.
func (s *reachSQL) oneOf(column string, exactOnly bool, values ...string) fragment {
	for _, value := range values {
		if !utf8.ValidString(value) || strings.Contains(value, "\x00") || len(values) > maxListed && len(value) > iam.MaxID {
			s.fail("%.40q cannot be compared: want UTF-8 without NUL, of at most %d bytes in long lists", value, iam.MaxID)
			return fragment{}
		}
	}
	name := clause.Column{Name: column}
	var is string
	var operand any
	switch {
	case len(values) == 0:
		return fragment{sql: "1 = 0"}
	case len(values) > maxListed:
		return fragment{s.d.listed + s.d.inList, []any{name, s.d.list(values)}}
	case len(values) == 1:
		is, operand = " = ?", values[0]
	default:
		is, operand = " IN ?", values
	}
	exact := fragment{s.d.exact + is, []any{name, operand}}
	if exactOnly {
		return exact
	}
	return and([]fragment{{"?" + is, []any{name, operand}}, exact})
}

// maxListed is how many values are parameters of their own. More come as one.
const maxListed = 500

func texts[T ~string](ids []T) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}
