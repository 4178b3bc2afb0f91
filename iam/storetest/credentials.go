package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	readCredential  = "Credential returns the credential of an account, and the zero Credential of that account when it has none"
	useStep         = "UseStep writes the time step, if it is later than the last one, and reports whether it was"
	useRecoveryCode = "UseRecoveryCode removes one of the account's codes and reports whether there was such a one"
)

var errSpent = errors.New("storetest: somebody else has used it")

var credentialPromises = []promise{
	{"CredentialReader.Credential", readCredential, func(w *world) {
		other := w.another()
		c := w.credential("ann")
		w.put(c)
		w.equal(must(w.st.Credential(w.ctx, w.org, c.Account))(w), c)
		bob := w.named("bob")
		for _, at := range []policy.OrgID{w.org, other.org, "nowhere", "", "\x00"} {
			w.equal(must(w.st.Credential(w.ctx, at, bob))(w), iam.Credential{Account: bob})
		}
		w.equal(must(w.st.Credential(w.ctx, other.org, c.Account))(w), iam.Credential{Account: c.Account})
		for _, id := range append([]string{"nobody"}, unstorable...) {
			w.equal(must(w.st.Credential(w.ctx, w.org, policy.AccountID(id)))(w), iam.Credential{Account: policy.AccountID(id)})
		}
		other.write(func(tx iam.Tx) error {
			w.equal(must(tx.Credential(w.ctx, w.org, c.Account))(w), iam.Credential{Account: c.Account})
			return nil
		})
	}},
	{"CredentialWriter.PutCredential", "PutCredential writes the credential of an account, but for Step and CodesLeft", func(w *world) {
		c := w.credential("ann")
		with := c
		with.Step, with.CodesLeft = 7, 3
		w.put(with)
		w.equal(must(w.st.Credential(w.ctx, w.org, c.Account))(w), c)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.UseStep(w.ctx, c.Account, 99))(w), true)
			return tx.PutRecoveryCodes(w.ctx, c.Account, "a", "b")
		})
		for _, next := range []iam.Credential{
			{Account: c.Account, Password: "other", Secret: "s2", Step: 3}, {Account: c.Account}, {Account: c.Account}, c,
		} {
			w.put(next)
			next.Step, next.CodesLeft = 99, 2
			w.equal(must(w.st.Credential(w.ctx, w.org, c.Account))(w), next)
		}
		for _, bad := range unstorable[1:] {
			for field, worse := range map[string]iam.Credential{
				"Password": {Account: c.Account, Password: bad}, "Secret": {Account: c.Account, Secret: bad}, "Enrolling": {Account: c.Account, Enrolling: bad},
			} {
				w.field(w.try(func(tx iam.Tx) error { return tx.PutCredential(w.ctx, worse) }), field, nil)
			}
		}
	}},
	{"CredentialWriter.PutCredential", notOfOrganization, func(w *world) {
		w.strangers(func(tx iam.Tx, id policy.AccountID) {
			w.is(tx.PutCredential(w.ctx, iam.Credential{Account: id, Password: "p"}), iam.ErrNotFound)
		})
	}},
	{"CredentialWriter.UseStep", useStep, func(w *world) {
		c, d := w.credential("ann"), w.credential("bob")
		w.put(c)
		w.put(d)
		for _, try := range []struct {
			step int64
			want bool
		}{{10, true}, {10, false}, {9, false}, {12, true}, {11, false}, {1 << 40, true}} { // an older one after a newer too
			w.equal(w.useStep(c.Account, try.step), try.want)
			if try.want {
				c.Step = try.step
			}
			w.equal(must(w.st.Credential(w.ctx, w.org, c.Account))(w), c)
		}
		w.equal(must(w.st.Credential(w.ctx, w.org, d.Account))(w), d)
		w.equal(w.useStep(w.named("without"), 10), false)
		w.strangers(func(tx iam.Tx, id policy.AccountID) { w.equal(must(tx.UseStep(w.ctx, id, 1<<50))(w), false) })
	}},
	{"CredentialWriter.UseStep", "It is the one guard against a code that is used twice (SB-46)", func(w *world) {
		c := w.credential("ann")
		w.put(c)
		w.exactlyOne(w.atOnce(20, func(int) error {
			return w.spend(func(tx iam.Tx) (bool, error) { return tx.UseStep(w.ctx, c.Account, 42) })
		}), func(err error) { w.is(err, errSpent) })
	}},
	{"CredentialWriter.PutRecoveryCodes", "PutRecoveryCodes replaces the account's recovery codes by those with the hashes", func(w *world) {
		ann, bob := w.named("ann"), w.named("bob")
		codes := func(account policy.AccountID) int { return must(w.st.Credential(w.ctx, w.org, account))(w).CodesLeft }
		w.write(func(tx iam.Tx) error {
			if err := tx.PutRecoveryCodes(w.ctx, bob, "a", "b"); err != nil {
				return err // which may pass, and then Write runs this again
			}
			return tx.PutRecoveryCodes(w.ctx, ann, "a", "b", "c", "b")
		})
		w.equal([]int{codes(ann), codes(bob)}, []int{3, 2})
		w.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, ann, "c", "d") })
		w.equal([]int{codes(ann), codes(bob)}, []int{2, 2})
		w.equal(w.useCode(ann, "a"), false)
		w.equal(w.useCode(ann, "d"), true)
		w.write(func(tx iam.Tx) error {
			for _, bad := range unstorable {
				w.field(tx.PutRecoveryCodes(w.ctx, ann, "good", bad), "Hashes", nil)
			}
			return nil
		})
		w.equal(codes(ann), 1)
		w.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, ann) })
		w.equal([]int{codes(ann), codes(bob)}, []int{0, 2})
	}},
	{"CredentialWriter.PutRecoveryCodes", notOfOrganization, func(w *world) {
		w.strangers(func(tx iam.Tx, id policy.AccountID) { w.is(tx.PutRecoveryCodes(w.ctx, id, "a"), iam.ErrNotFound) })
	}},
	{"CredentialWriter.UseRecoveryCode", useRecoveryCode, func(w *world) {
		other := w.another()
		ann, bob, theirs := w.named("ann"), w.named("bob"), other.named("theirs")
		w.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, ann, alike...) })
		w.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, bob, "bobs") })
		other.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, theirs, "a") })
		for _, hash := range append([]string{"bobs", "FI"}, unstorable...) {
			w.equal(w.useCode(ann, hash), false)
		}
		w.strangers(func(tx iam.Tx, id policy.AccountID) { w.equal(must(tx.UseRecoveryCode(w.ctx, id, "a"))(w), false) })
		w.equal(w.useCode(theirs, "a"), false)
		for _, hash := range alike {
			w.equal(w.useCode(ann, hash), true)
			w.equal(w.useCode(ann, hash), false)
		}
		w.equal(must(w.st.Credential(w.ctx, w.org, ann))(w).CodesLeft, 0)
		w.equal(must(w.st.Credential(w.ctx, w.org, bob))(w).CodesLeft, 1)
		w.equal(must(w.st.Credential(w.ctx, other.org, theirs))(w).CodesLeft, 1)
	}},
	{"CredentialWriter.UseRecoveryCode", useRecoveryCode, func(w *world) {
		// SB-50: of twenty at once, one.
		ann := w.named("ann")
		w.write(func(tx iam.Tx) error { return tx.PutRecoveryCodes(w.ctx, ann, "a", "b") })
		w.exactlyOne(w.atOnce(20, func(int) error {
			return w.spend(func(tx iam.Tx) (bool, error) { return tx.UseRecoveryCode(w.ctx, ann, "a") })
		}), func(err error) { w.is(err, errSpent) })
		w.equal(must(w.st.Credential(w.ctx, w.org, ann))(w).CodesLeft, 1)
	}},
}

