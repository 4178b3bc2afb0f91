package iam_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// BenchmarkClaim lets 50 claim at once for one account, which has room for half of the claims: never more
// succeed (SB-73).
func BenchmarkClaim(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) { benchmarkClaim(b, testdb.Open(b, database)) })
	}
}

func benchmarkClaim(b *testing.B, db *gorm.DB) {
	limit := max(1, b.N/2)
	svc := must(iam.New(store.New(db), devicehub.System(), iam.Config{}))(b)
	org := must(svc.System("bench").CreateOrganization(b.Context(), iam.CreateOrganizationParams{Root: &iam.CreateAccountParams{}}))(b)
	account, _, err := svc.System("bench").In(org.ID).CreateAccount(b.Context(), iam.CreateAccountParams{
		Roles: []policy.Role{devicehub.Admin}, Active: true, Quotas: map[policy.Kind]int{devicehub.Device: limit},
	})
	if err != nil {
		b.Fatal(err)
	}
	actor := svc.As(must(svc.Subject(b.Context(), account.ID))(b))

	todo, errs := make(chan int), make(chan error, b.N)
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 50 {
		wg.Go(func() {
			for n := range todo {
				errs <- second(actor.Claim(b.Context(), devicehub.Device, fmt.Sprint("d", n)))
			}
		})
	}
	for n := range b.N {
		todo <- n
	}
	close(todo)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")

	close(errs)
	claimed := 0
	for err := range errs {
		switch {
		case err == nil:
			claimed++
		case !errors.Is(err, iam.ErrQuota):
			b.Error(err)
		}
	}
	if claimed != min(limit, b.N) {
		b.Errorf("%d of %d claims succeeded: want %d", claimed, b.N, min(limit, b.N))
	}
}
