package store_test

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// The tables of the plans' test: enough rows that no database takes a scan for cheaper.
const (
	planOrgs     = 40
	planAccounts = 4000 // of which a quarter is the big organisation's
	bigOrg       = policy.OrgID("plan-big")
)

func planAccount(i int) policy.AccountID {
	return policy.AccountID(fmt.Sprintf("plan-account-%05d", i))
}
func planEmail(i int) string { return fmt.Sprintf("person%d@plan.example", i) }

// ofEachAccount are rows of every table that hang on an account: an id, a hash or a name is the account's own.
var ofEachAccount = []string{
	`INSERT INTO iam_projects (org_id, id, open) SELECT DISTINCT org_id, project_id, 1 FROM iam_bindings WHERE project_id < 'project-2'`,
	`INSERT INTO iam_grants (org_id, id, account_id, role, permission, project_id, kind, resource_id, expires, given_by, created)
SELECT org_id, id, id, 'viewer', '', CASE WHEN created % 2 = 0 THEN id ELSE '' END, CASE WHEN created % 2 = 0 THEN '' ELSE 'deployment' END, CASE WHEN created % 2 = 0 THEN '' ELSE id END, created, created_by, created FROM iam_accounts`,
	`INSERT INTO iam_invitations (org_id, account_id, email, invited_by, created, renewed, renewals, expires, accepted, mail_id)
SELECT org_id, id, email, created_by, created, created, 0, created, CASE WHEN created % 2 = 0 THEN created ELSE -62135596800000 END, id FROM iam_accounts`,
	`INSERT INTO iam_tokens (hash, purpose, org_id, account_id, email, created, expires, used) SELECT id, 'reset', org_id, id, email, created, created, created FROM iam_accounts`,
	`INSERT INTO iam_email_changes (org_id, account_id, email, old_done, new_done, asked_by, created, expires) SELECT org_id, id, email, 0, 0, id, created, created FROM iam_accounts`,
	`INSERT INTO iam_root_offers (org_id, from_id, to_id, created, expires) SELECT org_id, MIN(id), MAX(id), 0, 0 FROM iam_accounts GROUP BY org_id`,
	`INSERT INTO iam_credentials (org_id, account_id, password, password_set, must_change, secret, enrolling, step) SELECT org_id, id, '', 0, 0, '', '', 0 FROM iam_accounts`,
	`INSERT INTO iam_recovery_codes (org_id, account_id, hash) SELECT org_id, id, id FROM iam_accounts`,
	`INSERT INTO iam_sessions (hash, id, org_id, account_id, stage, second_factor, created, seen, fresh, idle, expires, peer, agent, pinned)
SELECT id, id, org_id, id, 'full', 0, created, created, created, 1000, created, '', '', '' FROM iam_accounts`,
	`INSERT INTO iam_throttles (id, attempts, until) SELECT id, 1, created FROM iam_accounts`,
	`INSERT INTO iam_mails (id, org_id, account_id, address, template, data, token, caused_by, created, expires, state, tries, next, reply, ended, lease, leased_until)
SELECT id, org_id, id, email, 'invitation', '{}', '', '', created, created, CASE WHEN created % 50 = 0 THEN 'queued' ELSE 'sent' END, 0, created, '',
CASE WHEN created % 50 = 0 THEN -62135596800000 ELSE created END, '', 0 FROM iam_accounts`,
	`INSERT INTO iam_mail_servers (org_id, host, port, security, username, password, sender, updated) SELECT id, 'mail', 25, '', '', '', '', 0 FROM iam_organizations`,
	`INSERT INTO iam_holdings (org_id, kind, resource_id, account_id, since) SELECT org_id, 'device', id, id, created FROM iam_accounts`,
	`INSERT INTO iam_quotas (org_id, account_id, kind, most) SELECT org_id, id, 'device', 7 FROM iam_accounts`,
	`INSERT INTO iam_api_keys (id, org_id, account_id, hash, description, permissions, all_projects, projects, created, updated, expires, used)
SELECT id, org_id, id, id, '', '[]', 1, '[]', created, created, created, created FROM iam_accounts`,
}

// fillForPlans fills every table, and lets the database count.
func fillForPlans(t *testing.T, db *gorm.DB) {
	t.Helper()
	st := store.New(db)
	first := 0
	for n := range planOrgs {
		org, last := bigOrg, planAccounts/4
		if n > 0 {
			org, last = policy.OrgID(fmt.Sprint("plan-", n)), planAccounts/4+n*(planAccounts-planAccounts/4)/(planOrgs-1)
		}
		err := st.Create(t.Context(), iam.Organization{ID: org, Created: noon}, func(tx iam.Tx) error {
			return fillOrg(t, tx, org, first, last)
		})
		if err != nil {
			t.Fatal(err)
		}
		first = last
	}
	for _, statement := range ofEachAccount {
		run(t, db, statement)
	}
	tables, err := db.Migrator().GetTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if strings.HasPrefix(table, "iam_") {
			run(t, db, map[string]string{testdb.SQLite: "ANALYZE ", testdb.Postgres: "ANALYZE ", testdb.MySQL: "ANALYZE TABLE "}[db.Name()]+table)
		}
	}
}

// fillOrg adds an organisation's accounts, with bindings and events. The first is its root.
func fillOrg(t *testing.T, tx iam.Tx, org policy.OrgID, first, last int) error {
	var accounts []iam.Account
	var bindings []iam.Binding
	var events []iam.Event
	for i := first; i < last; i++ {
		a := iam.Account{
			ID: planAccount(i), Org: org, Root: i == first, Status: iam.Active, Roles: []policy.Role{"project_user"}, Email: iam.Email(planEmail(i)),
			CreatedBy: planAccount(first + (i-first)/10), Created: noon.AddDate(0, 0, i), Name: fmt.Sprint("Person ", i),
		}
		if i%50 == 0 {
			a.Status, a.Roles = iam.Disabled, []policy.Role{"administrator"}
		}
		if a.Root {
			if err := tx.InsertAccount(t.Context(), a, true); err != nil {
				return err
			}
		} else {
			accounts = append(accounts, a)
		}
		for n := range 3 {
			bindings = append(bindings, iam.Binding{Account: a.ID, Role: "project_user", Project: policy.ProjectID(fmt.Sprint("project-", (i+n)%50))})
		}
		events = append(events, iam.Event{Time: a.Created, Type: iam.AccountCreated, Actor: a.CreatedBy, Target: string(a.ID)})
		events = append(events, iam.Event{Time: a.Created, Type: iam.SignedIn, Actor: a.ID, Target: string(a.ID), Outcome: iam.Failed})
	}
	if _, err := tx.InsertAccounts(t.Context(), accounts, true); err != nil {
		return err
	}
	if _, err := tx.InsertBindings(t.Context(), bindings); err != nil {
		return err
	}
	return tx.AppendAll(t.Context(), events, func(iam.Event, string) string { return "hash" })
}
