package iamtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// Attack is a known attack on account systems, which is replayed against a host.
type Attack struct {
	// Name says what is tried.
	Name string
	// Sources are where it is from: requirements of the library, and advisories of systems to which it was done.
	Sources string

	needs []string // names of doors, and of what the host says of itself: see [Host.lacks]
	run   func(w *World)
}

// KnownAttacks returns all attacks, in the order in which Attacks replays them.
func KnownAttacks() []Attack {
	return slices.Concat(routeAttacks(), requestAttacks(), signInAttacks(), guessAttacks(), sessionAttacks(), factorAttacks(),
		linkAttacks(), invitationAttacks(), resetAttacks(), mailAttacks(), adminAttacks(), keyAttacks())
}

// Replay starts a host and attacks it. It skips the test when the host has not what the attack is aimed at.
func (a Attack) Replay(tb testing.TB, start Start) {
	tb.Helper()
	if missing := a.replay(tb, start); missing != "" {
		tb.Skipf("iamtest: the host has no %s", missing)
	}
}

// replay attacks the host, or returns what it has not.
func (a Attack) replay(tb testing.TB, start Start) (missing string) {
	tb.Helper()
	w := NewWorld(tb, start)
	if missing := w.Host.lacks(a.needs); missing != "" {
		return missing
	}
	w.attack = fmt.Sprintf("iamtest: %s (%s)", a.Name, a.Sources)
	a.run(w)
	return w.lack
}

// What an attack needs beside doors.
const (
	needsRoutes  = "Routes"
	needsCookies = "sessions by cookie"
	needsKeys    = "APIKeys"
	needsFactor  = "second factor"
	needsMails   = "BaseURL"
	needsSignIn  = "SignIn with Doors.SignIn"
)

// lacks returns what of the needs the host does not have, and "" when it has all.
func (h Host) lacks(needs []string) string {
	for _, need := range needs {
		has := true
		switch need {
		case needsRoutes:
			has = len(h.Routes) > 0
		case needsCookies:
			has = h.byCookie()
		case needsKeys:
			has = h.APIKeys && h.Service.Rules().Permissions.ManageKeys != ""
		case needsFactor:
			has = h.SignIn != nil && len(h.Service.Keys()) > 0 && h.Service.Rules().SecondFactor != iam.SecondFactorUnavailable
		case needsMails:
			_, err := h.Service.RootLoginAddress()
			has = err == nil
		case needsSignIn:
			has = h.SignIn != nil && !h.Doors.SignIn.missing()
		default:
			has, need = !h.Doors.named(need).missing(), "Doors."+need
		}
		if !has {
			return need
		}
	}
	return ""
}

// AttacksConfig adjusts Attacks. The zero AttacksConfig works.
type AttacksConfig struct {
	// Except are attacks that are left out, by name, each with the reason, which is logged. Defaults to none.
	Except map[string]string
	// Parallel replays several at once: each world needs a database of its own. Defaults to one after another.
	Parallel bool
}

// Attacks replays all [KnownAttacks] against a host, each as a subtest in a world of its own. Those for which the host
// lacks something, and those of Config.Except, are named in the log: they are not replayed, and prove nothing.
func Attacks(t *testing.T, start Start, config AttacksConfig) {
	t.Helper()
	all := KnownAttacks()
	missing := make([]string, len(all))
	for name := range config.Except {
		if !slices.ContainsFunc(all, func(a Attack) bool { return a.Name == name }) {
			t.Errorf("iamtest: AttacksConfig.Except: there is no attack %q", name)
		}
	}
	places := make(chan struct{}, 4) // more worlds at once only wait for each other
	t.Run("attacks", func(t *testing.T) {
		for i, a := range all {
			if reason, left := config.Except[a.Name]; left {
				missing[i] = a.Name + ": " + reason
				continue
			}
			t.Run(a.Name, func(t *testing.T) {
				if config.Parallel {
					t.Parallel()
					places <- struct{}{}
					defer func() { <-places }()
				}
				if lack := a.replay(t, start); lack != "" {
					missing[i] = a.Name + ": no " + lack
					t.Skipf("iamtest: the host has no %s", lack)
				}
			})
		}
	})
	missing = slices.DeleteFunc(missing, func(text string) bool { return text == "" })
	if len(missing) > 0 {
		t.Logf("iamtest: %d of %d attacks were not replayed: %s", len(missing), len(all), strings.Join(missing, "; "))
	}
}
