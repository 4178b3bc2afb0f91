// Package emqx is the account system of EMQX Platform: five roles for sub-accounts beside the
// root account, a matrix of fifty permissions, and two roles that are bound to projects.
//
// [System] is the policy of policy.csv at the root of this module with the rules of its accounts.
// The other names of the package are the policy's roles, kinds, actions and permissions, so that a
// misspelt one does not compile:
//
//	svc.Can(sub, emqx.StartStop, emqx.Deployment.In(org, project).Named(id))
//
// Rules for a plan hold only for deployments of that plan (E19): say which one a deployment has with
// With(emqx.Plan, "premium"). Of a deployment whose plan was not given, features of a plan are denied.
package emqx

import (
	_ "embed"
	"sync"
	"time"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Plan is the attribute that says which plan a deployment has: serverless, dedicated, premium or byoc.
const Plan = "plan"

// Conditions are the predicates that the rules name: which plan a feature belongs to (E19).
func Conditions() []policy.Condition {
	return []policy.Condition{
		policy.OneOf("serverless", Plan, "serverless"),
		policy.OneOf("premium", Plan, "premium"),
		policy.OneOf("dedicated_or_premium", Plan, "dedicated", "premium"),
		policy.OneOf("byoc", Plan, "byoc"),
	}
}

//go:embed legacy.csv
var legacyCSV []byte

var current = sync.OnceValue(func() *policy.Policy {
	return policy.Must(policy.Load("policy.csv", []byte(castellan.PolicyCSV()), policy.Config{Conditions: Conditions()}))
})

var legacy = sync.OnceValue(func() *policy.Policy {
	return policy.Must(policy.Load("legacy.csv", legacyCSV, policy.Config{}))
})

// System returns the account system of EMQX Platform.
func System() iam.System {
	r := rules(AuditLogView, SubaccountManage)
	r.Permissions.ListKeys, r.Permissions.ManageKeys = APIKeyView, APIKeyManage
	return iam.System{Name: "emqx", Policy: current(), Rules: r}
}

// LegacySystem returns the account system with the older matrix, of EMQX Cloud in 2022. It has no
// row for an audit log, so that only the system reads it.
func LegacySystem() iam.System {
	return iam.System{Name: "emqx-legacy", Policy: legacy(), Rules: rules("", "")}
}

func rules(readEvents, exportEvents policy.Permission) iam.Rules {
	return iam.Rules{
		RootRole:         Root,
		Administrators:   []policy.Role{Root, Administrator},
		EmailScope:       iam.PerOrganization,
		ReserveRootEmail: true,
		// The activation link holds for an hour (E9), and the creator chooses the first password (E8), at the
		// price that two people have known it until the first sign-in.
		InvitationLifetime:  time.Hour,
		FirstPassword:       iam.ByCreator,
		PasswordByOthers:    true,
		SeparateRootLogin:   true,
		SecondFactorRemoval: iam.ByRootOnly,
		FormerRoot:          Administrator,
		Permissions: iam.Permissions{
			ListAccounts:   SubaccountList,
			ManageAccounts: SubaccountManage,
			ChangeRoles:    SubaccountManage,
			GiveGrants:     SubaccountManage,
			BindProjects:   ProjectBind,
			ForgetProjects: ProjectDelete,
			ReadEvents:     readEvents,
			ExportEvents:   exportEvents,
		},
	}
}
