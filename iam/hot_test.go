package iam_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestWithoutMaxStalenessEachSubjectIsAskedFor(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *iam.Config) { c.MaxStaleness = 0 })
	n.store.put("ann", "acme", emqx.Administrator)
	n.asks("three times", 3, func() { n.may("ann"); n.may("ann"); n.may("ann") })
	if err := n.svc.Run(n.Context()); err != nil {
		t.Errorf("Run, with nothing to do: %v", err)
	}
}

func TestASubjectIsAskedForOnceWithinTheBound(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.asks("within the bound", 1, func() {
		for range 5 {
			if !n.may("ann") {
				t.Error("ann may not")
			}
			n.clock.advance(bound/5 - time.Millisecond)
		}
	})
	n.clock.advance(5 * time.Millisecond)
	n.asks("when the bound has passed", 1, func() { n.may("ann") })
}

// SB-38, SB-44: what another node takes away is felt when the bound has passed, to the millisecond, and sooner where
// somebody has asked.
func TestAnotherNodesChangeIsFeltWithinTheBound(t *testing.T) {
	t.Parallel()
	t.Run("by age", func(t *testing.T) {
		t.Parallel()
		n := newNode(t)
		n.store.put("ann", "acme", emqx.Administrator)
		n.may("ann")
		n.store.put("ann", "acme")
		n.clock.advance(bound - time.Millisecond)
		if !n.may("ann") {
			t.Error("the subject is not used for as long as it may be")
		}
		n.clock.advance(time.Millisecond)
		if n.may("ann") {
			t.Error("the subject is used for longer than it may be")
		}
	})
	t.Run("by asking", func(t *testing.T) {
		t.Parallel()
		n := newNode(t)
		n.store.put("ann", "acme", emqx.Administrator)
		n.store.put("bob", "other", emqx.Administrator)
		n.may("ann")
		n.may("bob")
		n.store.put("ann", "acme")
		if err := n.svc.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.asks("the other organisation", 0, func() { n.may("bob") })
		n.asks("the one that has changed", 1, func() {
			if n.may("ann") {
				t.Error("ann may still")
			}
		})
	})
}

func TestARefreshKeepsSubjectsForAnotherBound(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	n.asks("three bounds", 0, func() {
		for range 3 {
			n.clock.advance(bound - time.Millisecond)
			if err := n.svc.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			n.may("ann")
		}
	})
	// Confirmed at one moment, and changed behind it: no more than the bound from there.
	n.store.put("ann", "acme")
	n.clock.advance(bound)
	if n.may("ann") {
		t.Error("a subject is used for longer than the bound since it was confirmed")
	}
}

// SB-60: a database that is away is no reason to let in, beyond the bound.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	n.store.goAway(errGone)
	n.clock.advance(bound - time.Millisecond)
	if !n.may("ann") {
		t.Error("a subject within the bound does not decide while the database is away")
	}
	if err := n.svc.Refresh(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("Refresh: %v", err)
	}
	n.clock.advance(time.Millisecond)
	if _, err := n.svc.Subject(t.Context(), "ann"); !errors.Is(err, errGone) {
		t.Errorf("beyond the bound: %v", err)
	}
	if d := n.svc.Check(t.Context(), "ann", emqx.Manage, emqx.Subaccount.Of("acme")); d.Reason != policy.Unavailable {
		t.Errorf("beyond the bound the decision is %v", d)
	}
	n.store.goAway(nil)
	if !n.may("ann") {
		t.Error("ann may not when the database is back")
	}
}

// A node that is told a revision sees it, whatever it has in memory; and never less.
func TestAtLeastARevision(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	n.store.put("ann", "acme")
	revision, err := n.svc.Revision(t.Context(), "acme")
	if err != nil || revision != 2 {
		t.Fatalf("Revision: %d, %v", revision, err)
	}
	sub, err := n.svc.SubjectAtLeast(t.Context(), "ann", revision)
	if err != nil || sub.Revision() != 2 || len(sub.Roles()) > 0 {
		t.Errorf("at revision 2: %v of %d, %v", sub.Roles(), sub.Revision(), err)
	}
	n.asks("again", 0, func() {
		if sub, err := n.svc.SubjectAtLeast(t.Context(), "ann", revision); err != nil || sub.Revision() != 2 {
			t.Errorf("again: %d, %v", sub.Revision(), err)
		}
	})
	if sub, err := n.svc.SubjectAtLeast(t.Context(), "ann", 3); !errors.Is(err, iam.ErrBehind) || sub.ID() != "" {
		t.Errorf("at a revision that the database does not have: %v, %v", sub.ID(), err)
	}
	if _, err := n.svc.Revision(t.Context(), "none"); !errors.Is(err, iam.ErrNotFound) {
		t.Errorf("the revision of an unknown organisation: %v", err)
	}
}

