package iam_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// Devices belong to accounts: who adds one holds it, within a quota, shares it and transfers it. The host's own
// table knows nothing of that; its list is narrowed by who holds what.
func ExampleActor_Claim() {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	defer closeDB(db)
	check(store.Migrate(ctx, db))
	check(db.Exec("CREATE TABLE devices (org_id TEXT, serial TEXT)").Error)
	svc, err := iam.New(store.New(db), devicehub.System(), iam.Config{})
	check(err)
	acme, err := svc.System("example").CreateOrganization(ctx, iam.CreateOrganizationParams{ID: "acme", Root: &iam.CreateAccountParams{}})
	check(err)

	as := func(id policy.AccountID) iam.Actor {
		sub, err := svc.Subject(ctx, id)
		check(err)
		return svc.As(sub)
	}
	create := func(by policy.AccountID, role policy.Role, devices int) policy.AccountID {
		account, _, err := as(by).CreateAccount(ctx, iam.CreateAccountParams{
			Roles: []policy.Role{role}, Active: true, Quotas: map[policy.Kind]int{devicehub.Device: devices},
		})
		check(err)
		return account.ID
	}
	add := func(by policy.AccountID, serial string) error {
		_, err := as(by).Claim(ctx, devicehub.Device, serial)
		if err == nil {
			err = db.Exec("INSERT INTO devices (org_id, serial) VALUES (?, ?)", acme.ID, serial).Error
		}
		return err
	}
	sees := func(id policy.AccountID) string {
		sub, err := svc.Subject(ctx, id)
		check(err)
		var serials []string
		check(db.Table("devices").Scopes(
			store.JoinHolders(devicehub.Device, "devices.org_id", "devices.serial"),
			store.InReach(svc.Reach(sub, devicehub.View, devicehub.Device), store.Columns{
				Org: "devices.org_id", ID: "devices.serial", Owner: store.HolderColumn,
			}),
		).Order("serial").Pluck("serial", &serials).Error)
		return strings.Join(serials, " ")
	}

	ada := create(acme.Root, devicehub.Admin, 3)
	bo := create(ada, devicehub.Basic, 1) // Ada has two left
	check(add(ada, "gateway"))
	check(add(ada, "sensor"))
	fmt.Println("a third:", errors.Is(add(ada, "camera"), iam.ErrQuota))

	_, err = as(ada).Share(ctx, devicehub.Device, "gateway", iam.ShareParams{To: bo, Permissions: []policy.Permission{devicehub.DeviceView}})
	check(err)
	fmt.Println("Ada sees", sees(ada), "and Bo sees", sees(bo))

	_, err = as(ada).Transfer(ctx, devicehub.Device, "sensor", bo)
	check(err)
	quotas, err := as(ada).Quotas(ctx, ada)
	check(err)
	fmt.Printf("Ada sees %s; she holds %d, has given %d, and has %d left\n", sees(ada), quotas[0].Held, quotas[0].Given, quotas[0].Left())
	// Output:
	// a third: true
	// Ada sees gateway sensor and Bo sees gateway
	// Ada sees gateway; she holds 1, has given 1, and has 1 left
}
