package store_test

import (
	"context"
	"fmt"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// wholeTables are the statements that may read a whole table, or a whole index, each with the reason. They begin with these words.
var wholeTables = map[string]string{}

// issued is a statement that the library has issued, with the parameters of one time.
type issued struct {
	sql  string
	vars []any
	from string // the file and line in this package
}

// recorder keeps one of each statement that a database was asked.
type recorder struct {
	mu  sync.Mutex
	all map[string]issued
}

// record keeps what is asked on db from now on.
func record(t *testing.T, db *gorm.DB) *recorder {
	t.Helper()
	r := &recorder{all: map[string]issued{}}
	const name = "plans"
	c := db.Callback()
	for _, err := range []error{
		c.Create().After("gorm:create").Register(name, r.note), c.Query().After("gorm:query").Register(name, r.note),
		c.Update().After("gorm:update").Register(name, r.note), c.Delete().After("gorm:delete").Register(name, r.note),
		c.Row().After("gorm:row").Register(name, r.note), c.Raw().After("gorm:raw").Register(name, r.note),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *recorder) note(db *gorm.DB) {
	sql := db.Statement.SQL.String()
	if db.DryRun || !explainable.MatchString(sql) {
		return
	}
	from := caller()
	r.mu.Lock()
	defer r.mu.Unlock()
	if key := normalized(sql); r.all[key].sql == "" {
		r.all[key] = issued{sql, slices.Clone(db.Statement.Vars), from}
	}
}

// explainable are the statements that look for rows.
var explainable = regexp.MustCompile(`(?s)^\s*(SELECT|UPDATE|DELETE|WITH)\b.*\biam_|^\s*INSERT\b.*\bSELECT\b.*\biam_`)

var (
	place    = regexp.MustCompile(`\$\d+|\?`)
	places   = regexp.MustCompile(`\(\?(,\s?\?)+\)`)
	expanded = regexp.MustCompile(`\s+`)
)

// normalized is a statement whatever its parameters are, and however many a list has.
func normalized(sql string) string {
	return expanded.ReplaceAllString(places.ReplaceAllString(place.ReplaceAllString(sql, "?"), "(?, …)"), " ")
}

// caller is the line of this package's code that a statement comes from.
func caller() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		function, ours := strings.CutPrefix(frame.Function, "github.com/castellan-iam/castellan/store.")
		if file := path.Base(frame.File); ours && !strings.HasPrefix(function, "(*recorder)") && file != "apart.go" {
			return fmt.Sprintf("store/%s:%d", file, frame.Line)
		}
		if !more {
			return "unknown"
		}
	}
}

// explainAll asks a database how it would execute what was recorded, on tables of thousands of rows: as it was issued, and
// about accounts that are there, of an organisation that has a quarter of them.
func (r *recorder) explainAll(t *testing.T, db *gorm.DB) {
	t.Helper()
	if len(r.all) < 150 {
		t.Errorf("only %d statements were recorded: the recorder no longer sees the library's", len(r.all))
	}
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(r.all)) {
		one := r.all[key]
		vars := plain(one.vars)
		for _, vars := range [][]any{vars, living(vars)} {
			bad, err := explain(t.Context(), db, one.sql, vars)
			if err != nil {
				t.Errorf("%s: EXPLAIN %s: %v", one.from, key, err)
				break
			}
			if len(bad) == 0 {
				continue
			}
			if words := exempt(key); words != "" {
				used[words] = true
				break
			}
			t.Errorf("%s: no index helps with\n\t%s\n\t%s\n\twith %.200q", one.from, key, strings.Join(bad, "\n\t"), fmt.Sprint(vars...))
			break
		}
	}
	for words := range wholeTables {
		if !used[words] {
			t.Logf("no statement needs the exemption %q", words)
		}
	}
}

// exempt returns which of wholeTables allows the statement, and "" when none does.
func exempt(statement string) string {
	for words := range wholeTables {
		if strings.HasPrefix(statement, words) {
			return words
		}
	}
	return ""
}

// living replaces ids and addresses of the conformance suite by such as are in the tables.
func living(vars []any) []any {
	alive := slices.Clone(vars)
	for i, v := range alive {
		text := fmt.Sprint(v)
		switch {
		case suiteOrg.MatchString(text):
			alive[i] = string(bigOrg)
		case suiteID.MatchString(text):
			alive[i] = string(planAccount(7))
		case suiteEmail.MatchString(text):
			alive[i] = planEmail(7)
		}
	}
	return alive
}

