package storetest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const notOfOrganization = "An account that is not of the organisation is ErrNotFound"

var invitationPromises = []promise{
	{"InvitationReader.Invitation", "Invitation returns the invitation of an account, or ErrNotFound", func(w *world) {
		i := w.invitation("ann")
		_, err := w.st.Invitation(w.ctx, w.org, i.Account)
		w.is(err, iam.ErrNotFound)
		w.putInvitation(i)
		w.equal(must(w.st.Invitation(w.ctx, w.org, i.Account))(w), i)
		_, err = w.st.Invitation(w.ctx, w.another().org, i.Account)
		w.is(err, iam.ErrNotFound)
		for _, id := range unstorable {
			_, err = w.st.Invitation(w.ctx, w.org, policy.AccountID(id))
			w.is(err, iam.ErrNotFound)
			_, err = w.st.Invitation(w.ctx, policy.OrgID(id), i.Account)
			w.is(err, iam.ErrNotFound)
		}
	}},
	{"InvitationReader.Invitations", "Invitations returns a page of the organisation's invitations, in the order of their accounts' ids, " +
		"each with the state of its last mail", func(w *world) {
		w.equal(len(must(w.st.Invitations(w.ctx, w.org, iam.InvitationQuery{}))(w)), 0)
		c, a, b := w.invitation("c"), w.invitation("a"), w.invitation("b")
		w.putInvitation(c, a, b)
		m := w.mail("m", func(m *iam.Mail) { m.ID, m.State, m.Reply = a.MailID, iam.MailBounced, "550 no such user" })
		w.queue(m)
		other := w.another() // whose mail has the id that an invitation names
		other.queue(other.mail("m", func(m *iam.Mail) { m.ID, m.State = b.MailID, iam.MailSent }))
		a.Mail, a.Reply = m.State, m.Reply
		w.equal(must(w.st.Invitations(w.ctx, w.org, iam.InvitationQuery{}))(w), []iam.Invitation{a, b, c})
		w.equal(must(w.st.Invitation(w.ctx, w.org, a.Account))(w), a)
		w.equal(len(must(w.st.Invitations(w.ctx, other.org, iam.InvitationQuery{}))(w)), 0)
	}},
	{"InvitationQuery", "The zero query is everybody's first page", func(w *world) {
		w.equal(len(w.manyInvitations(101).invitations(iam.InvitationQuery{})), 100)
	}},
	{"InvitationQuery.Open", "Open leaves out what was accepted", func(w *world) {
		done, open := w.invitation("done"), w.invitation("open")
		done.Accepted = noon
		w.putInvitation(done, open)
		w.equal(w.invitations(iam.InvitationQuery{Open: true}), []policy.AccountID{open.Account})
	}},
	{"InvitationQuery.Open", "Defaults to all", func(w *world) {
		done, open := w.invitation("done"), w.invitation("open")
		done.Accepted = noon
		w.putInvitation(done, open)
		w.equal(w.invitations(iam.InvitationQuery{}), []policy.AccountID{done.Account, open.Account})
	}},
	{"InvitationQuery.By", "By must have invited", func(w *world) {
		a, b, nobody := w.invitation("a"), w.invitation("b"), w.invitation("nobody")
		a.By, b.By, nobody.By = "boss", "Boss", ""
		w.putInvitation(a, b, nobody)
		w.equal(w.invitations(iam.InvitationQuery{By: "boss"}), []policy.AccountID{a.Account})
		for _, id := range unstorable[1:] {
			w.equal(len(w.invitations(iam.InvitationQuery{By: policy.AccountID(id)})), 0)
			w.equal(len(w.invitations(iam.InvitationQuery{After: policy.AccountID(id)})), 0)
		}
	}},
	{"InvitationQuery.By", "Defaults to anybody", func(w *world) {
		a, nobody := w.invitation("a"), w.invitation("nobody")
		a.By, nobody.By = "boss", ""
		w.putInvitation(a, nobody)
		w.equal(w.invitations(iam.InvitationQuery{}), []policy.AccountID{a.Account, nobody.Account})
	}},
	{"InvitationQuery.After", "After is the last account of the page before", func(w *world) {
		w.manyInvitations(3)
		w.equal(w.invitations(iam.InvitationQuery{After: w.id("0001")}), []policy.AccountID{w.id("0002")})
	}},
	{"InvitationQuery.After", "Defaults to the first page", func(w *world) {
		w.manyInvitations(2)
		w.equal(w.invitations(iam.InvitationQuery{Limit: 1}), []policy.AccountID{w.id("0000")})
	}},
	{"InvitationQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.manyInvitations(1001)
		for limit, want := range map[int]int{1: 1, 2: 2, 1000: 1000, 5000: 1000, -1: 1} {
			w.equal(len(w.invitations(iam.InvitationQuery{Limit: limit})), want)
		}
	}},
	{"InvitationQuery.Limit", "Defaults to 100", func(w *world) {
		w.equal(len(w.manyInvitations(101).invitations(iam.InvitationQuery{})), 100)
	}},
	{"InvitationWriter.PutInvitation", "PutInvitation writes the invitation of an account, in place of the one that it had", func(w *world) {
		i := w.invitation("ann")
		w.putInvitation(i)
		again := iam.Invitation{
			Org: w.org, Account: i.Account, Email: w.email("new"), Created: i.Created.Add(1e6), Renewed: i.Renewed.Add(time.Hour), Renewals: 8,
			Expires: i.Expires.Add(time.Hour), Accepted: i.Expires,
		}
		for range 2 { // also when nothing changes
			w.putInvitation(again)
			w.equal(must(w.st.Invitations(w.ctx, w.org, iam.InvitationQuery{}))(w), []iam.Invitation{again})
		}
	}},
	{"InvitationWriter.PutInvitation", notOfOrganization, func(w *world) {
		other := w.another()
		theirs := other.invitation("ann")
		other.putInvitation(theirs)
		w.write(func(tx iam.Tx) error {
			for _, id := range append([]string{string(theirs.Account), "nobody"}, unstorable...) {
				i := theirs
				i.Org, i.Account, i.Renewals = w.org, policy.AccountID(id), 9
				w.is(tx.PutInvitation(w.ctx, i), iam.ErrNotFound)
			}
			_, err := tx.Invitation(w.ctx, other.org, theirs.Account)
			w.is(err, iam.ErrNotFound)
			w.equal(len(must(tx.Invitations(w.ctx, other.org, iam.InvitationQuery{}))(w)), 0)
			return nil
		})
		mine := w.invitation("mine")
		mine.Org = other.org
		w.field(w.try(func(tx iam.Tx) error { return tx.PutInvitation(w.ctx, mine) }), "Org", nil)
		w.equal(must(w.st.Invitation(w.ctx, other.org, theirs.Account))(w), theirs)
	}},
}

