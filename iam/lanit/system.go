// Package lanit is the account system of LANIT Cloud IAM: one role for each account, from Member to
// Master, all of them in the whole organisation, and each address in one account only (L1, L4).
//
// That an address is unique everywhere tells whoever creates accounts that an address is in use in
// some organisation: the price of L4. The other names of the package are the policy's vocabulary.
package lanit

import (
	_ "embed"
	"sync"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

//go:embed policy.csv
var policyCSV []byte

var current = sync.OnceValue(func() *policy.Policy {
	return policy.Must(policy.Load("policy.csv", policyCSV, policy.Config{}))
})

// System returns the account system of LANIT Cloud IAM. Its root account is the organisation's
// owner and holds the role master; other masters are sub-accounts. It has no projects.
func System() iam.System {
	return iam.System{Name: "lanit", Policy: current(), Rules: iam.Rules{
		RootRole:       Master,
		Administrators: []policy.Role{Master, Admin},
		OneRole:        true,
		EmailScope:     iam.Everywhere,
		// The link holds for a day (L6), the invitee chooses the password by LANIT's rule (L5), and a session keeps
		// the permissions that it was opened with (L10): who is demoted keeps them until the next sign-in,
		// unless the sessions are ended.
		InvitationLifetime: 24 * time.Hour,
		Password:           iam.PasswordRule{MinLength: 8, Upper: true, Lower: true, Digit: true, Special: true},
		RoleChanges:        iam.AtNextSignIn,
		FormerRoot:         Admin,
		Permissions: iam.Permissions{
			ListAccounts:   SubaccountList,
			ManageAccounts: SubaccountManage,
			ChangeRoles:    SubaccountChangeRole,
			GiveGrants:     SubaccountManage,
			ReadEvents:     SubaccountManage,
			ExportEvents:   SubaccountManage,
		},
	}}
}
