-- version 1: organizations, accounts, bindings, grants, projects, events
CREATE TABLE IF NOT EXISTS iam_schema (
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  applied INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (version)
);
CREATE TABLE IF NOT EXISTS iam_organizations (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE IF NOT EXISTS iam_accounts (
  id TEXT NOT NULL,
  org_id TEXT NOT NULL,
  root_key TEXT,
  status TEXT NOT NULL,
  email TEXT,
  email_key TEXT,
  name TEXT NOT NULL,
  username TEXT NOT NULL,
  phone TEXT NOT NULL,
  company TEXT NOT NULL,
  note TEXT NOT NULL,
  search TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  activated INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_accounts_org UNIQUE (org_id, id),
  CONSTRAINT iam_accounts_root UNIQUE (root_key),
  CONSTRAINT iam_accounts_email UNIQUE (email, org_id),
  CONSTRAINT iam_accounts_email_everywhere UNIQUE (email_key),
  CONSTRAINT iam_accounts_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
CREATE TABLE IF NOT EXISTS iam_account_roles (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (org_id, account_id, role),
  CONSTRAINT iam_account_roles_role UNIQUE (org_id, role, account_id),
  CONSTRAINT iam_account_roles_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_bindings (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (org_id, account_id, project_id, role),
  CONSTRAINT iam_bindings_project UNIQUE (org_id, project_id, account_id, role),
  CONSTRAINT iam_bindings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_grants (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  role TEXT NOT NULL,
  permission TEXT NOT NULL,
  project_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  expires INTEGER NOT NULL,
  given_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_grants_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_grants_project UNIQUE (org_id, project_id, id),
  CONSTRAINT iam_grants_resource UNIQUE (org_id, kind, resource_id, id),
  CONSTRAINT iam_grants_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_projects (
  org_id TEXT NOT NULL,
  id TEXT NOT NULL,
  open INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_projects_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_events (
  org_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  time INTEGER NOT NULL,
  type TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  target TEXT NOT NULL,
  changes TEXT NOT NULL,
  PRIMARY KEY (org_id, revision, ordinal),
  CONSTRAINT iam_events_target UNIQUE (org_id, target, revision, ordinal),
  CONSTRAINT iam_events_actor UNIQUE (org_id, actor, revision, ordinal),
  CONSTRAINT iam_events_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
-- version 2: invitations, sign-in, outbox, chained log
ALTER TABLE iam_organizations ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN asides INTEGER NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_ordinal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_head TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_accounts ADD COLUMN root_email TEXT;
ALTER TABLE iam_events ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_email TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_role TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN peer TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX iam_accounts_root_email ON iam_accounts (root_email);
UPDATE iam_accounts SET root_email = email WHERE root_key IS NOT NULL AND root_email IS NULL AND email IN (
  SELECT email FROM (SELECT email FROM iam_accounts WHERE root_key IS NOT NULL AND email IS NOT NULL GROUP BY email HAVING COUNT(*) = 1) AS single);
UPDATE iam_organizations SET log_ordinal = (SELECT COALESCE(MAX(e.ordinal), 0) FROM iam_events AS e
  WHERE e.org_id = iam_organizations.id AND e.revision = iam_organizations.revision) WHERE log_count = 0;
CREATE UNIQUE INDEX iam_events_type ON iam_events (org_id, type, revision, ordinal);
CREATE UNIQUE INDEX iam_events_time ON iam_events (org_id, time, revision, ordinal);
CREATE TABLE IF NOT EXISTS iam_invitations (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  email TEXT NOT NULL,
  invited_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  renewed INTEGER NOT NULL,
  renewals INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  mail_id TEXT NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_invitations_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_tokens (
  hash TEXT NOT NULL,
  purpose TEXT NOT NULL,
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  email TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  used INTEGER NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_tokens_account UNIQUE (org_id, account_id, purpose, hash),
  CONSTRAINT iam_tokens_expires UNIQUE (expires, hash),
  CONSTRAINT iam_tokens_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_email_changes (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  email TEXT NOT NULL,
  old_done INTEGER NOT NULL,
  new_done INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_email_changes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_root_offers (
  org_id TEXT NOT NULL,
  from_id TEXT NOT NULL,
  to_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_root_offers_of FOREIGN KEY (org_id, to_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_credentials (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  password TEXT NOT NULL,
  password_set INTEGER NOT NULL,
  must_change INTEGER NOT NULL,
  secret TEXT NOT NULL,
  enrolling TEXT NOT NULL,
  step INTEGER NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_credentials_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_recovery_codes (
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (org_id, account_id, hash),
  CONSTRAINT iam_recovery_codes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_sessions (
  hash TEXT NOT NULL,
  id TEXT NOT NULL,
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  second_factor INTEGER NOT NULL,
  created INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  fresh INTEGER NOT NULL,
  idle INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  peer TEXT NOT NULL,
  agent TEXT NOT NULL,
  pinned TEXT NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_sessions_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_sessions_expires UNIQUE (expires, hash),
  CONSTRAINT iam_sessions_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_throttles (
  id TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX iam_throttles_until ON iam_throttles (until, id);
CREATE TABLE IF NOT EXISTS iam_mails (
  id TEXT NOT NULL,
  org_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  address TEXT NOT NULL,
  template TEXT NOT NULL,
  data TEXT NOT NULL,
  token TEXT NOT NULL,
  caused_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  state TEXT NOT NULL,
  tries INTEGER NOT NULL,
  next INTEGER NOT NULL,
  reply TEXT NOT NULL,
  ended INTEGER NOT NULL,
  lease TEXT NOT NULL,
  leased_until INTEGER NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_mails_org UNIQUE (org_id, id),
  CONSTRAINT iam_mails_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_mails_cause UNIQUE (org_id, template, created, id),
  CONSTRAINT iam_mails_due UNIQUE (ended, next, id)
);
CREATE TABLE IF NOT EXISTS iam_mail_servers (
  org_id TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  security TEXT NOT NULL,
  username TEXT NOT NULL,
  password TEXT NOT NULL,
  sender TEXT NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_mail_servers_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
