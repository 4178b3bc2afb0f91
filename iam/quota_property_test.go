package iam_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

// TestQuotaModel does random things to a tree of accounts and to a small model of it, which counts by itself
// who holds and gives what: both allow the same, and come to the same (D5, D9).
func TestQuotaModel(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		done := map[string]int{}
		rapid.Check(t, func(t *rapid.T) {
			m := newQuotaModel(t, w)
			for range 15 {
				m.step(done)
			}
		})
		for _, name := range slices.Sorted(maps.Keys(quotaActs)) {
			for _, outcome := range []string{"yes", "no"} {
				if done[name+" "+outcome] == 0 {
					t.Errorf("%s was never answered with %s: its test proves nothing", name, outcome)
				}
			}
		}
	})
}

// quotaModel is an organisation, and what the model knows of it.
type quotaModel struct {
	*rapid.T
	o       *org
	parents map[policy.AccountID]policy.AccountID
	most    map[policy.AccountID]int
	holders map[string]policy.AccountID
	actor   policy.AccountID
}

var modelDevices = []string{"d0", "d1", "d2", "d3", "d4", "d5"}

func newQuotaModel(t *rapid.T, w *world) *quotaModel {
	limit := rapid.IntRange(6, 12).Draw(t, "limit")
	o := w.organizationWith(devicehub.System(), iam.CreateOrganizationParams{
		Root: &iam.CreateAccountParams{Quotas: map[policy.Kind]int{devicehub.Device: limit}},
	})
	m := &quotaModel{
		T: t, o: o, parents: map[policy.AccountID]policy.AccountID{o.rootID: ""},
		most: map[policy.AccountID]int{o.rootID: limit}, holders: map[string]policy.AccountID{},
	}
	super := m.added(o.rootID, devicehub.SuperAdmin, 4)
	admin := m.added(super, devicehub.Admin, 3)
	m.added(admin, devicehub.Basic, 1)
	m.added(o.rootID, devicehub.Admin, 1)
	o.claim(admin, "d0")
	m.holders["d0"] = admin
	return m
}

func (m *quotaModel) added(by policy.AccountID, role policy.Role, quota int) policy.AccountID {
	id := m.o.under(by, role, quota)
	m.parents[id], m.most[id] = by, quota
	return id
}

func (m *quotaModel) accounts() []policy.AccountID { return slices.Sorted(maps.Keys(m.parents)) }

// used is what an account holds and has given.
func (m *quotaModel) used(id policy.AccountID) (n int) {
	for _, holder := range m.holders {
		if holder == id {
			n++
		}
	}
	for child, parent := range m.parents {
		if parent == id {
			n += m.most[child]
		}
	}
	return n
}

// above reports whether an account stands above another: all roles below one another are made so here.
func (m *quotaModel) above(id, other policy.AccountID) bool {
	for at := m.parents[other]; at != ""; at = m.parents[at] {
		if at == id {
			return true
		}
	}
	return false
}

func (m *quotaModel) reaches(id, other policy.AccountID) bool {
	return id == other || m.above(id, other)
}

// may reports whether an account's role lets it hold, share and transfer.
func (m *quotaModel) may(id policy.AccountID) bool {
	return !m.o.get(id).HasRole(devicehub.Basic)
}

// A quotaAct tries something, and says whether the model allows it; then it does it to the model.
type quotaAct func(m *quotaModel, a iam.Actor) (what string, allowed bool, do func(), err error)