var (
	suiteOrg   = regexp.MustCompile(`^org-[A-Z2-7]{26}$`)
	suiteID    = regexp.MustCompile(`^[A-Z2-7]{26}-[^\s"]*$`)
	suiteEmail = regexp.MustCompile(`^[^\s"{\[]+@[A-Z2-7]{26}\.example$`)
)

// plain are parameters as a driver takes them, whatever named types the library has given to GORM.
func plain(vars []any) []any {
	all := make([]any, len(vars))
	for i, v := range vars {
		switch v := v.(type) {
		case nil, string, int, int64, bool:
			all[i] = v
		case fmt.Stringer:
			all[i] = v.String()
		default:
			all[i] = fmt.Sprint(v)
		}
	}
	return all
}

// explain tells the problems of a plan.
func explain(ctx context.Context, db *gorm.DB, sql string, vars []any) ([]string, error) {
	switch db.Name() {
	case testdb.SQLite:
		return explainSQLite(ctx, db, sql, vars)
	case testdb.Postgres:
		return explainPostgres(ctx, db, sql, vars)
	default:
		return explainMySQL(ctx, db, sql, vars)
	}
}

// listEverything asks for every list with every combination of what can narrow it: the conformance suite has one at a time.
func (r *recorder) listEverything(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := t.Context()
	each(5, func(on func(bit int) bool) {
		q := iam.AccountQuery{}
		set(on(0), &q.Keyword, "person")
		set(on(1), &q.Status, iam.Active)
		set(on(2), &q.Role, "administrator")
		set(on(3), &q.Project, "project-1")
		set(on(4), &q.After, planAccount(7))
		check(t)(st.Accounts(ctx, bigOrg, q))
		check(t)(st.ProjectBindings(ctx, bigOrg, "project-1", q))
	})
	each(7, func(on func(bit int) bool) {
		q := iam.EventQuery{Ascending: on(0)}
		set(on(1), &q.Actor, planAccount(7))
		set(on(2), &q.Target, string(planAccount(7)))
		set(on(3), &q.Type, iam.AccountCreated)
		set(on(4), &q.From, noon)
		set(on(4), &q.To, noon.AddDate(0, 1, 0))
		if on(5) {
			q.Outcomes = []iam.Outcome{iam.Failed, iam.Refused}
		}
		set(on(6), &q.Before, iam.EventPosition{Revision: 1, Ordinal: 500})
		set(on(6), &q.After, iam.EventPosition{Revision: 1, Ordinal: 500})
		check(t)(st.Events(ctx, bigOrg, q))
	})
	each(4, func(on func(bit int) bool) {
		invitations, mails, holdings, candidates := iam.InvitationQuery{Open: on(0)}, iam.MailQuery{}, iam.HoldingQuery{}, iam.CandidateQuery{Grants: on(0), Place: policy.AtResource(bigOrg, "deployment", "d1")}
		set(on(1), &invitations.By, planAccount(7))
		set(on(2), &invitations.After, planAccount(7))
		check(t)(st.Invitations(ctx, bigOrg, invitations))
		set(on(0), &mails.Account, planAccount(7))
		set(on(1), &mails.State, "sent")
		set(on(2), &mails.Before, iam.MailID(planAccount(7)))
		check(t)(st.Mails(ctx, bigOrg, mails))
		set(on(0), &holdings.Account, planAccount(7))
		set(on(1), &holdings.Kind, "device")
		set(on(2), &holdings.After, iam.HoldingPosition{Kind: "device", ID: "d7"})
		set(on(3), &holdings.Below, planAccount(7))
		check(t)(st.Holdings(ctx, bigOrg, holdings))
		if on(1) {
			candidates.OrgRoles = []policy.Role{"administrator", "auditor"}
		}
		if on(2) {
			candidates.Project, candidates.ProjectRoles = "project-1", []policy.Role{"project_user"}
		}
		check(t)(st.Candidates(ctx, bigOrg, candidates))
	})
}

// each calls do with every combination of n bits.
func each(n int, do func(on func(bit int) bool)) {
	for all := range 1 << n {
		do(func(bit int) bool { return all>>bit&1 == 1 })
	}
}

func set[T any](on bool, field *T, value T) {
	if on {
		*field = value
	}
}

func check(t *testing.T) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
}
