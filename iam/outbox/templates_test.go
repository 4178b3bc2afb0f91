package outbox_test

import (
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/castellan-iam/castellan/iam/outbox"
)

func folder(files map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func with(t *testing.T, on *outbox.Templates, files map[string]string) *outbox.Templates {
	t.Helper()
	all, err := on.With(folder(files))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestLanguagesFallBack proves that everybody gets a mail, in the nearest language that has it.
func TestLanguagesFallBack(t *testing.T) {
	t.Parallel()
	german := with(t, outbox.English(), map[string]string{
		"de/reset.txt":                 "Subject: Kennwort\n\n{{.Link}}",
		"de/reset.html":                `{{template "layout" .}}{{define "title"}}Kennwort{{end}}{{define "body"}}{{template "button" (.Button "Los")}}{{end}}`,
		"de/password_changed.txt":      "Subject: Kennwort neu\n\nDas Kennwort ist neu.",
		"de-AT/reset.txt":              "Subject: Passwort\r\n\r\n{{.Link}}",
		"zh-Hant/second_factor_on.txt": "\uFEFFSubject: 兩步驟驗證\n\n{{.Product}}",
		"README.md":                    "for whoever translates",
		".git/config":                  "hidden",
		"de/.DS_Store":                 "hidden",
	})
	all := with(t, german, map[string]string{"de/reset.txt": "Subject: Neues Kennwort\n\n{{.Link}}"})
	const english, on = "Reset your Acme Cloud password", "Two-step sign-in is on for your Acme Cloud account"
	for _, c := range []struct {
		templates      *outbox.Templates
		name           outbox.Name
		language, want string
		lang           string // of the HTML; "" for none
	}{
		{german, outbox.Reset, "de", "Kennwort", "de"},
		{german, outbox.Reset, "DE", "Kennwort", "de"},
		{german, outbox.Reset, "de-CH", "Kennwort", "de"},
		{german, outbox.Reset, "de-AT", "Passwort", ""},
		{german, outbox.Reset, "de-at-1996", "Passwort", ""},
		{german, outbox.Reset, "den", english, "en"},
		{german, outbox.Reset, "d", english, "en"},
		{german, outbox.Reset, "", english, "en"},
		{german, outbox.Reset, "-", english, "en"},
		{german, outbox.Reset, "../de", english, "en"},
		{german, outbox.Reset, "de" + strings.Repeat("-x", 1<<20), english, "en"},
		{german, outbox.PasswordChanged, "de-AT", "Kennwort neu", ""},
		{german, outbox.SecondFactorOn, "de-AT", on, "en"},
		{german, outbox.SecondFactorOn, "zh-Hant-TW", "兩步驟驗證", ""},
		{german, outbox.SecondFactorOn, "zh-Hans", on, "en"},
		{all, outbox.Reset, "de", "Neues Kennwort", ""}, // the HTML of before would say something else
		{all, outbox.Reset, "de-AT", "Passwort", ""},
		{outbox.English(), outbox.Reset, "de", english, "en"},
	} {
		subject, _, html, err := c.templates.Render(c.name, c.language, complete())
		if err != nil || subject != c.want {
			t.Errorf("%s in %.20q: got %q, %v, want %q", c.name, c.language, subject, err, c.want)
		}
		if got := c.lang != "" && strings.Contains(html, `<html lang="`+c.lang+`">`); got != (html != "") {
			t.Errorf("%s in %.20q: want HTML in %q: %.60q", c.name, c.language, c.lang, html)
		}
	}
}

// TestLayoutAlone proves that one file gives all mails the look of a host, in every language without its own.
func TestLayoutAlone(t *testing.T) {
	t.Parallel()
	all := with(t, outbox.English(), map[string]string{
		"en/layout.html":           `{{define "layout"}}<main>{{template "body" .}}</main>{{end}}{{define "button"}}<a href="{{.Link}}">{{.Label}} {{.Link}}</a>{{end}}`,
		"ar/layout.html":           `{{define "layout"}}<html lang="{{.Language}}" dir="rtl">{{template "body" .}}{{end}}`,
		"ar/second_factor_on.txt":  "Subject: ar\n\nar",
		"ar/second_factor_on.html": `{{template "layout" .}}{{define "body"}}ar{{end}}`,
		"fr/second_factor_on.txt":  "Subject: fr\n\nfr",
		"fr/second_factor_on.html": `{{template "layout" .}}{{define "body"}}fr{{end}}`,
	})
	for _, m := range mails() {
		d := complete()
		m.change(&d)
		_, _, html, err := all.Render(m.name, "en", d)
		if err != nil || !strings.HasPrefix(html, "<main>") || !strings.HasSuffix(html, "</main>") {
			t.Errorf("%s: got %q, %v: want the host's layout", m.golden, html, err)
		}
	}
	for language, want := range map[string]string{"ar": `<html lang="ar" dir="rtl">ar`, "fr": "<main>fr</main>"} {
		if _, _, got, err := all.Render(outbox.SecondFactorOn, language, complete()); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", language, got, err, want)
		}
	}
}

// TestBrokenTemplates proves that a mistake is found when the host starts, with its file and line.
func TestBrokenTemplates(t *testing.T) {
	t.Parallel()
	const subject, html = "Subject: x\n\n", `{{template "layout" .}}{{define "title"}}x{{end}}{{define "body"}}`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // what the error begins with
	}{
		{"a misspelt field", map[string]string{"en/reset.txt": subject + "{{.Link}}\n{{.Expirse}}"}, `outbox: en/reset.txt:4:2: executing "en/reset.txt" at <.Expirse>: can't evaluate field Expirse`},
		{"a misspelt field of the subject", map[string]string{"en/reset.txt": "Subject: {{.Prodct}}\n\n{{.Link}}"}, "outbox: en/reset.txt:1:"},
		{"a misspelt field of a person", map[string]string{"en/second_factor_on.txt": subject + "{{.Recipient.Nmae}}"}, "outbox: en/second_factor_on.txt:3:"},
		{"a misspelt field if there is an actor", map[string]string{"en/second_factor_on.txt": subject + "x{{if .Actor}}{{.Actr}}{{end}}"}, "outbox: en/second_factor_on.txt:3:"},
		{"a misspelt field if there is none", map[string]string{"en/second_factor_on.txt": subject + "x{{if not .Actor}}{{.Actr}}{{end}}"}, "outbox: en/second_factor_on.txt:3:"},
		{"the name of an actor that there is not", map[string]string{"en/second_factor_on.txt": subject + "{{.Actor.Name}}"}, "outbox: en/second_factor_on.txt:3:"},
		{"a misspelt field without an initial password", map[string]string{"en/invitation.txt": subject + "{{.Link}} {{.LoginAddress}}\n{{if not .InitialPassword}}{{.X}}{{end}}"}, "outbox: en/invitation.txt:4:"},
		{"a misspelt field with one role", map[string]string{"en/invitation.txt": subject + "{{.Link}} {{.LoginAddress}}\n{{if eq (len .Roles) 1}}{{.X}}{{end}}"}, "outbox: en/invitation.txt:4:"},
		{"a misspelt field with one code", map[string]string{"en/recovery_code_used.txt": subject + "x\n{{if eq .CodesLeft 1}}{{.X}}{{end}}"}, "outbox: en/recovery_code_used.txt:4:"},
		{"a misspelt field with no end of the lock", map[string]string{"en/new_sign_in_locked.txt": subject + "x\n{{if .Expires.IsZero}}{{.X}}{{end}}"}, "outbox: en/new_sign_in_locked.txt:4:"},
		{"an action that does not end", map[string]string{"de/reset.txt": subject + "a\nb {{if .Link}}"}, "outbox: de/reset.txt:4:"},
		{"a function that there is not", map[string]string{"de/reset.txt": subject + "{{html .Link}}\n{{day .Time}}"}, `outbox: de/reset.txt:4: function "day" not defined`},
		{"HTML with a misspelt field", map[string]string{"de/reset.txt": subject + "{{.Link}}", "de/reset.html": html + "\n{{.Lnk}}{{end}}"}, "outbox: de/reset.html:2:"},
		{"HTML that does not parse", map[string]string{"de/reset.txt": subject + "{{.Link}}", "de/reset.html": "\n\n{{end}}"}, "outbox: de/reset.html:3:"},
		{"HTML that cannot be escaped", map[string]string{"de/reset.txt": subject + "{{.Link}}", "de/reset.html": "\n<a {{if .Link}}href='{{end}}'>{{.Link}}"}, "outbox: de/reset.html:2:"},
		{"HTML without the title", map[string]string{"de/reset.txt": subject + "{{.Link}}", "de/reset.html": `{{template "layout" .}}{{define "body"}}{{.Link}}{{end}}`}, "outbox: en/layout.html:"},
		{"a layout with a misspelt field", map[string]string{"en/layout.html": "{{define \"layout\"}}\n{{.Prodct}}{{end}}"}, "outbox: en/layout.html:2:"},
		{"a layout that does not parse", map[string]string{"en/layout.html": "\n{{define}}"}, "outbox: en/layout.html:2:"},
		{"no subject", map[string]string{"de/reset.txt": "{{.Link}}"}, "outbox: de/reset.txt:1: want a first line such as Subject:"},
		{"an empty subject", map[string]string{"de/reset.txt": "Subject: {{/* nothing */}}\n\n{{.Link}}"}, "outbox: de/reset.txt:1: the subject is empty"},
		{"an empty text", map[string]string{"de/second_factor_on.txt": "Subject: x\n\n \n"}, "outbox: de/second_factor_on.txt:2: the text is empty"},
		{"a text without the link", map[string]string{"de/reset.txt": subject + "x"}, "outbox: de/reset.txt: .Link is not shown"},
		{"HTML without the link", map[string]string{"de/reset.txt": subject + "{{.Link}}", "de/reset.html": "x"}, "outbox: de/reset.html: .Link is not shown"},
		{"an invitation without the login address (E9)", map[string]string{"de/invitation.txt": subject + "{{.Link}}"}, "outbox: de/invitation.txt: .LoginAddress is not shown"},
		{"HTML without a text", map[string]string{"de/reset.html": "{{.Link}}"}, "outbox: de/reset.html: a mail needs its text and subject too: reset.txt"},
		{"a misspelt mail", map[string]string{"en/rest.txt": subject}, "outbox: en/rest.txt: no mail has this name"},
		{"another kind of file", map[string]string{"en/reset.md": subject}, "outbox: en/reset.md: no mail has this name"},
		{"a folder in a language", map[string]string{"en/reset/x.txt": subject}, "outbox: en/reset: no mail has this name"},
		{"a layout of text", map[string]string{"en/layout.txt": subject}, "outbox: en/layout.txt: no mail has this name"},
		{"a folder with the languages in it", map[string]string{"templates/en/reset.txt": subject}, "outbox: templates: no folder of a language"},
		{"a template beside the languages", map[string]string{"reset.txt": subject}, "outbox: reset.txt: a template must be in the folder of its language"},
		{"one language twice", map[string]string{"de-AT/reset.txt": subject, "de-at/reset.txt": subject}, "outbox: de-at: two folders are of this language"},
		{"nothing", map[string]string{"README.md": ""}, "outbox: no folder of a language"},
		{"Latin-1", map[string]string{"de/reset.txt": "Subject: x\n\nSch\xf6n"}, "outbox: de/reset.txt:3: this is not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all, err := outbox.English().With(folder(c.files))
			if err == nil || all != nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got %v, %v\nwant %s", all, err, c.want)
			}
			if lines := strings.Split(err.Error(), "\n"); len(lines) != 1 {
				t.Errorf("one mistake is told %d times: %v", len(lines), err)
			}
		})
	}
	_, err := outbox.English().With(folder(map[string]string{"de/reset.txt": "x", "fr/reset.txt": "x", "fr/rest.txt": "x"}))
	if err == nil || err.Error() != "outbox: fr/rest.txt: no mail has this name" {
		t.Errorf("got %v: want the files' names first", err)
	}
	_, err = outbox.English().With(folder(map[string]string{"fr/reset.txt": "x", "de/reset.txt": "x"}))
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.HasPrefix(err.Error(), "outbox: de/reset.txt:1") {
		t.Errorf("got %v: want every mistake, sorted", err)
	}
}

// TestTemplatesAreShared renders on many goroutines, for the race detector, while With adds to the same templates.
func TestTemplatesAreShared(t *testing.T) {
	t.Parallel()
	_, want, _, err := outbox.English().Render(outbox.Reset, "en", complete())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if _, got, _, err := outbox.English().Render(outbox.Reset, "en", complete()); got != want || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if _, err := outbox.English().With(folder(map[string]string{"en/reset.txt": "Subject: other\n\n{{.Link}}"})); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
