package iamtest

import (
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func signInAttacks() []Attack {
	in := []string{needsSignIn, needsCookies}
	return []Attack{
		{"a session from before the sign-in", "SB-37, CVE-2024-28197, CVE-2024-38513", append(in, "Account"), fixation},
		{"a cookie that others get", "SB-36, CVE-2026-53603", in, cookieAttributes},
		{"signed in by another site", "SB-45, CVE-2019-1020018", append(in, "SignInForm"), signInFromElsewhere},
		{"the door of another organisation", "SB-67", in, otherDoor},
		{"whose address signs in", "SB-24, CVE-2026-23849", in, knownBySignIn},
		{"a way out behind the sign-in", "SB-95, GHSA-x3f4-v83f-7wp2", append(in, "SignInForm"), openRedirect},
		{"an address in other letters, at the door", "SB-91, CVE-2019-19844", in, lettersAtTheDoor},
	}
}

// signedInBy reports whether a session opens the account's page.
func (w *World) signedInBy(s session) bool {
	r := w.requestOf(w.Host.Doors.Account, nil)
	s.on(r)
	return w.send(r).through()
}

// fixation signs a victim in with a browser that has the cookie of an attacker: one that was made up, and one that is good.
func fixation(w *World) {
	attacker, victim := w.member(w.least()), w.member(w.least())
	theirs := attacker.signIn()
	victim.learnPassword()
	made := session{{Name: theirs[0].Name, Value: strings.Repeat("A", len(theirs[0].Value))}}
	for what, planted := range map[string]session{"a token that was made up": made, "the token of an attacker": theirs} {
		a := victim.tryPassword(w.secret, planted.on)
		opened := a.session()
		switch {
		case !a.through():
			w.errorf("with %s in the browser nobody can sign in: %s", what, a.short())
		case len(opened) == 0 || opened.shares(planted):
			w.errorf("the session goes on with %s", what)
		}
	}
	if w.signedInBy(made) {
		w.errorf("a token that was made up is good behind the sign-in")
	}
	r := w.requestOf(w.Host.Doors.Account, nil)
	theirs.on(r)
	if a := w.send(r); a.through() && strings.Contains(string(a.body), string(victim.ID)) {
		w.errorf("the token of an attacker opens the victim's session")
	}
}

// cookieAttributes reads what the cookie says of itself.
func cookieAttributes(w *World) {
	p := w.member(w.least())
	for _, c := range p.signIn() {
		if c.SameSite == http.SameSiteNoneMode || c.SameSite == 0 {
			w.errorf("the cookie %s goes to the host from everywhere: it has no SameSite", c.Name)
		}
		if !c.HttpOnly {
			w.errorf("the cookie %s is within reach of scripts: it is not HttpOnly", c.Name)
		}
		if w.base.Scheme == "https" && !c.Secure {
			w.errorf("the cookie %s goes over plain connections: it is not Secure", c.Name)
		}
		if c.Domain != "" {
			w.errorf("the cookie %s goes to every host below %s", c.Name, c.Domain)
		}
	}
}

// signInFromElsewhere lets a page of another site sign its visitor in, as the attacker.
func signInFromElsewhere(w *World) {
	p := w.member(w.least())
	p.learnPassword()
	for _, page := range foreignPages {
		r := w.requestOf(w.Host.Doors.SignInForm, p.form(""))
		crossSite(r, page.header, typeForm)
		if a := w.send(r); len(a.session()) > 0 {
			w.errorf("%s signs a visitor in: %s", page.name, a.short())
		}
	}
}

// form is what the person fills in.
func (p *Person) form(next string) Values {
	return Values{"org": string(p.Org), "email": string(p.Email), "password": p.world.secret.Reveal(), "next": next}
}

// otherDoor signs in at another organisation's login address, with everything right but that.
func otherDoor(w *World) {
	if !strings.Contains(w.Host.Doors.SignIn.Pattern+w.Host.Doors.SignIn.Body, "{org}") {
		w.lack = "{org} in Doors.SignIn: there is one door for all"
		return
	}
	p := w.member(w.least())
	p.learnPassword()
	if w.Host.Service.Rules().EmailScope == iam.Everywhere {
		p.Org = w.Foreign
		if a := p.tryPassword(w.secret, nil); a.through() && strings.Contains(string(a.body), string(w.Foreign)) {
			w.errorf("an account of one organisation is let into another: %s", a.short())
		}
		return
	}
	p.Org = w.Foreign
	if a := p.tryPassword(w.secret, nil); len(a.session()) > 0 {
		w.errorf("an account of one organisation signs in at another's door: %s", a.short())
	}
}

// kinds are people whose addresses differ in what is behind them.
func (w *World) kinds() map[string]*Person {
	disabled := w.member(w.least())
	disabled.learnPassword()
	_ = must(w.system(w.Home).Disable(w.ctx(), disabled.ID))(w.tb)
	nobody := &Person{world: w, Org: w.Home, Email: iam.Email(newAddress("person"))}
	known := w.member(w.least())
	known.learnPassword()
	return map[string]*Person{
		"unknown": nobody, "known": known, "disabled": disabled,
		"pending": w.person(w.create(w.Home, Pending, false, w.least())),
	}
}

// sameForAll fails when an answer tells what is behind an address. It returns who was asked about.
func (w *World) sameForAll(what string, ask func(p *Person) answer) map[string]*Person {
	w.tb.Helper()
	all := w.kinds()
	text := func(p *Person) string {
		return strings.ReplaceAll(ask(p).text(w.without()), string(p.Email), "<email>")
	}
	want := text(all["unknown"])
	for _, kind := range []string{"known", "disabled", "pending"} {
		if got := text(all[kind]); got != want {
			w.errorf("%s tells an address that is %s from one that is unknown: got\n%s\nand\n%s", what, kind, got, want)
		}
	}
	return all
}

func knownBySignIn(w *World) {
	w.sameForAll("signing in", func(p *Person) answer { return p.tryPassword(newPassword(), nil) })
}

// outward are addresses that lead a browser elsewhere, whatever a server takes them for.
var outward = []string{
	"https://evil.example/", "//evil.example/", `\\evil.example/`, `/\evil.example/`, "/\t/evil.example/", "///evil.example", "https:evil.example",
	"http:///evil.example", "javascript:alert(1)", "/%09/evil.example", "/%5cevil.example", " //evil.example", "\x01//evil.example", "/..//evil.example",
	"https://iamtest@evil.example/", "//evil%E3%80%82example", "/account/..//evil.example",
}

// openRedirect signs in with another site as what comes next.
func openRedirect(w *World) {
	p := w.member(w.least())
	p.learnPassword()
	for _, next := range outward {
		r := w.requestOf(w.Host.Doors.SignInForm, p.form(next))
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		a := w.send(r)
		location := a.header.Get("Location")
		if w.leadsAway(location) || strings.Contains(a.header.Get("Refresh"), "evil") {
			w.errorf("with next=%q a browser is sent to %q", next, location)
		}
		if strings.Contains(string(a.body), `href="`+next) {
			w.errorf("with next=%q the page has a link to it", next)
		}
	}
}

// leadsAway reports whether a browser may leave the host by a Location, which should be a path: browsers take backslashes for slashes, and pass over
// control characters.
func (w *World) leadsAway(location string) bool {
	seen := strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r < ' ':
			return -1
		}
		return r
	}, strings.TrimLeft(location, " "))
	if seen == w.base.Scheme+"://"+w.base.Host || strings.HasPrefix(seen, w.base.Scheme+"://"+w.base.Host+"/") {
		return false
	}
	scheme, _, hasScheme := strings.Cut(seen, ":")
	return strings.HasPrefix(seen, "//") || hasScheme && !strings.ContainsAny(scheme, "/?#")
}

