package iam_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// halfStore is a store on the pool that fails, but for the subjects that fill a memory before a call.
type halfStore struct {
	iam.Store
	healthy iam.Store
	loads   atomic.Int64
}

func (h *halfStore) Subject(ctx context.Context, id policy.AccountID) (iam.SubjectRecord, error) {
	h.loads.Add(1)
	return h.healthy.Subject(ctx, id)
}

// remember makes a service that has an account and root in memory. It is another one for each call, for the rows go
// back behind a fault, and revisions with them, which a process never sees.
func (f *failing) remember() (*iam.Service, *halfStore) {
	f.Helper()
	half := &halfStore{Store: f.store, healthy: f.st}
	svc := f.memoryOn(half)
	for _, id := range []policy.AccountID{f.x.account, f.rootID} {
		_, _ = svc.Subject(f.Context(), id) // gone behind a Delete
	}
	before := half.loads.Load()
	_, _ = f.standing(svc, f.rootID), f.standing(svc, f.x.account)
	if half.loads.Load() != before {
		f.Error("what is to be tried has nothing in memory")
	}
	f.kept = svc
	return svc, half
}

func (f *failing) memoryOn(st iam.Store) *iam.Service {
	f.Helper()
	return must(iam.New(st, f.g.system, iam.Config{
		Now: f.clock.now, MaxStaleness: bound, BaseURL: "https://console.example", Keys: testKeys(),
	}))(f)
}

// standing is what a service says that an account may do.
func (f *failing) standing(svc *iam.Service, id policy.AccountID) string {
	f.Helper()
	sub, err := svc.Subject(f.Context(), id)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%d %s %v", sub.Revision(), sub.Status(), sub.Roles())
	for _, kind := range []policy.Kind{f.g.task.Kind(), f.g.system.Rules.Permissions.ManageAccounts.Kind()} {
		for _, project := range []policy.ProjectID{"", "p1", "p2"} {
			text += fmt.Sprint("\n", kind, " in ", project, ": ", svc.Permissions(sub, kind.In(f.id, project).Named("r1")))
		}
	}
	return text
}

// remembersRightly wants what a memory answers to be what the database does: a commit whose answer was lost may have
// taken something away (SB-38).
func (f *failing) remembersRightly(tb testing.TB) {
	tb.Helper()
	if f.kept == nil {
		return
	}
	for _, id := range []policy.AccountID{f.x.account, f.rootID} {
		if got, want := f.standing(f.kept, id), f.standing(f.org.svc, id); got != want {
			tb.Errorf("from memory: got %s\nwant, as the database has it: %s", got, want)
		}
	}
}

// faultMemory are changes made, and subjects read, by a service that keeps subjects in memory.
func faultMemory() map[string]faultCase {
	all := map[string]faultCase{
		"Bind with memory, in the host's transaction": {once: true, call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				svc, _ := f.remember()
				root := must(svc.Subject(f.Context(), f.rootID))(f)
				return nil, f.broken.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
					actor := svc.WithStore(f.store.In(tx)).As(root)
					return actor.Bind(ctx, iam.Binding{Account: f.x.account, Role: f.g.bindable, Project: "p1"})
				})
			}
		}},
		"Service.Subject with memory": {reads: true, call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				sub, err := f.memoryOn(f.store).Subject(ctx, f.x.account)
				return sub.Revision(), err
			}
		}},
		"Service.SubjectAtLeast with memory": {reads: true, call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				sub, err := f.memoryOn(f.store).SubjectAtLeast(ctx, f.x.account, 2)
				return sub.Revision(), err
			}
		}},
		"Service.Refresh": {reads: true, call: refreshed},
	}
	for method, again := range map[string]error{"Disable": nil, "Bind": nil, "Unbind": nil, "SetRoles": nil, "Delete": iam.ErrNotFound} {
		all[method+" with memory"] = faultCase{again: again, call: func(f *failing) func(ctx context.Context) (any, error) {
			return func(ctx context.Context) (any, error) {
				svc, _ := f.remember()
				root := must(svc.Subject(f.Context(), f.rootID))(f)
				return nil, f.g.methods()[method].call(ctx, svc.As(root), f.x)
			}
		}}
	}
	return all
}

// refreshed asks which organisations have changed, right before the bound. When that failed, nothing is good for longer
// than it was.
func refreshed(f *failing) func(ctx context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		svc, half := f.remember()
		f.kept = nil // nothing changes here
		f.clock.advance(bound - time.Millisecond)
		err := svc.Refresh(ctx)
		f.clock.advance(time.Millisecond)
		before := half.loads.Load()
		_ = f.standing(svc, f.x.account)
		asked := half.loads.Load() - before
		if err != nil {
			if asked == 0 {
				err = errors.New("what nobody has confirmed is used beyond the bound")
			}
			return nil, err
		}
		return asked, nil
	}
}
