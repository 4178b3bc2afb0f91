package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type apiKey struct {
	id      iam.APIKeyID
	of      *account
	secret  iam.Secret
	scope   policy.Scope
	expires time.Time
}

func (k *apiKey) endedAt(now time.Time) bool { return !k.expires.IsZero() && !now.Before(k.expires) }

// works reports whether the key opens anything (SB-64, SB-71).
func (k *apiKey) works(now time.Time) bool {
	return !k.of.gone && slices.Contains(k.of.keys, k) && !k.endedAt(now) && k.of.status == iam.Active
}

func (m *model) mayManageKeys(w who) bool { return w.scope == nil && w.may(m.book.manageKeys, "") }

func (m *model) createKey(w who, scope policy.Scope, expires time.Time, made *apiKey) outcome {
	switch {
	case !m.mayManageKeys(w), w.system():
		return refused(forbidden)
	}
	made.of, made.scope, made.expires = w.account, scope, expires
	switch {
	case made.endedAt(m.now()):
		return onField("Expires")
	case lacks(w, scope):
		return onField("Scope")
	}
	return does(func() { w.account.keys = append(w.account.keys, made) })
}

// lacks reports whether somebody does not have, everywhere in it and now, all that a scope names.
func lacks(w who, scope policy.Scope) bool {
	if len(scope.Permissions) == 0 || !scope.AllProjects && len(scope.Projects) == 0 {
		return true
	}
	places := []policy.ProjectID{""}
	if !scope.AllProjects {
		places = scope.Projects
	}
	for _, name := range scope.Permissions {
		for _, project := range places {
			if !w.has(name, "always", place{project: project}, false, w.now.Add(time.Millisecond), false) {
				return true
			}
		}
	}
	return false
}

func within(s, outer policy.Scope) bool {
	for _, name := range s.Permissions {
		if !slices.Contains(outer.Permissions, name) {
			return false
		}
	}
	if s.AllProjects || outer.AllProjects {
		return outer.AllProjects
	}
	return !slices.ContainsFunc(s.Projects, func(p policy.ProjectID) bool { return !slices.Contains(outer.Projects, p) })
}

func (m *model) updateKey(w who, k *apiKey, scope policy.Scope, expires time.Time) outcome {
	switch {
	case !m.mayManageKeys(w):
		return refused(forbidden)
	case !m.hasKey(w.org, k):
		return refused(notFound)
	}
	next := &apiKey{expires: expires}
	same := within(scope, k.scope) && within(k.scope, scope) && len(scope.Permissions) > 0
	switch {
	case !expires.Equal(k.expires) && next.endedAt(m.now()):
		return onField("Expires")
	case !same && (lacks(m.standing(k.of), scope) || k.of != w.account && !w.system() && !within(scope, k.scope) && lacks(w, scope)):
		return onField("Scope")
	}
	return does(func() { k.scope, k.expires = scope, expires })
}

func (m *model) hasKey(o *org, k *apiKey) bool {
	return k != nil && k.of.org == o && !k.of.gone && slices.Contains(k.of.keys, k)
}

func (m *model) deleteKey(w who, k *apiKey) outcome {
	switch {
	case !m.mayManageKeys(w):
		return refused(forbidden)
	case !m.hasKey(w.org, k):
		return refused(notFound)
	}
	return does(func() {
		k.of.lost = append(k.of.lost, k)
		k.of.keys = slices.DeleteFunc(k.of.keys, func(other *apiKey) bool { return other == k })
	})
}

// useKey predicts what a program is told that presents a key.
func (m *model) useKey(k *apiKey) outcome {
	if !k.works(m.now()) {
		return refused("no key")
	}
	return nothing()
}
