package iam

import (
	"context"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// APIKeyParams are what is decided about an API key.
type APIKeyParams struct {
	// Description tells people what the key is for.
	Description string
	// Scope is what the key may do and where. It names a permission at least, and a project or AllProjects.
	Scope policy.Scope
	// Expires is the first moment at which the key is worth nothing. Defaults to never.
	Expires time.Time
}

// CreateAPIKey makes a key that acts for the actor, and returns its secret: it is stored nowhere, and
// nobody sees it again (E18). A scope with permissions that the actor lacks somewhere in it is a
// FieldError that names them. What the account loses later, its keys lose with it (SB-64); they rest
// while it is disabled, and die with it. An account makes its keys itself: neither the system nor a key does.
func (a Actor) CreateAPIKey(ctx context.Context, params APIKeyParams) (APIKey, Secret, error) {
	var key APIKey
	var secret Secret
	err := a.manageKeys(ctx, func(c *change) error {
		if c.isSystem() {
			return refuse("", policy.NoSubject, "an account makes its API keys itself")
		}
		id, err := c.svc.ids.next(c.now)
		if err != nil {
			return err
		}
		key = APIKey{ID: APIKeyID(id), Org: c.org, Account: c.sub.ID(), Created: c.now, Updated: c.now}
		if secret, key.Hash, err = newAPIKeySecret(c.svc.config.Rand, key.ID); err != nil {
			return err
		}
		changes, err := c.editKey(&key, params)
		if err != nil {
			return err
		}
		if err := c.tx.InsertAPIKey(c.ctx, key); err != nil {
			return err
		}
		return c.record(APIKeyCreated, string(key.ID), changes...)
	})
	if err != nil {
		return APIKey{}, Secret{}, err
	}
	return key.shown(), secret, nil
}

// UpdateAPIKey replaces what is decided about a key, at once for whoever uses it. The scope may only name
// what the key's own account has; one that grows, only what the actor has too (SB-61).
func (a Actor) UpdateAPIKey(ctx context.Context, id APIKeyID, params APIKeyParams) (APIKey, error) {
	var key APIKey
	err := a.manageKeys(ctx, func(c *change) (err error) {
		if key, err = c.apiKey(id); err != nil {
			return err
		}
		changes, err := c.editKey(&key, params)
		if err != nil || len(changes) == 0 {
			return err
		}
		return c.updateKey(key, changes)
	})
	if err != nil {
		return APIKey{}, err
	}
	return key.shown(), nil
}

// DeleteAPIKey ends a key at once, for ever.
func (a Actor) DeleteAPIKey(ctx context.Context, id APIKeyID) error {
	return a.manageKeys(ctx, func(c *change) error {
		key, err := c.apiKey(id)
		if err != nil {
			return err
		}
		gone, err := c.tx.DeleteAPIKey(c.ctx, id)
		if err != nil {
			return err
		}
		if !gone {
			return ErrNotFound
		}
		whose := []FieldChange{changed("account", string(key.Account), "")}
		return c.record(APIKeyDeleted, string(id), append(whose, APIKey{}.differences(key)...)...)
	})
}

// APIKeys returns a page of the organisation's keys, in the order of their making, without anything by
// which a secret could be known.
func (a Actor) APIKeys(ctx context.Context, q APIKeyQuery) ([]APIKey, error) {
	if err := a.read(ctx, a.rules().Permissions.ListKeys); err != nil {
		return nil, err
	}
	keys, err := a.svc.store.APIKeys(ctx, a.org, q)
	for i := range keys {
		keys[i] = keys[i].shown()
	}
	return keys, err
}

// manageKeys runs what changes keys, which no key does.
func (a Actor) manageKeys(ctx context.Context, do func(c *change) error) error {
	need := a.rules().Permissions.ManageKeys
	guard := func(h *policy.Holder) error {
		if err := notByKey(h, "manages no API keys"); err != nil {
			return err
		}
		return a.may(h, need, a.orgWide(need))
	}
	return a.refused(ctx, need, a.transact(ctx, a.storeWrite, guard, do))
}

// apiKey returns a key of the organisation.
func (c *change) apiKey(id APIKeyID) (APIKey, error) {
	if checkID("APIKey", string(id)) != nil {
		return APIKey{}, ErrNotFound
	}
	return c.tx.APIKey(c.ctx, c.org, id)
}

// updateKey stores a key that was changed.
func (c *change) updateKey(key APIKey, changes []FieldChange) error {
	key.Updated = c.now
	if err := c.tx.UpdateAPIKey(c.ctx, key); err != nil {
		return err
	}
	return c.record(APIKeyUpdated, string(key.ID), changes...)
}

// editKey checks what is decided about a key, writes it into it, and returns what that changes.
func (c *change) editKey(key *APIKey, params APIKeyParams) ([]FieldChange, error) {
	if err := checkText("Description", params.Description); err != nil {
		return nil, err
	}
	before := *key
	key.Description, key.Scope, key.Expires = params.Description, normalScope(params.Scope), storedTime(params.Expires)
	if !key.Expires.Equal(before.Expires) {
		if err := checkEnd("Expires", key.Expires, c.now); err != nil {
			return nil, err
		}
	}
	if scopeWithin(key.Scope, before.Scope) && scopeWithin(before.Scope, key.Scope) && len(key.Scope.Permissions) > 0 {
		return key.differences(before), nil
	}
	if err := c.checkScope(key.Scope); err != nil {
		return nil, err
	}
	if err := c.mayScope(*key, before); err != nil {
		return nil, err
	}
	return key.differences(before), nil
}

// forgetInKeys takes a project out of every scope, so that another of the same id is in none (SB-69).
func (c *change) forgetInKeys(project policy.ProjectID) error {
	q := APIKeyQuery{Limit: 1000}
	for {
		page, err := c.tx.APIKeys(c.ctx, c.org, q)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, key := range page {
			if !slices.Contains(key.Scope.Projects, project) {
				continue
			}
			next := key
			next.Scope.Projects = slices.DeleteFunc(slices.Clone(key.Scope.Projects), func(p policy.ProjectID) bool { return p == project })
			if err := c.updateKey(next, next.differences(key)); err != nil {
				return err
			}
		}
		q.After = page[len(page)-1].ID
	}
}

// keysOf counts the keys of an account.
func (c *change) keysOf(id policy.AccountID) (int, error) {
	n, q := 0, APIKeyQuery{Account: id, Limit: 1000}
	for {
		page, err := c.tx.APIKeys(c.ctx, c.org, q)
		if err != nil || len(page) == 0 {
			return n, err
		}
		n, q.After = n+len(page), page[len(page)-1].ID
	}
}
