package iamhttp

import (
	"encoding/json"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Permissions answers what a console needs to draw its buttons: everything that the subject may do
// around the resource of the request, in the order of the policy.
//
//	{"permissions":["deployment:view","deployment:start_stop"]}
//
// What the subject does not see is not found. The errors of the function are those of [RequireItem].
func (g *Guard) Permissions(of func(r *http.Request) (policy.Resource, error)) http.Handler {
	must(of != nil, "the resource function is nil")
	return guarded(g, of, g.seen, func(w http.ResponseWriter, r *http.Request, resource policy.Resource) {
		permissions := g.svc.Permissions(iam.FromContext(r.Context()), resource)
		if permissions == nil {
			permissions = []policy.Permission{} // an empty list, and not null
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		// An error here means that the client has gone: there is nobody to tell.
		_ = json.NewEncoder(w).Encode(map[string][]policy.Permission{"permissions": permissions})
	})
}

// seen refuses a subject that does not see the resource.
func (g *Guard) seen(sub iam.Subject, resource policy.Resource) error {
	if sub.Holder().Sees(resource) {
		return nil
	}
	return &iam.ForbiddenError{Decision: g.svc.Explain(sub, reading(sub, resource.Kind), resource), Hidden: true}
}

// reading is the action by which a resource of the kind is seen.
func reading(sub iam.Subject, kind policy.Kind) policy.Action {
	if !sub.Holder().Policy().Knows(kind, policy.View) {
		return policy.List
	}
	return policy.View
}
