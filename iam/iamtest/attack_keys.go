package iamtest

import (
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

func keyAttacks() []Attack {
	all := []string{needsKeys, needsRoutes}
	return []Attack{
		{"a key of a demoted account", "SB-64, CVE-2026-29061", all, demotedKey},
		{"a key of a disabled account", "SB-71, CVE-2024-46999, CVE-2024-47000", all, disabledKey},
		{"a key that is almost right", "SB-23, SB-A1", all, wrongKey},
		{"a key that was ended", "SB-38", all, endedKey},
	}
}

// keyed is somebody with a key, and a route at which it gets through.
func (w *World) keyed() (owner, key *Person, rt Route) {
	w.tb.Helper()
	owner = w.member(w.most())
	key = owner.key()
	for _, rt := range w.Host.Routes {
		if rt.safe() && !rt.Public && key.ask(rt, nil).through() && !w.member(w.least()).ask(rt, nil).through() {
			return owner, key, rt
		}
	}
	for _, rt := range w.Host.Routes {
		if rt.safe() && !rt.Public && key.ask(rt, nil).through() {
			return owner, key, rt
		}
	}
	w.lack = "route that only reads at which an API key gets through"
	return nil, nil, Route{}
}

// demotedKey takes from the account what the key may do.
func demotedKey(w *World) {
	owner, key, rt := w.keyed()
	if w.lack != "" {
		return
	}
	_, _, err := w.system(w.Home).SetRoles(w.ctx(), owner.ID, w.least())
	w.ok(err)
	without := w.member(w.least()).ask(rt, nil)
	if a := key.ask(rt, nil); a.through() && !without.through() {
		w.errorf("%s lets a key through whose account was demoted: %s", rt.Pattern, a.short())
	}
}

func disabledKey(w *World) {
	owner, key, rt := w.keyed()
	if w.lack != "" {
		return
	}
	_ = must(w.system(w.Home).Disable(w.ctx(), owner.ID))(w.tb)
	if a := key.ask(rt, nil); !a.refused() {
		w.errorf("%s lets a key through whose account is disabled: %s", rt.Pattern, a.short())
	}
	w.ok(w.system(w.Home).Delete(w.ctx(), owner.ID))
	if a := key.ask(rt, nil); !a.refused() {
		w.errorf("%s lets a key through whose account was deleted: %s", rt.Pattern, a.short())
	}
}

// wrongKey presents the id of a key with other secrets.
func wrongKey(w *World) {
	_, key, rt := w.keyed()
	if w.lack != "" {
		return
	}
	id, secret, _ := strings.Cut(key.bearer.Reveal(), ".")
	for _, other := range []string{
		id, id + ".", "." + secret, id + "." + strings.ToUpper(secret), id + "." + secret + "A", id + "." + strings.Repeat("A", len(secret)), "", "%", "null",
	} {
		r := w.requestOf(rt, nil)
		r.Header.Set("Authorization", "Bearer "+other)
		if a := w.send(r); !a.refused() {
			w.errorf("%s takes a key that is not right: %s", rt.Pattern, a.short())
			return
		}
	}
}

func endedKey(w *World) {
	owner, key, rt := w.keyed()
	if w.lack != "" {
		return
	}
	id, _ := iam.ParseAPIKey(key.bearer)
	w.ok(w.system(w.Home).DeleteAPIKey(w.ctx(), id))
	if a := key.ask(rt, nil); !a.refused() {
		w.errorf("%s takes a key of %s that was ended: %s", rt.Pattern, owner.Name, a.short())
	}
}
