package store

import "slices"

// Migration is one step from a version of the schema to the next.
type Migration struct {
	Version int
	Name    string
	// SQL are its statements, one after the other. They can be run again after a failure halfway, since
	// MariaDB and MySQL cannot undo them: there the errors 1060 and 1061, of a column or an index that was
	// added already, are none.
	SQL []string
}

// Migrations returns every step for a database, sqlite, postgres or mysql, in order, and nil for any
// other. [Migrate] is what most hosts want. One that runs DDL with a tool of its own runs these,
// and inserts each step's Version and Name into iam_schema, where [CheckSchema] looks.
func Migrations(database string) []Migration {
	d := dialects[database]
	if d == nil {
		return nil
	}
	all := slices.Clone(migrations)
	for i := range all {
		all[i].SQL = make([]string, len(migrations[i].SQL))
		for j, statement := range migrations[i].SQL {
			all[i].SQL[j] = d.types.Replace(statement)
		}
	}
	return all
}

// schemaTable says which migrations were run.
const schemaTable = `CREATE TABLE IF NOT EXISTS iam_schema (
  version {int} NOT NULL,
  name {id} NOT NULL,
  applied {int} NOT NULL DEFAULT 0,
  PRIMARY KEY (version)
){rows}`

// migrations are frozen: what was released never changes, a change is a new entry. What a statement
// would add a second time, after a failure halfway, may be there: see migrate. In braces stand
// the types that differ between databases, see dialect. An index is written as a UNIQUE constraint that
// ends in the primary key: all three databases take it inside of CREATE TABLE IF NOT EXISTS.
var migrations = []Migration{{
	Version: 1,
	Name:    "organizations, accounts, bindings, grants, projects, events",
	SQL: []string{schemaTable, `CREATE TABLE IF NOT EXISTS iam_organizations (
  id {id} NOT NULL,
  name {text} NOT NULL,
  created {int} NOT NULL,
  revision {int} NOT NULL,
  PRIMARY KEY (id)
){rows}`, `CREATE TABLE IF NOT EXISTS iam_accounts (
  id {id} NOT NULL,
  org_id {id} NOT NULL,
  root_key {id},
  status {id} NOT NULL,
  email {id},
  email_key {id},
  name {text} NOT NULL,
  username {text} NOT NULL,
  phone {text} NOT NULL,
  company {text} NOT NULL,
  note {text} NOT NULL,
  search {long} NOT NULL,
  created_by {id} NOT NULL,
  created {int} NOT NULL,
  activated {int} NOT NULL,
  updated {int} NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_accounts_org UNIQUE (org_id, id),
  CONSTRAINT iam_accounts_root UNIQUE (root_key),
  CONSTRAINT iam_accounts_email UNIQUE (email, org_id),
  CONSTRAINT iam_accounts_email_everywhere UNIQUE (email_key),
  CONSTRAINT iam_accounts_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
){rows}`, `CREATE TABLE IF NOT EXISTS iam_account_roles (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  role {id} NOT NULL,
  PRIMARY KEY (org_id, account_id, role),
  CONSTRAINT iam_account_roles_role UNIQUE (org_id, role, account_id),
  CONSTRAINT iam_account_roles_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_bindings (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  project_id {id} NOT NULL,
  role {id} NOT NULL,
  PRIMARY KEY (org_id, account_id, project_id, role),
  CONSTRAINT iam_bindings_project UNIQUE (org_id, project_id, account_id, role),
  CONSTRAINT iam_bindings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_grants (
  org_id {id} NOT NULL,
  id {id} NOT NULL,
  account_id {id} NOT NULL,
  role {id} NOT NULL,
  permission {id} NOT NULL,
  project_id {id} NOT NULL,
  kind {id} NOT NULL,
  resource_id {id} NOT NULL,
  expires {int} NOT NULL,
  given_by {id} NOT NULL,
  created {int} NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_grants_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_grants_project UNIQUE (org_id, project_id, id),
  CONSTRAINT iam_grants_resource UNIQUE (org_id, kind, resource_id, id),
  CONSTRAINT iam_grants_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){rows}`, `CREATE TABLE IF NOT EXISTS iam_projects (
  org_id {id} NOT NULL,
  id {id} NOT NULL,
  open {int} NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_projects_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_events (
  org_id {id} NOT NULL,
  revision {int} NOT NULL,
  ordinal {int} NOT NULL,
  time {int} NOT NULL,
  type {id} NOT NULL,
  actor {id} NOT NULL,
  reason {text} NOT NULL,
  target {id} NOT NULL,
  changes {long} NOT NULL,
  PRIMARY KEY (org_id, revision, ordinal),
  CONSTRAINT iam_events_target UNIQUE (org_id, target, revision, ordinal),
  CONSTRAINT iam_events_actor UNIQUE (org_id, actor, revision, ordinal),
  CONSTRAINT iam_events_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
){rows}`},
}, {
	Version: 2,
	Name:    "invitations, sign-in, outbox, chained log",
	SQL: slices.Concat(addColumns, []string{`CREATE UNIQUE INDEX iam_accounts_root_email ON iam_accounts (root_email)`,
		// An address that several roots have already stays out: none of them can sign in by it alone.
		`UPDATE iam_accounts SET root_email = email WHERE root_key IS NOT NULL AND root_email IS NULL AND email IN (
  SELECT email FROM (SELECT email FROM iam_accounts WHERE root_key IS NOT NULL AND email IS NOT NULL GROUP BY email HAVING COUNT(*) = 1) AS single)`,
		// Events of the revision at which the organisation stands go on being counted.
		`UPDATE iam_organizations SET log_ordinal = (SELECT COALESCE(MAX(e.ordinal), 0) FROM iam_events AS e
  WHERE e.org_id = iam_organizations.id AND e.revision = iam_organizations.revision) WHERE log_count = 0`,
		`CREATE UNIQUE INDEX iam_events_type ON iam_events (org_id, type, revision, ordinal)`,
		`CREATE UNIQUE INDEX iam_events_time ON iam_events (org_id, time, revision, ordinal)`,
		`CREATE TABLE IF NOT EXISTS iam_invitations (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  email {id} NOT NULL,
  invited_by {id} NOT NULL,
  created {int} NOT NULL,
  renewed {int} NOT NULL,
  renewals {int} NOT NULL,
  expires {int} NOT NULL,
  accepted {int} NOT NULL,
  mail_id {id} NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_invitations_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_tokens (
  hash {id} NOT NULL,
  purpose {id} NOT NULL,
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  email {id} NOT NULL,
  created {int} NOT NULL,
  expires {int} NOT NULL,
  used {int} NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_tokens_account UNIQUE (org_id, account_id, purpose, hash),
  CONSTRAINT iam_tokens_expires UNIQUE (expires, hash),
  CONSTRAINT iam_tokens_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){rows}`, `CREATE TABLE IF NOT EXISTS iam_email_changes (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  email {id} NOT NULL,
  old_done {int} NOT NULL,
  new_done {int} NOT NULL,
  asked_by {id} NOT NULL,
  created {int} NOT NULL,
  expires {int} NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_email_changes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_root_offers (
  org_id {id} NOT NULL,
  from_id {id} NOT NULL,
  to_id {id} NOT NULL,
  created {int} NOT NULL,
  expires {int} NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_root_offers_of FOREIGN KEY (org_id, to_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_credentials (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  password {id} NOT NULL,
  password_set {int} NOT NULL,
  must_change {int} NOT NULL,
  secret {id} NOT NULL,
  enrolling {id} NOT NULL,
  step {int} NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_credentials_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_recovery_codes (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  hash {id} NOT NULL,
  PRIMARY KEY (org_id, account_id, hash),
  CONSTRAINT iam_recovery_codes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_sessions (
  hash {id} NOT NULL,
  id {id} NOT NULL,
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  stage {id} NOT NULL,
  second_factor {int} NOT NULL,
  created {int} NOT NULL,
  seen {int} NOT NULL,
  fresh {int} NOT NULL,
  idle {int} NOT NULL,
  expires {int} NOT NULL,
  peer {id} NOT NULL,
  agent {id} NOT NULL,
  pinned {long} NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_sessions_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_sessions_expires UNIQUE (expires, hash),
  CONSTRAINT iam_sessions_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){rows}`, `CREATE TABLE IF NOT EXISTS iam_throttles (
  id {id} NOT NULL,
  attempts {int} NOT NULL,
  until {int} NOT NULL,
  PRIMARY KEY (id)
){clustered}`,
		// Not UNIQUE: PostgreSQL's upsert would fail on it where two insert the same counter at once.
		`CREATE INDEX iam_throttles_until ON iam_throttles (until, id)`, `CREATE TABLE IF NOT EXISTS iam_mails (
  id {id} NOT NULL,
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  address {id} NOT NULL,
  template {id} NOT NULL,
  data {long} NOT NULL,
  token {id} NOT NULL,
  caused_by {id} NOT NULL,
  created {int} NOT NULL,
  expires {int} NOT NULL,
  state {id} NOT NULL,
  tries {int} NOT NULL,
  next {int} NOT NULL,
  reply {text} NOT NULL,
  ended {int} NOT NULL,
  lease {id} NOT NULL,
  leased_until {int} NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_mails_org UNIQUE (org_id, id),
  CONSTRAINT iam_mails_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_mails_cause UNIQUE (org_id, template, created, id),
  CONSTRAINT iam_mails_due UNIQUE (ended, next, id)
){rows}`, `CREATE TABLE IF NOT EXISTS iam_mail_servers (
  org_id {id} NOT NULL,
  host {id} NOT NULL,
  port {int} NOT NULL,
  security {id} NOT NULL,
  username {id} NOT NULL,
  password {text} NOT NULL,
  sender {id} NOT NULL,
  updated {int} NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_mail_servers_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
){rows}`}),
}, {
	Version: 3,
	Name:    "holdings and quotas",
	SQL: []string{`CREATE TABLE IF NOT EXISTS iam_holdings (
  org_id {id} NOT NULL,
  kind {id} NOT NULL,
  resource_id {id} NOT NULL,
  account_id {id} NOT NULL,
  since {int} NOT NULL,
  PRIMARY KEY (org_id, kind, resource_id),
  CONSTRAINT iam_holdings_account UNIQUE (org_id, account_id, kind, resource_id),
  CONSTRAINT iam_holdings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`, `CREATE TABLE IF NOT EXISTS iam_quotas (
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  kind {id} NOT NULL,
  most {int} NOT NULL,
  PRIMARY KEY (org_id, account_id, kind),
  CONSTRAINT iam_quotas_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){clustered}`,
		`CREATE UNIQUE INDEX iam_accounts_creator ON iam_accounts (org_id, created_by, id)`,
		// Whose creator was deleted before accounts moved up then, is from now on as if the system had created it.
		`UPDATE iam_accounts SET created_by = '' WHERE created_by <> '' AND id IN (SELECT id FROM (SELECT a.id FROM iam_accounts AS a
  LEFT JOIN iam_accounts AS b ON b.org_id = a.org_id AND b.id = a.created_by WHERE a.created_by <> '' AND b.id IS NULL) AS orphans)`},
}, {
	Version: 4,
	Name:    "API keys",
	SQL: []string{`CREATE TABLE IF NOT EXISTS iam_api_keys (
  id {id} NOT NULL,
  org_id {id} NOT NULL,
  account_id {id} NOT NULL,
  hash {id} NOT NULL,
  description {text} NOT NULL,
  permissions {long} NOT NULL,
  all_projects {int} NOT NULL,
  projects {long} NOT NULL,
  created {int} NOT NULL,
  updated {int} NOT NULL,
  expires {int} NOT NULL,
  used {int} NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_api_keys_org UNIQUE (org_id, id),
  CONSTRAINT iam_api_keys_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_api_keys_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
){rows}`},
}}

// addColumns are what version 2 adds to the tables of version 1.
var addColumns = []string{
	`ALTER TABLE iam_organizations ADD COLUMN second_factor {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE iam_organizations ADD COLUMN asides {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE iam_organizations ADD COLUMN log_ordinal {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE iam_organizations ADD COLUMN log_count {int} NOT NULL DEFAULT 0`,
	`ALTER TABLE iam_organizations ADD COLUMN log_head {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_accounts ADD COLUMN root_email {id}`,
	`ALTER TABLE iam_events ADD COLUMN outcome {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_events ADD COLUMN actor_email {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_events ADD COLUMN actor_role {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_events ADD COLUMN peer {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_events ADD COLUMN request {id} NOT NULL DEFAULT ''`,
	`ALTER TABLE iam_events ADD COLUMN hash {id} NOT NULL DEFAULT ''`,
}
