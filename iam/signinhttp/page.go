package signinhttp

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Page is what a template gets. Each page is a template of its own, such as login.html, which defines "title" and "main",
// or, if it does not, stands alone in place of layout.html. What a page has nothing to say about is zero.
type Page struct {
	Product string       // Config.Product
	Style   template.CSS // style.css: allowed by the page's policy as the only element <style>
	Links   Links        // where forms and links lead
	Next    string       // where to go afterwards; forms send it as the field next

	Status  int    // of what was refused; 0 for nothing
	Problem string // why, as a sentence
	Field   string // of the form which it is about; "" for all of it

	Org   policy.OrgID // whose login address it is; "" for root's
	Email string       // as it was typed, or the one that the page is about
	Token string       // of the link that led here: for a hidden field
	Rule  string       // what a new password must be, as a sentence

	Organization string // the name of that which somebody is invited to
	Name         string // of the person
	AskPassword  bool   // the invited person chooses the first password (L5)
	NewEmail     string // to which the address changes
	Finished     bool   // the form was taken: the page says what happens now
	SignedInAt   string // where to sign in

	Subject    iam.Subject
	Roles      []string // the titles of the subject's roles
	HasFactor  bool
	CodesLeft  int
	Sessions   []SessionView
	Picture    template.URL // the QR code of a second factor: a data: address
	Secret     string       // for typing it in
	URI        template.URL // for an authenticator on the same machine
	Confirming bool         // the first code is awaited
	Codes      []string     // recovery codes; shown once
}

//go:embed pages
var embedded embed.FS

// pages are the templates by their names without .html, and what the pages may load.
type pages struct {
	style  template.CSS
	policy string // Content-Security-Policy
	byName map[string]*template.Template
}

var pageNames = []string{
	"login", "forgot", "code", "recovery", "enroll", "codes", "newpassword", "signout", "activate", "reset", "confirmemail",
	"account", "password", "confirm", "email", "sessions", "factor", "problem",
}

// newPages reads the templates: the host's, where it has one.
func newPages(own fs.FS) (pages, error) {
	ours, err := fs.Sub(embedded, "pages")
	if err != nil {
		return pages{}, fmt.Errorf("signinhttp: %w", err)
	}
	read := func(name string) (string, error) {
		if own != nil {
			text, err := fs.ReadFile(own, name)
			if !errors.Is(err, fs.ErrNotExist) {
				return string(text), err
			}
		}
		text, err := fs.ReadFile(ours, name)
		return string(text), err
	}
	style, err := read("style.css")
	if err != nil {
		return pages{}, fmt.Errorf("signinhttp: Config.Pages: %w", err)
	}
	layout, err := read("layout.html")
	if err != nil {
		return pages{}, fmt.Errorf("signinhttp: Config.Pages: %w", err)
	}
	made := pages{style: template.CSS(style), policy: policyOf(style), byName: make(map[string]*template.Template)}
	for _, name := range pageNames {
		text, err := read(name + ".html")
		if err != nil {
			return pages{}, fmt.Errorf("signinhttp: Config.Pages: %w", err)
		}
		if made.byName[name], err = parse(name, layout, text); err != nil {
			return pages{}, fmt.Errorf("signinhttp: Config.Pages: %w", err)
		}
	}
	return made, nil
}

func parse(name, layout, text string) (*template.Template, error) {
	page, err := template.New(name).Parse(text)
	if err != nil || page.Lookup("main") == nil {
		return page, err
	}
	return page.New("layout").Parse(layout)
}

// policyOf allows a page its style and pictures, forms to this host, and nothing else (SB-22).
func policyOf(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src 'self' data:; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// blank is a page about nothing yet.
func (x *exchange) blank() *Page {
	org, err := x.org()
	if err != nil {
		org = ""
	}
	return &Page{
		Product: x.config.Product, Style: x.pages.style, Links: x.links.at(org), Next: x.next(),
		Org: org, Email: x.body.text["email"], Rule: x.passwordRule(),
	}
}

// page is the route's page.
func (x *exchange) page() (*Page, error) {
	if err := x.queryOnce(); err != nil {
		return nil, err
	}
	if _, err := x.org(); err != nil {
		return nil, err
	}
	p := x.blank()
	if x.route.fill == nil {
		return p, nil
	}
	return p, x.route.fill(x, p)
}

// show writes a page. One that cannot be made is an error, and nothing is written then.
func (x *exchange) show(status int, name string, p *Page) error {
	var b bytes.Buffer
	if err := x.pages.byName[name].Execute(&b, p); err != nil {
		return fmt.Errorf("signinhttp: the page %s: %w", name, err)
	}
	header := x.w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", x.pages.policy)
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = b.WriteTo(x.w) // fails only when the client has gone
	}
	return nil
}