// invitation describes an open invitation of a pending account, which it stores.
func (w *world) invitation(name string) iam.Invitation {
	w.Helper()
	return iam.Invitation{
		Org: w.org, Account: w.named(name, status(iam.Pending)), Email: w.email(name), By: "boss",
		Created: noon, Renewed: noon.Add(time.Minute), Renewals: 3, Expires: noon.Add(time.Hour), MailID: iam.MailID(w.tag + "-mail-" + name),
	}
}

func (w *world) putInvitation(all ...iam.Invitation) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, i := range all {
			if err := tx.PutInvitation(w.ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// manyInvitations stores invitations of accounts 0000, 0001 and so on.
func (w *world) manyInvitations(n int) *world {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for i := range n {
			a := w.account(fmt.Sprintf("%04d", i))
			if err := tx.InsertAccount(w.ctx, a, false); err != nil {
				return err
			}
			if err := tx.PutInvitation(w.ctx, iam.Invitation{Org: w.org, Account: a.ID, Email: w.email("x")}); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func (w *world) invitations(q iam.InvitationQuery) []policy.AccountID {
	w.Helper()
	var all []policy.AccountID
	for _, i := range must(w.st.Invitations(w.ctx, w.org, q))(w) {
		all = append(all, i.Account)
	}
	return all
}
