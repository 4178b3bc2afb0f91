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
