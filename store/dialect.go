package store

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// dialect is all in which the databases differ.
type dialect struct {
	name     string
	contains string // a condition: the column search contains the parameter, character for character
	// behind is the condition of an organisation's accounts behind an id, and behindOrder their order, so that a page
	// deep in the list is read from there on.
	behind      string
	behindOrder string
	// walks is set when a page in the order of ids must be asked for in the order of organisations and ids: see reader.walk.
	walks bool
	// joinInTurn joins tables in the order in which they stand. It is "" where an array of ids does what that is for.
	joinInTurn string
	// snapshots is set when a plain SELECT may see an older organisation than the one that an
	// UPDATE of the same transaction has locked: see Store.lock.
	snapshots bool
	types     *strings.Replacer // the column types of migrations
	// undoes is set when a transaction undoes DDL too.
	undoes bool
	// columns lists the columns of the tables and views that migrations would find.
	columns   string
	hasSchema string // counts the tables that have the version of the others: one, or none
	// pack makes one column of several: see unpack.
	pack    func(columns ...string) string
	subject string // the statement of Subject
	// hold makes a SELECT read rows as they are now, and keep them so until the transaction ends.
	hold string
	// attempt are the statements of Throttle.Attempt. The row count of the last one says whether it is allowed.
	attempt []string
	// exact is the text of a column as the library compares it: byte by byte.
	exact string
	// list makes one parameter of many texts of at most iam.MaxID bytes, and inList says that the
	// text of a column, listed, is one of them.
	list   func(texts []string) string
	listed string
	inList string
	// notify is the statement that announces a text on a channel; "" where there is none.
	notify string
	// parameters are how many an INSERT of many rows has at most.
	parameters int
	// listsInPlace is set when a bulk look-up takes no list in one parameter: see tx.among.
	listsInPlace bool
}

var dialects = map[string]*dialect{
	"sqlite": {
		name:      "sqlite",
		contains:  "instr(search, ?) > 0",
		hasSchema: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'iam_schema'",
		behind:    "org_id = @org AND id > @id", behindOrder: "id",
		joinInTurn: " CROSS JOIN ",
		types: strings.NewReplacer("{id}", "TEXT", "{text}", "TEXT", "{long}", "TEXT", "{int}", "INTEGER",
			"{rows}", "", "{clustered}", " WITHOUT ROWID"),
		undoes:  true,
		columns: `SELECT m.name AS tbl, c.name AS col FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type IN ('table', 'view') AND m.name LIKE 'iam%'`,
		pack:    packWithOperator,
		subject: recordsQuery(packWithOperator, "s.id = ?", openOfAccount),
		attempt: attemptUpserting,
		exact:   "CAST(? AS TEXT) COLLATE BINARY",
		list:    jsonList,
		listed:  "CAST(? AS TEXT) COLLATE BINARY",
		inList:  " IN (SELECT value FROM json_each(?))",

		parameters: fewParameters,
	},
	"postgres": {
		name:      "postgres",
		contains:  "strpos(search, ?) > 0",
		hasSchema: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA() AND table_name = 'iam_schema'",
		behind:    "org_id = @org AND id > @id", behindOrder: "id",
		walks: true,
		types: strings.NewReplacer("{id}", `text COLLATE "C"`, "{text}", "text", "{long}", `text COLLATE "C"`, "{int}", "bigint",
			"{rows}", "", "{clustered}", ""),
		undoes: true,
		columns: `SELECT c.relname AS tbl, a.attname AS col FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relname LIKE 'iam%' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
AND a.attnum > 0 AND NOT a.attisdropped`,
		pack:    packWithOperator,
		subject: recordsQuery(packWithOperator, "s.id = ?", openOfAccount),
		hold:    " FOR UPDATE",
		attempt: attemptUpserting,
		exact:   `CAST(? AS text) COLLATE "C"`,
		list:    arrayList,
		listed:  `CAST(? AS text) COLLATE "C"`,
		inList:  " = ANY (?)",
		notify:  "SELECT pg_notify(?, ?)",

		parameters: manyParameters,
	},
	"mysql": {
		name:       "mysql",
		contains:   "INSTR(search, ?) > 0",
		hasSchema:  "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'iam_schema'",
		joinInTurn: " STRAIGHT_JOIN ",
		// With org_id = @org MariaDB reads the organisation from its beginning, and drops what is not behind the id: of
		// 100,000 accounts, a page in the middle took 8 ms, where now it takes 2 as the first one does.
		behind: "org_id >= @org AND org_id <= @org AND id > @id", behindOrder: "org_id, id",
		snapshots: true,
		types: strings.NewReplacer("{id}", "VARBINARY(255)", "{text}", "TEXT", "{long}", "MEDIUMTEXT", "{int}", "BIGINT",
			"{rows}", mysqlTable, "{clustered}", mysqlTable),
		columns: "SELECT table_name AS tbl, column_name AS col FROM information_schema.columns " +
			"WHERE table_schema = DATABASE() AND table_name LIKE 'iam%'",
		pack:    packWithConcat,
		subject: recordsQuery(packWithConcat, "s.id = ?", openOfAccount),
		hold:    " FOR UPDATE",
		attempt: attemptInTwo,
		exact:   "CAST(CONVERT(? USING utf8mb4) AS BINARY)",
		list:    jsonList,
		// Short types and DISTINCT, so that MariaDB makes a table with a key of the list: a hundred
		// thousand ids against a thousand rows took 35 s without.
		listed: "CAST(CONVERT(? USING utf8mb4) AS CHAR(256) CHARACTER SET binary)",
		inList: " IN (SELECT v FROM (SELECT DISTINCT CAST(v AS CHAR(256) CHARACTER SET binary) AS v " +
			"FROM JSON_TABLE(?, '$[*]' COLUMNS (v VARCHAR(255) PATH '$')) AS texts) AS listed)",

		parameters: manyParameters, listsInPlace: true,
	},
}

const mysqlTable = " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC"

func dialectOf(db *gorm.DB) (*dialect, error) {
	name := db.Dialector.Name()
	if d := dialects[name]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("store: database %q: want sqlite, postgres or mysql", name)
}