var quotaActs = map[string]quotaAct{
	"Claim": func(m *quotaModel, a iam.Actor) (string, bool, func(), error) {
		device := pick(m.T, modelDevices)
		_, taken := m.holders[device]
		allowed := m.may(m.actor) && !taken && m.used(m.actor) < m.most[m.actor]
		err := second(a.Claim(m.o.Context(), devicehub.Device, device))
		return "claim " + device, allowed, func() { m.holders[device] = m.actor }, err
	},
	"Release": func(m *quotaModel, a iam.Actor) (string, bool, func(), error) {
		device := m.someDevice()
		holder, held := m.holders[device]
		allowed := held && m.may(m.actor) && m.reaches(m.actor, holder)
		err := a.Release(m.o.Context(), devicehub.Device, device)
		return "release " + device, allowed, func() { delete(m.holders, device) }, err
	},
	"Transfer": func(m *quotaModel, a iam.Actor) (string, bool, func(), error) {
		device, to := m.someDevice(), pick(m.T, m.accounts())
		holder, held := m.holders[device]
		allowed := held && m.may(m.actor) && m.reaches(m.actor, holder) && m.reaches(m.actor, to) && holder != to && m.used(to) < m.most[to]
		err := second(a.Transfer(m.o.Context(), devicehub.Device, device, to))
		return fmt.Sprintf("transfer %s to %s", device, to), allowed, func() { m.holders[device] = to }, err
	},
	"SetQuota": func(m *quotaModel, a iam.Actor) (string, bool, func(), error) {
		id, most := pick(m.T, m.accounts()), rapid.IntRange(0, 6).Draw(m.T, "most")
		parent := m.parents[id]
		allowed := m.above(m.actor, id) && m.used(id) <= most && m.used(parent)-m.most[id]+most <= m.most[parent]
		err := second(a.SetQuota(m.o.Context(), id, devicehub.Device, most))
		return fmt.Sprintf("set the quota of %s to %d", id, most), allowed, func() { m.most[id] = most }, err
	},
	"CreateAccount": func(m *quotaModel, a iam.Actor) (string, bool, func(), error) {
		quota := rapid.IntRange(0, 3).Draw(m.T, "quota")
		account, _, err := a.CreateAccount(m.o.Context(), iam.CreateAccountParams{
			Roles: []policy.Role{devicehub.Basic}, Active: true, Quotas: map[policy.Kind]int{devicehub.Device: quota},
		})
		allowed := m.may(m.actor) && m.used(m.actor)+quota <= m.most[m.actor]
		return fmt.Sprintf("create with %d", quota), allowed, func() { m.parents[account.ID], m.most[account.ID] = m.actor, quota }, err
	},
	"Delete": func(m *quotaModel, _ iam.Actor) (string, bool, func(), error) {
		id := pick(m.T, m.accounts())
		allowed := id != m.o.rootID && !slices.Contains(slices.Collect(maps.Values(m.holders)), id)
		return fmt.Sprintf("delete %s", id), allowed, func() { m.removed(id) }, m.o.system().Delete(m.o.Context(), id)
	},
	"HandOver": func(m *quotaModel, _ iam.Actor) (string, bool, func(), error) {
		from, to := pick(m.T, m.accounts()), pick(m.T, m.accounts())
		params := iam.HandOverParams{From: from, To: to, Then: iam.ThenDelete}
		allowed := from != to && from != m.o.rootID && m.fitsAfter(from, to)
		_, err := m.o.system().HandOver(m.o.Context(), params)
		return fmt.Sprintf("hand over %s to %s", from, to), allowed, func() {
			for device, holder := range m.holders {
				if holder == from {
					m.holders[device] = to
				}
			}
			m.removed(from)
		}, err
	},
}

// someDevice is one that is held, mostly.
func (m *quotaModel) someDevice() string {
	if held := slices.Sorted(maps.Keys(m.holders)); len(held) > 0 && often(m.T) {
		return pick(m.T, held)
	}
	return pick(m.T, modelDevices)
}

// fitsAfter reports whether To has room for what From holds, when From's limit is given back.
func (m *quotaModel) fitsAfter(from, to policy.AccountID) bool {
	held := 0
	for _, holder := range m.holders {
		if holder == from {
			held++
		}
	}
	used := m.used(to)
	if m.parents[from] == to {
		used += m.used(from) - held - m.most[from]
	}
	return held == 0 || used+held <= m.most[to]
}

// removed lets an account go: those below it move up.
func (m *quotaModel) removed(id policy.AccountID) {
	for child, parent := range m.parents {
		if parent == id {
			m.parents[child] = m.parents[id]
		}
	}
	delete(m.parents, id)
	delete(m.most, id)
}

func (m *quotaModel) step(done map[string]int) {
	m.actor = pick(m.T, m.accounts())
	name := pick(m.T, slices.Sorted(maps.Keys(quotaActs)))
	before := m.o.happened()
	what, allowed, do, err := quotaActs[name](m, m.o.as(m.actor))
	switch {
	case (err == nil) != allowed:
		m.Fatalf("%s by %s: got %v, and the model allows it: %t", what, m.actor, err, allowed)
	case err == nil:
		do()
		done[name+" yes"]++
	case m.o.happened().Revision != before.Revision || m.o.happened().Done != before.Done:
		m.Fatalf("%s was refused with %v, and something has happened", what, err)
	case !errors.Is(err, iam.ErrForbidden) && !errors.Is(err, iam.ErrInvalid) && !errors.Is(err, iam.ErrNotFound) && !errors.Is(err, iam.ErrRoot):
		m.Fatalf("%s: got %v, want a refusal", what, err)
	default:
		done[name+" no"]++
	}
	m.look(what)
}

// look compares the organisation with the model.
func (m *quotaModel) look(what string) {
	held, err := m.o.system().Holdings(m.o.Context(), iam.HoldingQuery{})
	if err != nil || len(held) != len(m.holders) {
		m.Fatalf("after %s: got %d holdings (%v), want %d", what, len(held), err, len(m.holders))
	}
	for _, h := range held {
		if m.holders[h.ID] != h.Account || m.parents[h.Account] == "" && h.Account != m.o.rootID {
			m.Fatalf("after %s: %s is held by %s, want %s", what, h.ID, h.Account, m.holders[h.ID])
		}
	}
	for id, parent := range m.parents {
		q, err := m.o.system().Quotas(m.o.Context(), id)
		if err != nil || q[0].Most != m.most[id] || q[0].Held+q[0].Given != m.used(id) || q[0].Held+q[0].Given > q[0].Most {
			m.Fatalf("after %s: got the quota %+v (%v) of %s, want %d of %d", what, q, err, id, m.used(id), m.most[id])
		}
		if got := m.o.get(id).CreatedBy; got != parent {
			m.Fatalf("after %s: %s is below %q, want %q", what, id, got, parent)
		}
	}
}
