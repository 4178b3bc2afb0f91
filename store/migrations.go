package store

import "slices"

// Migration is one step from a version of the schema to the next.
type Migration struct {
	Version int
	Name    string
	// SQL are its statements, one after the other. Each can be run again after a failure halfway,
	// since MariaDB and MySQL cannot undo them.
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

// migrations are frozen: what was released never changes, a change is a new entry. In braces stand
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
}}
