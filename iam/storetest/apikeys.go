package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	insertAPIKey = "An account that is not of the organisation is ErrNotFound, an id that is taken is ErrExists"
	updateAPIKey = "UpdateAPIKey writes Description, Scope, Updated and Expires of a key, or returns ErrNotFound"
	readAPIKey   = "APIKeyRecord returns the key with the id, of whatever organisation, in one round trip: ErrNotFound when there is none"
)

var apiKeyPromises = []promise{
	{"APIKeyReader.APIKey", "APIKey returns a key of the organisation, or ErrNotFound", func(w *world) {
		other := w.another()
		k, theirs := w.apiKey("k"), other.apiKey("theirs")
		w.insertAPIKey(k)
		other.insertAPIKey(theirs)
		w.equal(must(w.st.APIKey(w.ctx, w.org, k.ID))(w), k)
		for _, id := range append([]string{"nothing", strings.ToUpper(string(k.ID)), string(k.Hash), string(theirs.ID)}, unstorable...) {
			_, err := w.st.APIKey(w.ctx, w.org, iam.APIKeyID(id))
			w.is(err, iam.ErrNotFound)
		}
		w.write(func(tx iam.Tx) error {
			_, err := tx.APIKey(w.ctx, other.org, theirs.ID)
			w.is(err, iam.ErrNotFound)
			w.equal(must(tx.APIKey(w.ctx, w.org, k.ID))(w), k)
			return nil
		})
	}},
	{"APIKeyReader.APIKeys", "APIKeys returns a page of the organisation's keys in the order of their ids", func(w *world) {
		other := w.another()
		b, a, c := w.apiKey("b"), w.apiKey("a"), w.apiKey("C")
		w.insertAPIKey(b, a, c)
		other.insertAPIKey(other.apiKey("theirs"))
		want := []iam.APIKey{c, a, b}
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w), want)
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{Limit: 2}))(w), want[:2])
		w.write(func(tx iam.Tx) error {
			w.equal(len(must(tx.APIKeys(w.ctx, other.org, iam.APIKeyQuery{}))(w)), 0)
			return nil
		})
	}},
	{"APIKeyQuery", "The zero query is everybody's first page", func(w *world) {
		k := w.apiKey("k")
		w.insertAPIKey(k)
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w), []iam.APIKey{k})
	}},
	{"APIKeyQuery.Account", "Account must have made it", func(w *world) {
		a, b := w.apiKey("a"), w.apiKey("b")
		w.insertAPIKey(a, b)
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{Account: b.Account}))(w), []iam.APIKey{b})
		for _, id := range append([]string{strings.ToUpper(string(b.Account))}, unstorable[1:]...) {
			w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{Account: policy.AccountID(id)}))(w)), 0)
		}
	}},
	{"APIKeyQuery.Account", "Defaults to anybody", func(w *world) {
		w.insertAPIKey(w.apiKey("a"), w.apiKey("b"))
		w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w)), 2)
	}},
	{"APIKeyQuery.After", "After is the last id of the page before", func(w *world) {
		a, b, c := w.apiKey("a"), w.apiKey("b"), w.apiKey("c")
		w.insertAPIKey(a, b, c)
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{After: a.ID}))(w), []iam.APIKey{b, c})
		w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{After: c.ID}))(w)), 0)
	}},
	{"APIKeyQuery.After", "Defaults to the first page", func(w *world) {
		w.insertAPIKey(w.apiKey("a"))
		w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{Limit: 1}))(w)), 1)
	}},
	{"APIKeyQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.manyAPIKeys(1001)
		for limit, want := range map[int]int{1: 1, 1000: 1000, 1001: 1000, 1 << 40: 1000} {
			w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{Limit: limit}))(w)), want)
		}
	}},
	{"APIKeyQuery.Limit", "Defaults to 100", func(w *world) {
		w.manyAPIKeys(101)
		w.equal(len(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w)), 100)
	}},
	{"APIKeyWriter.InsertAPIKey", "InsertAPIKey adds a key", func(w *world) {
		plain := iam.APIKey{ID: iam.APIKeyID(w.tag + "-plain"), Org: w.org, Account: w.named("ann"), Hash: w.hash("plain")}
		wide := w.apiKey("wide", func(k *iam.APIKey) {
			k.Scope, k.Expires, k.Used = policy.Scope{AllProjects: true, Permissions: []policy.Permission{"a:b"}}, time.Time{}, time.Time{}
		})
		odd := w.apiKey("odd", func(k *iam.APIKey) {
			k.Description = "a line\nand 'another' <Möve> \U0001f980"
			for i := range 1000 {
				k.Scope.Projects = append(k.Scope.Projects, policy.ProjectID(fmt.Sprintf("%03d \"<Möve>\"%s", i, strings.Repeat("x", 200))))
			}
		})
		for _, k := range []iam.APIKey{plain, wide, odd} {
			w.insertAPIKey(k)
			w.equal(must(w.st.APIKey(w.ctx, w.org, k.ID))(w), k)
		}
	}},
	{"APIKeyWriter.InsertAPIKey", insertAPIKey, func(w *world) {
		other := w.another()
		k, theirs := w.apiKey("k"), other.apiKey("theirs")
		w.insertAPIKey(k)
		other.insertAPIKey(theirs)
		w.write(func(tx iam.Tx) error {
			again := k
			again.Hash = w.hash("again")
			for _, id := range []iam.APIKeyID{k.ID, theirs.ID} {
				again.ID = id
				w.is(tx.InsertAPIKey(w.ctx, again), iam.ErrExists)
			}
			again.ID = "again"
			for _, id := range append([]string{string(theirs.Account), "nobody"}, unstorable...) {
				again.Account = policy.AccountID(id)
				w.is(tx.InsertAPIKey(w.ctx, again), iam.ErrNotFound)
			}
			again.Account = k.Account
			for _, bad := range unstorable {
				for field, edit := range map[string]func(k *iam.APIKey){
					"ID": func(k *iam.APIKey) { k.ID = iam.APIKeyID(bad) }, "Hash": func(k *iam.APIKey) { k.Hash = iam.TokenHash(bad) },
					"Scope": func(k *iam.APIKey) { k.Scope.Projects = []policy.ProjectID{policy.ProjectID(bad)} },
				} {
					worse := again
					edit(&worse)
					w.field(tx.InsertAPIKey(w.ctx, worse), field, nil)
				}
			}
			again.Org = other.org
			w.field(tx.InsertAPIKey(w.ctx, again), "Org", nil)
			return nil
		})
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w), []iam.APIKey{k})
	}},
	{"APIKeyWriter.UpdateAPIKey", updateAPIKey, func(w *world) {
		other := w.another()
		k, b, theirs := w.apiKey("k"), w.apiKey("b"), other.apiKey("theirs")
		w.insertAPIKey(k, b)
		other.insertAPIKey(theirs)
		for _, edit := range []func(k *iam.APIKey){
			func(k *iam.APIKey) {
				k.Description, k.Updated, k.Expires = "another", noon.Add(time.Minute), time.Time{}
				k.Scope = policy.Scope{AllProjects: true, Permissions: []policy.Permission{"c:d"}}
			},
			func(*iam.APIKey) {}, // also when nothing changes
			func(k *iam.APIKey) { k.Description, k.Scope = "", policy.Scope{} }, // SB-A3
		} {
			edit(&k)
			w.write(func(tx iam.Tx) error { return tx.UpdateAPIKey(w.ctx, k) })
			w.equal(must(w.st.APIKey(w.ctx, w.org, k.ID))(w), k)
		}
		w.write(func(tx iam.Tx) error {
			for _, id := range append([]string{"nothing", string(theirs.ID)}, unstorable...) {
				missing := k
				missing.ID = iam.APIKeyID(id)
				w.is(tx.UpdateAPIKey(w.ctx, missing), iam.ErrNotFound)
			}
			worse := k
			worse.Description = "\x00"
			w.field(tx.UpdateAPIKey(w.ctx, worse), "Description", nil)
			return nil
		})
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w), []iam.APIKey{b, k})
		w.equal(must(w.st.APIKey(w.ctx, other.org, theirs.ID))(w), theirs)
	}},
	{"APIKeyWriter.UpdateAPIKey", "The rest of it does not change", func(w *world) {
		k := w.apiKey("k")
		w.insertAPIKey(k)
		w.write(func(tx iam.Tx) error {
			other := k
			other.Account, other.Created, other.Used, other.Hash = w.id("nobody"), noon.Add(1e9), noon.Add(1e9), w.hash("another")
			return tx.UpdateAPIKey(w.ctx, other)
		})
		w.equal(must(w.st.APIKey(w.ctx, w.org, k.ID))(w), k)
	}},
	{"APIKeyWriter.DeleteAPIKey", "DeleteAPIKey removes a key and reports whether there was one", func(w *world) {
		other := w.another()
		k, b, theirs := w.apiKey("k"), w.apiKey("b"), other.apiKey("theirs")
		w.insertAPIKey(k, b)
		other.insertAPIKey(theirs)
		w.write(func(tx iam.Tx) error {
			for _, id := range append([]string{"nothing", strings.ToUpper(string(k.ID)), string(theirs.ID)}, unstorable...) {
				w.equal(must(tx.DeleteAPIKey(w.ctx, iam.APIKeyID(id)))(w), false)
			}
			w.equal(must(tx.DeleteAPIKey(w.ctx, k.ID))(w), true)
			w.equal(must(tx.DeleteAPIKey(w.ctx, k.ID))(w), false)
			return nil
		})
		w.equal(must(w.st.APIKeys(w.ctx, w.org, iam.APIKeyQuery{}))(w), []iam.APIKey{b})
		w.equal(must(w.st.APIKey(w.ctx, other.org, theirs.ID))(w), theirs)
	}},
	{"APIKeyStore", "It takes no lock", func(w *world) {
		k := w.apiKey("k")
		w.insertAPIKey(k)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.DeleteAPIKey(w.ctx, k.ID))(w), true)
			w.equal(must(w.st.APIKeyRecord(w.ctx, k.ID))(w).APIKey, k) // until it is committed
			return nil
		})
		_, err := w.st.APIKeyRecord(w.ctx, k.ID)
		w.is(err, iam.ErrNotFound)
	}},
	{"APIKeyStore.APIKeyRecord", readAPIKey, func(w *world) {
		k := w.apiKey("k")
		w.insertAPIKey(k)
		w.equal(must(w.st.APIKeyRecord(w.ctx, k.ID))(w), iam.APIKeyRecord{APIKey: k, Status: iam.Active})
		w.write(func(tx iam.Tx) error { // SB-71
			a := must(tx.Account(w.ctx, w.org, k.Account))(w)
			a.Status = iam.Disabled
			return tx.UpdateAccount(w.ctx, a, false)
		})
		w.equal(must(w.st.APIKeyRecord(w.ctx, k.ID))(w), iam.APIKeyRecord{APIKey: k, Status: iam.Disabled})
		for _, id := range append([]string{"nothing", strings.ToUpper(string(k.ID)), string(k.Hash)}, unstorable...) {
			_, err := w.st.APIKeyRecord(w.ctx, iam.APIKeyID(id)) // SB-23, SB-A1
			w.is(err, iam.ErrNotFound)
		}
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, k.Account) })
		_, err := w.st.APIKeyRecord(w.ctx, k.ID)
		w.is(err, iam.ErrNotFound)
	}},
	{"APIKeyStore.APIKeyRecord", "One that has expired is returned too", func(w *world) {
		k := w.apiKey("k", func(k *iam.APIKey) { k.Expires = noon.AddDate(-50, 0, 0) })
		w.insertAPIKey(k)
		w.equal(must(w.st.APIKeyRecord(w.ctx, k.ID))(w).APIKey, k)
	}},
	{"APIKeyStore.TouchAPIKey", "TouchAPIKey writes Used of a key that is there, if it is later", func(w *world) {
		k, b := w.apiKey("k", func(k *iam.APIKey) { k.Used = time.Time{} }), w.apiKey("b")
		w.insertAPIKey(k, b)
		for _, used := range []time.Time{noon, noon.Add(-1e9), noon, noon.Add(time.Minute), {}} {
			w.ok(w.st.TouchAPIKey(w.ctx, k.ID, used))
			if used.After(k.Used) {
				k.Used = used
			}
			w.equal(must(w.st.APIKey(w.ctx, w.org, k.ID))(w), k)
		}
		for _, id := range unstorable {
			w.ok(w.st.TouchAPIKey(w.ctx, iam.APIKeyID(id), noon.Add(time.Hour)))
		}
		w.equal(must(w.st.APIKey(w.ctx, w.org, b.ID))(w), b)
	}},
	{"APIKeyStore.TouchAPIKey", "What is not there stays away", func(w *world) {
		// Uses in flight while it is deleted (as SB-39).
		k := w.apiKey("k")
		w.insertAPIKey(k)
		for _, err := range w.atOnce(20, func(i int) error {
			if i == 10 {
				return w.try(func(tx iam.Tx) error { _, err := tx.DeleteAPIKey(w.ctx, k.ID); return err })
			}
			return w.st.TouchAPIKey(w.ctx, k.ID, noon.Add(time.Duration(i)*time.Minute))
		}) {
			w.ok(err)
		}
		w.ok(w.st.TouchAPIKey(w.ctx, k.ID, noon.Add(time.Hour)))
		_, err := w.st.APIKeyRecord(w.ctx, k.ID)
		w.is(err, iam.ErrNotFound)
	}},
}

