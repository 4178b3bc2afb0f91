package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type apiKeyRow struct {
	ID          iam.APIKeyID     `gorm:"column:id;primaryKey"`
	Org         policy.OrgID     `gorm:"column:org_id"`
	Account     policy.AccountID `gorm:"column:account_id"`
	Hash        iam.TokenHash    `gorm:"column:hash"`
	Description string           `gorm:"column:description"`
	Permissions string           `gorm:"column:permissions"` // JSON
	AllProjects int              `gorm:"column:all_projects"`
	Projects    string           `gorm:"column:projects"` // JSON
	Created     int64            `gorm:"column:created"`
	Updated     int64            `gorm:"column:updated"`
	Expires     int64            `gorm:"column:expires"`
	Used        int64            `gorm:"column:used"`
}

func (apiKeyRow) TableName() string { return "iam_api_keys" }

func newAPIKeyRow(k iam.APIKey) (apiKeyRow, error) {
	row := apiKeyRow{
		ID: k.ID, Org: k.Org, Account: k.Account, Hash: k.Hash, Description: k.Description, AllProjects: bit(k.Scope.AllProjects),
		Created: toMillis(k.Created), Updated: toMillis(k.Updated), Expires: toMillis(k.Expires), Used: toMillis(k.Used),
	}
	var err error
	if row.Permissions, err = listed(k.Scope.Permissions); err != nil {
		return apiKeyRow{}, err
	}
	row.Projects, err = listed(k.Scope.Projects)
	return row, err
}

func (row *apiKeyRow) key() (iam.APIKey, error) {
	k := iam.APIKey{
		ID: row.ID, Org: row.Org, Account: row.Account, Hash: row.Hash, Description: row.Description,
		Scope:   policy.Scope{AllProjects: row.AllProjects != 0},
		Created: fromMillis(row.Created), Updated: fromMillis(row.Updated), Expires: fromMillis(row.Expires), Used: fromMillis(row.Used),
	}
	if err := json.Unmarshal([]byte(row.Permissions), &k.Scope.Permissions); err != nil {
		return iam.APIKey{}, fmt.Errorf("permissions of API key %s: %w", row.ID, err)
	}
	if err := json.Unmarshal([]byte(row.Projects), &k.Scope.Projects); err != nil {
		return iam.APIKey{}, fmt.Errorf("projects of API key %s: %w", row.ID, err)
	}
	return k, nil
}

// listed is a list as it is stored: null for none.
func listed[T ~string](ids []T) (string, error) {
	if len(ids) == 0 {
		return "null", nil
	}
	text, err := json.Marshal(ids)
	return string(text), err
}

// APIKey is described at [iam.APIKeyReader].
func (r *reader) APIKey(ctx context.Context, org policy.OrgID, id iam.APIKeyID) (iam.APIKey, error) {
	if err := r.ready(); err != nil {
		return iam.APIKey{}, err
	}
	if !r.sees(org, string(id)) {
		return iam.APIKey{}, iam.ErrNotFound
	}
	keys, err := r.apiKeys(ctx, r.session(ctx).Where("org_id = ? AND id = ?", org, id))
	if err == nil && len(keys) == 0 {
		err = iam.ErrNotFound
	}
	if err != nil {
		return iam.APIKey{}, err
	}
	return keys[0], nil
}

// APIKeys is described at [iam.APIKeyReader].
func (r *reader) APIKeys(ctx context.Context, org policy.OrgID, q iam.APIKeyQuery) ([]iam.APIKey, error) {
	if err := r.ready(); err != nil || !r.sees(org) || !fitsOr(string(q.Account)) || !fitsOr(string(q.After)) {
		return nil, err
	}
	selected := r.session(ctx)
	if q.Account == "" {
		selected = r.walk(selected, string(org), string(q.After))
	} else {
		selected = selected.Where("org_id = ? AND account_id = ? AND id > ?", org, q.Account, q.After).Order("id")
	}
	return r.apiKeys(ctx, selected.Limit(pageSize(q.Limit)))
}

