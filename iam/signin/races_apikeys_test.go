package signin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestAPIKeyRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-64, SB-71: a use in flight gets what its account is when it is loaded", keyUseInFlight)
		w.run("SB-39: a use in flight brings no key back", noKeyResurrection)
		w.run("of those who delete a key at once, one has", raceDeleteKey)
		w.run("a key that is used while it is deleted is dead behind it", raceUseAndDelete)
		w.run("SB-64: no change by a key commits behind the one that takes its right", raceActAndDemote)
		w.run("SB-61: a scope that is edited while its account is demoted fits the account", raceEditAndDemote)
	})
}

// heldKey is a store in which a use of a key stands still behind each of its steps.
type heldKey struct {
	iam.Store
	read, touched chan struct{} // nil for not there; sent to when it stands, and again to go on
}

func stand(at chan struct{}) {
	if at != nil {
		at <- struct{}{}
		at <- struct{}{}
	}
}

func (s heldKey) APIKeyRecord(ctx context.Context, id iam.APIKeyID) (iam.APIKeyRecord, error) {
	record, err := s.Store.APIKeyRecord(ctx, id)
	stand(s.read)
	return record, err
}

func (s heldKey) TouchAPIKey(ctx context.Context, id iam.APIKeyID, used time.Time) error {
	stand(s.touched)
	return s.Store.TouchAPIKey(ctx, id, used)
}

// keyUseInFlight changes the account between the two statements of a use.
func keyUseInFlight(w *world) {
	o := w.organization(emqx.System())
	for what, change := range map[string]func(p *person) error{
		"disabled": func(p *person) error { return second(o.system().Disable(o.Context(), p.id)) },
		"deleted":  func(p *person) error { return o.system().Delete(o.Context(), p.id) },
		"demoted": func(p *person) error {
			_, _, err := o.system().SetRoles(o.Context(), p.id, emqx.Auditor)
			return err
		},
	} {
		p := o.account(emqx.Administrator)
		_, secret := p.apiKey(emqx.DeploymentRename)
		held := heldKey{Store: w.st, read: make(chan struct{})}
		type result struct {
			sub iam.Subject
			err error
		}
		done := make(chan result)
		go func() {
			sub, _, err := o.on(held).in.Key(o.ctx(), secret)
			done <- result{sub, err}
		}()
		<-held.read
		w.ok(change(p))
		<-held.read
		got := <-done
		if what == "demoted" {
			w.ok(got.err)
		} else {
			w.refused(got.err, signin.ErrKey)
		}
		equal(w, what+": may", o.svc.Can(got.sub, emqx.DeploymentRename.Action(), emqx.Deployment.In(o.id, "p1").Named("d")), false)
	}
}

func noKeyResurrection(w *world) {
	o := w.organization(emqx.System())
	for what, end := range map[string]func(p *person, k iam.APIKey) error{
		"deleted":         func(_ *person, k iam.APIKey) error { return o.root.actor().DeleteAPIKey(o.Context(), k.ID) },
		"account deleted": func(p *person, _ iam.APIKey) error { return o.system().Delete(o.Context(), p.id) },
	} {
		p := o.account(emqx.Administrator)
		k, secret := p.apiKey(emqx.DeploymentView)
		held := heldKey{Store: w.st, touched: make(chan struct{})}
		done := make(chan error)
		go func() { done <- third(o.on(held).in.Key(o.ctx(), secret)) }()
		<-held.touched
		w.ok(end(p, k))
		<-held.touched
		w.ok(<-done) // it had begun before
		if _, err := w.st.APIKeyRecord(w.Context(), k.ID); !errors.Is(err, iam.ErrNotFound) {
			w.Errorf("%s: the key is back: %v", what, err)
		}
		equal(w, what+": lets in", o.canByKey(secret, emqx.DeploymentView), false)
	}
}

func raceDeleteKey(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		k, _ := o.root.apiKey(emqx.DeploymentView)
		before := len(o.events(iam.APIKeyDeleted))
		remove := func() error { return root.DeleteAPIKey(o.Context(), k.ID) }
		errs := atOnce(remove, remove, remove, remove)
		equal(w, "have deleted it", w.expected(errs, iam.ErrNotFound), 1)
		equal(w, "events", len(o.events(iam.APIKeyDeleted))-before, 1)
	})
}

func raceUseAndDelete(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		k, secret := o.root.apiKey(emqx.DeploymentView)
		o.clock.advance(time.Minute) // so that each use is written
		use := func() error { return third(o.in.Key(o.ctx(), secret)) }
		errs := atOnce(use, use, func() error { return root.DeleteAPIKey(o.Context(), k.ID) }, use, use)
		w.ok(errs[2])
		w.expected(errs, signin.ErrKey, iam.ErrThrottled)
		if _, err := w.st.APIKeyRecord(w.Context(), k.ID); !errors.Is(err, iam.ErrNotFound) {
			w.Errorf("the key is back: %v", err)
		}
	})
}

func raceActAndDemote(w *world) {
	o := w.organization(emqx.System())
	w.rounds(func() {
		p := o.account(emqx.Administrator)
		k, secret := p.apiKey(emqx.ProjectDelete)
		sub, _, err := o.in.Key(o.ctx(), secret)
		w.ok(err)
		before := len(o.events())
		act := func() error { return o.svc.As(sub).ForgetProject(o.Context(), "p1") }
		errs := atOnce(act, func() error {
			_, _, err := o.system().SetRoles(o.Context(), p.id, emqx.Auditor)
			return err
		}, act)
		w.ok(errs[1])
		w.expected(errs, iam.ErrForbidden)
		demoted := false
		for _, e := range o.events()[before:] {
			if e.Type == iam.AccountRolesChanged {
				demoted = true
			}
			if e.Type == iam.ProjectForgotten && (demoted || e.Role != "api key "+string(k.ID)) {
				w.Errorf("behind the demotion: %+v", e)
			}
		}
	})
}

func raceEditAndDemote(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		p := o.account(emqx.Administrator)
		k, _ := p.apiKey(emqx.DeploymentView)
		before := len(o.events())
		wider := policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentDelete}, AllProjects: true}
		errs := atOnce(
			func() error { return second(root.UpdateAPIKey(o.Context(), k.ID, iam.APIKeyParams{Scope: wider})) },
			func() error {
				_, _, err := o.system().SetRoles(o.Context(), p.id, emqx.Auditor)
				return err
			},
		)
		w.ok(errs[1])
		w.expected(errs, iam.ErrInvalid)
		events := o.events()[before:]
		if events[0].Type == iam.AccountRolesChanged && errs[0] == nil {
			w.Error("a scope was widened behind the demotion")
		}
	})
}
