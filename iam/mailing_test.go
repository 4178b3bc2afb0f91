package iam_test

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func testKeys() iam.Keys { return iam.Keys{{ID: "k1", Secret: [32]byte{1}}} }

// member makes an active account with an address.
func (o *org) member(roles ...policy.Role) iam.Account {
	o.Helper()
	return o.create(iam.CreateAccountParams{Email: address("ann"), Roles: roles, Active: true})
}

// queued are the mails about an account that are on their way, the oldest first.
func (o *org) queued(id policy.AccountID) []iam.Mail {
	o.Helper()
	mails := must(o.system().Mails(o.Context(), iam.MailQuery{Account: id, State: iam.MailQueued}))(o)
	slices.Reverse(mails)
	return mails
}

// sent are the templates and receivers of what is on its way about an account.
func (o *org) sent(id policy.AccountID) []string {
	o.Helper()
	var all []string
	for _, m := range o.queued(id) {
		all = append(all, m.Template+" to "+string(m.To))
	}
	return all
}

// follow makes the link of the mail with a purpose, as the outbox does when it sends the mail.
func (o *org) follow(id policy.AccountID, purpose iam.TokenPurpose) iam.Token {
	o.Helper()
	for _, m := range o.queued(id) {
		if m.Token == purpose {
			return o.token(iam.TokenRecord{Purpose: purpose, Account: id, Email: m.To, Expires: m.Expires})
		}
	}
	o.Fatalf("no mail with a link for %s is on its way", purpose)
	return iam.Token{}
}

// token stores a token.
func (o *org) token(t iam.TokenRecord) iam.Token {
	o.Helper()
	token := must(iam.NewToken(rand.Reader))(o)
	t.Hash, t.Org, t.Created = token.Hash(), o.id, o.clock.now()
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.InsertToken(o.Context(), t) }))
	return token
}

// resetToken is one with which somebody could choose another password.
func (o *org) resetToken(id policy.AccountID) iam.Token {
	o.Helper()
	return o.token(iam.TokenRecord{Purpose: iam.ForReset, Account: id, Email: o.get(id).Email, Expires: o.clock.now().Add(time.Hour)})
}

// signIn opens a session of the account, and returns its hash.
func (o *org) signIn(id policy.AccountID) iam.TokenHash {
	o.Helper()
	now := o.clock.now()
	s := iam.Session{
		ID: iam.SessionID(rand.Text()), Org: o.id, Account: id, Hash: must(iam.NewToken(rand.Reader))(o).Hash(), Stage: iam.Full,
		Created: now, Seen: now, Fresh: now, Idle: time.Hour, Expires: now.Add(12 * time.Hour),
	}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.InsertSession(o.Context(), s) }))
	return s.Hash
}

// noAccess wants that neither session nor token lets anybody in (SB-20, SB-38).
func (o *org) noAccess(session iam.TokenHash, token iam.Token) {
	o.Helper()
	o.refused(second(o.st.Session(o.Context(), session)), iam.ErrNotFound)
	o.refused(second(o.svc.Token(o.Context(), token, iam.ForReset)), iam.ErrToken)
}

// types are those of events.
func types(events []iam.Event) []iam.EventType {
	all := make([]iam.EventType, len(events))
	for i, e := range events {
		all[i] = e.Type
	}
	return all
}
