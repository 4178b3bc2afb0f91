package iam

import (
	"context"

	"github.com/castellan-iam/castellan/policy"
)

// BulkWriter reads and changes many rows of one organisation in few statements, for what moves in by the
// million: see [SystemActor.ImportAccounts]. A thousand rows at once are a good measure.
type BulkWriter interface {
	// AccountsAmong returns the organisation's accounts that have one of the ids or one of the addresses, in
	// the order of their ids and without duplicates.
	AccountsAmong(ctx context.Context, ids []policy.AccountID, emails []Email) ([]Account, error)

	// RootEmails returns which of the addresses belong to root accounts of any organisation, sorted and without
	// duplicates.
	RootEmails(ctx context.Context, emails []Email) ([]Email, error)

	// InsertAccounts adds accounts with their roles, and returns for each, in its place, the error with which
	// InsertAccount would have refused it behind those before it: nil for one that was added. A root account
	// is refused with a *FieldError for Root. With the second error nothing can be said of any of them.
	InsertAccounts(ctx context.Context, accounts []Account, everywhere bool) (refused []error, err error)

	// InsertBindings adds bindings, and returns those that were new, sorted by account, project and role.
	// When the account of one is not of the organisation, that is ErrNotFound, and none is added.
	InsertBindings(ctx context.Context, bindings []Binding) (added []Binding, err error)

	// AppendAll writes events, one behind the other, as Append does. Of events of which one cannot be written, none is.
	AppendAll(ctx context.Context, events []Event, link func(e Event, before string) string) error
}