func (r *reader) apiKeys(ctx context.Context, selected *gorm.DB) ([]iam.APIKey, error) {
	var rows []apiKeyRow
	if err := selected.Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read API keys", err)
	}
	var keys []iam.APIKey
	for i := range rows {
		k, err := rows[i].key()
		if err != nil {
			return nil, r.failed(ctx, "read API keys", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// apiKeyQuery reads a key with the status of its account, in one statement: it is a part of every request by one.
const apiKeyQuery = `SELECT k.id, k.org_id, k.account_id, k.hash, k.description, k.permissions, k.all_projects, k.projects,
k.created, k.updated, k.expires, k.used, a.status
FROM iam_api_keys AS k JOIN iam_accounts AS a ON a.org_id = k.org_id AND a.id = k.account_id WHERE k.id = ?`

// APIKeyRecord is described at [iam.APIKeyStore].
func (s *Store) APIKeyRecord(ctx context.Context, id iam.APIKeyID) (iam.APIKeyRecord, error) {
	if err := s.ready(); err != nil {
		return iam.APIKeyRecord{}, err
	}
	if !fits(string(id)) {
		return iam.APIKeyRecord{}, iam.ErrNotFound
	}
	var found []struct {
		Row    apiKeyRow  `gorm:"embedded"`
		Status iam.Status `gorm:"column:status"`
	}
	if err := s.reader.session(ctx).Raw(apiKeyQuery, id).Scan(&found).Error; err != nil {
		return iam.APIKeyRecord{}, s.failed(ctx, "read an API key", err)
	}
	if len(found) == 0 {
		return iam.APIKeyRecord{}, iam.ErrNotFound
	}
	key, err := found[0].Row.key()
	if err != nil {
		return iam.APIKeyRecord{}, s.failed(ctx, "read an API key", err)
	}
	return iam.APIKeyRecord{APIKey: key, Status: found[0].Status}, nil
}

// TouchAPIKey is described at [iam.APIKeyStore]. It never inserts: a key that was deleted while it was
// used last would be back (as SB-39).
func (s *Store) TouchAPIKey(ctx context.Context, id iam.APIKeyID, used time.Time) error {
	if !fits(string(id)) {
		return s.ready()
	}
	return s.apart(ctx, func(r *reader) error {
		_, err := r.exec(ctx, "touch an API key", "UPDATE iam_api_keys SET used = ? WHERE id = ? AND used < ?", toMillis(used), id, toMillis(used))
		return err
	})
}

// InsertAPIKey is described at [iam.APIKeyWriter].
func (t *tx) InsertAPIKey(ctx context.Context, k iam.APIKey) error {
	if err := t.hasAccount(ctx, k.Account); err != nil {
		return err
	}
	row, err := t.checkedKey(k)
	if err != nil {
		return err
	}
	taken, err := t.any(ctx, "SELECT COUNT(*) FROM iam_api_keys WHERE id = ?", k.ID)
	if err != nil {
		return err
	}
	if taken {
		return iam.ErrExists
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert an API key", err)
	}
	return nil
}

// UpdateAPIKey is described at [iam.APIKeyWriter].
func (t *tx) UpdateAPIKey(ctx context.Context, k iam.APIKey) error {
	// Asked first: MariaDB would not count a row that stays as it is.
	old, err := t.APIKey(ctx, t.org, k.ID)
	if err != nil {
		return err
	}
	old.Description, old.Scope, old.Updated, old.Expires = k.Description, k.Scope, k.Updated, k.Expires
	row, err := t.checkedKey(old)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "update an API key",
		"UPDATE iam_api_keys SET description = ?, permissions = ?, all_projects = ?, projects = ?, updated = ?, expires = ? WHERE org_id = ? AND id = ?",
		row.Description, row.Permissions, row.AllProjects, row.Projects, row.Updated, row.Expires, t.org, k.ID)
	return err
}

// DeleteAPIKey is described at [iam.APIKeyWriter].
func (t *tx) DeleteAPIKey(ctx context.Context, id iam.APIKeyID) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(id)) {
		return false, err
	}
	n, err := t.exec(ctx, "delete an API key", "DELETE FROM iam_api_keys WHERE org_id = ? AND id = ?", t.org, id)
	return n == 1, err
}

// checkedKey is the row of a key that can be stored.
func (t *tx) checkedKey(k iam.APIKey) (apiKeyRow, error) {
	row, err := newAPIKeyRow(k)
	if err != nil {
		return apiKeyRow{}, err
	}
	var c checks
	c.that(k.Org == t.org, "Org", "the key is of organisation %.40q, and the change of %.40q", k.Org, t.org)
	c.id("ID", string(k.ID))
	c.that(fits(string(k.Hash)), "Hash", "the hash cannot be stored") // and is not repeated here
	c.text("Description", k.Description)
	for _, name := range k.Scope.Permissions {
		c.id("Scope", string(name))
	}
	for _, project := range k.Scope.Projects {
		c.id("Scope", string(project))
	}
	c.long("Scope", row.Permissions)
	c.long("Scope", row.Projects)
	return row, c.err
}
