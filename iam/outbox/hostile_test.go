package outbox_test

import (
	"encoding/json"
	"fmt"
	stdhtml "html"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
)

// hostile are texts that somebody may give as the name of an organisation, a role or themselves.
var hostile = []struct{ attack, text string }{
	{"a script", `<script>alert(1)</script>`},
	{"an attribute", `"><img src=x onerror=alert(1)>`},
	{"a quoted attribute", `' onmouseover='alert(1)`},
	{"an entity", `&lt;b&gt; &amp;#60;`},
	{"the end of the title", `</title></h1><a href="https://evil.example">Activate</a>`},
	{"a comment", `<!-- --><!--`},
	{"a template", `{{.Link}} {{template "button" .}}`},
	{"a header", "Acme\r\nBcc: victim@evil.example\r\n\r\nHello"},
	{"a bare line feed", "Acme\nBcc: x"},
	{"a Unicode line end", "Acme\u2028Bcc: x\u2029\u0085y"},
	{"a vertical tab and a form feed", "Acme\vx\fy"},
	{"an ANSI sequence", "\x1b[2J\x1b]8;;https://evil.example\x07click\x1b]8;;\x07"},
	{"a C1 control", "\u009b31m"},
	{"NUL and DEL", "a\x00b\x7f"},
	{"a right-to-left override", "Acme \u202egro.elpmaxe\u202c"},
	{"an isolate", "\u2067Acme\u2066"},
	{"marks of direction", "a\u200eb\u200fc\u061c"},
	{"a zero-width blank in a link", "evil\u200b.\u200bexample"},
	{"a joiner in a link", "evil.\u200dexample"},
	{"a soft hyphen and a byte order mark", "evil\u00ad.\ufeffexample"},
	{"a tag character", "a\U000e0041b"},
	{"invalid UTF-8", "Acme\xff\xc3.example"},
	{"an address", "http://evil.example/path?x=1#y"},
	{"an address in capitals", "HTTPS://EVIL.EXAMPLE"},
	{"a script's address", "javascript:alert(1)"},
	{"a domain", "evil.example"},
	{"www", "www.evil.example"},
	{"a domain with a port", "evil.example:8080/x"},
	{"a domain of an emoji", "i❤.ws and ❤.evil.example"},
	{"a domain of letters beyond ASCII", "пример.рф"},
	{"ideographic dots", "例え。テスト．example｡com"},
	{"an IPv4 address", "http://192.0.2.1/ 192.0.2.1"},
	{"a mail's address", "win@evil.example mailto:win@evil.example"},
	{"a phone's address", "tel:+1900555 sms:+1900555"},
	{"a file server", `\\evil.example\share file:\\evil\share`},
	{"Markdown", "[click](https://evil.example)"},
	{"ten kilobytes", strings.Repeat("Long. ", 1700)},
	{"ten kilobytes without a blank", strings.Repeat("x", 10_000)},
	{"dots alone", strings.Repeat(".a", 5000)},
	{"marks upon marks", "a" + strings.Repeat("\u0301", 5000)},
}

// plant puts a text wherever a user's text can be.
func plant(s string) outbox.Data {
	d := complete()
	d.Organization, d.Recipient.Name, d.Actor.Name, d.Owner.Name, d.Peer = s, s, s, s, s
	d.Roles = []string{s, s}
	return d
}

// TestHostileTexts puts every attack into every mail (SB-84, SB-93).
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, h := range hostile {
		t.Run(h.attack, func(t *testing.T) {
			t.Parallel()
			for _, m := range mails() {
				checkHarmless(t, m, plant("A "+h.text+" Z"))
				checkHarmless(t, m, plant(h.text))
			}
		})
	}
}

// FuzzRender does it with any text, and any address that an account may have.
func FuzzRender(f *testing.F) {
	for _, h := range hostile {
		f.Add(h.text, "bob@harbour.example", uint8(0))
	}
	f.Add("x", "www.evil.example/x@harbour.example", uint8(5))
	f.Add("x", "a?b=c&d='e'@harbour.example", uint8(7))
	f.Fuzz(func(t *testing.T, text, email string, which uint8) {
		d := plant(text)
		if e, err := iam.ParseEmail(email); err == nil {
			d.Recipient.Email, d.Actor.Email, d.OldEmail, d.NewEmail = e, e, e, e
		}
		if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
			d.Peer = "" // it is shown as it is
		}
		all := mails()
		checkHarmless(t, all[int(which)%len(all)], d)
	})
}