func TestAGrantEndsInMemoryToo(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Auditor)
	record := n.store.records["ann"]
	record.Grants = []iam.Grant{{ID: "g", Account: "ann", Grant: policy.GrantRole(emqx.Administrator, policy.AtOrg("acme")).Until(morning.Add(bound / 2))}}
	n.store.records["ann"] = record
	if !n.may("ann") {
		t.Error("ann may not, before the grant ends")
	}
	n.clock.advance(bound/2 - time.Millisecond)
	n.asks("before it ends", 0, func() { n.may("ann") })
	n.clock.advance(time.Millisecond)
	if n.may("ann") {
		t.Error("ann may, when the grant has ended")
	}
}

func TestSubjectsInMemoryFollowThePolicy(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	const rule = "p, administrator, org, subaccount, manage, allow, always\n"
	csv := castellan.PolicyCSV()
	if !strings.Contains(csv, rule) {
		t.Fatal("the rule stands no more in policy.csv")
	}
	next := policy.Must(policy.Load("next.csv", []byte(strings.Replace(csv, rule, "", 1)), policy.Config{Conditions: emqx.Conditions()}))
	if err := n.svc.SetPolicy(next); err != nil {
		t.Fatal(err)
	}
	if n.may("ann") {
		t.Error("a subject in memory is decided about by a policy that was replaced")
	}
}

