package store_test

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

// readHoldings reads what versions 3 and 4 brought.
func (a *author) readHoldings(org policy.OrgID, accounts []iam.Account, read map[string]any) {
	a.Helper()
	sees := a.bypass(org)
	holdings, err := sees.Holdings(a.ctx(), iam.HoldingQuery{})
	a.ok(err)
	quotas, shares := make(map[string]any), make(map[string]any)
	for _, account := range accounts {
		if quotas[string(account.ID)], err = sees.Quotas(a.ctx(), account.ID); err != nil {
			a.Fatal(err)
		}
	}
	for _, h := range holdings {
		if shares[h.ID], err = sees.Shares(a.ctx(), devicehub.Device, h.ID); err != nil {
			a.Fatal(err)
		}
	}
	keys, err := a.st.APIKeys(a.ctx(), org, iam.APIKeyQuery{})
	a.ok(err)
	read["holdings"], read["quotas"], read["shares"], read["keys"] = holdings, quotas, shares, keys
}
