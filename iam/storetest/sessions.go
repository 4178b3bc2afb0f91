package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	readSession   = "Session returns the session with the hash, of whatever organisation, in one round trip: ErrNotFound when there is none"
	insertSession = "An account that is not of the organisation is ErrNotFound, an id that the account has already " +
		"and a hash that is taken are ErrExists"
	touchAway      = "What is not there stays away (SB-39)"
	deleteSessions = "DeleteSessions ends all sessions of the account but one, or all when that is \"\", and counts them"
	sweep          = "Sweep removes the sessions and tokens that expired by a time, and the counters that count no more by then, " +
		"and returns how many rows went"
)

var sessionPromises = []promise{
	{"SessionStore", "It takes no lock", func(w *world) {
		s, t := w.session("s"), w.token("t")
		w.insertSession(s)
		w.insertToken(t)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.DeleteSession(w.ctx, s.Account, s.ID))(w), true)
			w.equal(must(tx.UseToken(w.ctx, t.Hash, t.Purpose, noon))(w), true)
			w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s) // until it is committed
			w.equal(must(w.st.Token(w.ctx, t.Hash))(w), t)
			return nil
		})
		_, err := w.st.Session(w.ctx, s.Hash)
		w.is(err, iam.ErrNotFound)
	}},
	{"SessionStore.Session", readSession, func(w *world) {
		s := w.session("s")
		w.insertSession(s)
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w), iam.SessionRecord{Session: s, Status: iam.Active})
		for _, hash := range append([]string{"nothing", strings.ToLower(string(s.Hash)), string(s.ID)}, unstorable...) {
			_, err := w.st.Session(w.ctx, iam.TokenHash(hash)) // SB-A1: "" is not the first row
			w.is(err, iam.ErrNotFound)
		}
	}},
	{"SessionStore.Session", readSession, func(w *world) {
		// What may have ended it meanwhile (SB-38, SB-52, SB-71).
		root := w.account("root")
		root.Root = true
		w.add(root)
		s := w.session("s", func(s *iam.Session) { s.Account = root.ID })
		w.insertSession(s)
		want := iam.SessionRecord{Session: s, Status: iam.Active, Root: true}
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w), want)
		w.write(func(tx iam.Tx) error {
			root.Status = iam.Disabled
			w.ok(tx.UpdateAccount(w.ctx, root, false))
			o := must(tx.Organization(w.ctx, w.org))(w)
			o.SecondFactor = iam.SecondFactorRequired
			return tx.UpdateOrganization(w.ctx, o)
		})
		want.Status, want.SecondFactorRule = iam.Disabled, iam.SecondFactorRequired
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w), want)
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, root.ID) })
		_, err := w.st.Session(w.ctx, s.Hash)
		w.is(err, iam.ErrNotFound)
	}},
	{"SessionStore.Session", "One that has ended by its times is returned too", func(w *world) {
		s := w.session("s", func(s *iam.Session) { s.Idle, s.Expires = 0, noon.AddDate(-50, 0, 0) })
		w.insertSession(s)
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s)
	}},
	{"SessionStore.TouchSession", "TouchSession writes Seen of a session that is there, if it is later", func(w *world) {
		s, b := w.session("s"), w.session("b")
		w.insertSession(s, b)
		for _, seen := range []time.Time{noon.Add(time.Minute), noon, noon.Add(time.Minute), noon.Add(2 * time.Minute), {}} {
			w.ok(w.st.TouchSession(w.ctx, s.Hash, seen))
			if seen.After(s.Seen) {
				s.Seen = seen
			}
			w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s)
		}
		for _, hash := range unstorable {
			w.ok(w.st.TouchSession(w.ctx, iam.TokenHash(hash), noon.Add(time.Hour)))
		}
		w.equal(must(w.st.Session(w.ctx, b.Hash))(w).Session, b)
	}},
	{"SessionStore.TouchSession", touchAway, func(w *world) {
		s := w.session("s")
		w.insertSession(s)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.DeleteSession(w.ctx, s.Account, s.ID))(w), true)
			return nil
		})
		w.ok(w.st.TouchSession(w.ctx, s.Hash, noon.Add(time.Hour)))
		_, err := w.st.Session(w.ctx, s.Hash)
		w.is(err, iam.ErrNotFound)
	}},
	{"SessionStore.TouchSession", touchAway, func(w *world) {
		// Requests in flight while it is ended.
		s := w.session("s")
		w.insertSession(s)
		for _, err := range w.atOnce(20, func(i int) error {
			if i == 10 {
				return w.try(func(tx iam.Tx) error { _, err := tx.DeleteSessions(w.ctx, s.Account, ""); return err })
			}
			return w.st.TouchSession(w.ctx, s.Hash, noon.Add(time.Duration(i)*time.Minute))
		}) {
			w.ok(err)
		}
		_, err := w.st.Session(w.ctx, s.Hash)
		w.is(err, iam.ErrNotFound)
	}},
	{"CredentialReader.Sessions", "Sessions returns the sessions of an account that have not ended by now, the newest first", func(w *world) {
		other := w.another()
		ann := w.named("ann")
		of := func(name string, edits ...func(*iam.Session)) iam.Session {
			return w.session(name, append(edits, func(s *iam.Session) { s.Account = ann })...)
		}
		newest := of("newest", func(s *iam.Session) { s.Created = noon.Add(1e9) })
		older := of("older", func(s *iam.Session) { s.Created = noon.Add(-time.Hour) })
		expired := of("expired", func(s *iam.Session) { s.Expires = noon })
		unused := of("unused", func(s *iam.Session) { s.Seen = noon.Add(-s.Idle) })
		last := of("last", func(s *iam.Session) { s.Expires, s.Seen = noon.Add(1e6), noon.Add(1e6-s.Idle) })
		w.insertSession(older, expired, newest, unused, last, w.session("anothers"))
		w.equal(must(w.st.Sessions(w.ctx, w.org, ann, noon))(w), []iam.Session{newest, last, older})
		w.equal(must(w.st.Sessions(w.ctx, w.org, ann, noon.Add(1e6)))(w), []iam.Session{newest, older})
		for _, s := range must(w.st.Sessions(w.ctx, w.org, ann, noon.Add(-time.Minute)))(w) {
			w.equal(s.EndedAt(noon.Add(-time.Minute)), false)
		}
		w.equal(len(must(w.st.Sessions(w.ctx, other.org, ann, noon))(w)), 0)
		for _, id := range unstorable {
			w.equal(len(must(w.st.Sessions(w.ctx, w.org, policy.AccountID(id), noon))(w)), 0)
		}
	}},
	{"CredentialWriter.InsertSession", "InsertSession adds a session", func(w *world) {
		s := w.session("s", func(s *iam.Session) { s.Pinned = strings.Repeat("a long record\n", 10_000) })
		w.insertSession(s)
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s)
	}},
	{"CredentialWriter.InsertSession", insertSession, func(w *world) {
		other := w.another()
		s, theirs := w.session("s"), other.session("theirs")
		w.insertSession(s)
		other.insertSession(theirs)
		w.write(func(tx iam.Tx) error {
			again := s
			again.Hash = w.hash("again")
			w.is(tx.InsertSession(w.ctx, again), iam.ErrExists)
			again.ID = "again"
			for _, hash := range []iam.TokenHash{s.Hash, theirs.Hash} {
				again.Hash = hash
				w.is(tx.InsertSession(w.ctx, again), iam.ErrExists)
			}
			again.Hash = w.hash("again")
			for _, id := range append([]string{string(theirs.Account), "nobody"}, unstorable...) {
				again.Account = policy.AccountID(id)
				w.is(tx.InsertSession(w.ctx, again), iam.ErrNotFound)
			}
			again.Account = s.Account
			for _, bad := range unstorable {
				worse := again
				worse.Hash = iam.TokenHash(bad)
				w.field(tx.InsertSession(w.ctx, worse), "Hash", nil)
				worse = again
				worse.ID = iam.SessionID(bad)
				w.field(tx.InsertSession(w.ctx, worse), "ID", nil)
			}
			again.Org = other.org
			w.field(tx.InsertSession(w.ctx, again), "Org", nil)
			return nil
		})
		w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s)
		w.equal(must(w.st.Session(w.ctx, theirs.Hash))(w).Session, theirs)
	}},
	{"CredentialWriter.HasSession", "HasSession reports whether the account has such a session", func(w *world) {
		s := w.session("s")
		w.insertSession(s)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.HasSession(w.ctx, s.Account, s.ID))(w), true)
			return nil
		})
		w.notTheSession(s, func(tx iam.Tx, account policy.AccountID, id iam.SessionID) (bool, error) {
			return tx.HasSession(w.ctx, account, id)
		})
	}},
	{"CredentialWriter.DeleteSession", "DeleteSession ends one session of the account and reports whether there was such a one", func(w *world) {
		s := w.session("s")
		b := w.session("b", func(b *iam.Session) { b.Account = s.Account })
		w.insertSession(s, b)
		w.notTheSession(s, func(tx iam.Tx, account policy.AccountID, id iam.SessionID) (bool, error) {
			return tx.DeleteSession(w.ctx, account, id)
		})
		for _, want := range []bool{true, false} {
			w.write(func(tx iam.Tx) error {
				w.equal(must(tx.DeleteSession(w.ctx, s.Account, s.ID))(w), want)
				return nil
			})
			_, err := w.st.Session(w.ctx, s.Hash)
			w.is(err, iam.ErrNotFound)
		}
		w.equal(must(w.st.Session(w.ctx, b.Hash))(w).Session, b)
	}},
	{"CredentialWriter.DeleteSessions", deleteSessions, func(w *world) {
		other := w.another()
		ann := w.named("ann")
		var all []iam.Session
		for _, name := range []string{"a", "b", "c", "B"} {
			all = append(all, w.session(name, func(s *iam.Session) { s.Account = ann }))
		}
		bobs, theirs := w.session("bobs"), other.session("theirs")
		w.insertSession(append(slices.Clone(all), bobs)...)
		other.insertSession(theirs)
		end := func(account policy.AccountID, but iam.SessionID) (n int) {
			w.write(func(tx iam.Tx) (err error) {
				n, err = tx.DeleteSessions(w.ctx, account, but)
				return err
			})
			return n
		}
		for _, id := range append([]string{"nobody", string(theirs.Account)}, unstorable...) {
			w.equal(end(policy.AccountID(id), ""), 0)
		}
		w.equal(end(ann, all[1].ID), 3)
		w.equal(must(w.st.Sessions(w.ctx, w.org, ann, noon))(w), all[1:2])
		w.equal(end(ann, all[1].ID), 0)
		w.equal(end(ann, ""), 1)
		w.equal(end(ann, ""), 0)
		w.insertSession(all...)
		w.equal(end(ann, "\x00"), 4) // none of them
		w.equal(must(w.st.Session(w.ctx, bobs.Hash))(w).Session, bobs)
		w.equal(must(w.st.Session(w.ctx, theirs.Hash))(w).Session, theirs)
	}},
	{"SessionStore.Sweep", sweep, func(w *world) {
		w.alone() // and at times before which nothing of other tests is over
		long := noon.AddDate(-100, 0, 0)
		over := w.session("over", func(s *iam.Session) { s.Expires = long })
		left := w.session("left", func(s *iam.Session) { s.Expires = long.Add(1e6) })
		w.insertSession(over, left)
		overToken := w.token("over", func(t *iam.TokenRecord) { t.Expires = long })
		leftToken := w.token("left", func(t *iam.TokenRecord) { t.Expires = long.Add(1e6) })
		w.insertToken(overToken)
		w.insertToken(leftToken)
		limit := iam.Limit{Attempts: 1, Pause: time.Hour}
		w.allowed(w.tag+"over", limit, long.Add(-time.Hour))
		w.allowed(w.tag+"left", limit, long.Add(-time.Hour+1e6))

		w.equal(must(w.st.Sweep(w.ctx, long.Add(-1e6)))(w), 0)
		w.equal(must(w.st.Sweep(w.ctx, long))(w), 3)
		w.equal(must(w.st.Sweep(w.ctx, long))(w), 0)
		_, err := w.st.Session(w.ctx, over.Hash)
		w.is(err, iam.ErrNotFound)
		_, err = w.st.Token(w.ctx, overToken.Hash)
		w.is(err, iam.ErrNotFound)
		w.equal(must(w.st.Session(w.ctx, left.Hash))(w).Session, left)
		w.equal(must(w.st.Token(w.ctx, leftToken.Hash))(w), leftToken)
		w.equal(must(w.st.Blocked(w.ctx, w.tag+"left", limit, long))(w), long.Add(1e6))
		w.equal(must(w.st.Sweep(w.ctx, long.Add(1e6)))(w), 3)
	}},
	{"SessionStore.Sweep", sweep, func(w *world) {
		w.alone()
		// More than any one statement removes, and by several nodes at once.
		const many = 1203
		long := noon.AddDate(-100, 0, 0)
		ann := w.named("ann")
		w.write(func(tx iam.Tx) error {
			for i := range many {
				t := w.token(fmt.Sprint(i), func(t *iam.TokenRecord) { t.Account, t.Expires = ann, long })
				if err := tx.InsertToken(w.ctx, t); err != nil {
					return err
				}
			}
			return nil
		})
		removed := make([]int, 4)
		for _, err := range w.atOnce(len(removed), func(i int) (err error) {
			removed[i], err = w.st.Sweep(w.ctx, long)
			return err
		}) {
			w.ok(err)
		}
		w.equal(removed[0]+removed[1]+removed[2]+removed[3], many)
	}},
	{"SessionStore.Sweep", "Nothing depends on its being called (SB-14)", func(w *world) {
		// What is over is worth nothing while it is still there.
		t := w.token("t")
		s := w.session("s")
		w.insertToken(t)
		w.insertSession(s)
		w.equal(w.useToken(t.Hash, t.Purpose, t.Expires), false)
		w.equal(len(must(w.st.Sessions(w.ctx, w.org, s.Account, s.Expires))(w)), 0)
		limit := iam.Limit{Attempts: 1, Pause: time.Hour}
		for i := range 3 {
			w.allowed(w.tag, limit, noon.Add(time.Duration(i)*time.Hour))
		}
	}},
}

