package outbox_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam/outbox"
)

// FuzzTemplates takes templates of a host's own: what is wrong with them names the file when they are read, or when they
// are rendered, and whatever they make has a subject of one line.
func FuzzTemplates(f *testing.F) {
	for _, seed := range [][2]string{
		{"Subject: Hello {{.Organization}}\n\nYour link: {{.Link}}\n", `{{define "content"}}<p>{{.Organization}}</p>{{end}}`},
		{"Subject: {{duration .Lifetime}} {{utc .Expires}}\n{{if .Actor}}{{.Actor}}{{end}}", `<a href="{{.Link}}">{{.Recipient.Email}}</a>`},
		{"Subject: x\n{{with .Roles}}{{.}}{{else}}none{{end}}", "<script>{{.Organization}}</script>"},
		{"subject: x", "{{"}, {"Subject: {{.Nope}}\n", "{{.Organization.Nope}}"}, {"Subject:\n", "<"}, {"\ufeffSubject: x\r\n\r\ny", "\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, html string) {
		both := text + html
		if strings.Contains(both, "range") || strings.Contains(both, "define") && strings.Contains(both, "template") || len(text)+len(html) > 4000 {
			return // a host that writes a loop without end gets one, and a recursion to the end of its stack
		}
		own, err := outbox.English().With(fstest.MapFS{
			"en/invitation.txt": {Data: []byte(text)}, "en/invitation.html": {Data: []byte(html)},
		})
		if err != nil {
			if own != nil || !strings.HasPrefix(err.Error(), "outbox: ") || !strings.Contains(err.Error(), "en/") {
				t.Errorf("%q and %q: the mistake names no file: %v", text, html, err)
			}
			return
		}
		subject, plain, _, err := own.Render(outbox.Invitation, "en", complete())
		if err != nil {
			if !strings.HasPrefix(err.Error(), "outbox: ") {
				t.Errorf("%q and %q: got %v", text, html, err)
			}
			return
		}
		if subject == "" || strings.ContainsAny(subject, "\r\n") || utf8.RuneCountInString(subject) > 151 || !utf8.ValidString(subject) {
			t.Errorf("%q: got the subject %q", text, subject)
		}
		if len(plain) > 64<<10 {
			t.Errorf("%q: a text of %d bytes", text, len(plain))
		}
	})
}
