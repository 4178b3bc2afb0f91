package iam_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// none is a store that nothing may touch: New and the pure answers do no I/O.
type none struct{ iam.Store }

func TestNewRefusesBadSystems(t *testing.T) {
	t.Parallel()
	for _, system := range []iam.System{emqx.System(), emqx.LegacySystem(), lanit.System(), devicehub.System()} {
		if _, err := iam.New(none{}, system, iam.Config{}); err != nil {
			t.Errorf("%s: %v", system.Name, err)
		}
	}
	changed := func(change func(s *iam.System)) iam.System {
		s := emqx.System()
		s.Rules.Administrators = slices.Clone(s.Rules.Administrators)
		change(&s)
		return s
	}
	for what, c := range map[string]struct {
		system iam.System
		says   string
	}{
		"no policy":             {changed(func(s *iam.System) { s.Policy = nil }), "Policy is nil"},
		"the zero System":       {iam.System{}, "Policy is nil"},
		"unknown root role":     {changed(func(s *iam.System) { s.Rules.RootRole = "boss" }), `role "boss"`},
		"unknown administrator": {changed(func(s *iam.System) { s.Rules.Administrators[1] = "boss" }), `role "boss"`},
		"another system's":      {changed(func(s *iam.System) { s.Policy = lanit.System().Policy }), `role "root"`},
		"unknown permission":    {changed(func(s *iam.System) { s.Rules.Permissions.ReadEvents = "audit:read" }), `"audit:read"`},
		"no permission":         {changed(func(s *iam.System) { s.Rules.Permissions.BindProjects = "bind" }), `"bind"`},
	} {
		if _, err := iam.New(none{}, c.system, iam.Config{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got the error %v, want one that names %s", what, err, c.says)
		}
	}
	if _, err := iam.New(nil, emqx.System(), iam.Config{}); err == nil {
		t.Error("a nil store is taken")
	}
}

func TestSetPolicy(t *testing.T) {
	t.Parallel()
	svc := must(iam.New(none{}, emqx.System(), iam.Config{}))(t)
	copied := svc.WithStore(none{})
	first := svc.Policy()
	for what, p := range map[string]*policy.Policy{"nil": nil, "one without the roles": lanit.System().Policy} {
		if err := svc.SetPolicy(p); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	equal(t, "the policy after refusals", svc.Policy(), first)
	legacy := emqx.LegacySystem()
	if err := svc.SetPolicy(legacy.Policy); err == nil {
		t.Error("a policy without a permission of the rules is taken")
	}
	next := must(first.With(must(policy.ReadDocument("more.csv", []byte("p4, helper, Helper\n")))(t)))(t)
	if err := copied.SetPolicy(next); err != nil {
		t.Fatal(err)
	}
	equal(t, "the policy of the service that WithStore copied", svc.Policy(), next)
	equal(t, "its rules", svc.Rules().RootRole, emqx.Root)
}

// The zero values deny, and panic nowhere.
func TestZeroValuesDeny(t *testing.T) {
	t.Parallel()
	svc := must(iam.New(none{}, emqx.System(), iam.Config{}))(t)
	var sub iam.Subject
	r := emqx.Deployment.In("acme", "p1").Named("d1")
	equal(t, "Can", svc.Can(sub, emqx.View, r), false)
	equal(t, "Explain", svc.Explain(sub, emqx.View, r).Reason, policy.NoSubject)
	equal(t, "Reach", svc.Reach(sub, emqx.View, emqx.Deployment).IsNone(), true)
	same(t, "Permissions", svc.Permissions(sub, r), nil)
	same(t, "Filter", iam.Filter(sub, emqx.View, []policy.Resource{r}), nil)
	equal(t, "its account", sub.ID()+policy.AccountID(sub.Org())+policy.AccountID(sub.Status())+policy.AccountID(sub.Email()), "")
	equal(t, "its revision and roles", int(sub.Revision())+len(sub.Roles()), 0)
	equal(t, "whether it is root", sub.Root(), false)
	err := svc.Authorize(sub, emqx.View, r)
	var forbidden *iam.ForbiddenError
	if !errors.As(err, &forbidden) || !forbidden.Hidden {
		t.Errorf("Authorize: got %v, want a hidden refusal", err)
	}
	who, err := svc.WhoCan(t.Context(), emqx.View, emqx.Deployment.Of(""))
	if len(who) != 0 || err != nil {
		t.Errorf("WhoCan without an organisation: got %v, %v", who, err)
	}
	who, err = svc.WhoCan(t.Context(), "explode", r)
	if len(who) != 0 || err != nil {
		t.Errorf("WhoCan of an unknown action: got %v, %v", who, err)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		sub := o.subject(o.rootID)
		type subjectKey struct{} // called like the library's own, and another
		ctx := iam.NewContext(context.WithValue(t.Context(), subjectKey{}, "a string"), sub)
		equal(t, "the subject", iam.FromContext(ctx).ID(), o.rootID)
		equal(t, "none", iam.FromContext(t.Context()).ID(), "")
		equal(t, "the last one", iam.FromContext(iam.NewContext(ctx, iam.Subject{})).ID(), "")
		equal(t, "whether none may", o.svc.Can(iam.FromContext(t.Context()), emqx.View, emqx.Deployment.Of(o.id)), false)
	})
}

func TestForbiddenError(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		id := o.account(emqx.ProjectUser)
		o.bind(id, emqx.ProjectUser, "p1")
		sub := o.subject(id)
		refusal := func(err error) *iam.ForbiddenError {
			var refusal *iam.ForbiddenError
			if !errors.As(err, &refusal) || !errors.Is(err, iam.ErrForbidden) || errors.Is(err, iam.ErrNotFound) {
				t.Fatalf("got %v, want a ForbiddenError", err)
			}
			// To the outside it says nothing of what it knows.
			var logged strings.Builder
			slog.New(slog.NewTextHandler(&logged, nil)).Info("", "err", err)
			for _, text := range []string{err.Error(), logged.String()} {
				for _, fact := range []string{string(id), "deployment", "p1", "secret", "project_user", "policy.csv"} {
					if strings.Contains(text, fact) {
						t.Errorf("%q tells %q", text, fact)
					}
				}
			}
			return refusal
		}
		seen := refusal(o.svc.Authorize(sub, emqx.Delete, emqx.Deployment.In(o.id, "p1").Named("secret")))
		hidden := refusal(o.svc.Authorize(sub, emqx.Delete, emqx.Deployment.In(o.id, "p2").Named("secret")))
		equal(t, "one text for both", seen.Error(), hidden.Error())
		equal(t, "Hidden where it may view", seen.Hidden, false)
		equal(t, "Hidden where it may not", hidden.Hidden, true)
		equal(t, "the reason", seen.Decision.Reason, policy.ReadOnly)
		for _, fact := range []string{string(id), "deployment:delete", "read only", "project_user"} {
			if !strings.Contains(seen.Facts(), fact) {
				t.Errorf("the facts %q lack %q", seen.Facts(), fact)
			}
		}

		// A refusal to give says what was missing.
		must(o.root().GiveGrant(o.Context(), id, policy.GrantPermission(emqx.SubaccountManage, policy.AtOrg(o.id))))(w)
		given := refusal(second(o.as(id).GiveGrant(o.Context(), o.account(emqx.Auditor), policy.GrantPermission(emqx.BillingView, policy.AtOrg(o.id)))))
		if given.Ceiling == nil || !slices.Equal(given.Ceiling.Missing, []policy.Permission{emqx.BillingView}) || !strings.Contains(given.Facts(), "billing:view") {
			t.Errorf("the refusal to give says %q (%+v), want that billing:view is missing", given.Facts(), given.Ceiling)
		}
	})
}

func TestFieldError(t *testing.T) {
	t.Parallel()
	plain := error(&iam.FieldError{Field: "Email", Problem: "want one address"})
	special := error(&iam.FieldError{Field: "Email", Problem: "is taken", Reason: iam.ErrExists})
	equal(t, "its text", plain.Error(), "iam: Email: want one address")
	for _, c := range []struct {
		err    error
		target error
		want   bool
	}{
		{plain, iam.ErrInvalid, true}, {plain, iam.ErrExists, false}, {plain, iam.ErrForbidden, false},
		{special, iam.ErrInvalid, true}, {special, iam.ErrExists, true}, {special, iam.ErrNotFound, false},
	} {
		equal(t, c.err.Error()+" is "+c.target.Error(), errors.Is(c.err, c.target), c.want)
	}
}