// credential describes the credential of an account, which it stores.
func (w *world) credential(name string) iam.Credential {
	w.Helper()
	return iam.Credential{
		Account: w.named(name), Password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", PasswordSet: noon.Add(-time.Hour), MustChange: true,
		Secret: "k1.c2VhbGVk", Enrolling: "k2.YWdhaW4",
	}
}

func (w *world) put(c iam.Credential) {
	w.Helper()
	w.write(func(tx iam.Tx) error { return tx.PutCredential(w.ctx, c) })
}

// spend uses something up in a Write of its own, or returns errSpent.
func (w *world) spend(use func(tx iam.Tx) (bool, error)) error {
	return w.st.WriteAside(w.ctx, w.org, func(tx iam.Tx) error {
		used, err := use(tx)
		if err == nil && !used {
			err = errSpent
		}
		return err
	})
}

func (w *world) useStep(account policy.AccountID, step int64) bool {
	w.Helper()
	return w.used(func(tx iam.Tx) (bool, error) { return tx.UseStep(w.ctx, account, step) })
}

func (w *world) useCode(account policy.AccountID, hash string) bool {
	w.Helper()
	return w.used(func(tx iam.Tx) (bool, error) { return tx.UseRecoveryCode(w.ctx, account, hash) })
}

func (w *world) used(use func(tx iam.Tx) (bool, error)) bool {
	w.Helper()
	err := w.spend(use)
	if !errors.Is(err, errSpent) {
		w.ok(err)
	}
	return err == nil
}

// strangers runs do in a Write with accounts that are not the organisation's.
func (w *world) strangers(do func(tx iam.Tx, id policy.AccountID)) {
	w.Helper()
	other := w.another()
	theirs := other.credential("theirs")
	other.put(theirs)
	w.write(func(tx iam.Tx) error {
		for _, id := range append(slices.Clone(unstorable), string(theirs.Account), "nobody") {
			do(tx, policy.AccountID(id))
		}
		return nil
	})
	w.equal(must(w.st.Credential(w.ctx, other.org, theirs.Account))(w), theirs)
}
