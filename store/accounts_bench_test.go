package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// manyAccounts is how many accounts the organisation of BenchmarkListAccounts has.
const manyAccounts = 100_000

// BenchmarkListAccounts lists 100 of 100,000 accounts, by keywords that many, few, one or none of them have, and says
// within which time 99 of 100 lists were there.
func BenchmarkListAccounts(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			db := testdb.Open(b, database)
			seedAccounts(b, db)
			st := store.New(db)
			for _, bb := range []struct {
				name string
				q    iam.AccountQuery
				want int
			}{
				{"first page", iam.AccountQuery{}, 100},
				{"page in the middle", iam.AccountQuery{After: accountID(manyAccounts / 2)}, 100},
				{"keyword of all", iam.AccountQuery{Keyword: "Example.com"}, 100},
				{"keyword of all, in the middle", iam.AccountQuery{Keyword: "Example.com", After: accountID(manyAccounts / 2)}, 100},
				{"keyword of 10 %", iam.AccountQuery{Keyword: "team 7 "}, 100},
				{"keyword of 1 %", iam.AccountQuery{Keyword: "district 42 "}, 100},
				{"keyword of eleven", iam.AccountQuery{Keyword: "person1234"}, 11},
				{"keyword of one", iam.AccountQuery{Keyword: "person99999"}, 1},
				{"keyword of none", iam.AccountQuery{Keyword: "nobody at all"}, 0},
				{"two letters", iam.AccountQuery{Keyword: "zq"}, 0},
				{"keyword of 1 %, by role", iam.AccountQuery{Keyword: "district 42 ", Role: "auditor"}, 100},
				{"by a role of few", iam.AccountQuery{Role: "administrator"}, 10},
				{"by status", iam.AccountQuery{Status: iam.Disabled}, 100},
			} {
				b.Run(bb.name, func(b *testing.B) { benchList(b, st, bb.q, bb.want) })
			}
		})
	}
}

func benchList(b *testing.B, st *store.Store, q iam.AccountQuery, want int) {
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		found, err := st.Accounts(b.Context(), "acme", q)
		took = append(took, time.Since(start))
		if err != nil || len(found) < want {
			b.Fatalf("found %d, %v, want %d", len(found), err, want)
		}
	}
	slices.SortFunc(took, cmp.Compare)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func accountID(i int) policy.AccountID {
	return policy.AccountID(fmt.Sprintf("0198%04x-%04x-7000-8000-0123456789ab", i>>16, i&0xffff))
}

// seedAccounts inserts the accounts past the library, with what it would store.
func seedAccounts(b *testing.B, db *gorm.DB) {
	b.Helper()
	st := store.New(db)
	if err := st.Create(b.Context(), iam.Organization{ID: "acme", Name: "Acme", Created: noon}, func(iam.Tx) error { return nil }); err != nil {
		b.Fatal(err)
	}
	err := db.Transaction(func(tx *gorm.DB) error {
		var accounts, roles []map[string]any
		for i := range manyAccounts {
			id := accountID(i)
			email, name := fmt.Sprintf("person%d@example.com", i), fmt.Sprintf("Person Number %d", i)
			note := fmt.Sprintf("Team %d in district %d of the sales department", i%10, i*7919%100)
			status, role := iam.Active, "auditor"
			if i%50 == 0 {
				status = iam.Disabled
			}
			if i%10_000 == 77 {
				role = "administrator"
			}
			accounts = append(accounts, map[string]any{
				"id": id, "org_id": "acme", "status": status, "email": email, "name": name, "username": "", "phone": "", "company": "Acme",
				"note": note, "search": strings.ToLower(strings.Join([]string{email, name, "", "", "Acme", note, ""}, "\x1f")),
				"created_by": "", "created": noon.UnixMilli(), "activated": noon.UnixMilli(), "updated": noon.UnixMilli(),
			})
			roles = append(roles, map[string]any{"org_id": "acme", "account_id": id, "role": role})
		}
		if err := tx.Table("iam_accounts").CreateInBatches(accounts, 1000).Error; err != nil {
			return err
		}
		return tx.Table("iam_account_roles").CreateInBatches(roles, 1000).Error
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Exec(map[string]string{testdb.SQLite: "ANALYZE", testdb.Postgres: "ANALYZE", testdb.MySQL: "ANALYZE TABLE iam_accounts, iam_account_roles"}[db.Name()]).Error; err != nil {
		b.Fatal(err)
	}
}
