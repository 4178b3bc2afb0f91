package storetest

import (
	"errors"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// laden stores an account with everything that can hang on one, and returns the hashes of its session
// and its token.
func (w *world) laden(name string) (id policy.AccountID, session, token iam.TokenHash) {
	w.Helper()
	a := w.full(name)
	w.add(a)
	w.bind(a.ID, user, "p")
	w.grant(iam.GrantID("g-"+name), a.ID, policy.AtOrg(w.org))
	session, token = iam.TokenHash("session-"+string(a.ID)), iam.TokenHash("token-"+string(a.ID))
	later := noon.Add(time.Hour)
	w.write(func(tx iam.Tx) error {
		return errors.Join(
			tx.PutInvitation(w.ctx, iam.Invitation{Org: w.org, Account: a.ID, Email: a.Email, Created: noon, Renewed: noon, Expires: later}),
			tx.InsertToken(w.ctx, iam.TokenRecord{Hash: token, Purpose: iam.ForReset, Org: w.org, Account: a.ID, Email: a.Email, Created: noon, Expires: later}),
			tx.PutEmailChange(w.ctx, iam.EmailChange{Account: a.ID, Email: w.email("new"), By: a.ID, Created: noon, Expires: later}),
			tx.PutCredential(w.ctx, iam.Credential{Account: a.ID, Password: "a hash", PasswordSet: noon}),
			tx.PutRecoveryCodes(w.ctx, a.ID, "code-"+name),
			tx.InsertHolding(w.ctx, w.by(a.ID, device, "device-"+name)),
			tx.PutLimit(w.ctx, a.ID, device, 3),
			tx.InsertSession(w.ctx, iam.Session{
				ID: iam.SessionID("s-" + name), Org: w.org, Account: a.ID, Hash: session, Stage: iam.Full,
				Created: noon, Seen: noon, Fresh: noon, Idle: time.Hour, Expires: later,
			}),
			tx.InsertAPIKey(w.ctx, iam.APIKey{ID: iam.APIKeyID("key-" + string(a.ID)), Org: w.org, Account: a.ID, Hash: session}),
			tx.InsertMail(w.ctx, iam.Mail{ // never due, for others lease mails of all organisations at this moment
				ID: iam.MailID("mail-" + string(a.ID)), Org: w.org, Account: a.ID, To: a.Email, Template: "t", Created: noon,
				State: iam.MailQueued, Next: noon.AddDate(1000, 0, 0),
			}),
		)
	})
	return a.ID, session, token
}

// hanging says what hangs on an account, as far as it can be asked for.
func (w *world) hanging(id policy.AccountID, session, token iam.TokenHash) []string {
	w.Helper()
	var all []string
	there := func(what string, yes bool, err error) {
		w.Helper()
		if err != nil {
			w.is(err, iam.ErrNotFound)
		}
		if yes && err == nil {
			all = append(all, what)
		}
	}
	w.write(func(tx iam.Tx) error {
		record, err := tx.Subject(w.ctx, id)
		there("roles", len(record.Roles) > 0, err)
		there("bindings", len(record.Bindings) > 0, err)
		there("grants", len(record.Grants) > 0, err)
		allotment, err := tx.Allotment(w.ctx, w.org, id, device)
		there("holdings", allotment.Held > 0, err)
		there("limits", allotment.Limited, err)
		_, err = tx.Invitation(w.ctx, w.org, id)
		there("invitation", true, err)
		credential, err := tx.Credential(w.ctx, w.org, id)
		there("credential", credential.Password != "", err)
		there("recovery codes", credential.CodesLeft > 0, err)
		_, err = tx.EmailChange(w.ctx, id)
		there("change of address", true, err)
		return nil
	})
	_, err := w.st.Session(w.ctx, session)
	there("session", true, err)
	_, err = w.st.APIKey(w.ctx, w.org, iam.APIKeyID("key-"+string(id)))
	there("API key", true, err)
	_, err = w.st.Token(w.ctx, token)
	there("token", true, err)
	mails, err := w.st.Mails(w.ctx, w.org, iam.MailQuery{Account: id})
	there("mail", len(mails) > 0, err)
	return all
}

var everythingThatHangs = []string{
	"roles", "bindings", "grants", "holdings", "limits", "invitation", "credential", "recovery codes", "change of address", "session", "API key", "token", "mail",
}

const deletesEverything = "DeleteAccount removes an account with everything that hangs on it: roles, bindings, grants, holdings, limits, invitation, " +
	"credential, recovery codes, sessions, API keys, tokens, a change of its address, and an offer of the root account by it or to it"

var deletePromises = []promise{
	{"AccountWriter.DeleteAccount", deletesEverything, func(w *world) {
		ann, annSession, annToken := w.laden("ann")
		bob, bobSession, bobToken := w.laden("bob")
		w.equal(w.hanging(ann, annSession, annToken), everythingThatHangs)
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, ann) })
		_, err := w.st.Account(w.ctx, w.org, ann)
		w.is(err, iam.ErrNotFound)
		_, err = w.st.Subject(w.ctx, ann)
		w.is(err, iam.ErrNotFound)
		_, err = w.st.Grant(w.ctx, w.org, "g-ann")
		w.is(err, iam.ErrNotFound)

		// SB-69: nothing is left that another could inherit.
		w.add(iam.Account{ID: ann, Org: w.org, Status: iam.Active})
		w.equal(w.hanging(ann, annSession, annToken), []string{"mail"})
		w.equal(w.hanging(bob, bobSession, bobToken), everythingThatHangs)
	}},
	{"AccountWriter.DeleteAccount", deletesEverything, func(w *world) {
		for _, gone := range []string{"from", "to", "third"} {
			other := w.another()
			from, to, third := other.named("from"), other.named("to"), other.named("third")
			offer := iam.RootOffer{From: from, To: to, Created: noon, Expires: noon.Add(time.Hour)}
			other.write(func(tx iam.Tx) error { return tx.PutRootOffer(w.ctx, offer) })
			other.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, other.id(gone)) })
			other.write(func(tx iam.Tx) error {
				got, err := tx.RootOffer(w.ctx)
				if other.id(gone) == third {
					w.ok(err)
					w.equal(got, offer)
					return nil
				}
				w.is(err, iam.ErrNotFound)
				return nil
			})
		}
	}},
	{"AccountWriter.DeleteAccount", "Its mails stay", func(w *world) {
		ann, _, _ := w.laden("ann")
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, ann) })
		mails := must(w.st.Mails(w.ctx, w.org, iam.MailQuery{Account: ann}))(w)
		w.equal(len(mails), 1)
		w.equal(mails[0].State, iam.MailQueued)
	}},
	{"AccountWriter.DeleteAccount", "The accounts that it created count as created by its own creator from then on", func(w *world) {
		ann := w.named("ann")
		bob := w.named("bob", createdBy(ann))
		eve, sub := w.named("eve", createdBy(bob)), w.named("sub", createdBy(w.id("eve")))
		other := w.another()
		theirs := other.named("theirs", createdBy(bob))
		creator := func(w *world, id policy.AccountID) policy.AccountID {
			w.Helper()
			return must(w.st.Account(w.ctx, w.org, id))(w).CreatedBy
		}
		for _, step := range []struct{ gone, want policy.AccountID }{{bob, ann}, {ann, ""}} {
			w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, step.gone) })
			w.equal(creator(w, eve), step.want)
			w.equal(creator(w, sub), eve)
			w.equal(creator(other, theirs), bob)
		}
	}},
	{"AccountWriter.DeleteAccount", "It is ErrNotFound when there is no such account", func(w *world) {
		ann := w.named("ann")
		for _, id := range append([]string{"nobody"}, unstorable...) {
			w.is(w.try(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, policy.AccountID(id)) }), iam.ErrNotFound)
		}
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, ann) })
		w.is(w.try(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, ann) }), iam.ErrNotFound)
	}},
}
