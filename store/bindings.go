package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Bindings is described at [iam.BindingReader].
func (r *reader) Bindings(ctx context.Context, org policy.OrgID, account policy.AccountID) ([]iam.Binding, error) {
	if err := r.ready(); err != nil || !r.sees(org, string(account)) {
		return nil, err
	}
	return r.bindings(ctx, r.session(ctx).Where("org_id = ? AND account_id = ?", org, account).Order("project_id, role"))
}

// ProjectBindings is described at [iam.BindingReader]. A page has as many accounts as the query's
// Limit says, each with all of its bindings to the project.
func (r *reader) ProjectBindings(ctx context.Context, org policy.OrgID, project policy.ProjectID, q iam.AccountQuery) ([]iam.Binding, error) {
	if err := r.ready(); err != nil || !fits(string(project)) {
		return nil, err
	}
	q.Project, q.Status = project, iam.Active
	page := r.page(ctx, org, q)
	if page == nil {
		return nil, nil
	}
	return r.bindings(ctx, r.session(ctx).Table("(?) AS a", page).Select("b.account_id, b.project_id, b.role").
		Joins("JOIN iam_bindings AS b ON b.org_id = a.org_id AND b.account_id = a.id").
		Where("b.project_id = ?", project).Order("b.account_id, b.role"))
}

func (r *reader) bindings(ctx context.Context, selected *gorm.DB) ([]iam.Binding, error) {
	var rows []bindingRow
	if err := selected.Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read bindings", err)
	}
	return each(rows, (*bindingRow).binding), nil
}

// Grants is described at [iam.BindingReader].
func (r *reader) Grants(ctx context.Context, org policy.OrgID, account policy.AccountID) ([]iam.Grant, error) {
	if err := r.ready(); err != nil || !r.sees(org, string(account)) {
		return nil, err
	}
	return r.grants(ctx, r.session(ctx).Where("org_id = ? AND account_id = ?", org, account))
}

// Grant is described at [iam.BindingReader].
func (r *reader) Grant(ctx context.Context, org policy.OrgID, id iam.GrantID) (iam.Grant, error) {
	if err := r.ready(); err != nil {
		return iam.Grant{}, err
	}
	if !r.sees(org, string(id)) {
		return iam.Grant{}, iam.ErrNotFound
	}
	grants, err := r.grants(ctx, r.session(ctx).Where("org_id = ? AND id = ?", org, id))
	if err != nil {
		return iam.Grant{}, err
	}
	if len(grants) == 0 {
		return iam.Grant{}, iam.ErrNotFound
	}
	return grants[0], nil
}

func (r *reader) grants(ctx context.Context, selected *gorm.DB) ([]iam.Grant, error) {
	var rows []grantRow
	if err := selected.Order("id").Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read grants", err)
	}
	return each(rows, (*grantRow).grant), nil
}

// Projects is described at [iam.BindingReader].
func (r *reader) Projects(ctx context.Context, org policy.OrgID) ([]iam.Project, error) {
	if err := r.ready(); err != nil || !r.sees(org) {
		return nil, err
	}
	var rows []projectRow
	if err := r.session(ctx).Where("org_id = ?", org).Order("id").Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read projects", err)
	}
	return each(rows, func(row *projectRow) iam.Project { return iam.Project{ID: row.ID, Open: row.Open != 0} }), nil
}

func each[Row, T any](rows []Row, convert func(*Row) T) []T {
	if len(rows) == 0 {
		return nil
	}
	all := make([]T, len(rows))
	for i := range rows {
		all[i] = convert(&rows[i])
	}
	return all
}
