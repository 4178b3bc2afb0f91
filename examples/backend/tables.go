package main

import (
	"context"
	_ "embed"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

//go:embed schema.sql
var schema string

// tables are the demo's own rows, on the same database as Castellan's. Every query names the
// organisation, so that a row of another one is never met.
type tables struct{ db *gorm.DB }

func (t tables) migrate(ctx context.Context) error {
	for statement := range strings.SplitSeq(schema, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := t.db.WithContext(ctx).Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}

// page is a piece of a list that is sorted by id.
type page struct {
	after string // the last id of the page before
	limit int
}

// projects returns a page of the projects within the reach.
func (t tables) projects(ctx context.Context, reach policy.Reach, p page) ([]project, error) {
	found := []project{}
	// Of a project, its id is the project that rules ask for, too.
	err := t.db.WithContext(ctx).Scopes(store.InReach(reach, store.Columns{Org: "org_id", Project: "id", ID: "id"})).
		Where("id > ?", p.after).Order("id").Limit(p.limit).Find(&found).Error
	return found, err
}

// deployments returns a page of the deployments within the reach: of all projects, or of one.
func (t tables) deployments(ctx context.Context, reach policy.Reach, in policy.ProjectID, p page) ([]deployment, error) {
	found := []deployment{}
	columns := store.Columns{Org: "org_id", Project: "project_id", ID: "id", Attributes: map[string]string{"plan": "plan"}}
	query := t.db.WithContext(ctx).Scopes(store.InReach(reach, columns)).Where("id > ?", p.after)
	if in != "" {
		query = query.Where("project_id = ?", in)
	}
	err := query.Order("id").Limit(p.limit).Find(&found).Error
	return found, err
}

func (t tables) project(ctx context.Context, org policy.OrgID, id policy.ProjectID) (project, error) {
	var found project
	if checkText("id", string(id), 1, 100) != nil {
		return found, iam.ErrNotFound // PostgreSQL would fail on a NUL
	}
	return found, met(t.db.WithContext(ctx).Where("org_id = ? AND id = ?", org, id).Limit(1).Find(&found))
}

func (t tables) deployment(ctx context.Context, org policy.OrgID, id string) (deployment, error) {
	var found deployment
	if checkText("id", id, 1, 100) != nil {
		return found, iam.ErrNotFound
	}
	return found, met(t.db.WithContext(ctx).Where("org_id = ? AND id = ?", org, id).Limit(1).Find(&found))
}

// hold returns a project and keeps it from being deleted until the transaction ends. SQLite has
// one writer at a time, and leaves the lock out.
func (t tables) hold(ctx context.Context, org policy.OrgID, id policy.ProjectID) (project, error) {
	locked := tables{t.db.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})}
	return locked.project(ctx, org, id)
}

func (t tables) isEmpty(ctx context.Context, p project) (bool, error) {
	var n int64
	err := t.db.WithContext(ctx).Model(&deployment{}).Where("org_id = ? AND project_id = ?", p.Org, p.ID).Count(&n).Error
	return n == 0, err
}

// insert adds a row.
func (t tables) insert(ctx context.Context, row any) error {
	return t.db.WithContext(ctx).Create(row).Error
}

func (t tables) updateProject(ctx context.Context, p project) error {
	return met(t.rowOfProject(ctx, p).Updates(map[string]any{"name": p.Name, "note": p.Note}))
}

func (t tables) deleteProject(ctx context.Context, p project) error {
	return met(t.rowOfProject(ctx, p).Delete(&project{}))
}

// updateDeployment writes columns of a deployment, as long as it is in the project for which the
// subject was authorized: one that was moved meanwhile is not found.
func (t tables) updateDeployment(ctx context.Context, d deployment, columns map[string]any) error {
	return met(t.rowOfDeployment(ctx, d).Updates(columns))
}

func (t tables) deleteDeployment(ctx context.Context, d deployment) error {
	return met(t.rowOfDeployment(ctx, d).Delete(&deployment{}))
}

func (t tables) rowOfProject(ctx context.Context, p project) *gorm.DB {
	return t.db.WithContext(ctx).Model(&project{}).Where("org_id = ? AND id = ?", p.Org, p.ID)
}

func (t tables) rowOfDeployment(ctx context.Context, d deployment) *gorm.DB {
	return t.db.WithContext(ctx).Model(&deployment{}).Where("org_id = ? AND project_id = ? AND id = ?", d.Org, d.Project, d.ID)
}

// met turns a statement that met no row into ErrNotFound: the host speaks of missing rows as
// Castellan does, so that both are answered alike.
func met(result *gorm.DB) error {
	if result.Error == nil && result.RowsAffected == 0 {
		return iam.ErrNotFound
	}
	return result.Error
}