var (
	// linked is what mail programs make links of, and more.
	linked = regexp.MustCompile(`(?i)://|\S[.․。．｡][-_\pL\pN\pM\x{200c}\x{200d}]|\S:[^\s\p{Nd}]|[^\s\p{Nd}]:\S|\\\\`)
	// odd is the front of an address that is not an address to every mail program.
	odd    = regexp.MustCompile(`^www\.|[^a-z0-9._+-]`)
	markup = regexp.MustCompile(`(?s)<[^<>]*>`)
)

// ours returns a mail's text without what may be a link, and with what was taken apart set apart.
func ours(s string, d outbox.Data) string {
	s = strings.NewReplacer(link, "", login, "", "[.]", " ", "[:]", " ", `[\]`, " ").Replace(s)
	for _, e := range []iam.Email{d.NewEmail, d.OldEmail, d.Actor.Email, d.Owner.Email, d.Recipient.Email} {
		if local, _, _ := strings.Cut(string(e), "@"); !odd.MatchString(local) {
			s = strings.ReplaceAll(s, string(e), "")
		}
	}
	return s
}

// checkHarmless renders a mail and holds it against the same mail with harmless data.
func checkHarmless(t *testing.T, m mail, d outbox.Data) {
	t.Helper()
	subject, text, html, err := outbox.English().Render(m.name, "en", d)
	if err != nil {
		if strings.Contains(err.Error(), "is missing") {
			return // nothing was left of the text
		}
		t.Fatalf("%s: %v", m.golden, err)
	}
	if n := utf8.RuneCountInString(subject); n > 151 {
		t.Errorf("%s: the subject has %d characters", m.golden, n)
	}
	if len(text) > 20_000 || len(html) > 40_000 {
		t.Errorf("%s: %d bytes of text, %d of HTML: a name makes a mail long", m.golden, len(text), len(html))
	}
	for part, s := range map[string]string{"subject": subject, "text": text, "html": html} {
		if i := strings.IndexFunc(s, obeyed); i >= 0 || !utf8.ValidString(s) || part == "subject" && strings.Contains(s, "\n") {
			t.Errorf("%s: the %s has a character that is obeyed: %q", m.golden, part, s)
		}
	}
	seen := stdhtml.UnescapeString(markup.ReplaceAllString(html, " "))
	for part, s := range map[string]string{"subject": subject, "text": text, "html": seen} {
		if found := linked.FindString(ours(s, d)); found != "" {
			t.Errorf("%s: the %s has something like a link, %q: %q", m.golden, part, found, s)
		}
	}
	// The same tags in the same order as ever, so that no text has become one.
	benign := complete()
	benign.Recipient.Email = d.Recipient.Email
	if got, want := tags(html), tags(rendered(t, m.name, sameShape(benign, d))); got != want {
		t.Errorf("%s: a text has changed the markup:\ngot  %s\nwant %s", m.golden, got, want)
	}
}

// sameShape returns the benign data without the texts of which nothing is left in a mail.
func sameShape(benign, d outbox.Data) outbox.Data {
	left := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool {
			return unicode.IsGraphic(r) && !unicode.IsSpace(r)
		})
	}
	if !left(d.Recipient.Name) {
		benign.Recipient.Name, benign.Actor.Name, benign.Owner.Name, benign.Organization, benign.Peer, benign.Roles = "", "", "", "", "", nil
	}
	return benign
}

func tags(html string) string { return strings.Join(markup.FindAllString(html, -1), "") }

func rendered(t *testing.T, name outbox.Name, d outbox.Data) string {
	t.Helper()
	_, _, html, err := outbox.English().Render(name, "en", d)
	if err != nil {
		t.Fatal(err)
	}
	return html
}

// obeyed reports whether a program acts on a character in place of showing it.
func obeyed(r rune) bool {
	return r != '\n' && r != '\u200c' && r != '\u200d' && !unicode.IsGraphic(r)
}