// session describes a session of an account, which it stores.
func (w *world) session(name string, edits ...func(*iam.Session)) iam.Session {
	w.Helper()
	s := iam.Session{
		ID: iam.SessionID("id-" + name), Org: w.org, Hash: w.hash("session-" + name), Stage: iam.NeedsEnrollment, SecondFactor: true,
		Created: noon, Seen: noon.Add(-time.Minute), Fresh: noon.Add(-time.Second), Idle: 30 * time.Minute, Expires: noon.Add(12 * time.Hour),
		Peer: "2001:db8::1", Agent: "Mozilla/5.0 (Möve)", Pinned: `{"roles":["a"]}`,
	}
	for _, edit := range edits {
		edit(&s)
	}
	if s.Account == "" {
		s.Account = w.named("of-" + name)
	}
	return s
}

func (w *world) insertSession(all ...iam.Session) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, s := range all {
			if err := tx.InsertSession(w.ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// notTheSession wants false for everything that does not name the session, and the session as it was.
func (w *world) notTheSession(s iam.Session, do func(tx iam.Tx, account policy.AccountID, id iam.SessionID) (bool, error)) {
	w.Helper()
	bob := w.named("not-its-account")
	try := func(tx iam.Tx) error {
		for _, id := range append([]string{"nothing", strings.ToUpper(string(s.ID)), string(s.Hash)}, unstorable...) {
			w.equal(must(do(tx, s.Account, iam.SessionID(id)))(w), false)
			w.equal(must(do(tx, policy.AccountID(id), s.ID))(w), false)
		}
		w.equal(must(do(tx, bob, s.ID))(w), false)
		return nil
	}
	w.write(try)
	w.another().write(func(tx iam.Tx) error {
		w.equal(must(do(tx, s.Account, s.ID))(w), false) // SB-42
		return nil
	})
	w.equal(must(w.st.Session(w.ctx, s.Hash))(w).Session, s)
}
