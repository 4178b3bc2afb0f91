package outbox

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Templates are the texts of the mails, in one language or several. They never change, and are safe
// for concurrent use. [English] has those that are shipped, and With replaces and adds. The zero
// Templates has none.
type Templates struct {
	sources sources
	pages   map[string]map[Name]*page // by language and name
}

//go:embed templates
var shipped embed.FS

var english = sync.OnceValue(func() *Templates {
	files, err := fs.Sub(shipped, "templates")
	if err != nil {
		panic(err)
	}
	t, err := (&Templates{}).With(files)
	if err != nil {
		panic(err)
	}
	return t
})

// English returns the shipped templates.
func English() *Templates { return english() }

// With returns templates with those of a file system in front: it has a folder for each language,
// such as en or de-AT, and in it the files of [Name]s, such as
//
//	de/invitation.txt     Subject: Willkommen bei {{.Organization}}
//
//	                      Guten Tag, …
//	de/invitation.html
//	de/layout.html
//
// The .txt is a text/template behind a first line with the subject. A paragraph is one line, however
// long: it is wrapped when the mail is written. The .html is an html/template, and may be left out:
// then the mail has no HTML. Both see the fields of [Data] and a field Language. They may call
//
//	{{utc .Expires}}         2026-11-21 10:00 UTC
//	{{duration .Lifetime}}   24 hours: in English; others have {{.Lifetime.Hours}}
//
// A file layout.html has what the HTML of one language has in common. The shipped one is used
// for languages that have none; it has no words of its own. It defines "layout", which wants a
// "title" and a "body" from the mail, and "button", which is called with {{.Button "a label"}}.
//
// Each template is tried with sample data: one that names a field which does not exist, or leaves out
// an address that the mail is for, is refused here, with its file and line. So is a file that is
// no mail's.
func (t *Templates) With(files fs.FS) (*Templates, error) {
	added, err := read(files)
	if err != nil {
		return nil, err
	}
	all := t.sources.with(added)
	pages, err := all.compile()
	if err != nil {
		return nil, err
	}
	return &Templates{sources: all, pages: pages}, nil
}

// Render writes a mail. A language that has no such template, de-AT, is looked for as de, and then
// as en. The subject is one short line; html is "" when the template has none. The result may hold
// Link: it is for the mail server alone. An error has nothing of the data in it.
func (t *Templates) Render(name Name, language string, data Data) (subject, text, html string, err error) {
	if !name.known() {
		return "", "", "", fmt.Errorf("outbox: no mail has the name %.40q", name)
	}
	if err := data.check(name); err != nil {
		return "", "", "", err
	}
	p := t.page(name, language)
	if p == nil {
		return "", "", "", fmt.Errorf("outbox: %s: there is no template", name)
	}
	m, err := p.render(data)
	if err != nil {
		return "", "", "", err
	}
	return m.subject, m.text, m.html, nil
}

func (t *Templates) page(name Name, language string) *page {
	for _, l := range fallbacks(language) {
		if p := t.pages[l][name]; p != nil {
			return p
		}
	}
	return nil
}

const maxLanguage = 35 // bytes: RFC 5646, 4.4.1

// fallbacks are the languages to look for, the best first: zh-hant-tw, zh-hant, zh, en.
func fallbacks(language string) []string {
	var all []string
	if len(language) <= maxLanguage {
		for l := strings.ToLower(language); l != ""; {
			all = append(all, l)
			l = l[:max(strings.LastIndexByte(l, '-'), 0)]
		}
	}
	return append(all, "en")
}

// sources are the files by language and name: "de", "invitation.txt".
type sources map[string]map[string]source

type source struct {
	file string // as the file system has it
	text string
}

// with returns the sources with others in front. A mail is replaced as a whole: the HTML of one
// must not go with the text of another.
func (s sources) with(added sources) sources {
	all := sources{}
	for language, files := range s {
		all[language] = maps.Clone(files)
	}
	for language, files := range added {
		if all[language] == nil {
			all[language] = map[string]source{}
		}
		for base := range files {
			if mail, isText := strings.CutSuffix(base, ".txt"); isText {
				delete(all[language], mail+".html")
			}
		}
		maps.Copy(all[language], files)
	}
	return all
}

// compile makes the pages and tries them.
func (s sources) compile() (map[string]map[Name]*page, error) {
	pages := map[string]map[Name]*page{}
	wrong := mistakes{}
	for language, files := range s {
		pages[language] = map[Name]*page{}
		for _, name := range names() {
			text, ok := files[string(name)+".txt"]
			if !ok {
				continue
			}
			p, err := newPage(language, text, files[string(name)+".html"], s.layout(language))
			if err == nil {
				err = p.try(name)
			}
			wrong.add(err)
			pages[language][name] = p
		}
	}
	return pages, wrong.err()
}

func (s sources) layout(language string) source {
	for _, l := range fallbacks(language) {
		if layout, ok := s[l]["layout.html"]; ok {
			return layout
		}
	}
	return source{}
}

// mistakes are errors by their text: a mistake in the layout is found in every mail.
type mistakes map[string]error

func (m mistakes) add(err error) {
	if err != nil {
		m[err.Error()] = err
	}
}

func (m mistakes) err() error {
	var all []error
	for _, text := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[text])
	}
	return errors.Join(all...)
}