// apiKey describes a key of an account of its own.
func (w *world) apiKey(name string, edits ...func(*iam.APIKey)) iam.APIKey {
	w.Helper()
	k := iam.APIKey{
		ID: iam.APIKeyID(w.tag + "-" + name), Org: w.org, Hash: w.hash("key-" + name), Description: "for " + name,
		Scope:   policy.Scope{Permissions: []policy.Permission{"deployment:view", "ticket:view"}, Projects: []policy.ProjectID{"p1", "p2"}},
		Created: noon.Add(-time.Hour), Updated: noon.Add(-time.Minute), Expires: noon.Add(time.Hour), Used: noon.Add(-time.Second),
	}
	for _, edit := range edits {
		edit(&k)
	}
	if k.Account == "" {
		k.Account = w.named("of-key-" + name)
	}
	return k
}

func (w *world) insertAPIKey(all ...iam.APIKey) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, k := range all {
			if err := tx.InsertAPIKey(w.ctx, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// manyAPIKeys inserts keys of one account.
func (w *world) manyAPIKeys(n int) {
	w.Helper()
	first := w.apiKey("0")
	keys := []iam.APIKey{first}
	for i := 1; i < n; i++ {
		k := first
		k.ID, k.Hash = iam.APIKeyID(fmt.Sprintf("%s-%d", w.tag, i)), w.hash(fmt.Sprint("key-", i))
		keys = append(keys, k)
	}
	w.insertAPIKey(keys...)
}
