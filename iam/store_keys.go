package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// APIKeyID identifies an API key. It is the part of a presented key that is no secret, and opens nothing.
type APIKeyID string

// APIKey lets a program act for the account that made it, within a scope (E18).
type APIKey struct {
	ID          APIKeyID
	Org         policy.OrgID
	Account     policy.AccountID // who made it, and for whom it acts
	Description string
	Scope       policy.Scope // its permissions and projects are sorted; AllProjects has no Projects
	Created     time.Time
	Updated     time.Time // the last change of what is written here
	Expires     time.Time // the first moment at which it is worth nothing; zero for never
	Used        time.Time // the last use, give or take a minute; zero for never
	Hash        TokenHash // of its secret; "" in what is shown to people
}

// EndedAt reports whether the key is over.
func (k APIKey) EndedAt(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// APIKeyRecord is an API key with what decides at once whether it is worth anything.
type APIKeyRecord struct {
	APIKey
	Status Status // of the account
}

// APIKeyReader reads the API keys of an organisation.
type APIKeyReader interface {
	// APIKey returns a key of the organisation, or ErrNotFound.
	APIKey(ctx context.Context, org policy.OrgID, id APIKeyID) (APIKey, error)

	// APIKeys returns a page of the organisation's keys in the order of their ids.
	APIKeys(ctx context.Context, org policy.OrgID, q APIKeyQuery) ([]APIKey, error)
}

// APIKeyQuery narrows a list of API keys. The zero query is everybody's first page.
type APIKeyQuery struct {
	// Account must have made it. Defaults to anybody.
	Account policy.AccountID
	// After is the last id of the page before. Defaults to the first page.
	After APIKeyID
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// APIKeyWriter changes API keys.
type APIKeyWriter interface {
	// InsertAPIKey adds a key. An account that is not of the organisation is ErrNotFound, an id that is
	// taken is ErrExists.
	InsertAPIKey(ctx context.Context, k APIKey) error

	// UpdateAPIKey writes Description, Scope, Updated and Expires of a key, or returns ErrNotFound. The rest
	// of it does not change.
	UpdateAPIKey(ctx context.Context, k APIKey) error

	// DeleteAPIKey removes a key and reports whether there was one.
	DeleteAPIKey(ctx context.Context, id APIKeyID) (bool, error)
}

// APIKeyStore is for each use of an API key. It takes no lock.
type APIKeyStore interface {
	// APIKeyRecord returns the key with the id, of whatever organisation, in one round trip: ErrNotFound
	// when there is none. One that has expired is returned too.
	APIKeyRecord(ctx context.Context, id APIKeyID) (APIKeyRecord, error)

	// TouchAPIKey writes Used of a key that is there, if it is later. What is not there stays away.
	TouchAPIKey(ctx context.Context, id APIKeyID, used time.Time) error
}
