package storetest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	countMails = "CountMails counts the organisation's mails of a template that were caused since a time: by somebody, or by anybody when by is \"\"; " +
		"about an account, or about any when that is \"\""
	dropMails = "DropMails drops those mails about an account that are on their way, of the templates, or all when none are named"
)

var mailPromises = []promise{
	{"MailReader.Mails", "Mails returns a page of the organisation's mails, the newest first: in the order of their ids, backwards", func(w *world) {
		w.equal(len(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w)), 0)
		a, b, c := w.mail("a"), w.mail("b"), w.mail("c", func(m *iam.Mail) {
			m.Account, m.Token, m.By, m.Data, m.Expires = "", "", "", iam.MailData{}, time.Time{}
			m.State, m.Tries, m.Reply, m.Ended = iam.MailSent, 2, "250 äöü\nOK", noon.Add(time.Hour)
		})
		w.queue(b, a, c)
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w), []iam.Mail{c, b, a})
		other := w.another()
		w.equal(len(must(w.st.Mails(w.ctx, other.org, iam.MailQuery{}))(w)), 0)
		for _, id := range unstorable {
			w.equal(len(must(w.st.Mails(w.ctx, policy.OrgID(id), iam.MailQuery{}))(w)), 0)
			if id == "" {
				continue
			}
			for _, q := range []iam.MailQuery{{Account: policy.AccountID(id)}, {State: iam.MailState(id)}, {Before: iam.MailID(id)}} {
				w.equal(len(must(w.st.Mails(w.ctx, w.org, q))(w)), 0)
			}
		}
		other.write(func(tx iam.Tx) error {
			w.equal(len(must(tx.Mails(w.ctx, w.org, iam.MailQuery{}))(w)), 0)
			return nil
		})
	}},
	{"MailQuery", "The zero query is the newest page", func(w *world) {
		w.equal(w.manyMails(101).mailIDs(iam.MailQuery{})[0], w.mailID("0100"))
	}},
	{"MailQuery.Account", "Account must be the one that it is about", func(w *world) {
		w.queue(w.mail("a", about("ann")), w.mail("b", about("bob")), w.mail("c", about("Ann")), w.mail("d", about("ann")))
		w.equal(w.mailIDs(iam.MailQuery{Account: "ann"}), []iam.MailID{w.mailID("d"), w.mailID("a")})
	}},
	{"MailQuery.Account", "Defaults to any", func(w *world) {
		w.queue(w.mail("a", about("ann")), w.mail("b", about("")))
		w.equal(w.mailIDs(iam.MailQuery{}), []iam.MailID{w.mailID("b"), w.mailID("a")})
	}},
	{"MailQuery.State", "State must be the mail's", func(w *world) {
		w.queue(w.mail("a"), w.mail("b", func(m *iam.Mail) { m.State = iam.MailDeferred }))
		w.equal(w.mailIDs(iam.MailQuery{State: iam.MailDeferred}), []iam.MailID{w.mailID("b")})
	}},
	{"MailQuery.State", "Defaults to any", func(w *world) {
		w.queue(w.mail("a"), w.mail("b", func(m *iam.Mail) { m.State = iam.MailDeferred }))
		w.equal(len(w.mailIDs(iam.MailQuery{})), 2)
	}},
	{"MailQuery.Before", "Before is the id of the last mail of the page before", func(w *world) {
		w.manyMails(4)
		w.equal(w.mailIDs(iam.MailQuery{Before: w.mailID("0002")}), []iam.MailID{w.mailID("0001"), w.mailID("0000")})
	}},
	{"MailQuery.Before", "Defaults to the newest page", func(w *world) {
		w.equal(w.manyMails(4).mailIDs(iam.MailQuery{Limit: 1}), []iam.MailID{w.mailID("0003")})
	}},
	{"MailQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.manyMails(1001)
		for limit, want := range map[int]int{1: 1, 2: 2, 1000: 1000, 5000: 1000, -1: 1} {
			w.equal(len(w.mailIDs(iam.MailQuery{Limit: limit})), want)
		}
	}},
	{"MailQuery.Limit", "Defaults to 100", func(w *world) { w.equal(len(w.manyMails(101).mailIDs(iam.MailQuery{})), 100) }},
	{"MailReader.CountMails", countMails, func(w *world) {
		other := w.another()
		at := func(name, template string, by, account policy.AccountID, created time.Time) iam.Mail {
			return w.mail(name, func(m *iam.Mail) { m.Template, m.By, m.Account, m.Created = template, by, account, created })
		}
		w.queue(
			at("a", "reset", "ann", "x", noon), at("b", "reset", "", "x", noon.Add(time.Hour)), at("c", "reset", "ann", "y", noon.Add(-1e6)),
			at("d", "Reset", "ann", "x", noon), at("e", "reset", "Ann", "x", noon),
		)
		for _, c := range []struct {
			org         policy.OrgID
			template    string
			by, account policy.AccountID
			since       time.Time
			want        int
		}{
			{w.org, "reset", "", "", noon, 3},
			{w.org, "reset", "", "", time.Time{}, 4},
			{w.org, "reset", "", "", noon.Add(1), 1},
			{w.org, "reset", "ann", "", noon, 1},
			{w.org, "reset", "", "x", noon, 3},
			{w.org, "reset", "", "y", noon.Add(-time.Hour), 1},
			{w.org, "reset", "ann", "y", noon, 0},
			{w.org, "reset", "ann", "x", noon, 1},
			{w.org, "", "", "", noon, 0},
			{w.org, "\x00", "", "", noon, 0},
			{w.org, "reset", "\x00", "", noon, 0},
			{w.org, "reset", "", "\xff", noon, 0},
			{other.org, "reset", "", "", noon, 0},
		} {
			if got := must(w.st.CountMails(w.ctx, c.org, c.template, c.by, c.account, c.since))(w); got != c.want {
				w.Errorf("%+v: got %d", c, got)
			}
		}
		other.write(func(tx iam.Tx) error {
			w.equal(must(tx.CountMails(w.ctx, w.org, "reset", "", "", noon))(w), 0)
			return nil
		})
	}},
	{"MailReader.MailServer", "MailServer returns the organisation's own mail server, or ErrNotFound", func(w *world) {
		_, err := w.st.MailServer(w.ctx, w.org)
		w.is(err, iam.ErrNotFound)
		w.write(func(tx iam.Tx) error { return tx.PutMailServer(w.ctx, mailServer) })
		w.equal(must(w.st.MailServer(w.ctx, w.org))(w), mailServer)
		for _, id := range append([]string{string(w.another().org)}, unstorable...) {
			_, err = w.st.MailServer(w.ctx, policy.OrgID(id))
			w.is(err, iam.ErrNotFound)
		}
		w.another().write(func(tx iam.Tx) error {
			_, err := tx.MailServer(w.ctx, w.org)
			w.is(err, iam.ErrNotFound)
			return nil
		})
	}},
	{"MailWriter.PutMailServer", "PutMailServer writes the organisation's own mail server, in place of the one that it had", func(w *world) {
		w.write(func(tx iam.Tx) error { return tx.PutMailServer(w.ctx, mailServer) })
		for range 2 { // also when nothing changes
			next := iam.MailServer{Host: "mx.example", Port: 25, Updated: noon.Add(time.Hour)}
			w.write(func(tx iam.Tx) error { return tx.PutMailServer(w.ctx, next) })
			w.equal(must(w.st.MailServer(w.ctx, w.org))(w), next)
		}
		for _, bad := range unstorable[1:] {
			worse := mailServer
			worse.Host = bad
			w.field(w.try(func(tx iam.Tx) error { return tx.PutMailServer(w.ctx, worse) }), "Host", nil)
		}
	}},
	{"MailWriter.DeleteMailServer", "DeleteMailServer removes it, if there is one", func(w *world) {
		other := w.another()
		for _, one := range []*world{w, other} {
			one.write(func(tx iam.Tx) error { return tx.PutMailServer(w.ctx, mailServer) })
		}
		for range 2 {
			w.write(func(tx iam.Tx) error { return tx.DeleteMailServer(w.ctx) })
			_, err := w.st.MailServer(w.ctx, w.org)
			w.is(err, iam.ErrNotFound)
		}
		w.equal(must(w.st.MailServer(w.ctx, other.org))(w), mailServer)
	}},
	{"MailWriter.InsertMail", "InsertMail queues a mail", func(w *world) {
		m := w.mail("m")
		w.queue(m)
		w.equal(must(w.st.Mails(w.ctx, w.org, iam.MailQuery{}))(w), []iam.Mail{m})
		theirs := w.another().mail("theirs")
		w.field(w.try(func(tx iam.Tx) error { return tx.InsertMail(w.ctx, theirs) }), "Org", nil)
		for _, bad := range unstorable {
			worse := w.mail("worse", func(m *iam.Mail) { m.ID = iam.MailID(bad) })
			w.field(w.try(func(tx iam.Tx) error { return tx.InsertMail(w.ctx, worse) }), "ID", nil)
			worse = w.mail("worse", func(m *iam.Mail) { m.To = iam.Email(bad) })
			w.field(w.try(func(tx iam.Tx) error { return tx.InsertMail(w.ctx, worse) }), "To", nil)
		}
		w.is(w.try(func(tx iam.Tx) error {
			w.ok(tx.InsertMail(w.ctx, w.mail("lost"))) // SB-98: with the change, or not at all
			return errOurs
		}), errOurs)
		w.equal(w.mailIDs(iam.MailQuery{}), []iam.MailID{m.ID})
	}},
	{"MailWriter.InsertMail", "An id that is taken is ErrExists", func(w *world) {
		other := w.another()
		m := other.mail("m")
		other.queue(m)
		w.write(func(tx iam.Tx) error {
			w.is(tx.InsertMail(w.ctx, w.mail("m", func(again *iam.Mail) { again.ID = m.ID })), iam.ErrExists)
			return nil
		})
		worlds := w.several(8) // which do not wait for each other
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			one := worlds[i].mail("m", func(again *iam.Mail) { again.ID = w.mailID("one") })
			return worlds[i].try(func(tx iam.Tx) error { return tx.InsertMail(w.ctx, one) })
		}), func(err error) { w.is(err, iam.ErrExists) })
		w.equal(must(w.st.Mails(w.ctx, other.org, iam.MailQuery{}))(w), []iam.Mail{m})
	}},
	{"MailWriter.DropMails", dropMails, func(w *world) {
		other := w.another()
		templated := func(template string) func(*iam.Mail) { return func(m *iam.Mail) { m.Template = template } }
		w.queue(
			w.mail("a", about("ann"), templated("reset")), w.mail("b", about("ann"), templated("reset"), func(m *iam.Mail) { m.State = iam.MailDeferred }),
			w.mail("c", about("ann"), templated("Reset")), w.mail("d", about("ann"), templated("invitation")), w.mail("e", about("bob"), templated("reset")),
			w.mail("f", about("ann"), templated("reset"), func(m *iam.Mail) { m.State, m.Ended = iam.MailSent, noon }),
		)
		theirs := other.mail("a", about("ann"), templated("reset"))
		other.queue(theirs)
		dropped := func() (all string) {
			for _, m := range must(w.st.Mails(w.ctx, w.org, iam.MailQuery{State: iam.MailDropped}))(w) {
				w.equal(m.Ended, noon.Add(time.Hour))
				all += string(m.ID[len(m.ID)-1:])
			}
			return all
		}
		drop := func(account policy.AccountID, templates ...string) {
			w.write(func(tx iam.Tx) error { return tx.DropMails(w.ctx, account, noon.Add(time.Hour), templates...) })
		}
		for _, id := range append([]string{"Ann"}, unstorable...) {
			drop(policy.AccountID(id))
		}
		drop("ann", "", "\x00", "RESET")
		w.equal(dropped(), "")
		drop("ann", "reset", "nothing")
		w.equal(dropped(), "ba")
		drop("ann")
		w.equal(dropped(), "dcba")
		w.equal(must(w.st.Mails(w.ctx, other.org, iam.MailQuery{}))(w), []iam.Mail{theirs})
		w.field(w.try(func(tx iam.Tx) error { return tx.DropMails(w.ctx, "ann", time.Time{}) }), "Ended", nil)
	}},
}

