package storetest

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	insertToken = "A hash that is taken is ErrExists, an account that is not of the organisation is ErrNotFound"
	useToken    = "UseToken uses a token up, if it is one for the purpose that was not used before and has not expired by now, and reports whether it was"
)

var tokenPromises = []promise{
	{"SessionStore.Token", "Token returns the token with the hash, of whatever organisation, also a used or expired one: " +
		"ErrNotFound when there is none", func(w *world) {
		for _, t := range []iam.TokenRecord{
			w.token("fresh"),
			w.token("used", func(t *iam.TokenRecord) { t.Used = noon }),
			w.token("expired", func(t *iam.TokenRecord) { t.Expires = noon.AddDate(-50, 0, 0) }),
		} {
			w.insertToken(t)
			w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
		}
		for _, hash := range append([]string{w.tag, "fresh"}, unstorable...) {
			_, err := w.st.Token(w.ctx, iam.TokenHash(hash))
			w.is(err, iam.ErrNotFound)
		}
	}},
	{"SessionStore.Token", "Token returns the token with the hash, of whatever organisation, also a used or expired one: " +
		"ErrNotFound when there is none", func(w *world) {
		// SB-23: a hash in other letters is another.
		account := w.named("ann")
		for _, name := range alike {
			w.insertToken(w.token(name, func(t *iam.TokenRecord) { t.Account, t.Email = account, w.email("of"+name) }))
		}
		for _, name := range alike {
			w.equal(must(w.st.Token(w.ctx, w.hash(name)))(w).Email, w.email("of"+name))
		}
		_, err := w.st.Token(w.ctx, w.hash("FI"))
		w.is(err, iam.ErrNotFound)
	}},
	{"InvitationWriter.InsertToken", "InsertToken adds a token", func(w *world) {
		t := w.token("t")
		w.insertToken(t)
		w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
	}},
	{"InvitationWriter.InsertToken", insertToken, func(w *world) {
		other := w.another()
		t := other.token("t")
		other.insertToken(t)
		mine := w.named("mine")
		w.write(func(tx iam.Tx) error {
			again := t
			again.Org, again.Account, again.Purpose = w.org, mine, iam.ForReset
			w.is(tx.InsertToken(w.ctx, again), iam.ErrExists)
			again.Hash = w.hash("another")
			for _, id := range append([]string{string(t.Account), "nobody"}, unstorable...) {
				again.Account = policy.AccountID(id)
				w.is(tx.InsertToken(w.ctx, again), iam.ErrNotFound)
			}
			again.Account = mine
			for _, bad := range unstorable {
				again.Hash = iam.TokenHash(bad)
				w.field(tx.InsertToken(w.ctx, again), "Hash", nil)
			}
			again.Hash, again.Org = w.hash("another"), other.org
			w.field(tx.InsertToken(w.ctx, again), "Org", nil)
			return nil
		})
		w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
	}},
	{"InvitationWriter.InsertToken", insertToken, func(w *world) {
		// In organisations that do not wait for each other.
		worlds := w.several(8)
		for _, one := range worlds {
			one.named("ann")
		}
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			t := iam.TokenRecord{Hash: w.hash("one"), Purpose: iam.ForReset, Org: worlds[i].org, Account: worlds[i].id("ann"), Email: "a@b.example", Expires: noon}
			return worlds[i].try(func(tx iam.Tx) error { return tx.InsertToken(w.ctx, t) })
		}), func(err error) { w.is(err, iam.ErrExists) })
	}},
	{"InvitationWriter.UseToken", useToken, func(w *world) {
		t := w.token("t")
		w.insertToken(t)
		for _, wrong := range []struct {
			hash    iam.TokenHash
			purpose iam.TokenPurpose
			now     time.Time
		}{
			{t.Hash, iam.ForReset, noon}, // SB-12
			{t.Hash, "", noon},
			{t.Hash, "Invitation", noon},
			{w.hash("T"), t.Purpose, noon},
			{"", t.Purpose, noon},
			{"\x00", t.Purpose, noon},
			{t.Hash, t.Purpose, t.Expires}, // SB-14: the first moment at which it is worth nothing
			{t.Hash, t.Purpose, t.Expires.Add(time.Nanosecond)},
			{t.Hash, t.Purpose, time.Time{}},
		} {
			w.equal(w.useToken(wrong.hash, wrong.purpose, wrong.now), false)
			w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
		}
		last := t.Expires.Add(-time.Millisecond)
		w.equal(w.useToken(t.Hash, t.Purpose, last), true)
		t.Used = last
		w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
		w.equal(w.useToken(t.Hash, t.Purpose, last), false)
		w.equal(w.useToken(t.Hash, t.Purpose, noon), false)
		w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
	}},
	{"InvitationWriter.UseToken", useToken, func(w *world) {
		// SB-68: not one of another organisation.
		other := w.another()
		t := other.token("t")
		other.insertToken(t)
		w.equal(w.useToken(t.Hash, t.Purpose, noon), false)
		w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
	}},
	{"InvitationWriter.UseToken", useToken, func(w *world) {
		// SB-13: of fifty at once, one.
		t := w.token("t")
		w.insertToken(t)
		errUsed := fmt.Errorf("%w: it is used", errOurs)
		w.exactlyOne(w.atOnce(50, func(int) error {
			return w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
				used, err := tx.UseToken(w.ctx, t.Hash, t.Purpose, noon)
				if err == nil && !used {
					err = errUsed
				}
				return err
			})
		}), func(err error) { w.is(err, errUsed) })
	}},
	{"InvitationWriter.DropTokens", "DropTokens removes the account's tokens for the purposes", func(w *world) {
		other := w.another()
		ann, bob := w.named("ann"), w.named("bob")
		all := []iam.TokenPurpose{iam.ForInvitation, iam.ForReset, iam.ForOldEmail, iam.ForNewEmail}
		for _, purpose := range all {
			for _, account := range []policy.AccountID{ann, bob} {
				for _, which := range []string{"1", "2"} {
					w.insertToken(w.token(string(account)+string(purpose)+which, func(t *iam.TokenRecord) { t.Account, t.Purpose = account, purpose }))
				}
			}
		}
		theirs := other.token("t", func(t *iam.TokenRecord) { t.Purpose = iam.ForReset })
		other.insertToken(theirs)
		left := func(account policy.AccountID) (purposes []iam.TokenPurpose) {
			for _, purpose := range all {
				for _, which := range []string{"1", "2"} {
					if _, err := w.st.Token(w.ctx, w.hash(string(account)+string(purpose)+which)); err == nil {
						purposes = append(purposes, purpose)
					} else {
						w.is(err, iam.ErrNotFound)
					}
				}
			}
			return purposes
		}
		w.write(func(tx iam.Tx) error {
			w.ok(tx.DropTokens(w.ctx, ann)) // for no purpose
			w.ok(tx.DropTokens(w.ctx, ann, "", "Reset", "\x00"))
			w.ok(tx.DropTokens(w.ctx, "", all...))
			return tx.DropTokens(w.ctx, theirs.Account, all...)
		})
		w.equal([]int{len(left(ann)), len(left(bob))}, []int{8, 8})
		w.write(func(tx iam.Tx) error { return tx.DropTokens(w.ctx, ann, iam.ForReset, iam.ForOldEmail) })
		w.equal(left(ann), []iam.TokenPurpose{iam.ForInvitation, iam.ForInvitation, iam.ForNewEmail, iam.ForNewEmail})
		w.equal(len(left(bob)), 8)
		w.equal(must(w.st.Token(w.ctx, theirs.Hash))(w), theirs)
	}},
}

// hash is a token's that no other test has.
func (w *world) hash(name string) iam.TokenHash { return iam.TokenHash(w.tag + "-" + name) }

// token describes a token for an invitation of an account, which it stores.
func (w *world) token(name string, edits ...func(*iam.TokenRecord)) iam.TokenRecord {
	w.Helper()
	t := iam.TokenRecord{
		Hash: w.hash(name), Purpose: iam.ForInvitation, Org: w.org, Email: w.email("t"),
		Created: noon.Add(-time.Hour), Expires: noon.Add(time.Hour),
	}
	for _, edit := range edits {
		edit(&t)
	}
	if t.Account == "" {
		t.Account = w.named("with-token-" + name)
	}
	return t
}

func (w *world) insertToken(t iam.TokenRecord) {
	w.Helper()
	w.write(func(tx iam.Tx) error { return tx.InsertToken(w.ctx, t) })
}

func (w *world) useToken(hash iam.TokenHash, purpose iam.TokenPurpose, now time.Time) (used bool) {
	w.Helper()
	w.write(func(tx iam.Tx) (err error) {
		used, err = tx.UseToken(w.ctx, hash, purpose, now)
		return err
	})
	return used
}
