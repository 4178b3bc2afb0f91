package modeltest_test

import (
	"fmt"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var keyActs = map[string]act{
	"Actor.CreateAPIKey": {leads: []string{"signin.Key", "Actor.UpdateAPIKey", "Actor.DeleteAPIKey", "Actor.Disable"}, often: 2, only: inEMQX, do: byWhere(hasKeys, anybody, func(s *sequence, w who) (string, outcome, error) {
		scope, expires, made := s.someScope(), s.someTime(), &apiKey{}
		out := s.m.createKey(w, scope, expires, made)
		got, secret, err := w.actor.CreateAPIKey(s.ctx(), iam.APIKeyParams{Scope: scope, Expires: expires})
		made.id, made.secret = got.ID, secret
		return "makes a key for " + scopeText(scope), out, err
	})},
	"Actor.UpdateAPIKey": {leads: []string{"signin.Key", "Actor.DeleteAPIKey"}, often: 2, only: inEMQX, do: byWhere(hasKeys, anybody, func(s *sequence, w who) (string, outcome, error) {
		k := s.someKey(w.org)
		if k == nil {
			return "", outcome{}, nil
		}
		scope, expires := s.someScope(), s.someTime()
		if s.chance(3) {
			scope = k.scope
		}
		out := s.m.updateKey(w, k, scope, expires)
		_, err := w.actor.UpdateAPIKey(s.ctx(), k.id, iam.APIKeyParams{Scope: scope, Expires: expires})
		return fmt.Sprintf("makes %s's key one for %s", k.of.nick, scopeText(scope)), out, err
	})},
	"Actor.DeleteAPIKey": {leads: []string{"signin.Key"}, only: inEMQX, do: by(func(s *sequence, w who) (string, outcome, error) {
		k := s.someKey(w.org)
		if k == nil {
			return "", outcome{}, nil
		}
		out := s.m.deleteKey(w, k)
		return "deletes a key of " + k.of.nick, out, w.actor.DeleteAPIKey(s.ctx(), k.id)
	})},
	"signin.Key": {only: inEMQX, do: func(s *sequence) (move, bool) {
		k := s.someKey(s.aim())
		if k == nil {
			return move{}, false
		}
		out := s.m.useKey(k)
		return move{org: k.of.org, said: "a program comes with a key of " + k.of.nick, out: out, err: third(s.in.Key(s.ctx(), k.secret))}, true
	}},
}

func scopeText(scope policy.Scope) string {
	if scope.AllProjects {
		return fmt.Sprintf("%v everywhere", scope.Permissions)
	}
	return fmt.Sprintf("%v in %v", scope.Permissions, scope.Projects)
}

func hasKeys(o *org) bool {
	return slices.ContainsFunc(o.accounts, func(a *account) bool { return len(a.keys) > 0 })
}
