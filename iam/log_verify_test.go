package iam_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestVerifyEvents(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-83: the report says what was checked", verifyReports)
		w.run("SB-83: 50 writers at once make one chain", parallelWriters)
		w.run("SB-83: writing meanwhile is no false alarm", verifyWhileWriting)
		w.run("SB-83: since a checkpoint nothing before it is read", verifyReadsLittle)
		w.run("E17: who reads the log verifies it", whoVerifies)
	})
}

func verifyReports(w *world) {
	o := w.keyed("key")
	n := int64(len(o.log()))
	first := o.checkpoint()
	equal(w, "the report", o.intact("all", iam.Checkpoint{}), iam.LogReport{Events: n, Checkpoint: first})
	equal(w, "the report since the end", o.intact("nothing new", first), iam.LogReport{Checkpoint: first})
	o.many(2500) // three pages
	o.host(2)
	then := o.checkpoint()
	equal(w, "the count", then.Count, n+2502)
	equal(w, "the report of all", o.intact("all", iam.Checkpoint{}), iam.LogReport{Events: n + 2502, Checkpoint: then})
	equal(w, "the report since", o.intact("since", first), iam.LogReport{Events: 2502, Checkpoint: then})
	text := must(then.MarshalText())(w)
	equal(w, "the report since a checkpoint that was kept", o.intact("kept", must(iam.ParseCheckpoint(string(text)))(w)), iam.LogReport{Checkpoint: then})

	other := o.sibling()
	w.wrong(second(other.verify(first)), "Since")
	w.wrong(second(o.verify(iam.Checkpoint{Org: o.id, Count: 1})), "Since")
	other.intact("the other organisation", iam.Checkpoint{})
	w.refused(second(o.svc.System("test").In("nowhere").VerifyEvents(w.Context(), iam.Checkpoint{})), iam.ErrNotFound)

	// Another service has another key: it takes every event for forged.
	stranger := must(iam.New(w.st, emqx.System(), iam.Config{}))(w)
	var wrong *iam.LogError
	if _, err := stranger.System("test").In(o.id).VerifyEvents(w.Context(), iam.Checkpoint{}); !errors.As(err, &wrong) {
		w.Errorf("without the key: got the error %v", err)
	}
}

// writers are n ways in which events come into a log at once, and how many events they make.
func (o *org) writers(n int) (writers []func() error, events int64) {
	o.Helper()
	ctx, stranger := o.Context(), o.as(o.without())
	for i := range n {
		events++
		switch i % 4 {
		case 0:
			writers = append(writers, func() error {
				return second(o.system().UpdateProfile(ctx, o.rootID, iam.Profile{Note: fmt.Sprint(i, rand.Text())}))
			})
		case 1:
			writers = append(writers, func() error { return o.root().Record(ctx, iam.RecordParams{Type: "DeploymentStopped"}) })
		case 2:
			writers = append(writers, func() error {
				if err := second(stranger.Events(ctx, iam.EventQuery{})); !errors.As(err, new(*iam.ForbiddenError)) || errors.Is(err, iam.ErrConflict) {
					return fmt.Errorf("got %w, want a refusal that is recorded", err)
				}
				return nil
			})
		default:
			events++
			writers = append(writers, func() error {
				return o.svc.Attend(ctx, o.id, o.rootID, func(c iam.Change) error {
					if err := c.Record(iam.SignedIn, iam.Failed); err != nil {
						return err
					}
					return c.Record(iam.SignedIn, iam.Done)
				})
			})
		}
	}
	return writers, events
}

func parallelWriters(w *world) {
	o := w.keyed("key")
	before := o.checkpoint()
	writers, events := o.writers(50)
	w.expected(atOnce(writers...))
	all := o.log()
	equal(w, "events", int64(len(all)), before.Count+events)
	equal(w, "the count", must(w.st.LogHead(w.Context(), o.id))(w), iam.LogHead{Count: before.Count + events, Hash: all[len(all)-1].Hash})
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.Hash] {
			w.Errorf("two events have the hash %s", e.Hash)
		}
		seen[e.Hash] = true
	}
	o.intact("all", iam.Checkpoint{})
	o.intact("since", before)
}

