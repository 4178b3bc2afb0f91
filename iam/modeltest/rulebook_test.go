package modeltest_test

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// A row of a policy allows a role something.
type row struct {
	permission       policy.Permission
	reach, condition string
}

// A rulebook is a system as its documents tell it (E, L, D), with the rows of its policy.
type rulebook struct {
	system iam.System
	rows   map[policy.Role][]row
	gives  map[policy.Role][]policy.Role

	root, former   policy.Role // former: what root becomes when it hands over; "" where it cannot
	administrators []policy.Role
	roles          []policy.Role // of sub-accounts
	bindable       []policy.Role
	thing          policy.Kind // what grants on one resource are about

	list, manage, changeRoles, giveGrants, changeQuotas, bind, forget policy.Permission
	export, editServer, testServer, manageKeys                        policy.Permission

	oneRole, everywhere, reserveRoot, separateLogin bool
	byCreator, passwordByOthers, removalByRoot      bool
	atNextSignIn, quotas                            bool
	lifetime                                        time.Duration // of an invitation

	granted []policy.Permission // from which single permissions are drawn
}

func rulebooks(tb testing.TB) []*rulebook {
	tb.Helper()
	books := []*rulebook{{
		system: emqx.System(), root: "root", former: "administrator", administrators: []policy.Role{"root", "administrator"},
		roles:    []policy.Role{"administrator", "project_user", "project_admin", "auditor", "accountant"},
		bindable: []policy.Role{"project_admin", "project_user"}, thing: "deployment",
		list: "subaccount:list", manage: "subaccount:manage", changeRoles: "subaccount:manage", giveGrants: "subaccount:manage",
		bind: "project:bind", forget: "project:delete", export: "subaccount:manage", manageKeys: "api_key:manage",
		reserveRoot: true, separateLogin: true, byCreator: true, passwordByOthers: true, removalByRoot: true, lifetime: time.Hour,
		granted: []policy.Permission{"subaccount:manage", "deployment:rename", "project:bind", "api_key:manage", "project:delete", "subaccount:list"},
	}, {
		system: lanit.System(), root: "master", former: "admin", administrators: []policy.Role{"master", "admin"},
		roles: []policy.Role{"admin", "member", "billing", "master"}, thing: "resource",
		list: "subaccount:list", manage: "subaccount:manage", changeRoles: "subaccount:change_role", giveGrants: "subaccount:manage",
		export: "subaccount:manage", oneRole: true, everywhere: true, atNextSignIn: true, lifetime: 24 * time.Hour,
		granted: []policy.Permission{"subaccount:manage", "billing:view", "subaccount:change_role", "resource:edit"},
	}, {
		system: devicehub.System(), root: "root", administrators: []policy.Role{"root"},
		roles: []policy.Role{"super_admin", "admin", "basic"}, thing: "device",
		list: "subaccount:list", manage: "subaccount:manage", changeRoles: "subaccount:manage", giveGrants: "subaccount:manage",
		changeQuotas: "subaccount:change_quota", export: "subaccount:manage", editServer: "settings.mail:manage", testServer: "settings.mail:test",
		oneRole: true, quotas: true, lifetime: 24 * time.Hour,
		granted: []policy.Permission{"device:view", "subaccount:manage", "device:configure", "device:share", "settings.mail:test"},
	}}
	books[0].read(tb, castellan.PolicyCSV())
	books[1].read(tb, file(tb, "../lanit/policy.csv"))
	books[2].read(tb, file(tb, "../devicehub/policy.csv"))
	return books
}

func file(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// read takes the rows that the model needs out of a policy's CSV.
func (b *rulebook) read(tb testing.TB, text string) {
	tb.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', -1, true
	lines, err := r.ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	b.rows, b.gives = map[policy.Role][]row{}, map[policy.Role][]policy.Role{}
	for _, f := range lines {
		switch {
		case f[0] == "p2":
			b.gives[policy.Role(f[1])] = append(b.gives[policy.Role(f[1])], policy.Role(f[2]))
		case f[0] == "p" && f[5] == "allow":
			role := policy.Role(f[1])
			b.rows[role] = append(b.rows[role], row{policy.Permission(f[3] + ":" + f[4]), f[2], f[6]})
		case f[0] == "p":
			tb.Fatalf("the model knows no row that denies: %v", f)
		}
	}
	if len(b.rows) == 0 || len(b.gives) == 0 {
		tb.Fatal("the model read no rows")
	}
}

// rootOnly reports whether nobody can give the role.
func (b *rulebook) rootOnly(role policy.Role) bool {
	for _, given := range b.gives {
		if slices.Contains(given, role) {
			return false
		}
	}
	return role == b.root
}

// The devices of DeviceHub: what its holder alone does cannot be shared, and what who stands above takes (D8, D9).
var (
	holdersAlone = []policy.Permission{"device:add", "device:delete", "device:transfer", "device:share"}
	management   = []policy.Permission{"device:view", "device:configure", "device:reboot", "device:upgrade", "device:remote_access"}
)
