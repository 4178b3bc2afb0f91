package iam_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// remembering makes a service with memory on a database. Its clock stands still: nothing grows too old by itself.
func remembering(w *world, db *gorm.DB) *iam.Service {
	w.Helper()
	return must(iam.New(store.New(db), emqx.System(), iam.Config{
		Now: newClock().now, MaxStaleness: bound, BaseURL: "https://console.example", Keys: testKeys(),
	}))(w)
}

// What a process changes itself, it sees at once: everything that decides, on every database. Another node
// sees it when it has asked.
func TestOwnChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o := w.organization(emqx.System())
		here, there := remembering(w, w.db), remembering(w, testdb.Again(w, w.db, &gorm.Config{}))
		ctx, actor := w.Context(), here.System("test").In(o.id)
		uma := o.account(emqx.ProjectAdmin)
		stop := emqx.Deployment.In(o.id, "p1")
		may := func(svc *iam.Service) bool {
			sub, err := svc.Subject(ctx, uma)
			if errors.Is(err, iam.ErrNotFound) {
				return false
			}
			w.ok(err)
			return svc.Can(sub, emqx.StartStop, stop)
		}
		bound := iam.Binding{Account: uma, Role: emqx.ProjectAdmin, Project: "p1"}
		var grant iam.Grant
		for _, step := range []struct {
			what string
			do   func() error
			may  bool
		}{
			{"nothing yet", func() error { return nil }, false},
			{"bound", func() error { return actor.Bind(ctx, bound) }, true},
			{"disabled", func() error { return second(actor.Disable(ctx, uma)) }, false},
			{"enabled", func() error { return second(actor.Enable(ctx, uma)) }, true}, // with its bindings (E13)
			{"unbound", func() error { return actor.Unbind(ctx, bound) }, false},
			{"an open project", func() error { return actor.OpenProject(ctx, "p1") }, true},
			{"closed", func() error { return actor.CloseProject(ctx, "p1") }, false},
			{"granted", func() (err error) {
				grant, err = actor.GiveGrant(ctx, uma, policy.GrantPermission(emqx.DeploymentStartStop, policy.AtProject(o.id, "p1")))
				return err
			}, true},
			{"revoked", func() error { return actor.RevokeGrant(ctx, grant.ID) }, false},
			{"administrator", func() error { _, _, err := actor.SetRoles(ctx, uma, emqx.Administrator); return err }, true},
			{"gone", func() error { return actor.Delete(ctx, uma) }, false},
		} {
			before := may(there)
			w.ok(step.do())
			equal(w, step.what+", here", may(here), step.may)
			equal(w, step.what+", there, from memory", may(there), before)
			w.ok(there.Refresh(ctx))
			equal(w, step.what+", there, when it has asked", may(there), step.may)
		}
	})
}

// What is changed within the host's transaction is seen when that is committed, and not when it is rolled back.
func TestAHostsTransactionIsSeenWhenItCommits(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o := w.organization(emqx.System())
		svc := remembering(w, w.db)
		ctx, uma := w.Context(), o.account(emqx.ProjectAdmin)
		may := func(svc *iam.Service) bool {
			return svc.Can(must(svc.Subject(ctx, uma))(w), emqx.StartStop, emqx.Deployment.In(o.id, "p1"))
		}
		boom := errors.New("boom")
		for _, outcome := range []error{boom, nil} {
			may(svc)
			err := w.db.Transaction(func(tx *gorm.DB) error {
				within := svc.WithStore(w.st.In(tx))
				w.ok(within.System("test").In(o.id).Bind(ctx, iam.Binding{Account: uma, Role: emqx.ProjectAdmin, Project: "p1"}))
				equal(w, "within", may(within), true)
				return outcome
			})
			equal(w, "the outcome", err, outcome)
			equal(w, "behind it", may(svc), outcome == nil)
		}
	})
}

// The feed is asked on a database too, and Run ends with its context.
func TestRunAsksAgainAndAgain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o := w.organization(emqx.System())
		ann := o.account(emqx.Administrator)
		asks := make(chan struct{}, 1)
		st := telling{store.New(testdb.Again(w, w.db, &gorm.Config{})), asks}
		there := must(iam.New(st, emqx.System(), iam.Config{MaxStaleness: 4 * time.Millisecond}))(w)
		must(there.Subject(w.Context(), ann))(w)
		ended := make(chan error)
		ctx, end := context.WithCancel(w.Context())
		defer end()
		go func() { ended <- there.Run(ctx) }()
		o.account(emqx.Auditor) // another node's change, of the same organisation
		for range 3 {
			<-asks
		}
		if sub := must(there.Subject(w.Context(), ann))(w); sub.Revision() < o.revision() {
			w.Errorf("the subject is of revision %d, and the organisation of %d", sub.Revision(), o.revision())
		}
		end()
		w.ok(<-ended)
	})
}

// telling is a store that tells when it is asked for revisions.
type telling struct {
	*store.Store
	asked chan<- struct{}
}

func (s telling) Revisions(ctx context.Context, orgs []policy.OrgID) (map[policy.OrgID]int64, error) {
	revisions, err := s.Store.Revisions(ctx, orgs)
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return revisions, err
}
