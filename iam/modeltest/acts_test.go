package modeltest_test

import (
	"errors"
	"maps"

	"github.com/castellan-iam/castellan/iam"
)

// An act tries one thing. It reports false when there is nothing to try it on.
type act struct {
	do func(s *sequence) (move, bool)
	// only are the systems in which it can succeed; elsewhere it is tried seldom. Defaults to all.
	only func(b *rulebook) bool
	// often is how much more it is drawn than others. Defaults to once.
	often int
	// leads are acts that may come right behind it when it was done: what it began has an end then. Defaults to none.
	leads []string
}

// acts are all that changes anything, by the method's name. TestEveryMethodHasAnAct fails for one that is missing.
var acts = everyAct()

func everyAct() map[string]act {
	all := map[string]act{}
	for _, some := range []map[string]act{lifeActs, placeActs, holdingActs, invitationActs, importActs, rootActs, keyActs, signInActs, factorActs, resetActs} {
		maps.Copy(all, some)
	}
	return all
}

type tries func(s *sequence, w who) (said string, out outcome, err error)

// by is an act of an Actor in an organisation.
func by(do tries) func(s *sequence) (move, bool) {
	return byWhom(anybody, do)
}

func anybody(_ *sequence, w who) who { return w }

// byWhom is by of somebody who is chosen for it.
func byWhom(choose func(s *sequence, w who) who, do tries) func(s *sequence) (move, bool) {
	return byWhere(func(*org) bool { return true }, choose, do)
}

// byWhere is byWhom in an organisation that is so, mostly, where one is.
func byWhere(is func(o *org) bool, choose func(s *sequence, w who) who, do tries) func(s *sequence) (move, bool) {
	return func(s *sequence) (move, bool) {
		o := s.aim()
		if !is(o) && !s.chance(5) {
			if other := s.m.orgs[0]; is(other) {
				o = other
			} else if other := s.m.orgs[1]; is(other) {
				o = other
			}
		}
		w, fresh := s.who(o)
		w = choose(s, w)
		said, out, err := do(s, w)
		if said == "" {
			if fresh != nil {
				s.rows = *fresh
			}
			return move{}, false
		}
		return move{org: o, said: w.as + " " + said, out: out, err: err, fresh: fresh, whole: errors.As(err, new(*iam.LineError))}, true
	}
}

// on is an act about an account.
func on(do func(s *sequence, w who, a *account) (said string, out outcome, err error)) act {
	return act{do: by(func(s *sequence, w who) (string, outcome, error) { return do(s, w, s.target(w.org)) })}
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

func inEMQX(b *rulebook) bool      { return b.system.Name == "emqx" }
func inDeviceHub(b *rulebook) bool { return b.quotas }
func handsOver(b *rulebook) bool   { return b.former != "" }
func setsOthers(b *rulebook) bool  { return b.passwordByOthers }

// params are what a newborn is asked for with.
func (s *sequence) params(n newborn) iam.CreateAccountParams {
	return iam.CreateAccountParams{Email: n.email, Roles: n.roles, Active: n.active, Quotas: s.quotas(n)}
}
