package iam_test

import (
	"fmt"
	"iter"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// What an iteration of BenchmarkImportBindings moves in.
const (
	movedAccounts = 10_000
	movedBindings = 50_000
)

// BenchmarkImportBindings moves an organisation in that was elsewhere, with foreign keys and audit events: rows/s
// are what a host sees. One binding an account is the dearest order: every row has an event of its own.
func BenchmarkImportBindings(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		for _, bb := range []struct {
			name string
			row  func(i int) (account, project int)
		}{
			{"in order", func(i int) (int, int) { return i / 5, i % 5 }},
			{"by project", func(i int) (int, int) { return i % movedAccounts, i / movedAccounts }},
		} {
			b.Run(database+"/"+bb.name, func(b *testing.B) {
				svc, err := iam.New(store.New(testdb.Open(b, database)), emqx.System(), iam.Config{})
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					b.StopTimer()
					org := must(svc.System("bench").CreateOrganization(b.Context(), iam.CreateOrganizationParams{}))(b)
					move(b, movedAccounts)(svc.System("bench").ImportAccounts(b.Context(), org.ID, movedPeople(org.ID), iam.BulkParams{}))
					b.StartTimer()
					rows := func(yield func(iam.BindingRow, error) bool) {
						for i := range movedBindings {
							account, project := bb.row(i)
							if !yield(iam.BindingRow{Account: movedID(org.ID, account), Role: emqx.ProjectUser, Project: policy.ProjectID(fmt.Sprint("project-", project))}, nil) {
								return
							}
						}
					}
					move(b, movedBindings)(svc.System("bench").ImportBindings(b.Context(), org.ID, rows, iam.BulkParams{}))
				}
				b.ReportMetric(float64(movedBindings)*float64(b.N)/b.Elapsed().Seconds(), "bindings/s")
			})
		}
	}
}

// BenchmarkImportAccounts moves accounts in.
func BenchmarkImportAccounts(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			svc, err := iam.New(store.New(testdb.Open(b, database)), emqx.System(), iam.Config{})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				org := must(svc.System("bench").CreateOrganization(b.Context(), iam.CreateOrganizationParams{}))(b)
				move(b, movedAccounts)(svc.System("bench").ImportAccounts(b.Context(), org.ID, movedPeople(org.ID), iam.BulkParams{}))
			}
			b.ReportMetric(float64(movedAccounts)*float64(b.N)/b.Elapsed().Seconds(), "accounts/s")
		})
	}
}

// move wants all of the rows to be new.
func move(tb testing.TB, rows int) func(iam.BulkSummary, error) {
	return func(got iam.BulkSummary, err error) {
		tb.Helper()
		if want := (iam.BulkSummary{Added: rows, LastLine: rows}); err != nil || got != want {
			tb.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func movedID(org policy.OrgID, i int) policy.AccountID {
	return policy.AccountID(fmt.Sprintf("%s-%06d", org, i))
}

func movedPeople(org policy.OrgID) iter.Seq2[iam.AccountRow, error] {
	return func(yield func(iam.AccountRow, error) bool) {
		for i := range movedAccounts {
			if !yield(iam.AccountRow{
				ID: movedID(org, i), Email: fmt.Sprintf("person%d@example.com", i), Roles: []policy.Role{emqx.ProjectUser}, Status: iam.Active,
				Profile: iam.Profile{Name: fmt.Sprint("Person Number ", i), Company: "Acme"},
			}, nil) {
				return
			}
		}
	}
}
