package signin_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// BenchmarkInviteAccept is whole invitations, four at once: somebody is invited, the mail is leased and its link
// made, the link is followed, the password stored. All must be active in the end. With the weak hash the
// store is measured, and with the default one what a host sees. In one organisation they wait for each other.
func BenchmarkInviteAccept(b *testing.B) {
	for _, database := range testdb.Reachable(b) {
		for _, organizations := range []int{1, 4} {
			for _, hash := range []string{"weak", "default"} {
				b.Run(fmt.Sprintf("%s/organizations=%d/hash=%s", database, organizations, hash), func(b *testing.B) {
					db := testdb.Open(b, database)
					o := (&world{TB: b, db: db, st: store.New(db)}).organization(lanit.System())
					if hash == "default" {
						o.in = must(signin.New(o.svc, signin.Config{}))(b)
					}
					in := []*org{o}
					for len(in) < organizations {
						in = append(in, o.sibling())
					}
					benchmarkInvitations(b, o, in)
				})
			}
		}
	}
}

func benchmarkInvitations(b *testing.B, o *org, in []*org) {
	var inviters []iam.Actor
	for _, each := range in {
		inviters = append(inviters, each.root.actor())
	}
	const workers = 4
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range workers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := o.inviteAndAccept(inviters[w%len(inviters)], fmt.Sprint("worker-", w)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepted/s")
	var active int64
	o.ok(o.db.WithContext(b.Context()).Table("iam_accounts").Where("status = ? AND root_key IS NULL", iam.Active).Count(&active).Error)
	equal(b, "accounts that are active", active, int64(b.N))
}

// inviteAndAccept invites somebody, sends one mail that is due, and accepts what is in it: of the workers each
// may get another's, and none is lost.
func (o *org) inviteAndAccept(inviter iam.Actor, lease string) error {
	ctx := o.Context()
	params := iam.InviteParams{Email: address("guest"), Roles: []policy.Role{lanit.Member}}
	if _, _, err := o.in.Invite(ctx, inviter, params, iam.Secret{}); err != nil {
		return err
	}
	now := o.svc.Now()
	mails, err := o.st.LeaseMails(ctx, lease, now, now.Add(time.Minute), 1)
	if err != nil {
		return err
	}
	if len(mails) != 1 {
		return fmt.Errorf("%d mails are due, want 1", len(mails))
	}
	ready, err := o.svc.ReadyMail(ctx, mails[0], lease)
	if err != nil {
		return err
	}
	ready.State, ready.Ended = iam.MailSent, now
	if _, err := o.st.EndMail(ctx, lease, ready.Mail); err != nil {
		return err
	}
	return second(o.in.Accept(ctx, tokenIn(o, ready.Link), signin.AcceptParams{Password: goodPassword()}))
}
