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
