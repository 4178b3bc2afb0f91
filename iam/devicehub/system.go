// Package devicehub is the account system of Milesight DeviceHub: root makes Super Admins, Admins
// and Basic users, each of which makes those below it (D1). Devices belong to accounts: who adds one
// holds it, shares it with its sub-accounts and transfers it to them, and has the say about those of
// its sub-accounts (D8, D9). What an account holds and has given to its sub-accounts to hold never
// exceeds its quota (D5). A Basic user may do what was granted task by task (D2): by root with
// GiveGrant, and on a device by who holds it with Share.
//
// The names of the package beside System are the policy's roles, kinds, actions and permissions.
package devicehub

import (
	_ "embed"
	"sync"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

//go:embed policy.csv
var policyCSV []byte

var current = sync.OnceValue(func() *policy.Policy {
	return policy.Must(policy.Load("policy.csv", policyCSV, policy.Config{}))
})

// System returns the account system of Milesight DeviceHub.
func System() iam.System {
	return iam.System{Name: "devicehub", Policy: current(), Rules: iam.Rules{
		RootRole:       Root,
		Administrators: []policy.Role{Root},
		OneRole:        true,
		EmailScope:     iam.PerOrganization,
		Holdings: []iam.HeldKind{{
			Kind: Device, Claim: DeviceAdd, Release: DeviceDelete, Transfer: DeviceTransfer, Share: DeviceShare,
			Manage: []policy.Permission{DeviceView, DeviceConfigure, DeviceReboot, DeviceUpgrade, DeviceRemoteAccess},
			Quota:  true,
		}},
		Permissions: iam.Permissions{
			ListAccounts:   SubaccountList,
			ManageAccounts: SubaccountManage,
			ChangeRoles:    SubaccountManage,
			GiveGrants:     SubaccountManage,
			ChangeQuotas:   SubaccountChangeQuota,
			ReadEvents:     SubaccountManage,
			ExportEvents:   SubaccountManage,
			ReadMailServer: SettingsMailView,
			EditMailServer: SettingsMailManage,
			TestMailServer: SettingsMailTest,
		},
	}}
}
