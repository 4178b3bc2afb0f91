package iam

import (
	"context"

	"github.com/castellan-iam/castellan/policy"
)

// Payer returns who pays for what an account of the organisation creates and uses: its root account,
// whoever the account is (L9). It is "" where the host keeps the organisation's owner elsewhere. An
// account that is not of the organisation is ErrNotFound.
func (s *Service) Payer(ctx context.Context, org policy.OrgID, account policy.AccountID) (policy.AccountID, error) {
	if _, err := s.store.Account(ctx, org, account); err != nil {
		return "", err
	}
	paying, err := s.store.Organization(ctx, org)
	return paying.Root, err
}
