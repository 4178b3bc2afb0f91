package iamtest

import (
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func linkAttacks() []Attack {
	all := []string{needsSignIn, needsMails, "Activate"}
	return []Attack{
		{"a link used twice", "SB-13", all, linkTwice},
		{"a link used at once", "SB-13, CVE-2026-45720", all, linkAtOnce},
		{"a mail scanner that follows links", "SB-16, CVE-2019-1020018", all, mailScanner},
		{"a link at its end", "SB-14, CVE-2025-64708, CVE-2026-28268", all, linkAtItsEnd},
		{"a link for something else", "SB-12, CVE-2026-1529, CVE-2026-28268", append(all, "Reset"), linkForElse},
		{"a token in other letters", "SB-23", all, tokenInOtherLetters},
		{"a link that is told on", "SB-22, ASVS 14.2.1", all, linkToldOn},
	}
}

// guest is somebody who was invited, with the token of the mail.
type guest struct {
	*Person
	by    *Person
	token iam.Token
}

// invite lets root invite somebody past the host's routes, and takes the token out of the mail.
func (w *World) invite(by *Person) guest {
	w.tb.Helper()
	params := iam.InviteParams{Email: newAddress("guest"), Roles: []policy.Role{w.least()}}
	var password iam.Secret
	if w.Host.Service.Rules().FirstPassword == iam.ByCreator {
		password = w.secret
	}
	invitation, _, err := w.Host.SignIn.Invite(w.ctx(), w.Host.Service.As(by.Subject()), params, password)
	w.ok(err)
	account, err := w.system(by.Org).Account(w.ctx(), invitation.Account)
	w.ok(err)
	g := guest{Person: w.person(account), by: by}
	g.token = w.mailed(g.Email)
	return g
}

// mailed is the token of the last link that was mailed to an address.
func (w *World) mailed(email iam.Email) iam.Token {
	w.tb.Helper()
	token := tokenOf(w.Link(email))
	if token.IsZero() {
		w.tb.Fatalf("iamtest: no link was mailed to %s", email)
	}
	return token
}

// accept follows a link. It may be called at once by many.
func (w *World) accept(token string, sign func(r *http.Request)) answer {
	r := w.requestOf(w.Host.Doors.Activate, Values{"token": token, "password": w.secret.Reveal()})
	if sign != nil {
		sign(r)
	}
	return w.send(r)
}

// accepts fails when a good link is not taken.
func (w *World) accepts(token iam.Token, when string) {
	w.tb.Helper()
	if a := w.accept(token.Reveal(), nil); !a.through() {
		w.errorf("the link is not good %s: %s", when, a.short())
	}
}

// dead fails when a link is taken, or has done its work all the same.
func (g guest) dead(when string) {
	g.world.tb.Helper()
	if a := g.world.accept(g.token.Reveal(), nil); a.through() {
		g.world.errorf("the link is good %s: %s", when, a.short())
	}
	if account, there := g.account(); there && account.Status == iam.Active {
		g.world.errorf("the account is active %s", when)
	}
}

func linkTwice(w *World) {
	g := w.invite(w.strongest(w.Home))
	w.accepts(g.token, "the first time")
	if a := w.accept(g.token.Reveal(), nil); a.through() {
		w.errorf("the link is good a second time: %s", a.short())
	}
}

func linkAtOnce(w *World) {
	g := w.invite(w.strongest(w.Home))
	const many = 50
	if used := atOnce(many, func(int) bool { return w.accept(g.token.Reveal(), nil).through() }); used != 1 {
		w.errorf("%d of %d who followed one link at once got through, and one should", used, many)
	}
}

// mailScanner follows a link as the programs do that look for harm in mails.
func mailScanner(w *World) {
	g := w.invite(w.strongest(w.Home))
	link := strings.TrimPrefix(w.Link(g.Email), w.base.Scheme+"://"+w.base.Host)
	for n := range 100 {
		method := []string{http.MethodHead, http.MethodGet, http.MethodOptions}[n%3]
		r := Route{Pattern: method + " /"}.request(w.ctx(), w.base, Values{}.filling)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(link, "?")
		r.RequestURI = link
		r.Header.Set("Accept", []string{"text/html", "*/*"}[n%2])
		w.send(r)
	}
	if account, there := g.account(); !there || account.Status != iam.Pending {
		w.errorf("whoever looked at the link has accepted the invitation")
		return
	}
	w.accepts(g.token, "when a scanner has followed it")
}

func linkAtItsEnd(w *World) {
	by := w.strongest(w.Home)
	good, late := w.invite(by), w.invite(by)
	lifetime := w.Host.Service.Rules().InvitationLifetime
	if lifetime == 0 {
		lifetime = iam.DefaultInvitationLifetime
	}
	w.Clock.Advance(lifetime - time.Millisecond)
	w.accepts(good.token, "a millisecond before its end")
	w.Clock.Advance(time.Millisecond)
	late.dead("at its end")
}

// linkForElse uses an invitation to reset a password, and a reset to accept.
func linkForElse(w *World) {
	g := w.invite(w.strongest(w.Home))
	if a := w.useReset(g.token, newPassword()); a.through() {
		w.errorf("the link of an invitation resets a password: %s", a.short())
	}
	reset := g.Person.token(iam.ForReset, time.Hour)
	if a := w.accept(reset.Reveal(), nil); a.through() {
		w.errorf("the link of a reset accepts an invitation: %s", a.short())
	}
	if account, there := g.account(); there && account.Status == iam.Active {
		w.errorf("a link for something else has made the account active")
	}
	w.accepts(g.token, "when it was tried elsewhere")
}

// tokenInOtherLetters tries what a database without regard to case or blanks takes for the token.
func tokenInOtherLetters(w *World) {
	g := w.invite(w.strongest(w.Home))
	token := g.token.Reveal()
	swapped := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, token)
	for _, other := range []string{"", swapped, strings.ToLower(token), token + " ", " " + token, token + "=", token + "\x00", token[:len(token)-1], "%", "_" + token[1:]} {
		if a := w.accept(other, nil); a.through() && other != token {
			w.errorf("the token is taken as %d letters that are not it: %s", len(other), a.short())
			return
		}
	}
	w.accepts(g.token, "as it was mailed")
}

// linkToldOn reads what the page of a link lets a browser tell others.
func linkToldOn(w *World) {
	g := w.invite(w.strongest(w.Home))
	link := strings.TrimPrefix(w.Link(g.Email), w.base.Scheme+"://"+w.base.Host)
	r := Route{Pattern: "GET /"}.request(w.ctx(), w.base, Values{}.filling)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(link, "?")
	r.RequestURI = link
	r.Header.Set("Accept", "text/html")
	a := w.send(r)
	if told := a.header.Get("Referrer-Policy"); told != "no-referrer" {
		w.errorf("the page of a link lets the browser tell its address, with the token: Referrer-Policy is %q", told)
	}
	if !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
		w.errorf("the page of a link is kept: Cache-Control is %q", a.header.Get("Cache-Control"))
	}
	if location := a.header.Get("Location"); strings.Contains(location, g.token.Reveal()) {
		w.errorf("the token goes into another address: %s", strings.ReplaceAll(location, g.token.Reveal(), "…"))
	}
}
