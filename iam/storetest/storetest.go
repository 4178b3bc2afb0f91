// Package storetest is the conformance suite of [iam.Store]: every sentence of its comments is a
// subtest that bears the sentence as its name.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) iam.Store { return open(t) })
//	}
//
// A test of this package reads the comments, and fails for a sentence that has no subtest.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Run proves that a store keeps the contract. It opens one store, and runs all subtests on it in
// parallel, each in organisations of its own.
func Run(t *testing.T, open func(t *testing.T) iam.Store) {
	st, turns := open(t), new(sync.Mutex)
	for _, where := range places() {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			for _, p := range promises() {
				if p.where != where {
					continue
				}
				t.Run(p.sentence, func(t *testing.T) {
					t.Parallel()
					p.test(newWorld(t, st, turns))
				})
			}
		})
	}
}

// promise is a sentence of the contract and what proves it. A sentence may have several.
type promise struct {
	where    string // the type and method that it stands on
	sentence string
	test     func(w *world)
}

func promises() []promise {
	var all []promise
	for _, some := range [][]promise{
		writePromises, racePromises, idPromises, subjectPromises, candidatePromises, accountPromises, queryPromises,
		insertPromises, updatePromises, rootPromises, deletePromises, bindingPromises, grantPromises, projectPromises, holdingPromises, quotaPromises,
		eventPromises, eventQueryPromises, chainPromises, asidePromises,
		invitationPromises, tokenPromises, pendingPromises, credentialPromises, sessionPromises, throttlePromises, mailPromises, outboxPromises,
		apiKeyPromises, feedPromises, bulkPromises,
	} {
		all = append(all, some...)
	}
	return all
}

func places() []string {
	var all []string
	seen := map[string]bool{}
	for _, p := range promises() {
		if !seen[p.where] {
			seen[p.where] = true
			all = append(all, p.where)
		}
	}
	return all
}

// The names that the suite uses. They mean nothing to a store.
const (
	admin policy.Role = "administrator"
	user  policy.Role = "project_user"
	boss  policy.Role = "project_admin"
)

// noon is a time that every store can keep: it has no fractions of a millisecond.
var noon = time.Date(2030, 6, 1, 12, 0, 0, 123e6, time.UTC)

var errOurs = errors.New("storetest: an error of do")

// world is an organisation of a test's own.
type world struct {
	*testing.T
	ctx context.Context
	st  iam.Store
	org policy.OrgID
	tag string // makes ids and addresses unique
	// turns is for what is of all organisations.
	turns *sync.Mutex
}

func newWorld(t *testing.T, st iam.Store, turns *sync.Mutex) *world {
	w := &world{T: t, ctx: t.Context(), st: st, tag: rand.Text(), turns: turns}
	w.org = policy.OrgID("org-" + w.tag)
	w.ok(st.Create(w.ctx, iam.Organization{ID: w.org, Name: "Acme"}, func(iam.Tx) error { return nil }))
	return w
}

// another returns a second organisation.
func (w *world) another() *world {
	w.Helper()
	return newWorld(w.T, w.st, w.turns)
}

// alone keeps the other tests that call it waiting until the test is over.
func (w *world) alone() {
	w.turns.Lock()
	w.Cleanup(w.turns.Unlock)
}

func (w *world) id(name string) policy.AccountID { return policy.AccountID(w.tag + "-" + name) }

func (w *world) email(name string) iam.Email { return iam.Email(name + "@" + w.tag + ".example") }

// account describes an active account.
func (w *world) account(name string, edits ...func(*iam.Account)) iam.Account {
	a := iam.Account{ID: w.id(name), Org: w.org, Status: iam.Active}
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func roles(roles ...policy.Role) func(*iam.Account) {
	return func(a *iam.Account) { a.Roles = roles }
}

func status(s iam.Status) func(*iam.Account) { return func(a *iam.Account) { a.Status = s } }

// add stores accounts.
func (w *world) add(accounts ...iam.Account) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, a := range accounts {
			if err := tx.InsertAccount(w.ctx, a, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// named stores an account and returns its id.
func (w *world) named(name string, edits ...func(*iam.Account)) policy.AccountID {
	w.Helper()
	w.add(w.account(name, edits...))
	return w.id(name)
}

func (w *world) bind(account policy.AccountID, role policy.Role, projects ...policy.ProjectID) {
	w.Helper()
	w.write(func(tx iam.Tx) error {
		for _, p := range projects {
			if _, err := tx.InsertBinding(w.ctx, iam.Binding{Account: account, Role: role, Project: p}); err != nil {
				return err
			}
		}
		return nil
	})
}

// grant stores a grant of role user.
func (w *world) grant(id iam.GrantID, account policy.AccountID, at policy.Place) iam.Grant {
	w.Helper()
	g := iam.Grant{ID: id, Account: account, Grant: policy.GrantRole(user, at), Created: noon}
	w.write(func(tx iam.Tx) error { return tx.InsertGrant(w.ctx, g) })
	return g
}

func (w *world) project(id policy.ProjectID, open bool) (changed bool) {
	w.Helper()
	w.write(func(tx iam.Tx) (err error) {
		changed, err = tx.PutProject(w.ctx, iam.Project{ID: id, Open: open})
		return err
	})
	return changed
}

func (w *world) append(events ...iam.Event) {
	w.Helper()
	w.write(func(tx iam.Tx) error { return appendAll(w, tx, events) })
}

// write changes the organisation, which must succeed.
func (w *world) write(do func(tx iam.Tx) error) {
	w.Helper()
	w.ok(w.st.Write(w.ctx, w.org, do))
}

// try changes the organisation and returns the error.
func (w *world) try(do func(tx iam.Tx) error) error { return w.st.Write(w.ctx, w.org, do) }

func (w *world) revision() int64 {
	w.Helper()
	return must(w.st.Organization(w.ctx, w.org))(w).Revision
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("got error %v", err)
	}
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

// field wants a FieldError for a field.
func (w *world) field(err error, field string, reason error) {
	w.Helper()
	var wrong *iam.FieldError
	if !errors.As(err, &wrong) || wrong.Field != field || reason != nil && !errors.Is(err, reason) {
		w.Fatalf("got error %v, want a *FieldError for %s with Reason %v", err, field, reason)
	}
}

func (w *world) equal(got, want any) {
	w.Helper()
	if !reflect.DeepEqual(got, want) {
		w.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// must returns a value that came without an error: must(st.Account(ctx, org, id))(w).
func must[T any](value T, err error) func(w *world) T {
	return func(w *world) T {
		w.Helper()
		w.ok(err)
		return value
	}
}

func ids(accounts []iam.Account) []policy.AccountID {
	var all []policy.AccountID
	for _, a := range accounts {
		all = append(all, a.ID)
	}
	return all
}