func verifyWhileWriting(w *world) {
	o := w.keyed("key")
	o.many(990) // so that a page ends in the middle of what is written
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			since := o.checkpoint()
			for {
				select {
				case <-done:
					return
				default:
				}
				o.intact("all", iam.Checkpoint{})
				report := o.intact("since", since)
				if report.Checkpoint.Count < since.Count {
					o.Errorf("got the count %d after %d", report.Checkpoint.Count, since.Count)
				}
				since = o.checkpoint()
			}
		})
	}
	for range 5 {
		writers, _ := o.writers(20)
		w.expected(atOnce(writers...))
	}
	close(done)
	wg.Wait()
	o.intact("afterwards", iam.Checkpoint{})
}

// watched is a store that remembers how events were asked for, and what was found.
type watched struct {
	iam.Store
	queries *[]iam.EventQuery
	found   *int
}

func (s watched) Events(ctx context.Context, org policy.OrgID, q iam.EventQuery) ([]iam.Event, error) {
	events, err := s.Store.Events(ctx, org, q)
	*s.queries = append(*s.queries, q)
	*s.found += len(events)
	return events, err
}

func verifyReadsLittle(w *world) {
	o := w.keyed("key")
	o.many(1500)
	since := o.checkpoint()
	o.host(2)
	// Something is wrong before the checkpoint: who begins there does not see it.
	o.sql("UPDATE iam_events SET target = 'x' WHERE org_id = ? AND revision = 1 AND ordinal = 1", o.id)
	var queries []iam.EventQuery
	var found int
	svc := o.svc.WithStore(watched{w.st, &queries, &found})
	report := must(svc.System("test").In(o.id).VerifyEvents(w.Context(), since))(w)
	equal(w, "events", report.Events, 2)
	equal(w, "queries", len(queries), 1)
	equal(w, "events that were read", found, 3) // the checkpoint's own is looked at
	queries, found = nil, 0
	must(svc.System("test").In(o.id).Checkpoint(w.Context()))(w)
	equal(w, "queries for a checkpoint", len(queries), 1)
	o.broken("all", iam.Checkpoint{})
}

func whoVerifies(w *world) {
	o := w.organization(emqx.System())
	for _, role := range subAccountRoles {
		actor := o.as(o.account(role))
		reads := role == emqx.Administrator || role == emqx.Auditor
		equal(w, string(role)+" verifies the log", second(actor.VerifyEvents(o.Context(), iam.Checkpoint{})) == nil, reads)
		equal(w, string(role)+" takes a checkpoint", second(actor.Checkpoint(o.Context())) == nil, reads)
	}
}

// A checkpoint as a text is one line, whatever the organisation is called.
func TestCheckpointText(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0f", 32)
	for _, c := range []iam.Checkpoint{
		{}, {Org: "acme"}, {Org: "a b 12.3 :\u202e"},
		{Org: "acme", Count: 12, Position: iam.EventPosition{Revision: 7, Ordinal: 3}, Hash: hash},
	} {
		text := must(c.MarshalText())(t)
		var back iam.Checkpoint
		if err := back.UnmarshalText(text); err != nil || back != c {
			t.Errorf("%q: got %+v and the error %v", text, back, err)
		}
	}
	if got := string(must(iam.Checkpoint{Org: "acme", Count: 12, Position: iam.EventPosition{Revision: 7, Ordinal: 3}, Hash: hash}.MarshalText())(t)); got != "12 7.3 "+hash+" acme" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{
		"", "acme", "12 7.3 " + hash, "12 7.3 " + hash + " ", "0 7.3  acme", "12 0.0 " + hash + " acme", "12 7.3 0f acme", "12 7 " + hash + " acme",
		"-1 7.3 " + hash + " acme", "+12 7.3 " + hash + " acme", "012 7.3 " + hash + " acme", "12 7.3 " + hash + " ac\nme",
		"99999999999999999999 7.3 " + hash + " acme", "12 7.3 " + hash + "00 acme",
	} {
		if c, err := iam.ParseCheckpoint(text); !errors.Is(err, iam.ErrInvalid) || c != (iam.Checkpoint{}) {
			t.Errorf("ParseCheckpoint(%q): got %+v and the error %v", text, c, err)
		}
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add("12 7.3 " + strings.Repeat("0f", 32) + " acme")
	f.Add("0 0.0  acme")
	f.Add("0 0.0  ")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := iam.ParseCheckpoint(text)
		if err != nil {
			return
		}
		if back := must(c.MarshalText())(t); string(back) != text {
			t.Errorf("ParseCheckpoint(%q) writes %q", text, back)
		}
	})
}