// A flood of unknown ids grows nothing, drives nobody out, and asks the database for each id once.
func TestAFloodOfUnknownIDs(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *iam.Config) { c.SubjectMemory = 1 << 20 })
	const known = 500
	for i := range known {
		n.store.put(policy.AccountID(fmt.Sprintf("known-%d", i)), "acme", emqx.Administrator)
	}
	for i := range known {
		n.may(policy.AccountID(fmt.Sprintf("known-%d", i)))
	}
	flood := func() {
		var wg sync.WaitGroup
		for worker := range 32 {
			wg.Go(func() {
				for i := range 500 {
					id := policy.AccountID(fmt.Sprintf("unknown-%d", (worker*7+i)%40))
					if _, err := n.svc.Subject(t.Context(), id); !errors.Is(err, iam.ErrNotFound) {
						t.Errorf("%s: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
	}
	n.asks("16,000 requests for 40 unknown ids", 40, flood)
	for i := range 20_000 {
		_, _ = n.svc.Subject(t.Context(), policy.AccountID(fmt.Sprintf("never-%d", i)))
	}
	n.asks("those that are known", 0, func() {
		for i := range known {
			n.may(policy.AccountID(fmt.Sprintf("known-%d", i)))
		}
	})
	if most := n.store.most.Load(); most > 16 {
		t.Errorf("%d were loaded at a time", most)
	}
	// One that comes into being elsewhere is there when the bound has passed, and one of this process's at once.
	n.store.put("unknown-1", "acme", emqx.Administrator)
	n.clock.advance(bound)
	if !n.may("unknown-1") {
		t.Error("another node's new account may not")
	}
	_, _ = n.svc.Subject(t.Context(), "unknown-2")
	if err := n.change(func() error { n.store.put("unknown-2", "acme", emqx.Administrator); return nil }); err != nil {
		t.Fatal(err)
	}
	if !n.may("unknown-2") {
		t.Error("a new account of this process's may not")
	}
}

// Those who ask for one subject at the same time ask once; who gives up, gives up alone.
func TestOneLoadServesAllWhoWait(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.store.at, n.store.release = make(chan struct{}), make(chan struct{})
	first, giveUp := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := n.svc.Subject(first, "ann")
		failed <- err
	}()
	<-n.store.at
	const more = 10
	results := make(chan error, more)
	for range more {
		go func() {
			sub, err := n.svc.Subject(t.Context(), "ann")
			if err == nil && sub.ID() != "ann" {
				err = errors.New("another subject")
			}
			results <- err
		}()
	}
	giveUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	<-n.store.at // one of those who wait asks in its place
	close(n.store.release)
	for range more {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if asked := n.store.count(); asked != 2 {
		t.Errorf("the database was asked %d times, want 2", asked)
	}
}

// What is read before a change of this process and comes back after it is not remembered, nor handed to who asks
// after the change.
func TestALoadThatAChangeOvertakes(t *testing.T) {
	t.Parallel()
	for _, other := range []bool{false, true} {
		t.Run(fmt.Sprintf("others of the organisation are in memory: %t", other), func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.store.put("ann", "acme", emqx.Administrator)
			if other {
				n.store.put("bob", "acme", emqx.Administrator)
				n.may("bob")
			}
			n.store.at, n.store.release = make(chan struct{}), make(chan struct{})
			old := make(chan bool)
			go func() { old <- n.may("ann") }()
			<-n.store.at // has read that ann may

			if err := n.change(func() error {
				n.store.put("ann", "acme")
				n.store.revisions["acme"]-- // Write raises it
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			late := make(chan bool)
			go func() { late <- n.may("ann") }()
			<-n.store.at
			close(n.store.release)
			if <-late {
				t.Error("who asks after the change is answered from before it")
			}
			if !<-old {
				t.Error("the first load did not read from before the change: the test shows nothing")
			}
			n.store.mu.Lock()
			n.store.at = nil
			n.store.mu.Unlock()
			if n.may("ann") {
				t.Error("what was read before the change was remembered")
			}
		})
	}
}

// The same, when nobody of the organisation has come since.
func TestALoadThatAChangeOvertakesAlone(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.store.at, n.store.release = make(chan struct{}), make(chan struct{})
	old := make(chan bool)
	go func() { old <- n.may("ann") }()
	<-n.store.at
	if err := n.change(func() error {
		n.store.put("ann", "acme")
		n.store.revisions["acme"]--
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n.store.mu.Lock()
	n.store.at = nil
	n.store.mu.Unlock()
	close(n.store.release)
	if !<-old {
		t.Error("the load did not read from before the change: the test shows nothing")
	}
	if n.may("ann") {
		t.Error("what was read before the change was remembered")
	}
}

// While a change may yet be committed, nobody takes the answer of a load that began before they came.
func TestNobodyWaitsForAnotherWhileAChangeIsInDoubt(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	within := n.svc.WithStore(n.store) // as within a transaction of the host's
	n.store.during = func() error { return nil }
	if err := within.System("test").In("acme").OpenProject(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	n.store.at, n.store.release = make(chan struct{}), make(chan struct{})
	answers := make(chan bool)
	for range 2 {
		go func() { answers <- n.may("ann") }()
		<-n.store.at // each asks by itself
	}
	close(n.store.release)
	<-answers
	<-answers
}

// What was rolled back with the host's transaction is in doubt for as long as the bound, and then forgotten.
func TestARolledBackTransactionOfTheHosts(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	n.store.during = func() error { return nil }
	if err := n.svc.WithStore(n.store).System("test").In("acme").OpenProject(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	n.store.revisions["acme"]-- // the host rolls back
	n.asks("for as long as the bound", 2, func() { n.may("ann"); n.may("ann") })
	n.clock.advance(bound)
	n.asks("and no longer", 1, func() { n.may("ann"); n.may("ann") })
}

// Sixteen subjects are loaded at a time, however many are asked for.
func TestLoadsAreBounded(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.at, n.store.release = make(chan struct{}), make(chan struct{})
	const asked = 40
	var wg, begun sync.WaitGroup
	begun.Add(asked)
	for i := range asked {
		wg.Go(func() {
			begun.Done()
			_, _ = n.svc.Subject(t.Context(), policy.AccountID(fmt.Sprint(i)))
		})
	}
	begun.Wait()
	for i := range asked {
		if i >= 16 {
			n.store.release <- struct{}{}
		}
		<-n.store.at
	}
	close(n.store.release)
	wg.Wait()
	if most := n.store.most.Load(); most != 16 {
		t.Errorf("%d were loaded at a time", most)
	}
}

// A commit whose answer is lost may have happened: nothing from before it is used.
func TestACommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	n.store.away = errGone // Write reports it, and has committed
	if err := n.change(func() error { return nil }); !errors.Is(err, errGone) {
		t.Fatalf("Write: %v", err)
	}
	n.store.away = nil
	n.asks("for as long as the bound", 3, func() { n.may("ann"); n.may("ann"); n.may("ann") })
	n.clock.advance(bound)
	n.asks("and no longer", 1, func() { n.may("ann"); n.may("ann") })
}

// A refusal changes nothing, so that nobody can make the database work by trying what is forbidden.
func TestARefusedChangeForgetsNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	boom := errors.New("boom")
	if err := n.change(func() error { return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	n.asks("after a refusal", 0, func() { n.may("ann") })
}

func TestAHotSubjectCostsNoAllocation(t *testing.T) {
	n := newNode(t, func(c *iam.Config) { c.Now = nil })
	n.store.put("ann", "acme", emqx.Administrator)
	n.may("ann")
	if allocations := testing.AllocsPerRun(100, func() {
		sub, err := n.svc.Subject(t.Context(), "ann")
		if err != nil || !n.svc.Can(sub, emqx.Manage, emqx.Subaccount.Of("acme")) {
			t.Error("ann may not")
		}
	}); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
