package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

const (
	leaseMails = "LeaseMails hands out at most limit mails that are due by now, the longest due first, each to one caller until a time: " +
		"a mail whose lease has run out is due again"
	endMail   = "EndMail writes State, Tries, Next, Reply and Ended of a mail, gives the lease back, and reports whether the lease held"
	holdsMail = "HoldsMail reports whether the lease on a mail of the organisation holds still: nobody has dropped it or taken it over"
)

// dawn is when the mails of these tests are due: long before those of the others, which no test leases.
var dawn = noon.AddDate(-10, 0, 0)

var outboxPromises = []promise{
	{"Outbox.RequestMail", "RequestMail queues a mail from outside of every organisation's lock: for a request that must take the same time " +
		"whether or not it concerns anybody (SB-26)", func(w *world) {
		w.outbox()
		revision := w.revision()
		ours := w.due("ours", 0)
		nobodys := w.due("nobodys", time.Second)
		nobodys.Org, nobodys.Account = "", ""
		nowheres := w.due("nowheres", 2*time.Second)
		nowheres.Org = "there is no such organisation"
		for _, m := range []iam.Mail{nobodys, ours, nowheres} {
			w.ok(w.st.RequestMail(w.ctx, m))
		}
		w.equal(w.lease("l", dawn.Add(time.Hour), time.Hour, 9), []iam.Mail{ours, nobodys, nowheres})
		w.equal(w.revision(), revision)
		for _, bad := range unstorable {
			worse := w.due("worse", 0)
			worse.ID = iam.MailID(bad)
			w.field(w.st.RequestMail(w.ctx, worse), "ID", nil)
		}
	}},
	{"Outbox.RequestMail", "An id that is taken is ErrExists", func(w *world) {
		m := w.mail("m")
		w.queue(m)
		again := w.another().mail("m", func(again *iam.Mail) { again.ID = m.ID })
		w.is(w.st.RequestMail(w.ctx, again), iam.ErrExists)
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w), []iam.Mail{m})
	}},
	{"Outbox.LeaseMails", leaseMails, func(w *world) {
		w.outbox()
		c, a, b := w.due("1", 3*time.Second), w.due("2", time.Second), w.due("3", 2*time.Second)
		a2 := w.due("2b", time.Second)
		later, over := w.due("later", time.Hour+1e6), w.due("over", 0)
		over.State, over.Ended = iam.MailSent, dawn
		w.queue(a, b, c, later, a2, over)
		now := dawn.Add(time.Hour)
		w.equal(idsOf(w.lease("l1", now, time.Minute, 2)), []iam.MailID{a.ID, a2.ID})
		w.equal(idsOf(w.lease("l2", now, 2*time.Minute, 9)), []iam.MailID{b.ID, c.ID})
		w.equal(len(w.lease("l3", now.Add(time.Minute-1), time.Minute, 9)), 1) // later is due by now
		w.equal(idsOf(w.lease("l4", now.Add(time.Minute), time.Hour, 9)), []iam.MailID{a.ID, a2.ID})
		w.equal(w.end("l1", a), false) // which somebody else has now
		for _, limit := range []int{0, -1} {
			w.equal(len(w.lease("l5", now.Add(time.Hour), time.Hour, limit)), 0)
		}
		for _, bad := range unstorable {
			_, err := w.st.LeaseMails(w.ctx, bad, now, now.Add(time.Hour), 9)
			w.field(err, "Lease", nil)
		}
	}},
	{"Outbox.LeaseMails", leaseMails, func(w *world) {
		// Many who lease at once: no mail twice, and none lost.
		w.outbox()
		const mails, leasers, each = 200, 10, 7
		var all []iam.Mail
		for i := range mails {
			all = append(all, w.due(fmt.Sprint(i), time.Duration(i%5)*time.Second))
		}
		w.queue(all...)
		got := make([][]iam.MailID, leasers)
		for _, err := range w.atOnce(leasers, func(i int) error {
			for n := 0; ; n++ {
				leased, err := w.st.LeaseMails(w.ctx, fmt.Sprint(w.tag, "-", i, "-", n), dawn.Add(time.Hour), dawn.Add(2*time.Hour), each)
				if err != nil || len(leased) == 0 {
					return err
				}
				if len(leased) > each {
					return fmt.Errorf("%d mails in a lease of %d", len(leased), each)
				}
				got[i] = append(got[i], idsOf(leased)...)
			}
		}) {
			w.ok(err)
		}
		// Whoever found all that it saw taken by others may have gone early.
		got = append(got, idsOf(w.lease("rest", dawn.Add(time.Hour), time.Hour, mails)))
		handedOut := slices.Concat(got...)
		slices.Sort(handedOut)
		want := idsOf(all)
		slices.Sort(want)
		w.equal(handedOut, want)
	}},
	{"Outbox.EndMail", endMail, func(w *world) {
		w.outbox()
		m := w.due("m", 0)
		w.queue(m, w.due("b", time.Hour))
		now := dawn.Add(time.Minute)
		w.lease("l1", now, time.Hour, 9)
		deferred := m
		deferred.State, deferred.Tries, deferred.Next, deferred.Reply = iam.MailDeferred, 1, now.Add(time.Minute), "451 später\nagain"
		for _, lease := range append([]string{"l2", strings.ToUpper(w.tag + "l1")}, unstorable...) {
			w.equal(must(w.st.EndMail(w.ctx, lease, deferred))(w), false)
		}
		for _, bad := range unstorable {
			worse := deferred
			worse.ID = iam.MailID(bad)
			w.equal(w.end("l1", worse), false)
		}
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w)[0], m)
		changed := deferred // what else is in it is not written
		changed.To, changed.Template, changed.Created = "other@x.example", "other", noon
		w.equal(w.end("l1", changed), true)
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w)[0], deferred)
		w.equal(w.end("l1", deferred), false)
		w.equal(len(w.lease("l2", now, time.Hour, 9)), 0)
		w.equal(w.lease("l3", deferred.Next, time.Hour, 9), []iam.Mail{deferred})
		sent := deferred
		sent.State, sent.Tries, sent.Reply, sent.Ended = iam.MailSent, 2, "250 OK", now.Add(time.Hour)
		w.equal(w.end("l3", sent), true)
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w)[0], sent)
		w.equal(w.end("l3", deferred), false)
		w.equal(idsOf(w.lease("l4", now.AddDate(1, 0, 0), time.Hour, 9)), []iam.MailID{w.mailID("b")}) // what has ended is not due
	}},
	{"Outbox.EndMail", endMail, func(w *world) {
		// SB-99: what was dropped meanwhile stays dropped, also after its lease was found to hold.
		w.outbox()
		m := w.due("m", 0)
		w.queue(m)
		w.lease("l", dawn, time.Hour, 9)
		w.write(func(tx iam.Tx) error { return tx.DropMails(w.ctx, m.Account, noon) })
		m.State, m.Ended = iam.MailSent, dawn
		w.equal(w.end("l", m), false)
		w.equal(len(w.mailIDs(iam.MailQuery{State: iam.MailDropped})), 1)
	}},
	{"MailWriter.HoldsMail", holdsMail, func(w *world) {
		w.outbox()
		m, b := w.due("m", 0), w.due("b", 0)
		b.Account = w.id("bob")
		w.queue(m, b)
		holds := func(id iam.MailID, lease string) (held bool) {
			w.write(func(tx iam.Tx) (err error) {
				held, err = tx.HoldsMail(w.ctx, id, lease)
				return err
			})
			return held
		}
		w.equal(holds(m.ID, ""), false)
		l1 := w.tag + "l1"
		w.lease("l1", dawn, time.Minute, 9)
		w.equal(holds(m.ID, l1), true)
		for _, bad := range append([]string{"other", strings.ToLower(l1)}, unstorable...) {
			w.equal(holds(m.ID, bad), false)
			w.equal(holds(iam.MailID(bad), l1), false)
		}
		w.another().write(func(tx iam.Tx) error {
			w.equal(must(tx.HoldsMail(w.ctx, m.ID, l1))(w), false)
			return nil
		})
		w.write(func(tx iam.Tx) error { return tx.DropMails(w.ctx, b.Account, noon) })
		w.equal(holds(b.ID, l1), false)
		w.lease("l2", dawn.Add(time.Minute), time.Minute, 9)
		w.equal(holds(m.ID, l1), false)
		w.equal(holds(m.ID, w.tag+"l2"), true)
		m.State, m.Ended = iam.MailSent, dawn
		w.equal(w.end("l2", m), true)
		w.equal(holds(m.ID, w.tag+"l2"), false)
	}},
	{"MailWriter.HoldsMail", "What it reports stays true until the Write ends", func(w *world) {
		// Others try all the while to take the mail over, its lease having run out.
		w.outbox()
		m := w.due("m", 0)
		w.queue(m)
		w.lease("l", dawn, time.Minute, 9)
		taken := make(chan error, 1)
		var wait []iam.Mail
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.HoldsMail(w.ctx, m.ID, w.tag+"l"))(w), true)
			go func() {
				var err error
				wait, err = w.st.LeaseMails(w.ctx, w.tag+"thief", dawn.Add(time.Hour), dawn.Add(2*time.Hour), 9)
				taken <- err
			}()
			for range 50 {
				w.equal(must(tx.HoldsMail(w.ctx, m.ID, w.tag+"l"))(w), true)
			}
			select {
			case err := <-taken:
				taken <- err
				w.equal(len(wait), 0)
			default: // it waits
			}
			return nil
		})
		w.ok(<-taken)
	}},
}

// outbox gives the test the mails that are due before noon to itself, and leaves none behind.
func (w *world) outbox() {
	w.alone()
	w.Cleanup(func() {
		ctx := context.Background() // the test's has ended
		lease, late := w.tag+"-clean", dawn.AddDate(5, 0, 0)
		left, err := w.st.LeaseMails(ctx, lease, late, late.Add(1e6), 1000)
		for _, m := range left {
			if err == nil {
				m.State, m.Ended = iam.MailDropped, late
				_, err = w.st.EndMail(ctx, lease, m)
			}
		}
		if err != nil {
			w.Error(err)
		}
	})
}

// due describes a mail that is due some time after dawn.
func (w *world) due(name string, after time.Duration) iam.Mail {
	return w.mail(name, func(m *iam.Mail) { m.Next = dawn.Add(after) })
}

func (w *world) lease(name string, now time.Time, long time.Duration, limit int) []iam.Mail {
	w.Helper()
	return must(w.st.LeaseMails(w.ctx, w.tag+name, now, now.Add(long), limit))(w)
}

func (w *world) end(lease string, m iam.Mail) (held bool) {
	w.Helper()
	return must(w.st.EndMail(w.ctx, w.tag+lease, m))(w)
}