var mailServer = iam.MailServer{
	Host: "smtp.example", Port: 587, Security: "starttls", Username: "ümit", Password: "k1.c2VhbGVk", From: "iam@acme.example", Updated: noon,
}

func (w *world) mailID(name string) iam.MailID { return iam.MailID(w.tag + "-" + name) }

// mail describes a queued mail that is due at noon.
func (w *world) mail(name string, edits ...func(*iam.Mail)) iam.Mail {
	m := iam.Mail{
		ID: w.mailID(name), Org: w.org, Account: w.id("ann"), To: w.email("ann"), Template: "invitation", Token: iam.ForInvitation, By: w.id("boss"),
		Data:    iam.MailData{Actor: "Möve & Söhne \x1b", Roles: []string{"A", "B"}, InitialPassword: true, OldEmail: "o@x.example", CodesLeft: 3, Peer: "::1"},
		Created: noon.Add(-time.Hour), Expires: noon.Add(time.Hour), State: iam.MailQueued, Next: noon,
	}
	for _, edit := range edits {
		edit(&m)
	}
	return m
}

func about(account policy.AccountID) func(*iam.Mail) {
	return func(m *iam.Mail) { m.Account = account }
}

func (w *world) queue(all ...iam.Mail) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, m := range all {
			if err := tx.InsertMail(w.ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// manyMails queues mails 0000, 0001 and so on.
func (w *world) manyMails(n int) *world {
	w.Helper()
	var all []iam.Mail
	for i := range n {
		all = append(all, w.mail(fmt.Sprintf("%04d", i)))
	}
	w.queue(all...)
	return w
}

func (w *world) mailIDs(q iam.MailQuery) []iam.MailID {
	w.Helper()
	return idsOf(must(w.st.Mails(w.ctx, w.org, q))(w))
}

func idsOf(mails []iam.Mail) []iam.MailID {
	var all []iam.MailID
	for _, m := range mails {
		all = append(all, m.ID)
	}
	return all
}
