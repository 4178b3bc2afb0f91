package iamtest

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func factorAttacks() []Attack {
	in := []string{needsSignIn, needsCookies, needsFactor, "SecondFactor", "Account"}
	return []Attack{
		{"a code used twice", "SB-46, ASVS 6.5.1", in, codeTwice},
		{"a recovery code used twice", "SB-50, CVE-2025-64175", append(in, "RecoveryCode"), recoveryTwice},
		{"a recovery code of somebody else", "SB-50, CVE-2022-36071", append(in, "RecoveryCode"), recoveryOfAnother},
		{"guessing codes", "SB-31, CVE-2026-35597, CVE-2024-32868", in, guessCodes},
		{"a reset around the second factor", "SB-21, SB-48, CVE-2026-58422", append(in, "Reset"), resetAround},
	}
}

// doubled is somebody with a second factor.
func (w *World) doubled() *Person {
	w.tb.Helper()
	p := w.member(w.least())
	p.enroll()
	return p
}

// finish gives a code to a sign-in that waits for it.
func (w *World) finish(door Route, half session, code string) answer {
	r := w.requestOf(door, Values{"code": code})
	half.on(r)
	return w.send(r)
}

// parallelCodes is how many try one code at once, and halves how many sign-ins they belong to: fewer than guesses are
// allowed, so that it is not the throttle that stops them.
const (
	parallelCodes = 20
	halves        = 5
)

// usedOnce lets many use one code at once, in sign-ins of their own, and once more behind them.
func (w *World) usedOnce(p *Person, door Route, code string) {
	w.tb.Helper()
	var waiting []session
	for range halves {
		waiting = append(waiting, p.signIn())
	}
	later := p.signIn()
	used := atOnce(parallelCodes, func(i int) bool { return w.finish(door, waiting[i%halves], code).through() })
	if used != 1 {
		w.errorf("%d of %d who gave one code at once got through, and one should", used, parallelCodes)
	}
	if a := w.finish(door, later, code); a.through() {
		w.errorf("the code is good once more: %s", a.short())
	}
}

func codeTwice(w *World) {
	p := w.doubled()
	w.usedOnce(p, w.Host.Doors.SecondFactor, p.nextCode())
	w.Clock.Advance(2 * time.Hour) // what was refused has counted as guesses
	if a := w.finish(w.Host.Doors.SecondFactor, p.signIn(), p.nextCode()); !a.through() {
		w.errorf("the next code is not taken any more: %s", a.short())
	}
}

func recoveryTwice(w *World) {
	p := w.doubled()
	w.usedOnce(p, w.Host.Doors.RecoveryCode, p.codes[0].Reveal())
}

// recoveryOfAnother finishes a sign-in with what belongs to another account.
func recoveryOfAnother(w *World) {
	victim, attacker := w.doubled(), w.doubled()
	for _, try := range []struct {
		door Route
		code string
	}{{w.Host.Doors.RecoveryCode, attacker.codes[0].Reveal()}, {w.Host.Doors.SecondFactor, attacker.nextCode()}} {
		if a := w.finish(try.door, victim.signIn(), try.code); a.through() {
			w.errorf("%s takes a code of another account: %s", try.door.Pattern, a.short())
		}
	}
}

// guessCodes guesses, in new sign-ins where one has ended, until the right code is not tried any more.
func guessCodes(w *World) {
	p := w.doubled()
	first := p.signIn()
	half := first
	for n := range mostGuesses + 1 {
		wrong := "00000" + string(rune('0'+n%10))
		if right := must(totpCode(p.seed, w.Clock.Now()))(w.tb); wrong == right {
			continue
		}
		if a := w.finish(w.Host.Doors.SecondFactor, half, wrong); a.through() {
			w.errorf("the code %s is none, and gets through", wrong)
		}
		if n%10 == 9 { // who knows the password begins anew
			a := p.tryPassword(w.secret, nil)
			if opened := a.session(); len(opened) > 0 {
				half = opened
			}
		}
	}
	code := p.nextCode()
	for _, s := range []session{half, first} {
		if a := w.finish(w.Host.Doors.SecondFactor, s, code); a.through() {
			w.errorf("more than %d wrong codes, and the next one is still tried: %s", mostGuesses, a.short())
			return
		}
	}
}

// resetAround resets the password, which proves the mailbox and not the second factor.
func resetAround(w *World) {
	p := w.doubled()
	password := newPassword()
	a := w.useReset(p.token(iam.ForReset, time.Hour), password)
	if opened := a.session(); len(opened) > 0 && w.signedInBy(opened) {
		w.errorf("a reset signs in without the second factor")
	}
	if opened := p.tryPassword(password, nil).session(); len(opened) > 0 && w.signedInBy(opened) {
		w.errorf("behind a reset, the password alone signs in")
	}
}
