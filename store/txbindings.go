package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// InsertBinding is described at [iam.Tx].
func (t *tx) InsertBinding(ctx context.Context, b iam.Binding) (added bool, err error) {
	if err := t.ready(); err != nil {
		return false, err
	}
	if !t.sees(t.org, string(b.Account)) {
		return false, iam.ErrNotFound
	}
	var c checks
	c.id("Project", string(b.Project))
	c.id("Role", string(b.Role))
	if c.err != nil {
		return false, c.err
	}
	// One row for the account, with the binding if it is there. It stays true to the end of the
	// Write, which holds the organisation.
	var found []struct {
		Role *policy.Role `gorm:"column:role"`
	}
	err = t.session(ctx).Raw(`SELECT b.role FROM iam_accounts AS a LEFT JOIN iam_bindings AS b
ON b.org_id = a.org_id AND b.account_id = a.id AND b.project_id = ? AND b.role = ? WHERE a.org_id = ? AND a.id = ?`,
		b.Project, b.Role, t.org, b.Account).Scan(&found).Error
	switch {
	case err != nil:
		return false, t.failed(ctx, "look for a binding", err)
	case len(found) == 0:
		return false, iam.ErrNotFound
	case found[0].Role != nil:
		return false, nil
	}
	row := bindingRow{Org: t.org, Account: b.Account, Project: b.Project, Role: b.Role}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return false, t.failed(ctx, "insert a binding", err)
	}
	return true, nil
}

// DeleteBinding is described at [iam.Tx].
func (t *tx) DeleteBinding(ctx context.Context, b iam.Binding) (removed bool, err error) {
	if err := t.ready(); err != nil || !fits(string(b.Account), string(b.Project), string(b.Role)) {
		return false, err
	}
	n, err := t.exec(ctx, "delete a binding",
		"DELETE FROM iam_bindings WHERE org_id = ? AND account_id = ? AND project_id = ? AND role = ?", t.org, b.Account, b.Project, b.Role)
	return n > 0, err
}

// InsertGrant is described at [iam.Tx].
func (t *tx) InsertGrant(ctx context.Context, g iam.Grant) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !t.sees(t.org, string(g.Account)) {
		return iam.ErrNotFound
	}
	var c checks
	at := g.Grant.At
	c.id("ID", string(g.ID))
	c.that(at.Org == t.org && at.Valid(), "Grant", "want a place in organisation %.40q: got %+.200v", t.org, at)
	c.idOr("Grant", string(at.Project))
	c.idOr("Grant", string(at.Kind))
	c.idOr("Grant", at.ID)
	c.idOr("Grant", string(g.Grant.Role))
	c.idOr("Grant", string(g.Grant.Permission))
	c.idOr("By", string(g.By))
	if c.err != nil {
		return c.err
	}
	if there, err := t.any(ctx, "SELECT COUNT(*) FROM iam_accounts WHERE org_id = ? AND id = ?", t.org, g.Account); err != nil {
		return err
	} else if !there {
		return iam.ErrNotFound
	}
	if taken, err := t.any(ctx, "SELECT COUNT(*) FROM iam_grants WHERE org_id = ? AND id = ?", t.org, g.ID); err != nil {
		return err
	} else if taken {
		return iam.ErrExists
	}
	row := newGrantRow(g)
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert a grant", err)
	}
	return nil
}

// DeleteGrant is described at [iam.Tx].
func (t *tx) DeleteGrant(ctx context.Context, id iam.GrantID) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !fits(string(id)) {
		return iam.ErrNotFound
	}
	n, err := t.exec(ctx, "delete a grant", "DELETE FROM iam_grants WHERE org_id = ? AND id = ?", t.org, id)
	if err == nil && n == 0 {
		return iam.ErrNotFound
	}
	return err
}

// PutProject is described at [iam.Tx].
func (t *tx) PutProject(ctx context.Context, p iam.Project) (changed bool, err error) {
	if err := t.ready(); err != nil {
		return false, err
	}
	var c checks
	if c.id("ID", string(p.ID)); c.err != nil {
		return false, c.err
	}
	row := projectRow{Org: t.org, ID: p.ID}
	if p.Open {
		row.Open = 1
	}
	var stored []projectRow
	if err := t.session(ctx).Where("org_id = ? AND id = ?", t.org, p.ID).Find(&stored).Error; err != nil {
		return false, t.failed(ctx, "read a project", err)
	}
	switch {
	case len(stored) == 0:
		if err := t.session(ctx).Create(&row).Error; err != nil {
			return false, t.failed(ctx, "insert a project", err)
		}
	case stored[0].Open == row.Open:
		return false, nil
	default:
		const update = "UPDATE iam_projects SET open = ? WHERE org_id = ? AND id = ?"
		if _, err := t.exec(ctx, "update a project", update, row.Open, t.org, p.ID); err != nil {
			return false, err
		}
	}
	return true, nil
}

// ForgetProject is described at [iam.Tx].
func (t *tx) ForgetProject(ctx context.Context, project policy.ProjectID) (gone iam.Forgotten, err error) {
	if err := t.ready(); err != nil || !fits(string(project)) {
		return gone, err
	}
	in := func() *gorm.DB { return t.session(ctx).Where("org_id = ? AND project_id = ?", t.org, project) }
	if gone.Bindings, err = t.bindings(ctx, in().Order("account_id, role")); err != nil {
		return iam.Forgotten{}, err
	}
	if gone.Grants, err = t.grants(ctx, in()); err != nil {
		return iam.Forgotten{}, err
	}
	for _, statement := range []string{
		"DELETE FROM iam_bindings WHERE org_id = ? AND project_id = ?",
		"DELETE FROM iam_grants WHERE org_id = ? AND project_id = ?",
		"DELETE FROM iam_projects WHERE org_id = ? AND id = ?",
	} {
		if _, err := t.exec(ctx, "forget a project", statement, t.org, project); err != nil {
			return iam.Forgotten{}, err
		}
	}
	return gone, nil
}
