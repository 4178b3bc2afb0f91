-- version 1: organizations, accounts, bindings, grants, projects, events
CREATE TABLE IF NOT EXISTS iam_schema (
  version BIGINT NOT NULL,
  name VARBINARY(255) NOT NULL,
  applied BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_organizations (
  id VARBINARY(255) NOT NULL,
  name TEXT NOT NULL,
  created BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_accounts (
  id VARBINARY(255) NOT NULL,
  org_id VARBINARY(255) NOT NULL,
  root_key VARBINARY(255),
  status VARBINARY(255) NOT NULL,
  email VARBINARY(255),
  email_key VARBINARY(255),
  name TEXT NOT NULL,
  username TEXT NOT NULL,
  phone TEXT NOT NULL,
  company TEXT NOT NULL,
  note TEXT NOT NULL,
  search MEDIUMTEXT NOT NULL,
  created_by VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  activated BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_accounts_org UNIQUE (org_id, id),
  CONSTRAINT iam_accounts_root UNIQUE (root_key),
  CONSTRAINT iam_accounts_email UNIQUE (email, org_id),
  CONSTRAINT iam_accounts_email_everywhere UNIQUE (email_key),
  CONSTRAINT iam_accounts_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_account_roles (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  role VARBINARY(255) NOT NULL,
  PRIMARY KEY (org_id, account_id, role),
  CONSTRAINT iam_account_roles_role UNIQUE (org_id, role, account_id),
  CONSTRAINT iam_account_roles_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_bindings (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  project_id VARBINARY(255) NOT NULL,
  role VARBINARY(255) NOT NULL,
  PRIMARY KEY (org_id, account_id, project_id, role),
  CONSTRAINT iam_bindings_project UNIQUE (org_id, project_id, account_id, role),
  CONSTRAINT iam_bindings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_grants (
  org_id VARBINARY(255) NOT NULL,
  id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  role VARBINARY(255) NOT NULL,
  permission VARBINARY(255) NOT NULL,
  project_id VARBINARY(255) NOT NULL,
  kind VARBINARY(255) NOT NULL,
  resource_id VARBINARY(255) NOT NULL,
  expires BIGINT NOT NULL,
  given_by VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_grants_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_grants_project UNIQUE (org_id, project_id, id),
  CONSTRAINT iam_grants_resource UNIQUE (org_id, kind, resource_id, id),
  CONSTRAINT iam_grants_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_projects (
  org_id VARBINARY(255) NOT NULL,
  id VARBINARY(255) NOT NULL,
  open BIGINT NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT iam_projects_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_events (
  org_id VARBINARY(255) NOT NULL,
  revision BIGINT NOT NULL,
  ordinal BIGINT NOT NULL,
  time BIGINT NOT NULL,
  type VARBINARY(255) NOT NULL,
  actor VARBINARY(255) NOT NULL,
  reason TEXT NOT NULL,
  target VARBINARY(255) NOT NULL,
  changes MEDIUMTEXT NOT NULL,
  PRIMARY KEY (org_id, revision, ordinal),
  CONSTRAINT iam_events_target UNIQUE (org_id, target, revision, ordinal),
  CONSTRAINT iam_events_actor UNIQUE (org_id, actor, revision, ordinal),
  CONSTRAINT iam_events_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
-- version 2: invitations, sign-in, outbox, chained log
ALTER TABLE iam_organizations ADD COLUMN second_factor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN asides BIGINT NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_ordinal BIGINT NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE iam_organizations ADD COLUMN log_head VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_accounts ADD COLUMN root_email VARBINARY(255);
ALTER TABLE iam_events ADD COLUMN outcome VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_email VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN actor_role VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN peer VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN request VARBINARY(255) NOT NULL DEFAULT '';
ALTER TABLE iam_events ADD COLUMN hash VARBINARY(255) NOT NULL DEFAULT '';
CREATE UNIQUE INDEX iam_accounts_root_email ON iam_accounts (root_email);
UPDATE iam_accounts SET root_email = email WHERE root_key IS NOT NULL AND root_email IS NULL AND email IN (
  SELECT email FROM (SELECT email FROM iam_accounts WHERE root_key IS NOT NULL AND email IS NOT NULL GROUP BY email HAVING COUNT(*) = 1) AS single);
UPDATE iam_organizations SET log_ordinal = (SELECT COALESCE(MAX(e.ordinal), 0) FROM iam_events AS e
  WHERE e.org_id = iam_organizations.id AND e.revision = iam_organizations.revision) WHERE log_count = 0;
CREATE UNIQUE INDEX iam_events_type ON iam_events (org_id, type, revision, ordinal);
CREATE UNIQUE INDEX iam_events_time ON iam_events (org_id, time, revision, ordinal);
CREATE TABLE IF NOT EXISTS iam_invitations (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  email VARBINARY(255) NOT NULL,
  invited_by VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  renewed BIGINT NOT NULL,
  renewals BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  mail_id VARBINARY(255) NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_invitations_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_tokens (
  hash VARBINARY(255) NOT NULL,
  purpose VARBINARY(255) NOT NULL,
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  email VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_tokens_account UNIQUE (org_id, account_id, purpose, hash),
  CONSTRAINT iam_tokens_expires UNIQUE (expires, hash),
  CONSTRAINT iam_tokens_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_email_changes (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  email VARBINARY(255) NOT NULL,
  old_done BIGINT NOT NULL,
  new_done BIGINT NOT NULL,
  asked_by VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_email_changes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_root_offers (
  org_id VARBINARY(255) NOT NULL,
  from_id VARBINARY(255) NOT NULL,
  to_id VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_root_offers_of FOREIGN KEY (org_id, to_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_credentials (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  password VARBINARY(255) NOT NULL,
  password_set BIGINT NOT NULL,
  must_change BIGINT NOT NULL,
  secret VARBINARY(255) NOT NULL,
  enrolling VARBINARY(255) NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (org_id, account_id),
  CONSTRAINT iam_credentials_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_recovery_codes (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  hash VARBINARY(255) NOT NULL,
  PRIMARY KEY (org_id, account_id, hash),
  CONSTRAINT iam_recovery_codes_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_sessions (
  hash VARBINARY(255) NOT NULL,
  id VARBINARY(255) NOT NULL,
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  stage VARBINARY(255) NOT NULL,
  second_factor BIGINT NOT NULL,
  created BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  fresh BIGINT NOT NULL,
  idle BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  peer VARBINARY(255) NOT NULL,
  agent VARBINARY(255) NOT NULL,
  pinned MEDIUMTEXT NOT NULL,
  PRIMARY KEY (hash),
  CONSTRAINT iam_sessions_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_sessions_expires UNIQUE (expires, hash),
  CONSTRAINT iam_sessions_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_throttles (
  id VARBINARY(255) NOT NULL,
  attempts BIGINT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE INDEX iam_throttles_until ON iam_throttles (until, id);
CREATE TABLE IF NOT EXISTS iam_mails (
  id VARBINARY(255) NOT NULL,
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  address VARBINARY(255) NOT NULL,
  template VARBINARY(255) NOT NULL,
  data MEDIUMTEXT NOT NULL,
  token VARBINARY(255) NOT NULL,
  caused_by VARBINARY(255) NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  state VARBINARY(255) NOT NULL,
  tries BIGINT NOT NULL,
  next BIGINT NOT NULL,
  reply TEXT NOT NULL,
  ended BIGINT NOT NULL,
  lease VARBINARY(255) NOT NULL,
  leased_until BIGINT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_mails_org UNIQUE (org_id, id),
  CONSTRAINT iam_mails_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_mails_cause UNIQUE (org_id, template, created, id),
  CONSTRAINT iam_mails_due UNIQUE (ended, next, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_mail_servers (
  org_id VARBINARY(255) NOT NULL,
  host VARBINARY(255) NOT NULL,
  port BIGINT NOT NULL,
  security VARBINARY(255) NOT NULL,
  username VARBINARY(255) NOT NULL,
  password TEXT NOT NULL,
  sender VARBINARY(255) NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (org_id),
  CONSTRAINT iam_mail_servers_of FOREIGN KEY (org_id) REFERENCES iam_organizations (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
-- version 3: holdings and quotas
CREATE TABLE IF NOT EXISTS iam_holdings (
  org_id VARBINARY(255) NOT NULL,
  kind VARBINARY(255) NOT NULL,
  resource_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (org_id, kind, resource_id),
  CONSTRAINT iam_holdings_account UNIQUE (org_id, account_id, kind, resource_id),
  CONSTRAINT iam_holdings_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE TABLE IF NOT EXISTS iam_quotas (
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  kind VARBINARY(255) NOT NULL,
  most BIGINT NOT NULL,
  PRIMARY KEY (org_id, account_id, kind),
  CONSTRAINT iam_quotas_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
CREATE UNIQUE INDEX iam_accounts_creator ON iam_accounts (org_id, created_by, id);
UPDATE iam_accounts SET created_by = '' WHERE created_by <> '' AND id IN (SELECT id FROM (SELECT a.id FROM iam_accounts AS a
  LEFT JOIN iam_accounts AS b ON b.org_id = a.org_id AND b.id = a.created_by WHERE a.created_by <> '' AND b.id IS NULL) AS orphans);
-- version 4: API keys
CREATE TABLE IF NOT EXISTS iam_api_keys (
  id VARBINARY(255) NOT NULL,
  org_id VARBINARY(255) NOT NULL,
  account_id VARBINARY(255) NOT NULL,
  hash VARBINARY(255) NOT NULL,
  description TEXT NOT NULL,
  permissions MEDIUMTEXT NOT NULL,
  all_projects BIGINT NOT NULL,
  projects MEDIUMTEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT iam_api_keys_org UNIQUE (org_id, id),
  CONSTRAINT iam_api_keys_account UNIQUE (org_id, account_id, id),
  CONSTRAINT iam_api_keys_of FOREIGN KEY (org_id, account_id) REFERENCES iam_accounts (org_id, id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
