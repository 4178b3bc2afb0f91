package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// errLooked takes a transaction back that was begun to look only.
var errLooked = errors.New("iam: this transaction only looks")

// look runs do in a transaction that changes nothing: whatever do writes is taken back. What do reads is of one
// moment.
func look(ctx context.Context, store Store, org policy.OrgID, do func(tx Tx) error) error {
	err := store.WriteAside(ctx, org, func(tx Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return errLooked
	})
	if errors.Is(err, errLooked) {
		return nil
	}
	return err
}

// storeLook is storeWrite for what only looks.
func (a Actor) storeLook(ctx context.Context, do func(tx Tx) error) error {
	return look(ctx, a.svc.store, a.org, do)
}