// otherLetters writes an address with letters that some comparisons take for k and s.
func otherLetters(email iam.Email) []string {
	plain := string(email)
	return []string{
		strings.Replace(plain, "k", "\u212a", 1), strings.Replace(plain, "s", "\u017f", 1), strings.Replace(plain, "i", "\u0131", 1),
		strings.Replace(plain, "o", "\u043e", 1), plain + "\x00", strings.Replace(plain, "@", "\u200b@", 1), plain + "\u00a0",
	}
}

// lettersAtTheDoor signs in with an address that is another one.
func lettersAtTheDoor(w *World) {
	p := w.named("mike.sokolis")
	p.learnPassword()
	for _, typed := range otherLetters(p.Email) {
		other := *p
		other.Email = iam.Email(typed)
		if a := other.tryPassword(w.secret, nil); len(a.session()) > 0 {
			w.errorf("%q signs in to the account of %q", typed, p.Email)
		}
	}
}

// named makes an active account whose address begins so.
func (w *World) named(local string) *Person {
	w.tb.Helper()
	_, domain, _ := strings.Cut(newAddress(local), "@")
	account, _, err := w.system(w.Home).CreateAccount(w.ctx(), iam.CreateAccountParams{
		Email: local + "@" + domain, Roles: []policy.Role{w.least()}, Active: true,
	})
	w.ok(err)
	return w.person(account)
}
