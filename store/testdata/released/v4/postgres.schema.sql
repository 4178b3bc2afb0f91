-- version 1: organizations, accounts, bindings, grants, projects, events
CREATE TABLE IF NOT EXISTS iam_schema (
  version bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  applied bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (version)
);
CREATE TABLE IF NOT EXISTS iam_organizations (
  id text COLLATE "C" NOT NULL,
  name text NOT NULL,
  created bigint NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE IF NOT EXISTS iam_accounts (
  id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  root_key text COLLATE "C",
  status text COLLATE "C" NOT NULL,
  email text COLLATE "C",
  email_key text COLLATE "C",
  name text NOT NULL,
  username text NOT NULL,
  phone text NOT NULL,
  company text NOT NULL,
  note text NOT NULL,
  search text COLLATE "C" NOT NULL,
  created_by text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  activated bigint NOT NULL,
  updated bigint NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_accounts_org UNIQUE (org_id, id),
  CONSTRAINT iam_accounts_root UNIQUE (root_key),
  CONSTRAINT iam_accounts_email UNIQUE (email, org_id),
  CONSTRAINT iam_accounts_email_everywhere UNIQUE (email_key),
  CONSTRAINT iam_accounts_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
CREATE TABLE IF NOT EXISTS iam_account_roles (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, account_id, role),
  CONSTRAINT iam_account_roles_role UNIQUE (org_id, role, account_id),
  CONSTRAINT iam_account_roles_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_bindings (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, account_id, project_id, role),
  CONSTRAINT iam_bindings_project UNIQUE (org_id, project_id, account_id, role),
  CONSTRAINT iam_bindings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_grants (
  org_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL,
  permission text COLLATE "C" NOT NULL,
  project_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  resource_id text COLLATE "C" NOT NULL,
  expires bigint NOT NULL,
  given_by text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_grants_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_grants_project UNIQUE (org_id, project_id, id),
  CONSTRAINT iam_grants_resource UNIQUE (org_id, kind, resource_id, id),
  CONSTRAINT iam_grants_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_projects (
  org_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  open bigint NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_projects_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
CREATE TABLE IF NOT EXISTS iam_events (
  org_id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  ordinal bigint NOT NULL,
  time bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  actor text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  target text COLLATE "C" NOT NULL,
  changes text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, revision, ordinal),
  CONSTRAINT iam_events_target UNIQUE (org_id, target, revision, ordinal),
  CONSTRAINT iam_events_actor UNIQUE (org_id, actor, revision, ordinal),
  CONSTRAINT iam_events_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
-- version 2: invitations, sign-in, outbox, chained log
ALTER TABLE iam_organizations ADD COLUMN second_factor bigint NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN asides bigint NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_ordinal bigint NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_count bigint NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_head text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_accounts ADD COLUMN root_email text COLLATE "C";
ALTER TABLE iam_events ADD COLUMN outcome text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_email text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_role text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN peer text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN request text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN hash text COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX iam_accounts_root_email ON iam_accounts (root_email);
UPDATE iam_accounts SET root_email = email WHERE root_key IS NOT NULL AND root_email IS NULL AND email IN (
  SELECT email FROM (SELECT email FROM iam_accounts WHERE root_key IS NOT NULL AND email IS NOT NULL GROUP BY email HAVING COUNT(*) = 1) AS single);
UPDATE iam_organizations SET log_ordinal = (SELECT COALESCE(MAX(e.ordinal), 0) FROM iam_events AS e
  WHERE e.org_id = iam_organizations.id AND e.revision = iam_organizations.revision) WHERE log_count = 0;
CREATE UNIQUE INDEX iam_events_type ON iam_events (org_id, type, revision, ordinal);
CREATE UNIQUE INDEX iam_events_time ON iam_events (org_id, time, revision, ordinal);
CREATE TABLE IF NOT EXISTS iam_invitations (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  email text COLLATE "C" NOT NULL,
  invited_by text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  renewed bigint NOT NULL,
  renewals bigint NOT NULL,
  expires bigint NOT NULL,
  accepted bigint NOT NULL,
  mail_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_invitations_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_tokens (
  hash text COLLATE "C" NOT NULL,
  purpose text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  email text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  expires bigint NOT NULL,
  used bigint NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_tokens_account UNIQUE (org_id, account_id, purpose, hash),
  CONSTRAINT iam_tokens_expires UNIQUE (expires, hash),
  CONSTRAINT iam_tokens_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_email_changes (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  email text COLLATE "C" NOT NULL,
  old_done bigint NOT NULL,
  new_done bigint NOT NULL,
  asked_by text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  expires bigint NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_email_changes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_root_offers (
  org_id text COLLATE "C" NOT NULL,
  from_id text COLLATE "C" NOT NULL,
  to_id text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  expires bigint NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_root_offers_of FOREIGN KEY (org_id, to_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_credentials (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  password text COLLATE "C" NOT NULL,
  password_set bigint NOT NULL,
  must_change bigint NOT NULL,
  secret text COLLATE "C" NOT NULL,
  enrolling text COLLATE "C" NOT NULL,
  step bigint NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_credentials_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_recovery_codes (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, account_id, hash),
  CONSTRAINT iam_recovery_codes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_sessions (
  hash text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  second_factor bigint NOT NULL,
  created bigint NOT NULL,
  seen bigint NOT NULL,
  fresh bigint NOT NULL,
  idle bigint NOT NULL,
  expires bigint NOT NULL,
  peer text COLLATE "C" NOT NULL,
  agent text COLLATE "C" NOT NULL,
  pinned text COLLATE "C" NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_sessions_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_sessions_expires UNIQUE (expires, hash),
  CONSTRAINT iam_sessions_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_throttles (
  id text COLLATE "C" NOT NULL,
  attempts bigint NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX iam_throttles_until ON iam_throttles (until, id);
CREATE TABLE IF NOT EXISTS iam_mails (
  id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,
  template text COLLATE "C" NOT NULL,
  data text COLLATE "C" NOT NULL,
  token text COLLATE "C" NOT NULL,
  caused_by text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  expires bigint NOT NULL,
  state text COLLATE "C" NOT NULL,
  tries bigint NOT NULL,
  next bigint NOT NULL,
  reply text NOT NULL,
  ended bigint NOT NULL,
  lease text COLLATE "C" NOT NULL,
  leased_until bigint NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_mails_org UNIQUE (org_id, id),
  CONSTRAINT iam_mails_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_mails_cause UNIQUE (org_id, template, created, id),
  CONSTRAINT iam_mails_due UNIQUE (ended, next, id)
);
CREATE TABLE IF NOT EXISTS iam_mail_servers (
  org_id text COLLATE "C" NOT NULL,
  host text COLLATE "C" NOT NULL,
  port bigint NOT NULL,
  security text COLLATE "C" NOT NULL,
  username text COLLATE "C" NOT NULL,
  password text NOT NULL,
  sender text COLLATE "C" NOT NULL,
  updated bigint NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_mail_servers_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
);
-- version 3: holdings and quotas
CREATE TABLE IF NOT EXISTS iam_holdings (
  org_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  resource_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  since bigint NOT NULL,
  PRIMARY KEY (org_id, kind, resource_id),
  CONSTRAINT iam_holdings_account UNIQUE (org_id, account_id, kind, resource_id),
  CONSTRAINT iam_holdings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS iam_quotas (
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  most bigint NOT NULL,
  PRIMARY KEY (org_id, account_id, kind),
  CONSTRAINT iam_quotas_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX iam_accounts_creator ON iam_accounts (org_id, created_by, id);
UPDATE iam_accounts SET created_by = '' WHERE created_by <> '' AND id IN (SELECT id FROM (SELECT a.id FROM iam_accounts AS a
  LEFT JOIN iam_accounts AS b ON b.org_id = a.org_id AND b.id = a.created_by WHERE a.created_by <> '' AND b.id IS NULL) AS orphans);
-- version 4: API keys
CREATE TABLE IF NOT EXISTS iam_api_keys (
  id text COLLATE "C" NOT NULL,
  org_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  description text NOT NULL,
  permissions text COLLATE "C" NOT NULL,
  all_projects bigint NOT NULL,
  projects text COLLATE "C" NOT NULL,
  created bigint NOT NULL,
  updated bigint NOT NULL,
  expires bigint NOT NULL,
  used bigint NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_api_keys_org UNIQUE (org_id, id),
  CONSTRAINT iam_api_keys_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_api_keys_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
);
