package iamtest

import (
	"encoding/csv"
	"errors"
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func mailAttacks() []Attack {
	forgot := []string{needsSignIn, needsMails, "Forgot"}
	return []Attack{
		{"a poisoned Host", "SB-94, CVE-2025-64101, GHSA-93m4-mfpg-c3xf, CVE-2026-53523", forgot, poisonedHost},
		{"an address in other letters", "SB-91, CVE-2019-19844", forgot, lettersInMails},
		{"two addresses in place of one", "SB-90, CVE-2023-7028, CVE-2022-35924", forgot, twoAddresses},
		{"a header in a name", "SB-93, CVE-2024-41953, CVE-2017-18892", []string{needsSignIn, needsMails, "Invite"}, headerInName},
		{"the same address twice", "SB-92", []string{needsSignIn, needsMails, "Invite"}, sameAddress},
		{"a formula in the log", "SB-84, GO-2026-4687", []string{needsSignIn, "ExportEvents"}, formula},
	}
}

// hosts are what a request may say of the host that it was sent to.
var hosts = map[string]func(r *http.Request){
	"Host":              func(r *http.Request) { r.Host = "evil.example" },
	"X-Forwarded-Host":  func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "evil.example") },
	"X-Original-Host":   func(r *http.Request) { r.Header.Set("X-Original-Host", "evil.example") },
	"X-Forwarded-Proto": func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") },
	"Forwarded":         func(r *http.Request) { r.Header.Set("Forwarded", "host=evil.example;proto=http") },
	"Origin":            func(r *http.Request) { r.Header.Set("Referer", evil+"/") },
	"an absolute address": func(r *http.Request) {
		r.URL.Host, r.Host, r.RequestURI = "evil.example", "evil.example", "https://evil.example"+r.RequestURI
	},
}

// poisonedHost asks for a reset with another host in the request: the link in the mail leads where it always does, or no
// mail goes out at all.
func poisonedHost(w *World) {
	for what, poison := range hosts {
		p := w.member(w.least())
		r := w.requestOf(w.Host.Doors.Forgot, Values{"email": string(p.Email)})
		poison(r)
		r.RemoteAddr = w.nextPeer()
		w.send(r)
		w.Deliver()
		for _, m := range w.Mails.To(p.Email) {
			if link := LinkOf(m); !strings.HasPrefix(link, w.base.Scheme+"://"+w.base.Host+"/") {
				w.errorf("with another %s the link in the mail begins with %.40s", what, link)
			}
			if strings.Contains(m.Text+m.HTML, "evil.example") {
				w.errorf("with another %s the mail speaks of it", what)
			}
		}
	}
}

// onlyTo fails when a mail went to anybody else, since there were so many.
func (w *World) onlyTo(email iam.Email, since int, what string) {
	w.tb.Helper()
	w.Deliver()
	for _, m := range w.Mails.Messages()[since:] {
		if m.To != email {
			w.errorf("%s: a mail about %s went to %q", what, email, m.To)
		}
	}
}

// sentSoFar delivers, and returns how many mails there are.
func (w *World) sentSoFar() int {
	w.tb.Helper()
	w.Deliver()
	return len(w.Mails.Messages())
}

// lettersInMails asks for a reset by an address that some comparisons take for the victim's.
func lettersInMails(w *World) {
	p := w.named("mike.sokolis")
	for _, typed := range otherLetters(p.Email) {
		since := w.sentSoFar()
		w.forget(typed)
		w.onlyTo(p.Email, since, "asking for a reset as another one")
	}
}

// twoAddresses sends one more address with the victim's, in each of the ways in which some parsers read two.
func twoAddresses(w *World) {
	p := w.member(w.least())
	other := newAddress("evil")
	victim := string(p.Email)
	for _, typed := range []string{
		victim + "," + other, victim + ";" + other, victim + " " + other, victim + "\r\nBcc: " + other, victim + "%0aCc:" + other, "<" + victim + "> " + other,
		victim + "\x00" + other, `"` + victim + `> RCPT TO:<` + other + `"`, "Victim <" + victim + ">", other + " (" + victim + ")",
	} {
		since := w.sentSoFar()
		w.forget(typed)
		w.onlyTo(p.Email, since, "two addresses in one field")
	}
	for _, body := range []string{
		`{"email":["` + victim + `","` + other + `"]}`, `{"email":"` + victim + `","email":"` + other + `"}`, `{"email":{"0":"` + victim + `","1":"` + other + `"}}`,
	} {
		since := w.sentSoFar()
		rt := w.Host.Doors.Forgot
		rt.Body, rt.Type = body, typeJSON
		w.send(w.requestOf(rt, nil))
		w.onlyTo(p.Email, since, "two addresses in two fields")
	}
}

