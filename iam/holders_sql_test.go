package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// TestHoldersInSQL lists a host's devices, which know nothing of accounts, by who holds them: what a list finds is
// what Can allows on each row (D8, D9). The host's columns have the collations that a database would choose, or worse.
func TestHoldersInSQL(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		text := map[string]string{
			testdb.SQLite: "TEXT COLLATE NOCASE", testdb.Postgres: "text", testdb.MySQL: "VARCHAR(300) COLLATE utf8mb4_general_ci",
		}[w.db.Name()]
		w.ok(w.db.Exec("CREATE TABLE devices (n INT NOT NULL PRIMARY KEY, customer " + text + ", serial " + text + ")").Error)
		o := w.organization(devicehub.System())
		other := o.sibling()
		super, admin, basic := o.branch()
		o.claim(super, "s1", "D1", "é")
		o.claim(admin, "a1", "a2", "d1", "e", "d1 ")
		other.claim(other.rootID, "a1", "a9")
		must(o.share(super, "s1", basic, devicehub.DeviceView))(w)
		must(o.share(admin, "a1", basic, devicehub.DeviceView))(w)
		w.ok(o.st.Write(w.Context(), o.id, func(tx iam.Tx) error { // another kind of the same id
			return tx.InsertHolding(w.Context(), iam.Holding{Org: o.id, Kind: "tunnel", ID: "a9", Account: admin})
		}))
		var serials []any
		for i, serial := range []any{"s1", "D1", "é", "a1", "a2", "d1", "e", "d1 ", "a9", nil} {
			for j, customer := range []policy.OrgID{o.id, other.id} {
				w.ok(w.db.Exec("INSERT INTO devices (n, customer, serial) VALUES (?, ?, ?)", 2*i+j, string(customer), serial).Error)
				serials = append(serials, serial)
			}
		}
		joined := func() *gorm.DB {
			return w.db.WithContext(w.Context()).Table("devices").Scopes(store.JoinHolders(devicehub.Device, "devices.customer", "devices.serial"))
		}
		var rows int64
		w.ok(joined().Count(&rows).Error)
		equal(w, "rows", int(rows), len(serials))

		// A column of another type is compared by its text.
		o.claim(super, "2", "04", "6 ")
		var numbered []int
		w.ok(w.db.WithContext(w.Context()).Table("devices").Scopes(store.JoinHolders(devicehub.Device, "devices.customer", "devices.n")).
			Where(store.HolderColumn+" IS NOT NULL").Pluck("n", &numbered).Error)
		same(w, "the rows by number", numbered, []int{2})

		for _, id := range []policy.AccountID{o.rootID, super, admin, basic, other.rootID} {
			sub := o.subject(id)
			var got, want []int
			columns := store.Columns{Org: "devices.customer", ID: "devices.serial", Owner: store.HolderColumn}
			w.ok(joined().Scopes(store.InReach(o.svc.Reach(sub, devicehub.View, devicehub.Device), columns)).Order("n").Pluck("n", &got).Error)
			for n, serial := range serials {
				r := devicehub.Device.Of([]policy.OrgID{o.id, other.id}[n%2])
				if serial != nil {
					r = r.Named(fmt.Sprint(serial))
					r = r.OwnedBy(must(o.svc.Holder(w.Context(), r.Org, r.Kind, r.ID))(w))
				}
				if o.svc.Can(sub, devicehub.View, r) {
					want = append(want, n)
				}
			}
			if !slices.Equal(got, want) || len(want) == 0 {
				w.Errorf("%s: got the rows %v, want %v", sub.Roles(), got, want)
			}
		}
	})
}
