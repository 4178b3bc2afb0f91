package outbox

import (
	"fmt"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

const (
	sampleLink  = "https://sample.example/link"
	sampleLogin = "https://sample.example/login"
)

// try renders a page with samples, so that a misspelt field is found when the host starts and not
// when a mail is due, and finds out whether the addresses that the mail is for are shown.
func (p *page) try(name Name) error {
	for _, d := range samples(name) {
		m, err := p.render(d)
		if err != nil {
			return err
		}
		if strings.TrimSpace(m.text) == "" {
			return fmt.Errorf("outbox: %s:2: the text is empty", p.file)
		}
		for field, address := range map[string]string{"Link": sampleLink, "LoginAddress": sampleLogin} {
			if !name.need(field) {
				continue
			}
			if !strings.Contains(m.text, address) {
				return fmt.Errorf("outbox: %s: .%s is not shown", p.file, field)
			}
			if p.html != nil && !strings.Contains(m.html, address) {
				return fmt.Errorf("outbox: %s: .%s is not shown", p.htmlFile, field)
			}
		}
	}
	return nil
}

// samples are data for a mail with everything that it needs, with and without whatever else a
// template may ask for, in every combination.
func samples(name Name) []Data {
	ann := Person{Name: "Ann Lee", Email: "ann@sample.example"}
	all := []Data{{
		Product: "Sample", Organization: "Example", Recipient: ann, Actor: ann, Owner: ann,
		OldEmail: "old@sample.example", NewEmail: "new@sample.example", Roles: []string{"First", "Second"}, CodesLeft: 2,
		Link: iam.NewSecret(sampleLink), LoginAddress: sampleLogin, Time: time.Unix(0, 0), Expires: time.Unix(1, 0), Lifetime: time.Hour,
		Peer: "192.0.2.1", InitialPassword: true,
	}}
	vary := func(change func(*Data)) {
		for _, d := range all {
			change(&d)
			all = append(all, d)
		}
	}
	vary(func(d *Data) { d.InitialPassword = false })
	vary(func(d *Data) { d.Recipient.Name = "" })
	vary(func(d *Data) { d.Actor, d.Peer, d.Roles, d.CodesLeft = Person{}, "", nil, 0 })
	vary(func(d *Data) { d.Actor.Name, d.Roles, d.CodesLeft = "", []string{"Only"}, 1 })
	vary(func(d *Data) {
		if !name.need("Organization") {
			d.Organization = ""
		}
		if !name.need("LoginAddress") {
			d.LoginAddress = ""
		}
		if !name.need("Expires") {
			d.Expires = time.Time{}
		}
		if !name.need("Link") {
			d.Link = iam.Secret{}
		}
	})
	return all
}