// asksToInvite invites by the host's route.
func (p *Person) asksToInvite(email, name string, role string) answer {
	p.world.tb.Helper()
	return p.ask(p.world.Host.Doors.Invite, Values{"email": email, "name": name, "role": role, "password": p.world.secret.Reveal()})
}

// hostile are names that end a header, or draw something in a page.
var hostile = []string{
	"Eve\r\nBcc: evil@evil.example", "Eve\nSubject: You have won", "Eve\r\n\r\n<h1>Hello</h1>", "<script>alert(1)</script>", `"><img src=https://evil.example/x>`,
	"Eve\u2028Bcc: evil@evil.example", "https://evil.example/win", "\u202eevE", "{{.Link}}",
}

// headerInName invites people who are called so.
func headerInName(w *World) {
	by := w.strongest(w.Home).ready()
	for _, name := range hostile {
		email := newAddress("guest")
		since := w.sentSoFar()
		by.asksToInvite(email, name, string(w.least()))
		w.onlyTo(iam.Email(email), since, "a header in a name")
		for _, m := range w.Mails.Messages()[since:] {
			if strings.ContainsAny(m.Subject+m.From+string(m.To)+m.ID, "\r\n\u2028\u0085\x00") {
				w.errorf("the name %q ends a header of the mail", name)
			}
			if html := m.HTML; strings.Contains(html, "<script>") || strings.Contains(html, "<img src=https://evil") || strings.Contains(html, "<h1>Hello") {
				w.errorf("the name %q is HTML in the mail", name)
			}
			if strings.Contains(m.HTML, `href="https://evil.example`) || strings.Contains(m.Text, "https://evil.example/win") {
				w.errorf("the name %q is a link in the mail", name)
			}
		}
	}
}

// sameAddress invites one address in two cases at once.
func sameAddress(w *World) {
	by := w.strongest(w.Home).ready()
	local, domain, _ := strings.Cut(newAddress("guest"), "@")
	forms := []string{local + "@" + domain, strings.ToUpper(local) + "@" + domain, local + "@" + strings.ToUpper(domain), "G" + local[1:] + "@" + domain}
	reqs := make([]*http.Request, 3*len(forms))
	for i := range reqs {
		reqs[i] = w.requestOf(w.Host.Doors.Invite, Values{
			"email": forms[i%len(forms)], "name": "Guest", "role": string(w.least()), "password": w.secret.Reveal(),
		})
		by.sign(reqs[i])
	}
	atOnce(len(reqs), func(i int) bool { return w.send(reqs[i]).through() })
	found := 0
	for _, a := range w.census() {
		if strings.EqualFold(string(a.Email), forms[0]) {
			found++
		}
	}
	if found != 1 {
		w.errorf("%d accounts have one address, in other cases", found)
	}
}

// formula brings names and addresses into the log that a table would calculate with, and takes it away.
func formula(w *World) {
	by := w.strongest(w.Home)
	target := w.member(w.least())
	for _, name := range []string{`=HYPERLINK("https://evil.example","x")`, "+1+1", "-2+3", "@SUM(1)", "Eve;=1+1", "Eve;\"=1+1"} {
		_ = must(w.system(w.Home).UpdateProfile(w.ctx(), target.ID, iam.Profile{Name: name}))(w.tb)
	}
	for _, local := range []string{"=1+1", "+1+1", "-2+3"} {
		account, _, err := w.system(w.Home).CreateAccount(w.ctx(), iam.CreateAccountParams{
			Email: newAddress(local), Roles: []policy.Role{w.least()}, Active: true,
		})
		if errors.Is(err, iam.ErrInvalid) {
			continue
		}
		w.ok(err)
		w.person(account).signIn()
	}
	a := by.ask(w.Host.Doors.ExportEvents, nil)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(a.body), "\ufeff"))).ReadAll()
	if err != nil || !a.through() || len(rows) < 2 {
		w.errorf("the log cannot be taken away: %v: %s", err, a.short())
		return
	}
	for _, row := range rows {
		for _, cell := range row {
			for piece := range strings.SplitSeq(cell, ";") { // at which some spreadsheets cut, whatever is quoted
				if piece = strings.TrimLeft(piece, ` "`); len(piece) > 1 && strings.ContainsRune("=+-@\t\r", rune(piece[0])) {
					w.errorf("the log has a cell that a table calculates: %q", cell)
				}
			}
		}
	}
}
