package iamhttp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Mistakes of the host's code: 500, and an error in the log.
var (
	errNotLoaded = errors.New("iamhttp: no subject was loaded: put Guard.Load in front of this handler")
	errWrongKind = errors.New("iamhttp: the permission is about another kind than the resource")
	errNoPlace   = errors.New("iamhttp: the item is of the permission's own kind, and no place for one: use RequireItem")
)

// RequireItem guards a handler: it loads the item that the request is about, and calls serve with it
// when the subject has the permission on it. So the item is loaded once, and no handler can work on
// another one than was decided about. The error of serve is answered as [Guard.Handler] does.
//
// The load function reads the item that the path names, best from the rows of the subject's
// organisation: iam.FromContext(r.Context()).Org(). [iam.ErrNotFound] says that there is none; other
// errors are answered as [Guard.Error] does, but that JSON which it cannot read is the host's, with
// 500. Panics pass through.
//
// The item's kind is the permission's, or one with the same base: deployment.tls:manage is
// asked of a deployment, so that one load function serves every route below /deployments/{id}.
//
// A handler without Load in front is a mistake in the host's code. It is denied with 500, and not with
// 401: signing in would not help. A permission that the policy does not know is denied too. The log
// has both as errors.
func RequireItem[T iam.Resourcer](g *Guard, need policy.Permission, load func(r *http.Request) (T, error), serve func(w http.ResponseWriter, r *http.Request, item T) error) http.Handler {
	must(g != nil, "the guard is nil")
	must(serve != nil, "the handler is nil")
	return guarded(g, load, g.allows(need), answering(g, serve))
}

// RequireIn guards a handler that makes something in a place, such as a deployment in a project: it
// loads the place, and calls serve with it when the subject has the permission there. It asks about
// anything of the permission's kind in the project of the place's resource: without an id, an owner
// or attributes, so that no grant on a single one and no condition on an attribute suffices. A place
// outside of projects takes a permission in the whole organisation.
//
// A refusal on a place that the subject does not see is answered as if there were no such place. An
// item of the permission's own kind is no place: it is denied with 500, since [RequireItem] was
// meant. All else is as there.
func RequireIn[T iam.Resourcer](g *Guard, need policy.Permission, load func(r *http.Request) (T, error), serve func(w http.ResponseWriter, r *http.Request, place T) error) http.Handler {
	must(g != nil, "the guard is nil")
	must(serve != nil, "the handler is nil")
	return guarded(g, load, func(sub iam.Subject, place policy.Resource) error {
		if need.Kind().Base() == place.Kind.Base() {
			return fmt.Errorf("%w: %q is required in %q", errNoPlace, need, place.Kind)
		}
		inside := need.Kind().In(place.Org, place.Project)
		if g.svc.Can(sub, need.Action(), inside) {
			return nil
		}
		return &iam.ForbiddenError{Decision: g.svc.Explain(sub, need.Action(), inside), Hidden: !sub.Holder().Sees(place)}
	}, answering(g, serve))
}

// RequireReach guards a list: it calls serve with the reach of the subject, which is what the list is
// to be narrowed to, such as by store.InReach. The error of serve is answered as [Guard.Handler] does.
//
// Whoever reaches nothing is served too, with a reach that contains nothing: a list of what one may
// not see is empty, and says as little as one of what does not exist. So a new account gets an empty
// page, and not an error. A list that only some may ask for is guarded by [Guard.RequireOrg].
//
// A handler without Load in front is denied as [RequireItem] does, and so is a permission that the
// policy does not know: it would make a list that is empty for everybody.
func RequireReach(g *Guard, need policy.Permission, serve func(w http.ResponseWriter, r *http.Request, reach policy.Reach) error) http.Handler {
	must(g != nil, "the guard is nil")
	must(serve != nil, "the handler is nil")
	return g.Handler(func(w http.ResponseWriter, r *http.Request) error {
		sub := iam.FromContext(r.Context())
		if err := active(sub); err != nil {
			return err
		}
		if !sub.Holder().Policy().Knows(need.Kind(), need.Action()) {
			return g.svc.Authorize(sub, need.Action(), need.Kind().Of(sub.Org()))
		}
		return serve(w, r, g.svc.Reach(sub, need.Action(), need.Kind()))
	})
}

// Require guards a handler that needs no item beside the resource: see [RequireItem].
func (g *Guard) Require(need policy.Permission, of func(r *http.Request) (policy.Resource, error), next http.Handler) http.Handler {
	must(next != nil, "the handler is nil")
	return guarded(g, of, g.allows(need), func(w http.ResponseWriter, r *http.Request, _ policy.Resource) {
		next.ServeHTTP(w, r)
	})
}

// RequireOrg guards a handler that is about the whole organisation of whoever asks, such as its
// audit log or its bills.
func (g *Guard) RequireOrg(need policy.Permission, next http.Handler) http.Handler {
	return g.Require(need, func(r *http.Request) (policy.Resource, error) {
		return need.Kind().Of(iam.FromContext(r.Context()).Org()), nil
	}, next)
}

// allows asks for the permission on the resource, or on that facet of it which the permission is about.
func (g *Guard) allows(need policy.Permission) func(sub iam.Subject, resource policy.Resource) error {
	return func(sub iam.Subject, resource policy.Resource) error {
		if need.Kind().Base() != resource.Kind.Base() {
			return fmt.Errorf("%w: %q is required of %q", errWrongKind, need, resource.Kind)
		}
		resource.Kind = need.Kind()
		return g.svc.Authorize(sub, need.Action(), resource)
	}
}

// guarded asks who it is, loads the item, asks about it, and only then serves.
func guarded[T iam.Resourcer](g *Guard, load func(r *http.Request) (T, error), ask func(sub iam.Subject, resource policy.Resource) error, serve func(w http.ResponseWriter, r *http.Request, item T)) http.Handler {
	must(load != nil, "the load function is nil")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sub := iam.FromContext(r.Context())
		err := active(sub)
		var item T
		if err == nil {
			item, err = load(r)
		}
		if err == nil {
			err = ask(sub, item.Resource())
		}
		if err != nil {
			g.refuse(w, r, "", answerTo(err), err)
			return
		}
		serve(w, r, item)
	})
}
