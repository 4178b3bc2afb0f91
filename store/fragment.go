package store

import (
	"encoding/json"
	"strings"

	"gorm.io/gorm/clause"
)

// fragment is a condition in SQL, with its parameters and columns in place of question marks.
type fragment struct {
	sql  string
	vars []any
}

func (f fragment) expr() clause.Expr { return clause.Expr{SQL: f.sql, Vars: f.vars} }

// isNotTrue holds where f is false or NULL.
func (f fragment) isNotTrue() fragment { return fragment{"(" + f.sql + ") IS NOT TRUE", f.vars} }

func and(all []fragment) fragment { return joined(all, " AND ", "1 = 1") }
func or(all []fragment) fragment  { return joined(all, " OR ", "1 = 0") }

func joined(all []fragment, operator, none string) fragment {
	if len(all) == 0 {
		return fragment{sql: none}
	}
	var sql []string
	var vars []any
	for _, f := range all {
		sql = append(sql, f.sql)
		vars = append(vars, f.vars...)
	}
	return fragment{"(" + strings.Join(sql, operator) + ")", vars}
}

// jsonList is a list as SQLite, MariaDB and MySQL take one in a single parameter.
func jsonList(texts []string) string {
	list, err := json.Marshal(texts)
	if err != nil {
		panic(err) // strings can always be written
	}
	return string(list)
}

var arrayQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// arrayList is a list as PostgreSQL takes one.
func arrayList(texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteByte('"')
		_, _ = arrayQuotes.WriteString(&b, text)
		b.WriteByte('"')
	}
	return b.String() + "}"
}
