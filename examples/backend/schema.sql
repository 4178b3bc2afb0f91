-- The tables of the demo itself: Castellan's own are made by store.Migrate. Good for SQLite and PostgreSQL.

CREATE TABLE IF NOT EXISTS projects (
    org_id text NOT NULL,
    id     text NOT NULL,
    name   text NOT NULL,
    note   text NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE IF NOT EXISTS deployments (
    org_id     text    NOT NULL,
    project_id text    NOT NULL,
    id         text    NOT NULL,
    name       text    NOT NULL,
    plan       text    NOT NULL,
    running    boolean NOT NULL,
    tls        text    NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id)
);

CREATE INDEX IF NOT EXISTS deployments_by_project ON deployments (org_id, project_id);
