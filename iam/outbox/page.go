package outbox

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"
)

// page is one mail in one language.
type page struct {
	language      string
	file          string // of the text
	subject, text *texttemplate.Template
	htmlFile      string
	html          *htmltemplate.Template // nil for a mail of text alone
}

// mail is what a page is rendered to.
type mail struct{ subject, text, html string }

func newPage(language string, text, html, layout source) (*page, error) {
	first, rest, _ := strings.Cut(text.text, "\n")
	subject, ok := strings.CutPrefix(first, "Subject:")
	if !ok {
		return nil, fmt.Errorf("outbox: %s:1: want a first line such as Subject: Your account", text.file)
	}
	p := &page{language: language, file: text.file, htmlFile: html.file}
	var err error
	if p.subject, err = texttemplate.New(text.file).Funcs(functions()).Parse(subject); err != nil {
		return nil, located(err)
	}
	// The line in place of the subject's keeps the numbers of the others.
	if p.text, err = texttemplate.New(text.file).Funcs(functions()).Parse("\n" + rest); err != nil {
		return nil, located(err)
	}
	if html.file == "" {
		return p, nil
	}
	set := htmltemplate.New(layout.file).Funcs(functions())
	if _, err = set.Parse(layout.text); err != nil {
		return nil, located(err)
	}
	if p.html, err = set.New(html.file).Parse(html.text); err != nil {
		return nil, located(err)
	}
	return p, nil
}

const (
	maxSubject = 150 // characters
	width      = 72  // characters of a line of text
)

// render does not check the data.
func (p *page) render(d Data) (mail, error) {
	v := d.view(p.language)
	var subject, text, html strings.Builder
	if err := p.subject.Execute(&subject, v); err != nil {
		return mail{}, located(err)
	}
	if err := p.text.Execute(&text, v); err != nil {
		return mail{}, located(err)
	}
	if p.html != nil {
		if err := p.html.Execute(&html, v); err != nil {
			return mail{}, located(err)
		}
	}
	m := mail{oneLine(subject.String(), maxSubject), wrapped(text.String()), strings.TrimSpace(html.String())}
	if m.subject == "" {
		return mail{}, fmt.Errorf("outbox: %s:1: the subject is empty", p.file)
	}
	return m, nil
}

// wrapped breaks lines at blanks, and keeps one empty line between paragraphs and none around them.
// What has no blank is not broken: a link stays whole.
func wrapped(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
			continue
		}
		row := words[0]
		for _, w := range words[1:] {
			if len([]rune(row))+1+len([]rune(w)) > width {
				out, row = append(out, row), w
				continue
			}
			row += " " + w
		}
		out = append(out, row)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n") + "\n"
}

// located turns an error of a template, which begins with the file and line, into one of ours.
func located(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template:")
	return errors.New("outbox: " + strings.TrimSpace(text))
}

// functions are what templates may call.
func functions() map[string]any {
	return map[string]any{
		"utc":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"duration": duration,
	}
}

// duration writes a duration in English, in its largest whole unit: 3 days, 24 hours, 90 minutes.
func duration(d time.Duration) string {
	switch minutes := int(d / time.Minute); {
	case minutes < 1:
		return "less than a minute"
	case minutes%(24*60) == 0 && minutes > 24*60:
		return counted(minutes/(24*60), "day")
	case minutes%60 == 0:
		return counted(minutes/60, "hour")
	default:
		return counted(minutes, "minute")
	}
}

func counted(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