// TestTextsAreTakenApart says what is left of a name, and that an ordinary one stays as it is.
func TestTextsAreTakenApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, want string }{
		{"Blue Harbour Ltd.", "Blue Harbour Ltd."},
		{"Dr. Müller & Söhne", "Dr. Müller & Söhne"},
		{"Back: to front", "Back: to front"},
		{"Ops:", "Ops[:]"},
		{"Ops: night shift 22:30", "Ops: night shift 22:30"},
		{"شرکت می\u200cخواهم", "شرکت می\u200cخواهم"},
		{"👩\u200d🔧 Repairs", "👩\u200d🔧 Repairs"},
		{"http://evil.example/x", "http[:]//evil[.]example/x"},
		{"evil.example", "evil[.]example"},
		{"192.0.2.1", "192[.]0[.]2[.]1"},
		{"javascript:alert(1)", "javascript[:]alert(1)"},
		{`\\evil\share`, `[\][\]evil\share`},
		{"  two \t\r\n lines ", "two lines"},
		{"\u200d\u200ca", "a"},
		{"a\xffb", "a\ufffdb"},
		{"a\u202eb\x1b[0m", "ab[0m"},
		{strings.Repeat("é", 81), strings.Repeat("é", 80) + "…"},
		{strings.Repeat("é", 80) + " ", strings.Repeat("é", 80)},
	} {
		d := complete()
		d.Actor = outbox.Person{Name: c.name}
		subject, _, _, err := outbox.English().Render(outbox.Invitation, "en", d)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := strings.CutSuffix(subject, " invites you to Blue Harbour Ltd on Acme Cloud"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestProductIsText proves that the host's own name is left alone, and is still neither markup nor a header.
func TestProductIsText(t *testing.T) {
	t.Parallel()
	for _, m := range mails() {
		d := complete()
		m.change(&d)
		d.Product = "acme.example <b>\r\nBcc: x"
		subject, text, html, err := outbox.English().Render(m.name, "en", d)
		if err != nil {
			t.Fatal(err)
		}
		if want := "acme.example <b> Bcc: x"; !strings.Contains(subject, want) || !strings.HasSuffix(text, "\n"+want+"\n") {
			t.Errorf("%s: got %q, %q: want %q", m.golden, subject, text, want)
		}
		if want := ">acme.example &lt;b&gt; Bcc: x<"; !strings.Contains(html, want) {
			t.Errorf("%s: want %q in %q", m.golden, want, html)
		}
	}
}

// TestAddressesStayAddresses proves that an ordinary address can be copied, and an odd one is no link.
func TestAddressesStayAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ address, want string }{
		{"ann.lee+x@harbour.example", "ann.lee+x@harbour.example"},
		{"www.evil.example@harbour.example", "www[.]evil[.]example@harbour[.]example"},
		{"evil.example/x@harbour.example", "evil[.]example/x@harbour[.]example"},
		{"not an address: http://evil.example", "not an address: http[:]//evil[.]example"},
	} {
		d := complete()
		d.NewEmail = iam.Email(c.address)
		_, text, _, err := outbox.English().Render(outbox.EmailChangeNew, "en", d)
		if err != nil {
			t.Fatal(err)
		}
		if oneLine := strings.Join(strings.Fields(text), " "); !strings.Contains(oneLine, ": "+c.want+". ") {
			t.Errorf("%s: want %q in %q", c.address, c.want, text)
		}
	}
}

// TestRolesAreCounted proves that no list of roles makes a mail long.
func TestRolesAreCounted(t *testing.T) {
	t.Parallel()
	d := complete()
	d.Roles = make([]string, 1000)
	for i := range d.Roles {
		d.Roles[i] = fmt.Sprintf("Role %d", i)
	}
	_, text, _, err := outbox.English().Render(outbox.Invitation, "en", d)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "- Role 19\n- …\n") || strings.Contains(text, "Role 20") {
		t.Errorf("want 20 roles and an ellipsis:\n%s", text)
	}
}

// TestDataKeepsItsLink proves that a token comes into no log and no row with the data (SB-82, SB-98).
func TestDataKeepsItsLink(t *testing.T) {
	t.Parallel()
	stored, err := json.Marshal(complete())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(stored), fmt.Sprintf("%v %+v", complete(), complete()), fmt.Sprintf("%#v", complete())} {
		if strings.Contains(s, "q83vEjRW") {
			t.Errorf("the token can be read: %s", s)
		}
	}
}
