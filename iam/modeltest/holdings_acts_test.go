package modeltest_test

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var holdingActs = map[string]act{
	"Actor.Claim": {leads: []string{"Actor.Share", "Actor.Transfer", "Actor.TakeManagement", "Actor.Release", "Actor.Claim"}, often: 3, only: inDeviceHub, do: byWhere(holds, (*sequence).holder, func(s *sequence, w who) (string, outcome, error) {
		id := s.someThing()
		out := s.m.claim(w, id)
		return "claims " + id, out, second(w.actor.Claim(s.ctx(), s.m.book.thing, id))
	})},
	"Actor.Release": {only: inDeviceHub, do: byWhere(holds, (*sequence).holder, func(s *sequence, w who) (string, outcome, error) {
		id := s.heldThing(w.org)
		out := s.m.release(w, id)
		return "releases " + id, out, w.actor.Release(s.ctx(), s.m.book.thing, id)
	})},
	"Actor.Transfer": {often: 2, only: inDeviceHub, do: byWhere(holds, (*sequence).holder, func(s *sequence, w who) (string, outcome, error) {
		id, to := s.heldThing(w.org), s.target(w.org)
		out := s.m.transfer(w, id, to)
		return fmt.Sprintf("transfers %s to %s", id, to.nick), out, second(w.actor.Transfer(s.ctx(), s.m.book.thing, id, to.id))
	})},
	"Actor.Share": {leads: []string{"Actor.Unshare", "Actor.Transfer", "Actor.HandOver"}, often: 2, only: inDeviceHub, do: byWhere(holds, (*sequence).holder, func(s *sequence, w who) (string, outcome, error) {
		id, to, until := s.heldThing(w.org), s.target(w.org), s.someTime()
		what := one(s, []policy.Permission{"device:view"}, []policy.Permission{"device:view", "device:reboot"}, []policy.Permission{"device:share"}, nil)
		out := s.m.share(w, id, to, what, until, s.shared(id, until, what))
		_, err := w.actor.Share(s.ctx(), s.m.book.thing, id, iam.ShareParams{To: to.id, Permissions: what, Until: until})
		return fmt.Sprintf("shares %s with %s: %v", id, to.nick, what), out, err
	})},
	"Actor.Unshare": {often: 2, only: inDeviceHub, do: byWhere(holds, (*sequence).boss, func(s *sequence, w who) (string, outcome, error) {
		g := s.someGrant(w.org)
		if g == nil {
			return "", outcome{}, nil
		}
		id := s.heldThing(w.org)
		if g.at.id != "" && !s.chance(5) {
			id = g.at.id
		}
		out := s.m.unshare(w, id, g)
		return fmt.Sprintf("takes the share of %s from %s: %s", id, g.to.nick, g.permission), out, w.actor.Unshare(s.ctx(), s.m.book.thing, id, iam.GrantID(g.id))
	})},
	"Actor.TakeManagement": {only: inDeviceHub, do: by(func(s *sequence, w who) (string, outcome, error) {
		id := s.heldThing(w.org)
		out := s.m.takeManagement(w, id, s.shared(id, time.Time{}, management))
		return "takes the management of " + id, out, second(w.actor.TakeManagement(s.ctx(), s.m.book.thing, id))
	})},
	"Actor.SetQuota": {often: 2, only: inDeviceHub, do: by(func(s *sequence, w who) (string, outcome, error) {
		a, most := s.target(w.org), one(s, 1, 0, 2, 3, 5, iam.Unlimited)
		out := s.m.setQuota(w, a, most)
		return fmt.Sprintf("sets the quota of %s to %d", a.nick, most), out, second(w.actor.SetQuota(s.ctx(), a.id, s.m.book.thing, most))
	})},
}

// shared are the grants that a share makes.
func (s *sequence) shared(id string, until time.Time, what []policy.Permission) func() []*grant {
	return func() (all []*grant) {
		for _, p := range what {
			all = append(all, &grant{held: held{permission: p, at: place{id: id}, until: until}})
		}
		return all
	}
}

func holds(o *org) bool { return len(o.held) > 0 }

// holder is who holds something, half of the time.
func (s *sequence) holder(w who) who {
	holder := w.org.held[s.heldThing(w.org)]
	if holder == nil || s.chance(2) {
		return w
	}
	return s.standing(holder)
}

// boss is who stands right above one that holds something, half of the time.
func (s *sequence) boss(w who) who {
	holder := w.org.held[s.heldThing(w.org)]
	if holder == nil || holder.above == nil || s.chance(2) {
		return w
	}
	return s.standing(holder.above)
}
