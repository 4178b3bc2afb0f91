package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"gorm.io/gorm"
)

// explainSQLite tells which tables are scanned. What the statement has made itself, such as a derived table or the rows
// of a list, is no table.
func explainSQLite(ctx context.Context, db *gorm.DB, statement string, vars []any) ([]string, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(ctx, "EXPLAIN QUERY PLAN "+statement, vars...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var details []string
	own := map[string]bool{}
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, err
		}
		details = append(details, detail)
		for _, made := range []string{"CO-ROUTINE ", "MATERIALIZE "} {
			if name, is := strings.CutPrefix(detail, made); is {
				own[name] = true
			}
		}
	}
	var bad []string
	for _, d := range details {
		name, scan := strings.CutPrefix(d, "SCAN ")
		name, _, _ = strings.Cut(name, " ")
		switch {
		case strings.Contains(d, "AUTOMATIC"):
			bad = append(bad, d)
		case scan && isTable(statement, name) && !own[name] && !strings.Contains(d, "VIRTUAL TABLE") && d != "SCAN CONSTANT ROW":
			bad = append(bad, d)
		}
	}
	return bad, rows.Err()
}

// postgresPlan is a node of EXPLAIN (FORMAT JSON).
type postgresPlan struct {
	Type      string         `json:"Node Type"`
	Table     string         `json:"Relation Name"`
	Index     string         `json:"Index Name"`
	Condition string         `json:"Index Cond"`
	Filter    string         `json:"Filter"`
	Plans     []postgresPlan `json:"Plans"`
}

// explainPostgres tells which tables are read as a whole although reading them like that was made dear, and which indexes
// are read without a condition on their first column.
func explainPostgres(ctx context.Context, db *gorm.DB, statement string, vars []any) ([]string, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
		return nil, err
	}
	var text string
	if err := tx.QueryRowContext(ctx, "EXPLAIN (FORMAT JSON) "+statement, vars...).Scan(&text); err != nil {
		return nil, err
	}
	var plans []struct {
		Plan postgresPlan
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return nil, err
	}
	var bad []string
	for _, p := range plans {
		if err := p.Plan.walk(ctx, tx, &bad); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

func (p postgresPlan) walk(ctx context.Context, tx *sql.Tx, bad *[]string) error {
	switch p.Type {
	case "Seq Scan":
		*bad = append(*bad, fmt.Sprintf("Seq Scan on %s, filter %s", p.Table, p.Filter))
	case "Index Scan", "Index Only Scan", "Bitmap Index Scan":
		if strings.Contains(p.Filter, "org_id = ") && !strings.Contains(p.Condition, " = ") {
			*bad = append(*bad, fmt.Sprintf("%s of %s through other organisations' rows, condition %q, filter %s", p.Type, p.Index, p.Condition, p.Filter))
		}
		var first string
		const read = "SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = to_regclass($1) AND a.attnum = 1"
		if err := tx.QueryRowContext(ctx, read, p.Index).Scan(&first); err != nil {
			return err
		}
		if !regexp.MustCompile(`\b` + first + `\b`).MatchString(p.Condition) {
			*bad = append(*bad, fmt.Sprintf("%s of %s from its beginning, condition %q", p.Type, p.Index, p.Condition))
		}
	}
	for _, below := range p.Plans {
		if err := below.walk(ctx, tx, bad); err != nil {
			return err
		}
	}
	return nil
}

// explainMySQL tells which tables are read as a whole, by rows or by an index.
func explainMySQL(ctx context.Context, db *gorm.DB, statement string, vars []any) ([]string, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(ctx, "EXPLAIN "+statement, vars...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var bad []string
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, name := range columns {
			row[name] = values[i].String
		}
		if kind := row["type"]; kind != "ALL" && kind != "index" {
			continue
		}
		if isTable(statement, row["table"]) {
			bad = append(bad, fmt.Sprintf("%s of %s, key %q, %s rows, %s", row["type"], row["table"], row["key"], row["rows"], row["Extra"]))
		}
	}
	return bad, rows.Err()
}

// isTable reports whether a plan's name stands for a table of the library's in a statement, and not for something that
// the statement has made.
func isTable(statement, name string) bool {
	alias := regexp.MustCompile(`\biam_\w+ (AS )?` + regexp.QuoteMeta(name) + `\b`)
	return strings.HasPrefix(name, "iam_") || alias.MatchString(strings.ReplaceAll(statement, "`", ""))
}
