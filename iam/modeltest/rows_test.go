package modeltest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// tables are those with rows of an organisation, and the column that names it.
var tables = map[string]string{
	"iam_organizations": "id", "iam_accounts": "org_id", "iam_account_roles": "org_id", "iam_bindings": "org_id",
	"iam_grants": "org_id", "iam_projects": "org_id", "iam_events": "org_id", "iam_invitations": "org_id", "iam_tokens": "org_id",
	"iam_email_changes": "org_id", "iam_root_offers": "org_id", "iam_credentials": "org_id", "iam_recovery_codes": "org_id",
	"iam_sessions": "org_id", "iam_mails": "org_id", "iam_mail_servers": "org_id", "iam_api_keys": "org_id",
	"iam_holdings": "org_id", "iam_quotas": "org_id",
}

// ofNobody are the tables whose rows are no organisation's.
var ofNobody = []string{"iam_schema", "iam_throttles"}

// ofTheLog are the columns of an organisation that a refusal changes too, since it is written down (SB-80).
var ofTheLog = []string{"asides", "log_ordinal", "log_count", "log_head"}

// accountColumns are those that name an account of the row's organisation, if any.
var accountColumns = map[string][]string{
	"iam_accounts": {"id", "created_by"}, "iam_account_roles": {"account_id"}, "iam_bindings": {"account_id"},
	"iam_grants": {"account_id", "given_by"}, "iam_invitations": {"account_id", "invited_by"}, "iam_tokens": {"account_id"},
	"iam_email_changes": {"account_id", "asked_by"}, "iam_root_offers": {"from_id", "to_id"}, "iam_credentials": {"account_id"},
	"iam_recovery_codes": {"account_id"}, "iam_sessions": {"account_id"}, "iam_mails": {"account_id", "caused_by"},
	"iam_api_keys": {"account_id"}, "iam_holdings": {"account_id"}, "iam_quotas": {"account_id"}, "iam_events": {"actor", "target"},
}

// never is how a time is stored that was not yet.
var never = fmt.Sprint(time.Time{}.UnixMilli())

// dump is every row of the two organisations, by table, but for the events of what was refused or tried in vain.
type dump map[string][]map[string]string

func (s *sequence) read() dump {
	s.Helper()
	ids := []string{}
	for _, o := range s.m.orgs {
		ids = append(ids, string(o.id))
	}
	all := dump{}
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		column := tables[table]
		query := s.db.WithContext(s.Context()).Table(table).Where(column+" IN ?", ids)
		if table == "iam_events" { // the log has its own reader: what was there must stay, which the chain proves
			query = query.Where("outcome = ?", string(iam.Done)).Select("org_id, actor, target").Where("revision >= (SELECT o.revision - 1 FROM iam_organizations o WHERE o.id = iam_events.org_id)")
		}
		var rows []map[string]any
		s.must(query.Find(&rows).Error)
		for _, row := range rows {
			all[table] = append(all[table], texts(table, row))
		}
	}
	return all
}

// texts are the values of a row. MariaDB gives its ids as bytes.
func texts(table string, row map[string]any) map[string]string {
	printed := make(map[string]string, len(row))
	for name, value := range row {
		if b, ok := value.([]byte); ok {
			value = string(b)
		}
		if value != nil && (table != "iam_organizations" || !slices.Contains(ofTheLog, name)) {
			printed[name] = fmt.Sprint(value)
		}
	}
	return printed
}

// text is what an organisation has, one row a line, but for its events.
func (d dump) text(o *org) string {
	var lines []string
	for table, rows := range d {
		if table == "iam_events" {
			continue
		}
		for _, row := range rows {
			if row[tables[table]] == string(o.id) {
				lines = append(lines, table+" "+fmt.Sprint(row))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// of are the rows of a table that are an organisation's.
func (d dump) of(o *org, table string) []map[string]string {
	return slices.DeleteFunc(slices.Clone(d[table]), func(row map[string]string) bool { return row[tables[table]] != string(o.id) })
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, line := range old {
		if !slices.Contains(now, line) {
			fmt.Fprintln(&b, "-", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			fmt.Fprintln(&b, "+", line)
		}
	}
	return b.String()
}
