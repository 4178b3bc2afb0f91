package store

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/castellan-iam/castellan/policy"
)

// HolderColumn is the account that holds a row's resource, in a statement with [JoinHolders]: NULL where
// nobody does.
const HolderColumn = "iam_holders.account_id"

// JoinHolders is a GORM scope that joins who holds the resources of a kind to the rows of a host's table,
// whose columns of the organisation's and the resource's ids it is given. It adds no row and leaves none
// out. [InReach] then narrows by the holder:
//
//	err := db.Table("devices").Select("devices.*").Scopes(
//		store.JoinHolders(devicehub.Device, "devices.org_id", "devices.id"),
//		store.InReach(reach, store.Columns{Org: "devices.org_id", ID: "devices.id", Owner: store.HolderColumn}),
//	).Find(&devices).Error
//
// Ids are compared byte by byte, as InReach does it.
func JoinHolders(kind policy.Kind, org, id string) func(*gorm.DB) *gorm.DB {
	return func(db *gorm.DB) *gorm.DB {
		d, err := dialectOf(db)
		if err != nil {
			_ = db.AddError(err)
			return db
		}
		join := "LEFT JOIN iam_holdings AS iam_holders ON iam_holders.org_id = " + d.exact + " AND iam_holders.kind = ? AND iam_holders.resource_id = " + d.exact
		return db.Joins(join, clause.Column{Name: org}, string(kind.Base()), clause.Column{Name: id})
	}
}
