package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// BenchmarkSendDue sends mails with links through a mailer that does nothing: what is left is the outbox and its
// database. One operation is one mail, of one organisation, whose lock all workers wait for, or of as many as there are workers.
func BenchmarkSendDue(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			st, clock := store.New(testdb.Open(b, database)), newClock()
			svc := must(iam.New(st, emqx.System(), iam.Config{BaseURL: host, Now: clock.now}))(b)
			out := must(outbox.New(svc, mailerFunc(func(context.Context, iam.Message) (string, error) { return "250", nil }), outbox.Config{}))(b)
			var orgs []iam.Organization
			for range 4 {
				orgs = append(orgs, must(svc.System("bench").CreateOrganization(b.Context(), iam.CreateOrganizationParams{
					Root: &iam.CreateAccountParams{Email: address("root")},
				}))(b))
			}
			for _, n := range []int{1, 4} {
				b.Run(fmt.Sprint("organizations=", n), func(b *testing.B) {
					for i, org := range orgs[:n] {
						queue(b, svc, st, org.ID, org.Root, (b.N+i)/n)
					}
					b.ResetTimer()
					if sent := must(out.SendDue(b.Context()))(b); sent != b.N {
						b.Fatalf("%d mails were sent, want %d", sent, b.N)
					}
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
				})
			}
		})
	}
}

// queue queues links for root's password.
func queue(b *testing.B, svc *iam.Service, st iam.Store, org policy.OrgID, root policy.AccountID, n int) {
	b.Helper()
	account := must(st.Account(b.Context(), org, root))(b)
	err := st.WriteAside(b.Context(), org, func(tx iam.Tx) error {
		for range n {
			id, now := must(svc.NewID())(b), svc.Now()
			err := tx.InsertMail(b.Context(), iam.Mail{
				ID: iam.MailID(id), Org: org, Account: root, To: account.Email, Template: iam.MailReset, Token: iam.ForReset,
				Created: now, Next: now, Expires: now.Add(time.Hour), State: iam.MailQueued,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
