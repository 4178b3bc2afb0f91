package iam

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Holding says which account holds a resource of the host's, such as a device (D5).
type Holding struct {
	Org     policy.OrgID
	Kind    policy.Kind // a base kind
	ID      string      // the host's own id of the resource
	Account policy.AccountID
	Since   time.Time // when the account got it
}

// HoldingReader reads who holds what, and how much they may.
type HoldingReader interface {
	// Holding returns who holds a resource of the organisation, or ErrNotFound.
	Holding(ctx context.Context, org policy.OrgID, kind policy.Kind, id string) (Holding, error)

	// Holdings returns a page of what is held in the organisation, in the order of the kinds, and within
	// a kind in that of the ids.
	Holdings(ctx context.Context, org policy.OrgID, q HoldingQuery) ([]Holding, error)

	// GrantsOn returns the grants on one resource itself, also those that have ended, sorted by id.
	GrantsOn(ctx context.Context, org policy.OrgID, kind policy.Kind, id string) ([]Grant, error)

	// Allotment returns what an account of the organisation may hold of a kind, and what of it is used, in
	// one round trip. An account that is not of the organisation is ErrNotFound.
	Allotment(ctx context.Context, org policy.OrgID, account policy.AccountID, kind policy.Kind) (Allotment, error)
}

// HoldingQuery narrows a list of holdings. The zero query is everything's first page.
type HoldingQuery struct {
	// Account must hold it. Defaults to anybody.
	Account policy.AccountID
	// Below is an account that the holder must stand below: that created it, or created who did, and so on (D9).
	// Below root stands everybody else whose line goes back to root or to nobody. Defaults to no narrowing.
	Below policy.AccountID
	// Kind must be the resource's. Defaults to any.
	Kind policy.Kind
	// After is the last position of the page before. Defaults to the first page.
	After HoldingPosition
	// Limit is the size of the page, from 1 to 1,000. Defaults to 100.
	Limit int
}

// HoldingPosition is a place in a list of holdings, for paging.
type HoldingPosition struct {
	Kind policy.Kind
	ID   string
}

// Position returns where the holding stands in a list.
func (h Holding) Position() HoldingPosition { return HoldingPosition{h.Kind, h.ID} }

// Allotment is what an account may hold of a kind, and what of it is used.
type Allotment struct {
	// Root is set for the organisation's root account.
	Root bool
	// Limited is set when a limit is stored, which is Most.
	Limited bool
	Most    int64
	// Held is how many the account holds.
	Held int64
	// Given is the sum of the limits of the accounts that it created. Root, which nobody limits, has given
	// what those have too that nobody created.
	Given int64
}

// HoldingWriter changes who holds what, and how much they may.
type HoldingWriter interface {
	// InsertHolding makes an account the holder of a resource. One that is held already is ErrExists. An
	// account that is not of the organisation is ErrNotFound.
	InsertHolding(ctx context.Context, h Holding) error

	// MoveHolding makes another account the holder of a resource, from a time on. A resource that nobody
	// holds is ErrNotFound. An account that is not of the organisation is ErrNotFound.
	MoveHolding(ctx context.Context, h Holding) error

	// DeleteHolding leaves a resource to nobody. A resource that nobody holds is ErrNotFound.
	DeleteHolding(ctx context.Context, kind policy.Kind, id string) error

	// PutLimit writes how many of a kind an account and those below it may hold, in place of what was
	// written. An account that is not of the organisation is ErrNotFound.
	PutLimit(ctx context.Context, account policy.AccountID, kind policy.Kind, most int64) error

	// DropLimit removes the limit of an account, if there is one.
	DropLimit(ctx context.Context, account policy.AccountID, kind policy.Kind) error
}
