package iam_test

import (
	"context"
	"crypto/rand"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// keyMethods are the methods of Actor about API keys.
func (g guarded) keyMethods() map[string]aimed {
	// What each who may manage keys has, also by grants alone.
	params := iam.APIKeyParams{Description: "changed", Scope: policy.Scope{
		Permissions: []policy.Permission{g.system.Rules.Permissions.ListAccounts}, AllProjects: true,
	}}
	return map[string]aimed{
		"APIKeys": {"", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.APIKeys(ctx, iam.APIKeyQuery{}))
		}},
		"CreateAPIKey": {"", func(ctx context.Context, a iam.Actor, x target) error {
			_, _, err := a.CreateAPIKey(ctx, params)
			return err
		}},
		"UpdateAPIKey": {"key", func(ctx context.Context, a iam.Actor, x target) error {
			return second(a.UpdateAPIKey(ctx, x.key, params))
		}},
		"DeleteAPIKey": {"key", func(ctx context.Context, a iam.Actor, x target) error { return a.DeleteAPIKey(ctx, x.key) }},
	}
}

// prepareKey makes the key that the methods about one are aimed at: of root's, past the policy.
func (g guarded) prepareKey(o *org, method string, x *target) {
	o.Helper()
	if method == "UpdateAPIKey" || method == "DeleteAPIKey" {
		x.key = o.keyPast(o.rootID, policy.Scope{Permissions: []policy.Permission{g.task}, AllProjects: true}).ID
	}
}

// keyPast stores a key of an account, past the policy.
func (o *org) keyPast(account policy.AccountID, scope policy.Scope) iam.APIKey {
	o.Helper()
	hash := must(iam.NewToken(rand.Reader))(o).Hash()
	k := iam.APIKey{
		ID: iam.APIKeyID(rand.Text()), Org: o.id, Account: account, Scope: scope, Hash: hash,
		Created: o.clock.now().UTC(), Updated: o.clock.now().UTC(),
	}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.InsertAPIKey(o.Context(), k) }))
	return k
}

// byKey acts by a key that has all of a policy in its scope: what it is refused, no key may.
func (g guarded) byKey(o *org, account policy.AccountID) iam.Actor {
	o.Helper()
	k := o.keyPast(account, policy.Scope{Permissions: g.system.Policy.Vocabulary(), AllProjects: true})
	return o.svc.As(must(o.svc.SubjectOfKey(o.Context(), k))(o))
}
